from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from clipspect.encode import load_encoder
from clipspect.encode.huggingface import FAMILIES
from clipspect.errors import EncoderError, EncoderNotFoundError, MissingAbilityError, OfflineError
from tiny_encoders import build, photo

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

SRC = Path(__file__).parents[3] / "src"
IMAGE = [photo(20, 30)]


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return build("clip", tmp_path_factory.mktemp("hf") / "clip")


@pytest.fixture
def copy(clip, tmp_path):
    return Path(shutil.copytree(clip, tmp_path / "clip"))


def edit(path: Path, **changes) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_ids_follow_content_not_place_and_the_text_id_only_what_texts_need(clip, copy):
    first, second = load_encoder(f"hf:{clip}"), load_encoder(f"hf:{copy}")
    assert (first.id, first.text_id) == (second.id, second.text_id)
    edit(copy / "preprocessor_config.json", image_mean=[0.1, 0.1, 0.1])
    changed = load_encoder(f"hf:{copy}")
    assert changed.id != first.id and changed.text_id == first.text_id
    (copy / "tokenizer_config.json").write_text("{}")
    assert load_encoder(f"hf:{copy}").text_id != first.text_id


def test_an_unknown_kind_of_model_is_refused_with_the_known_ones(copy):
    edit(copy / "config.json", model_type="bert")
    with pytest.raises(EncoderError, match=r"config\.json: model_type: expected one of \['clip'.*got 'bert'"):
        load_encoder(f"hf:{copy}")


def test_pickled_weights_are_never_read(copy):
    (copy / "model.safetensors").rename(copy / "pytorch_model.bin")
    with pytest.raises(EncoderError, match=r"expected model\.safetensors, got pytorch_model\.bin.*convert it"):
        load_encoder(f"hf:{copy}").encode_images(IMAGE)


def test_no_weights_damaged_weights_and_incomplete_weights_are_told_apart(copy):
    from safetensors.numpy import load_file, save_file

    path = copy / "model.safetensors"
    tensors = load_file(path)
    save_file({k: v for k, v in tensors.items() if "layers.1." not in k}, path, metadata={"format": "pt"})
    with pytest.raises(EncoderError, match="the weights lack .* tensors of the model, the first is"):
        load_encoder(f"hf:{copy}").encode_images(IMAGE)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(EncoderError, match="cannot be loaded"):
        load_encoder(f"hf:{copy}").encode_images(IMAGE)
    with pytest.raises(EncoderError, match="damaged"):
        _ = load_encoder(f"hf:{copy}").logit_scale
    path.unlink()
    with pytest.raises(EncoderError, match="found neither"):
        load_encoder(f"hf:{copy}").encode_images(IMAGE)


def test_sharded_weights_are_read_and_may_not_leave_the_folder(clip, copy):
    from transformers import CLIPModel

    (copy / "model.safetensors").unlink()
    CLIPModel.from_pretrained(clip).save_pretrained(copy, max_shard_size="30KB")
    assert (copy / "model.safetensors.index.json").is_file()
    whole, sharded = load_encoder(f"hf:{clip}"), load_encoder(f"hf:{copy}")
    np.testing.assert_array_equal(sharded.encode_images(IMAGE), whole.encode_images(IMAGE))
    assert sharded.logit_scale == whole.logit_scale
    edit(copy / "model.safetensors.index.json", weight_map={"a": "../../secret.safetensors"})
    with pytest.raises(EncoderError, match="files of the same folder"):
        load_encoder(f"hf:{copy}").encode_images(IMAGE)


def test_a_model_with_code_of_its_own_is_run_without_it(copy):
    (copy / "evil.py").write_text("raise SystemExit('ran code of the model')\n")
    for name in ("config.json", "preprocessor_config.json", "tokenizer_config.json"):
        edit(copy / name, auto_map={"AutoModel": "evil.Evil", "AutoImageProcessor": "evil.Evil",
                                    "AutoTokenizer": ["evil.Evil", None], "AutoConfig": "evil.Evil"})  # fmt: skip
    encoder = load_encoder(f"hf:{copy}")
    assert encoder.encode_images(IMAGE, "joint").shape == encoder.encode_texts(["a"]).shape


def test_a_missing_processor_or_tokenizer_is_named(copy):
    for path in copy.glob("*token*"):
        path.unlink()
    encoder = load_encoder(f"hf:{copy}")
    with pytest.raises(EncoderError, match="expected a tokenizer"):
        encoder.encode_texts(["a"])
    with pytest.raises(EncoderError, match="expected a tokenizer"):
        _ = encoder.text_id
    (copy / "preprocessor_config.json").unlink()
    with pytest.raises(EncoderError, match="expected preprocessor_config"):
        load_encoder(f"hf:{copy}").encode_images(IMAGE)


def test_the_logit_scale_is_capped_at_a_hundred(copy):
    from safetensors.numpy import load_file, save_file

    tensors = load_file(copy / "model.safetensors")
    tensors["logit_scale"] = np.asarray(5.0, np.float32)
    save_file(tensors, copy / "model.safetensors", metadata={"format": "pt"})
    assert load_encoder(f"hf:{copy}").logit_scale == 100.0


@pytest.mark.parametrize(
    ("settings", "px"),
    [
        ({"do_center_crop": True, "crop_size": 24, "size": 28}, 24),
        ({"do_center_crop": True, "crop_size": {"height": 24, "width": 24}, "size": {"shortest_edge": 28}}, 24),
        ({"do_center_crop": False, "size": {"height": 40, "width": 40}}, 40),
        ({"do_center_crop": False, "size": {"shortest_edge": 40}}, 40),
    ],
)
def test_the_input_size_is_read_from_the_processors_settings(copy, settings, px):
    edit(copy / "preprocessor_config.json", **settings)
    assert load_encoder(f"hf:{copy}").input_px == px


def test_an_encoder_without_text_says_which_have_it(tmp_path):
    from clipspect.encode import require_text

    encoder = load_encoder(f"hf:{build('dinov2', tmp_path / 'dino')}")
    assert encoder.spaces == ("visual",) and not hasattr(encoder, "encode_texts")
    with pytest.raises(MissingAbilityError, match=r"hf:dino@\w+: this encoder has no text; .*starter"):
        require_text(encoder)


@pytest.mark.parametrize("name", ["./nowhere", "/no/such/folder", "a/b/c", "~/nowhere", "..", "name with spaces"])
def test_what_is_neither_a_folder_nor_a_hub_id_is_not_found(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(EncoderError, match="hf:.*expected a folder with a model or a hub id|expected a model's folder"):
        load_encoder(f"hf:{name}", offline=True)


def test_a_file_instead_of_a_folder_is_not_found(clip):
    with pytest.raises(EncoderNotFoundError, match="got a file"):
        load_encoder(f"hf:{clip}/config.json")


def hub_copy(clip: Path, cache: Path, *, leave_out: str = "") -> None:
    """The local hub cache as a download of tiny/clip would have left it."""
    snapshot = cache / "models--tiny--clip" / "snapshots" / ("a" * 40)
    shutil.copytree(clip, snapshot)
    (snapshot / leave_out).unlink() if leave_out else None
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("a" * 40)


_NO_SOCKETS = """
import sys
def refuse(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        raise SystemExit(f"opened a socket: {event} {args}")
sys.addaudithook(refuse)
import numpy as np
from clipspect.encode import load_encoder
from clipspect.errors import OfflineError
for options in OPTIONS:
    encoder = load_encoder("hf:tiny/clip", **options)
    assert encoder.id.startswith("hf:tiny/clip@"), encoder.id
    encoder.encode_images([np.zeros((8, 9, 3), np.uint8)], "joint"), encoder.encode_texts(["a drain"])
    try:
        load_encoder("hf:not/here", offline=True)
    except OfflineError as error:
        text = str(error)
    assert "not/here" in text and "local hub cache (" in text and "hf:FOLDER" in text, text
"""


def run(code: str, cache: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    settings = {**os.environ, "PYTHONPATH": str(SRC), "HF_HUB_CACHE": str(cache), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-c", code], env=settings | environment, capture_output=True, text=True, check=False
    )


def test_a_model_in_the_hub_cache_opens_no_socket_offline_or_not(clip, tmp_path):
    hub_copy(clip, tmp_path)
    done = run(_NO_SOCKETS.replace("OPTIONS", "[{'offline': True}, {}]"), tmp_path)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "")


def test_the_environment_alone_means_offline(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(OfflineError, match=r"hf:not/here: offline.*starter"):
        load_encoder("hf:not/here")


def test_an_incomplete_download_is_named_offline(clip, tmp_path):
    hub_copy(clip, tmp_path, leave_out="model.safetensors")
    done = run("from clipspect.encode import load_encoder; load_encoder('hf:tiny/clip', offline=True)", tmp_path)
    assert "OfflineError: hf:tiny/clip: offline, and the model is incomplete" in done.stderr
    assert "no model.safetensors" in done.stderr


def test_a_hub_that_cannot_be_reached_is_said_at_once(tmp_path):
    start = time.perf_counter()
    code = "from clipspect.encode import load_encoder; load_encoder('hf:not/here')"
    # port 9 of this machine: nothing listens there, so the connection is refused
    done = run(code, tmp_path, HF_ENDPOINT="http://127.0.0.1:9")
    assert "OfflineError: hf:not/here: the hub cannot be reached" in done.stderr
    assert "hf:FOLDER" in done.stderr
    assert time.perf_counter() - start < 20


def test_every_family_is_a_model_type_that_transformers_knows():
    from transformers import CONFIG_MAPPING

    assert set(FAMILIES) <= set(CONFIG_MAPPING)


def test_a_long_strip_is_not_blown_up_for_the_sake_of_its_middle(clip):
    import tracemalloc

    encoder = load_encoder(f"hf:{clip}")
    encoder.encode_images(IMAGE)
    tracemalloc.start()
    encoder.encode_images([photo(1, 4000)])
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 2_000_000  # scaled whole to 32 x 128,000 it would take 49 MB
