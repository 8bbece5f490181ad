"""Features as they are found: in the cache, or through the encoder in batches whose crops fit into memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from clipspect.data.views import View, pool
from clipspect.encode.cache import FeatureCache
from clipspect.protocols import Encoder, JointFromVisual, Space
from clipspect.types import RGB, Float32

_FLUSH_CROPS = 256  # 256 crops of 260 px are 52 MB


@dataclass(slots=True, eq=False)
class Wanted:
    """One view of one object that is to be encoded, once for each space that has a key."""

    view: View
    visual_key: str | None
    joint_key: str | None
    crops: list[RGB] = field(default_factory=list)

    @property
    def keys(self) -> list[str]:
        """The keys of its features."""
        return [key for key in (self.visual_key, self.joint_key) if key is not None]


class Batches:
    """Vectors by key, and the crops on their way to the encoder."""

    def __init__(self, encoder: Encoder, cache: FeatureCache | None) -> None:
        self.encoder = encoder
        self.cache = cache
        self.vectors: dict[str, Float32] = {}
        self.encoded_crops = 0
        self._pending: list[Wanted] = []
        self._queued: set[str] = set()

    def knows(self, key: str) -> bool:
        """Whether the vector is there, or on its way."""
        return key in self.vectors or key in self._queued

    def missing(self, keys: Sequence[str]) -> bool:
        """Whether some of the keys are neither known nor in the cache."""
        asked = list(dict.fromkeys(key for key in keys if not self.knows(key)))
        if self.cache is not None:
            found = self.cache.get(asked)
            self.vectors.update({k: v for k, v in zip(asked, found, strict=True) if v is not None})
        return not all(self.knows(key) for key in asked)

    def add(self, wanted: Wanted) -> None:
        """Encode with the next batch; equal keys need to be added only once."""
        self._pending.append(wanted)
        self._queued.update(wanted.keys)
        if sum(len(w.crops) for w in self._pending) >= _FLUSH_CROPS:
            self.flush()

    def keep(self, vectors: dict[str, Float32], encoded: int) -> None:
        """Vectors that were made otherwise, by `encoded` passes through the encoder; kept, also in the cache."""
        if self.cache is not None and vectors:
            self.cache.put(vectors)
        self.vectors.update(vectors)
        self.encoded_crops += encoded

    def flush(self) -> None:
        """Encode what is pending and keep it, also in the cache."""
        fresh: dict[str, Float32] = {}
        for wanted, rows in self._run([w for w in self._pending if w.visual_key is not None], "visual"):
            fresh[str(wanted.visual_key)] = pool(rows, wanted.view)
            if wanted.joint_key is not None and isinstance(self.encoder, JointFromVisual):
                fresh[wanted.joint_key] = _unit_mean(self.encoder.joint_of(rows))
        rest = [w for w in self._pending if w.joint_key is not None and w.joint_key not in fresh]
        for wanted, rows in self._run(rest, "joint"):
            fresh[str(wanted.joint_key)] = _unit_mean(rows)
        if self.cache is not None and fresh:
            self.cache.put(fresh)
        self.vectors.update(fresh)
        self.encoded_crops += sum(len(w.crops) for w in self._pending)
        self._pending, self._queued = [], set()

    def _run(self, items: Sequence[Wanted], space: Space) -> Iterable[tuple[Wanted, Float32]]:
        crops = [c for item in items for c in item.crops]
        if not crops:
            return
        rows = self.encoder.encode_images(crops, space)
        start = 0
        for item in items:
            yield item, rows[start : start + len(item.crops)]
            start += len(item.crops)


def _unit_mean(rows: Float32) -> Float32:
    mean = rows.mean(axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12), dtype=np.float32)
