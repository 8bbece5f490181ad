"""`hf:` encoders against transformers' own model, processor and tokenizer."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from clipspect.encode import load_encoder
from tiny_encoders import ODD_PHOTOS, PX, build, photo

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

WITH_TEXT = ["clip", "metaclip_2", "siglip", "siglip2"]

ODD_PROMPTS = [
    "", " ", "\n", "\t\ttabs", "a photo of a blocked drain", "A PHOTO OF A BLOCKED DRAIN", "  spaces   inside  ",
    "line\nbreak", "carriage\r\nreturn", "quotes ' \" ` “ ” ‘ ’", "it's, they've, we'd, I'll",
    "1 22 333 4444 3.14 1e-5", "naïve café Ångström", "rock‑toe – damaged — gaps", "日本語の排水溝", "排水管堵塞",
    "засорённый водосток", "مصرف مسدود",
    "🚧 blocked 🪨🪨", "👷🏽‍♀️ zero-width joiners", "e\u0301 combining", "\ufb01 ligature",
    "null \x00 byte", "\u200bzero width",
    "<|endoftext|> in the text", "<|startoftext|>", "</s> <s> <pad> <eos> <bos>",
    "&lt;b&gt; entities &amp;", "C:\\path\\to",
    "http://example.com/?q=1&r=2#x", "word " * 100, "longwordwithoutspaces" * 30, "。" * 90, "🚧" * 90, "7" * 200,
    "the " * 75, "the " * 74, "the " * 76, "a, b; c: d! e? (f) [g] {h} <i>", "-_=+*&^%$#@!~", "½ ² ³ № ™ © ®",
    *(f"a photo of a slope drain, number {i}{'!' * i}{' blocked' * (i % 40)}" for i in range(59)),
]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLIPSPECT_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    made = {}

    def get(kind):
        if kind not in made:
            made[kind] = build(kind, root / kind)
        return made[kind]

    return get


def reference_model(folder):
    from clipspect.encode.quiet import quiet_transformers

    with quiet_transformers():
        return transformers.AutoModel.from_pretrained(folder).eval()


def reference_inputs(folder, image):
    processor = transformers.AutoImageProcessor.from_pretrained(folder, backend="pil")
    return processor(images=Image.fromarray(image), return_tensors="pt")


@pytest.mark.parametrize("kind", [*WITH_TEXT, "dinov2", "vit", "convnext"])
def test_visual_features_equal_transformers_on_odd_sizes(kind, folders):
    folder = folders(kind)
    model, got = reference_model(folder), load_encoder(f"hf:{folder}", batch_size=4).encode_images(ODD_PHOTOS)
    vision = model.vision_model if kind in WITH_TEXT else model
    with torch.inference_mode():
        for row, image in zip(got, ODD_PHOTOS, strict=True):
            # these enlarge before they crop; ours takes a picture of the input size as it is (a test of its own)
            if kind in {"dinov2", "convnext"} and image.shape[:2] == (PX, PX):
                continue
            out = vision(**reference_inputs(folder, image))
            want = out.last_hidden_state[:, 0] if kind == "vit" else out.pooler_output.flatten(1)
            np.testing.assert_allclose(row, want[0].numpy(), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", WITH_TEXT)
def test_joint_rows_equal_transformers_on_odd_sizes(kind, folders):
    folder = folders(kind)
    model, got = reference_model(folder), load_encoder(f"hf:{folder}").encode_images(ODD_PHOTOS, "joint")
    for row, image in zip(got, ODD_PHOTOS, strict=True):
        with torch.inference_mode():
            features = model.get_image_features(**reference_inputs(folder, image)).pooler_output
        want = torch.nn.functional.normalize(features, dim=1)[0]
        np.testing.assert_allclose(row, want.numpy(), atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", WITH_TEXT)
def test_a_hundred_odd_prompts_are_tokenised_as_by_the_models_own_tokenizer(kind, folders):
    folder = folders(kind)
    assert len(ODD_PROMPTS) == 100
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    encoder = load_encoder(f"hf:{folder}")
    padding, context = ("max_length", 64) if "siglip" in kind else (False, 77)
    for prompt in ODD_PROMPTS:
        want = tokenizer(prompt, padding=padding, truncation=True, max_length=context)
        got = encoder.tokenize([prompt])
        assert got["input_ids"][0].tolist() == want["input_ids"], prompt
        assert len(want["input_ids"]) <= context


@pytest.mark.parametrize("kind", WITH_TEXT)
def test_text_vectors_and_scale_equal_transformers(kind, folders):
    folder = folders(kind)
    model, tokenizer = reference_model(folder), transformers.AutoTokenizer.from_pretrained(folder)
    encoder = load_encoder(f"hf:{folder}", batch_size=7)
    got = encoder.encode_texts(ODD_PROMPTS)
    padding, context = ("max_length", 64) if "siglip" in kind else (True, 77)
    tokens = tokenizer(ODD_PROMPTS, padding=padding, truncation=True, max_length=context, return_tensors="pt")
    with torch.inference_mode():
        want = torch.nn.functional.normalize(model.get_text_features(**tokens).pooler_output, dim=1)
    np.testing.assert_allclose(got, want.numpy(), atol=1e-5, rtol=0)
    assert encoder.logit_scale == pytest.approx(min(100.0, model.logit_scale.exp().item()))
    if "siglip" in kind:
        assert encoder.logit_bias == pytest.approx(model.logit_bias.item())


@pytest.mark.parametrize("kind", ["clip", "dinov2", "convnext", "vit", "siglip"])
def test_a_picture_of_the_input_size_is_only_rescaled_and_normalised(kind, folders):
    folder, image = folders(kind), photo(PX, PX, seed=5)
    encoder = load_encoder(f"hf:{folder}")
    processor = transformers.AutoImageProcessor.from_pretrained(folder, backend="pil")
    scaled = image.astype(np.float32).transpose(2, 0, 1) / 255
    mean, std = (np.float32(getattr(processor, name))[:, None, None] for name in ("image_mean", "image_std"))
    got = encoder._pictures.tensors([image], torch.device("cpu"))["pixel_values"][0]
    np.testing.assert_allclose(got.numpy(), (scaled - mean) / std, atol=1e-6)


def test_dense_features_of_a_square_picture_are_the_patch_states(folders):
    image = photo(PX, PX)
    clip, dino = load_encoder(f"hf:{folders('clip')}"), load_encoder(f"hf:{folders('dinov2')}")
    with torch.inference_mode():
        vision = reference_model(clip.folder).vision_model
        states = vision(**reference_inputs(clip.folder, image)).last_hidden_state
        want = vision.post_layernorm(states)[0, 1:].reshape(4, 4, -1)
    np.testing.assert_allclose(clip.encode_dense(image), want.numpy(), atol=1e-5)
    assert dino.encode_dense(image).shape == (4, 4, 32)


def test_a_strip_loses_only_the_ends_that_the_crop_throws_away(folders):
    folder = folders("clip")
    strip = photo(9, 900)
    got = load_encoder(f"hf:{folder}").encode_images([strip])[0]
    with torch.inference_mode():
        want = reference_model(folder).vision_model(**reference_inputs(folder, strip)).pooler_output[0].numpy()
    assert np.dot(got, want) / np.linalg.norm(got) / np.linalg.norm(want) > 0.99
