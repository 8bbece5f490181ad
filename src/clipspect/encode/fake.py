"""`fake`: a deterministic encoder without weights, for tests and for trying things out.

Its features are statistics of colour and edges, so that conditions which differ in colour can be learnt from them.
Texts are bags of hashed words: comparable with each other, meaningless against pictures.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Final

import numpy as np

from clipspect.encode.inputs import check_image, check_request, check_texts, unit_rows
from clipspect.protocols import Space
from clipspect.types import RGB, Float32

_GRID = 4
_CELL_STATS = 8
_IMAGE_STATS = _GRID * _GRID * _CELL_STATS + 1
_DARK_BELOW = 0.2


class FakeEncoder:
    """All abilities, numpy only.

    Args:
        dim: Width of the visual space; the joint space is half as wide.
        seed: Of the random projections.
    """

    input_px: Final = 64
    spaces: Final[tuple[Space, ...]] = ("visual", "joint")
    logit_scale: Final = 100.0

    def __init__(self, dim: int = 64, seed: int = 0) -> None:
        self._dim = dim
        self._seed = seed

    @property
    def id(self) -> str:
        """`fake:{width}-{seed}@{version of the statistics}`."""
        return f"fake:{self._dim}-{self._seed}@1"

    @property
    def text_id(self) -> str:
        """Stable id of the text side."""
        return f"{self.id}/text"

    def encode_images(self, images: Sequence[RGB], space: Space = "visual") -> Float32:
        """(N, D) float32: statistics of a 4 x 4 grid through a fixed random projection."""
        check_request(self, images, space)
        stats = [np.append(_cell_stats(image).ravel(), 1.0) for image in images]
        table = np.asarray(stats, dtype=np.float32).reshape(-1, _IMAGE_STATS)
        visual: Float32 = table @ self._matrix("image", _IMAGE_STATS)
        return visual if space == "visual" else self.joint_of(visual)

    def joint_of(self, visual: Float32) -> Float32:
        """(N, D) visual features to (N, D / 2) joint ones."""
        return unit_rows(visual @ self.projection())

    def encode_dense(self, image: RGB) -> Float32:
        """(4, 4, D) float32: the statistics of each cell through a fixed random projection."""
        check_image(image)
        return np.asarray(_cell_stats(image) @ self._matrix("cell", _CELL_STATS), dtype=np.float32)

    def projection(self) -> Float32:
        """(D, D / 2) float32: unit(visual @ projection) is joint."""
        return self._matrix("joint", self._dim)[:, : self._dim // 2]

    def encode_texts(self, texts: Sequence[str]) -> Float32:
        """(M, D / 2) float32 unit rows: sums of one fixed random vector a word."""
        check_texts(texts)
        rows = [sum(self._word(word) for word in ("", *re.findall(r"\w+", text.lower()))) for text in texts]
        return unit_rows(np.asarray(rows, dtype=np.float32).reshape(-1, self._dim // 2))

    def _matrix(self, name: str, rows: int) -> Float32:
        rng = np.random.default_rng([self._seed, *name.encode()])
        return np.asarray(rng.standard_normal((rows, self._dim)) / np.sqrt(self._dim), dtype=np.float32)

    def _word(self, word: str) -> Float32:
        number = int.from_bytes(hashlib.sha256(word.encode("utf-8", "surrogatepass")).digest()[:8], "little")
        vector: Float32 = np.random.default_rng([self._seed, number]).standard_normal(self._dim // 2).astype(np.float32)
        return vector


def _cell_stats(image: RGB) -> Float32:
    """(4, 4, 8) float32, 0 to 1: mean and standard deviation of R, G, B, gradient energy, fraction of dark pixels."""
    height, width = image.shape[:2]
    # Pixels are repeated where there are fewer than cells, so that every cell has one.
    rows = np.arange(max(height, _GRID)) * height // max(height, _GRID)
    columns = np.arange(max(width, _GRID)) * width // max(width, _GRID)
    pixels = image[rows][:, columns].astype(np.float32) / 255
    grey = pixels.mean(axis=2)
    edges = np.abs(np.diff(grey, axis=0, append=grey[-1:])) + np.abs(np.diff(grey, axis=1, append=grey[:, -1:]))
    cells = np.empty((_GRID, _GRID, _CELL_STATS), dtype=np.float32)
    for i, band in enumerate(np.array_split(np.arange(len(rows)), _GRID)):
        for j, strip in enumerate(np.array_split(np.arange(len(columns)), _GRID)):
            here = np.s_[band[0] : band[-1] + 1, strip[0] : strip[-1] + 1]
            cell = pixels[here]
            cells[i, j, :3] = cell.mean(axis=(0, 1))
            cells[i, j, 3:6] = cell.std(axis=(0, 1))
            cells[i, j, 6] = edges[here].mean()
            cells[i, j, 7] = (grey[here] < _DARK_BELOW).mean()
    return cells
