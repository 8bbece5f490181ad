"""Tiny models in the layout of the hub, with random weights, and pictures to put through them."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np

PX = 32
_VISION = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "patch_size": 8,
    "image_size": PX,
}
_TEXT = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}


def photo(height_px: int, width_px: int, seed: int = 0) -> np.ndarray:
    """Noise over a colour gradient: no two places are alike, so a shift or a flip shows."""
    rng = np.random.default_rng([seed, height_px, width_px])
    rows, columns = np.mgrid[0:height_px, 0:width_px]
    base = np.stack([rows * 200 // max(1, height_px), columns * 200 // max(1, width_px), rows * 0 + 90], axis=-1)
    return (base + rng.integers(0, 56, (height_px, width_px, 3))).astype(np.uint8)


ODD_PHOTOS = [photo(*size) for size in ((37, 53), (120, 41), (32, 32), (33, 32), (7, 90), (64, 64))]


def build(kind: str, folder: Path) -> Path:
    """Save the tiny model `kind` to `folder`."""
    import torch
    import transformers as tf

    torch.manual_seed(0)
    torch.set_num_threads(1)  # these models are so small that threads only wait for each other
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model, processor, tokenizer = _PARTS[kind](tf)
        for name, value in model.named_parameters():
            # Initial weights are nearly zero: features would differ by less than the tolerances of the tests.
            if value.ndim > 1:
                torch.nn.init.normal_(value, std=0.15)
            elif name.endswith("bias") and "logit" not in name:
                torch.nn.init.normal_(value, std=0.1)
        model.save_pretrained(folder)
        processor.save_pretrained(folder)
        if tokenizer is not None:
            tokenizer.save_pretrained(folder)
    return folder


def _clip_tokenizer(tf):
    # CLIP's bytes as characters: the printable ones stand for themselves, the others begin at 256.
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = [chr(b) if b in printable else None for b in range(256)]
    hidden = iter(range(256, 512))
    letters = [letter or chr(next(hidden)) for letter in letters]
    merges = [("t", "h"), ("th", "e</w>"), ("p", "h"), ("ph", "o"), ("b", "l"), ("a", "</w>")]
    merges = [pair for pair in merges if "</w>" != pair[1]]
    tokens = [*letters, *(letter + "</w>" for letter in letters), *("".join(pair) for pair in merges)]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    return tf.CLIPTokenizer(vocab={t: i for i, t in enumerate(tokens)}, merges=merges, model_max_length=77)


def _plain_tokenizer(tf, context):
    """Bytes, an end token, and padding: what SigLIP's and XLM-R's tokenizers amount to."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {t: i for i, t in enumerate(["<s>", "<pad>", "</s>", "<unk>", *letters])}
    inner = Tokenizer(models.BPE(vocab=vocab, merges=[], unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    inner.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 2)])
    return tf.PreTrainedTokenizerFast(
        tokenizer_object=inner, eos_token="</s>", pad_token="<pad>", unk_token="<unk>", model_max_length=context
    )


def _clip(tf):
    tokenizer = _clip_tokenizer(tf)
    end = tokenizer.eos_token_id
    text = {**_TEXT, "vocab_size": len(tokenizer), "bos_token_id": end - 1, "eos_token_id": end, "pad_token_id": end}
    config = tf.CLIPConfig(text_config=text, vision_config=_VISION, projection_dim=16)
    processor = tf.CLIPImageProcessorPil(size={"shortest_edge": PX}, crop_size={"height": PX, "width": PX})
    return tf.CLIPModel(config), processor, tokenizer


def _metaclip_2(tf):
    tokenizer = _plain_tokenizer(tf, 77)
    text = {**_TEXT, "vocab_size": len(tokenizer), "bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 1}
    config = tf.MetaClip2Config(text_config=text, vision_config=_VISION, projection_dim=16)
    processor = tf.CLIPImageProcessorPil(size={"shortest_edge": PX}, crop_size={"height": PX, "width": PX})
    return tf.MetaClip2Model(config), processor, tokenizer


def _siglip(tf):
    tokenizer = _plain_tokenizer(tf, 64)
    text = {**_TEXT, "vocab_size": len(tokenizer), "max_position_embeddings": 64}
    text |= {"bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 1}
    config = tf.SiglipConfig(text_config=text, vision_config=_VISION)
    return tf.SiglipModel(config), tf.SiglipImageProcessorPil(size={"height": PX, "width": PX}), tokenizer


def _siglip2(tf):
    letters = [chr(c) for c in range(32, 127)]
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "▁", *(f"<0x{b:02X}>" for b in range(256))]
    tokenizer = tf.Siglip2Tokenizer(
        vocab={t: i for i, t in enumerate([*special, *letters])}, merges=[], model_max_length=64
    )
    text = {**_TEXT, "vocab_size": len(tokenizer), "max_position_embeddings": 64}
    text |= {"bos_token_id": 2, "eos_token_id": 1, "pad_token_id": 0}
    vision = {key: value for key, value in _VISION.items() if key != "image_size"}
    config = tf.Siglip2Config(text_config=text, vision_config={**vision, "num_patches": 16})
    return tf.Siglip2Model(config), tf.Siglip2ImageProcessorPil(patch_size=8, max_num_patches=16), tokenizer


def _dinov2(tf):
    processor = tf.BitImageProcessorPil(size={"shortest_edge": 36}, crop_size={"height": PX, "width": PX}, resample=3)
    return tf.Dinov2Model(tf.Dinov2Config(**_VISION, mlp_ratio=2)), processor, None


def _dinov3_vit(tf):
    config = tf.DINOv3ViTConfig(**_VISION, num_register_tokens=2)
    # transformers has only a torchvision processor for it, whose settings are these.
    return tf.DINOv3ViTModel(config), tf.ViTImageProcessorPil(size={"height": PX, "width": PX}), None


def _vit(tf):
    config = tf.ViTConfig(**_VISION, num_labels=3)
    return tf.ViTForImageClassification(config), tf.ViTImageProcessorPil(size={"height": PX, "width": PX}), None


def _convnext(tf):
    config = tf.ConvNextConfig(hidden_sizes=[8, 12, 16, 24], depths=[1, 1, 2, 1], image_size=PX)
    return tf.ConvNextModel(config), tf.ConvNextImageProcessorPil(size={"shortest_edge": PX}), None


_PARTS = {
    "clip": _clip,
    "metaclip_2": _metaclip_2,
    "siglip": _siglip,
    "siglip2": _siglip2,
    "dinov2": _dinov2,
    "dinov3_vit": _dinov3_vit,
    "vit": _vit,
    "convnext": _convnext,
}
KINDS = tuple(_PARTS)


def build_onnx(folder: Path, *, batch: int | None = None, external: str = "") -> Path:
    """A picture encoder: mean over cells of 8 px, then a matrix; outputs `pooled` and `unit`, both (N, 12)."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    weight = rng.standard_normal((3 * (PX // 8) ** 2, 12)).astype(np.float32)
    nodes = [
        helper.make_node("AveragePool", ["pixels"], ["cells"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Flatten", ["cells"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weight"], ["pooled"]),
        helper.make_node("LpNormalization", ["pooled"], ["unit"], axis=1),
    ]
    size = batch or "N"
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [size, 3, PX, PX])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [size, 12]) for name in ("pooled", "unit")],
        [numpy_helper.from_array(weight, "weight")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path = folder / "tiny.onnx"
    if external:
        tensor = model.graph.initializer[0]
        onnx.external_data_helper.set_external_data(tensor, external)
        tensor.data_location = TensorProto.EXTERNAL
        tensor.ClearField("raw_data")
        path.write_bytes(model.SerializeToString())
        if Path(external).name == external:
            (folder / external).write_bytes(weight.tobytes())
    else:
        onnx.save(model, path)
    path.with_suffix(".json").write_text(json.dumps(ONNX_SIDE))
    return path


ONNX_SIDE = {
    "input_px": PX,
    "resample": "bicubic",
    "aspect": "squash",
    "scale": 1 / 255,
    "mean": [0.5, 0.4, 0.3],
    "std": [0.2, 0.25, 0.3],
    "layout": "NCHW",
    "spaces": {"visual": "pooled", "joint": "unit"},
}
