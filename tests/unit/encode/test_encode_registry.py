from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from clipspect.encode import ENCODERS, available, load_encoder, require_text
from clipspect.encode import installed as installed_module
from clipspect.errors import EncoderError, EncoderNotFoundError, MissingExtraError

SRC = Path(__file__).parents[3] / "src"


@pytest.mark.parametrize("name", ["", "clip", "hf", "hf:", "onnx", "fake:x", "starter:", "hf-clip:x", "Starter"])
def test_an_unknown_id_is_answered_with_the_known_ones(name):
    with pytest.raises(EncoderNotFoundError, match="expected one of starter, hf:OWNER/NAME or hf:FOLDER, onnx:FILE"):
        load_encoder(name)


def test_wrong_options_are_refused_before_anything_is_loaded(tmp_path):
    with pytest.raises(EncoderError, match="batch size: expected 1 or more, got 0"):
        load_encoder("fake", batch_size=0)
    with pytest.raises(EncoderError, match=r"device: expected one of \['auto', 'cpu', 'cuda', 'mps'\], got 'tpu'"):
        load_encoder("starter", device="tpu")


def test_every_kind_reports_whether_it_can_be_loaded():
    statuses = {status.usage: status for status in available()}
    assert len(statuses) == len(ENCODERS)
    assert statuses["fake"].loadable and statuses["fake"].reason == ""
    for status in statuses.values():
        assert status.loadable == (status.reason == "")


def test_a_missing_package_is_named_with_the_extra_that_brings_it(monkeypatch):
    monkeypatch.setattr(installed_module, "find_spec", lambda name: None)
    (hf,) = [status for status in available() if status.usage.startswith("hf")]
    assert not hf.loadable and "torch" in hf.reason and "clipspect[fit]" in hf.reason
    with pytest.raises(MissingExtraError, match=r"starter: needs torch.*pip install 'clipspect\[fit\]'"):
        load_encoder("starter")
    with pytest.raises(MissingExtraError, match=r"clipspect\[openclip\]"):
        load_encoder("openclip:ViT-B-32/tag")


def test_fake_has_text():
    assert require_text(load_encoder("fake")).logit_scale == 100.0


def test_the_folder_is_imported_and_asked_what_there_is_without_heavy_packages():
    code = (
        "import sys; from clipspect.encode import available; available(); "
        "print([m for m in ('torch', 'transformers', 'onnxruntime', 'huggingface_hub') if m in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": str(SRC)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_openclip_says_how_its_ids_are_written():
    with pytest.raises(EncoderNotFoundError, match="expected MODEL/PRETRAINED"):
        load_encoder("openclip:ViT-B-32")
