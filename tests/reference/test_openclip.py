"""`openclip:` against open_clip itself, where it is installed."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from clipspect.encode import load_encoder
from tiny_encoders import ODD_PHOTOS

torch = pytest.importorskip("torch")
open_clip = pytest.importorskip("open_clip", reason="open_clip is not installed: it needs torchvision")

MODEL = "ViT-S-32-alt"


def test_pictures_and_texts_equal_open_clip(tmp_path):
    from safetensors.torch import save_file

    model = open_clip.create_model(MODEL).eval()
    weights = tmp_path / "weights.safetensors"
    save_file(model.state_dict(), weights)
    encoder = load_encoder(f"openclip:{MODEL}/{weights}", device="cpu", offline=True)
    prepare = open_clip.image_transform(model.visual.image_size, is_train=False)
    texts = ["a blocked drain", "x " * 200]
    with torch.inference_mode():
        want = model.encode_image(torch.stack([prepare(Image.fromarray(image)) for image in ODD_PHOTOS])).numpy()
        want_texts = model.encode_text(open_clip.get_tokenizer(MODEL)(texts), normalize=True).numpy()
    np.testing.assert_allclose(encoder.encode_images(ODD_PHOTOS), want, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(encoder.encode_texts(texts), want_texts, atol=1e-6)
    assert encoder.encode_texts([]).shape == encoder.encode_images([]).shape == (0, want.shape[1])
