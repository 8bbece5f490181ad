from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clipspect.encode import load_encoder
from clipspect.encode.onnx import EXAMPLE, parse_settings
from clipspect.errors import EncoderError, EncoderNotFoundError
from tiny_encoders import ODD_PHOTOS, ONNX_SIDE, PX, build_onnx, photo

onnx = pytest.importorskip("onnx")


def by_hand(image: np.ndarray, weight: np.ndarray) -> np.ndarray:
    squashed = np.asarray(Image.fromarray(image).resize((PX, PX), Image.Resampling.BICUBIC)) / 255
    pixels = (squashed - ONNX_SIDE["mean"]) / ONNX_SIDE["std"]
    cells = pixels.reshape(PX // 8, 8, PX // 8, 8, 3).mean(axis=(1, 3))
    return cells.transpose(2, 0, 1).ravel() @ weight


@pytest.mark.parametrize("batch", [None, 4])
def test_features_equal_the_same_sums_by_hand(tmp_path, batch):
    path = build_onnx(tmp_path, batch=batch)
    weight = onnx.numpy_helper.to_array(onnx.load(path).graph.initializer[0])
    got = load_encoder(f"onnx:{path}").encode_images(ODD_PHOTOS)
    np.testing.assert_allclose(got, [by_hand(image, weight) for image in ODD_PHOTOS], atol=1e-4)


def test_rows_last_layout_is_prepared_so(tmp_path):
    path = build_onnx(tmp_path)
    settings = parse_settings({**ONNX_SIDE, "layout": "NHWC"}, "x")
    from clipspect.encode.onnx import prepare

    image = photo(PX, PX)
    rows, planes = prepare(image, settings), prepare(image, parse_settings(ONNX_SIDE, "x"))
    assert rows.shape == (PX, PX, 3)
    np.testing.assert_array_equal(rows.transpose(2, 0, 1), planes)
    path.with_suffix(".json").write_text(json.dumps({**ONNX_SIDE, "layout": "NHWC"}))
    with pytest.raises(EncoderError, match=r"expected one float input \(N, 32, 32, 3\), got pixels"):
        load_encoder(f"onnx:{path}").encode_images([image])


def test_the_id_follows_the_model_and_its_side_file_but_not_the_folder(tmp_path):
    here, there = build_onnx(tmp_path / "a"), build_onnx(tmp_path / "b")
    first = load_encoder(f"onnx:{here}").id
    assert first == load_encoder(f"onnx:{there}").id
    there.with_suffix(".json").write_text(json.dumps({**ONNX_SIDE, "resample": "bilinear"}))
    assert first != load_encoder(f"onnx:{there}").id


def test_external_data_beside_the_model_is_read_and_hashed(tmp_path):
    plain, split = build_onnx(tmp_path / "a"), build_onnx(tmp_path / "b", external="weights.bin")
    image = [photo(9, 9)]
    encoder = load_encoder(f"onnx:{split}")
    before = encoder.id
    np.testing.assert_allclose(encoder.encode_images(image), load_encoder(f"onnx:{plain}").encode_images(image))
    (tmp_path / "b" / "weights.bin").write_bytes(bytes(3 * 16 * 12 * 4))
    assert load_encoder(f"onnx:{split}").id != before


@pytest.mark.parametrize("location", ["../secret.bin", "/etc/hostname", "sub/../../secret.bin", "..\\secret.bin"])
def test_external_data_outside_the_folder_is_refused(tmp_path, location):
    path = build_onnx(tmp_path / "model", external=location)
    (tmp_path / "secret.bin").write_bytes(bytes(3 * 16 * 12 * 4))
    encoder = load_encoder(f"onnx:{path}")
    for use in (lambda: encoder.id, lambda: encoder.encode_images([photo(4, 4)])):
        with pytest.raises(EncoderError, match="expected external data inside its folder, got"):
            use()


def test_a_link_out_of_the_folder_and_a_missing_file_are_refused(tmp_path):
    path = build_onnx(tmp_path / "model", external="weights.bin")
    data = path.with_name("weights.bin")
    data.rename(tmp_path / "weights.bin")
    with pytest.raises(EncoderError, match="'weights.bin' is not beside it"):
        _ = load_encoder(f"onnx:{path}").id
    data.symlink_to(tmp_path / "weights.bin")
    with pytest.raises(EncoderError, match="inside its folder"):
        _ = load_encoder(f"onnx:{path}").id


def test_a_missing_side_file_is_answered_with_an_example(tmp_path):
    path = build_onnx(tmp_path)
    path.with_suffix(".json").unlink()
    with pytest.raises(EncoderError, match="expected a side file") as caught:
        load_encoder(f"onnx:{path}")
    shown = str(caught.value)
    assert parse_settings(json.loads(shown[shown.index("{") :]), "x") == parse_settings(EXAMPLE, "x")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"extra": 1}, "expected exactly the keys"),
        ({"input_px": 0}, "input_px: expected 1 to 4096, got 0"),
        ({"input_px": True}, "input_px"),
        ({"input_px": "32"}, "input_px"),
        ({"mean": [0, 0]}, "mean: expected three numbers"),
        ({"mean": [0, 0, float("nan")]}, "mean"),
        ({"std": [1, 0, 1]}, "std: expected three numbers, none of std 0"),
        ({"scale": "1/255"}, "scale: expected a finite number, got '1/255'"),
        ({"resample": "area"}, "resample: expected one of"),
        ({"layout": "CHW"}, "layout: expected one of"),
        ({"aspect": "pad"}, "aspect: expected one of"),
        ({"spaces": {"joint": "unit"}}, "spaces: expected"),
        ({"spaces": {"visual": "pooled", "text": "x"}}, "spaces: expected"),
        ({"spaces": ["pooled"]}, "spaces: expected"),
    ],
)
def test_a_wrong_side_file_says_which_key_and_what_was_got(change, message):
    with pytest.raises(EncoderError, match=f"^tiny.json: {message}"):
        parse_settings({**ONNX_SIDE, **change}, "tiny.json")


def test_a_side_file_without_a_key_or_that_is_no_object_is_refused():
    with pytest.raises(EncoderError, match="expected exactly the keys"):
        parse_settings({k: v for k, v in ONNX_SIDE.items() if k != "std"}, "tiny.json")
    with pytest.raises(EncoderError, match="got list"):
        parse_settings([], "tiny.json")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"spaces": {"visual": "nothing"}}, r"spaces.visual: expected one of the outputs \['pooled', 'unit'\]"),
        ({"input_px": 64}, r"expected one float input \(N, 3, 64, 64\), got pixels"),
    ],
)
def test_a_side_file_that_does_not_fit_the_model_is_refused(tmp_path, change, message):
    path = build_onnx(tmp_path)
    path.with_suffix(".json").write_text(json.dumps({**ONNX_SIDE, **change}))
    with pytest.raises(EncoderError, match=message):
        load_encoder(f"onnx:{path}").encode_images([photo(4, 4)])


@pytest.mark.parametrize("content", [b"", b"not a model", bytes(100), b"\x3a\xff\xff\xff\xff\x0f"])
def test_a_file_that_is_no_model_is_refused(tmp_path, content):
    path = build_onnx(tmp_path)
    path.write_bytes(content)
    with pytest.raises(EncoderError, match="ONNX"):
        load_encoder(f"onnx:{path}").encode_images([photo(4, 4)])


def test_every_cut_off_model_is_refused_without_another_exception(tmp_path):
    path = build_onnx(tmp_path)
    whole = path.read_bytes()
    for end in range(1, len(whole), 97):
        path.write_bytes(whole[:end])
        with pytest.raises(EncoderError):
            load_encoder(f"onnx:{path}").encode_images([photo(4, 4)])


def test_a_missing_model_is_not_found(tmp_path):
    with pytest.raises(EncoderNotFoundError, match="expected an ONNX file, found none"):
        load_encoder(f"onnx:{tmp_path}/none.onnx")


def test_the_example_of_the_documentation_is_accepted():
    text = (Path(__file__).parents[3] / "docs" / "encoders.md").read_text(encoding="utf-8")
    shown = text.split("```json\n")[1].split("```")[0]
    assert parse_settings(json.loads(shown), "docs") == parse_settings(EXAMPLE, "code")
