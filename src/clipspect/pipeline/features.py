"""Photo + boxes to object features: the one way that fitting, evaluating, inspecting and serving share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from clipspect.data import images
from clipspect.data.views import View, crop, pool
from clipspect.encode.cache import FeatureCache, feature_key
from clipspect.errors import ImageError
from clipspect.prompts.templates import context_of
from clipspect.protocols import Encoder, JointFromVisual, Space
from clipspect.spatial.features import box_features
from clipspect.types import RGB, Detections, Float32, ObjectFeatures, Problem, PromptContext

_FLUSH_CROPS = 256  # bounds memory: 256 crops of 260 px are 52 MB


@dataclass(frozen=True, slots=True)
class PhotoObjects:
    """One photo and the objects that were found in it.

    Attributes:
        path: The file.
        key: How it is named in results.
        size_px: (width, height) after the EXIF turn.
        detections: Objects, boxes in pixels.
        image: The decoded photo where somebody has it already.
    """

    path: Path
    key: str
    size_px: tuple[int, int]
    detections: Detections
    image: RGB | None = None


@dataclass(frozen=True, slots=True)
class Extracted:
    """Features of the objects of many photos.

    Attributes:
        features: N objects, photo by photo, in the order given.
        photo_index: (N,) position of each object's photo.
        object_index: (N,) position of each object in its photo.
        problems: Photos that could not be read; their objects are not in `features`.
        encoded_crops: How many crops went through the encoder (0: all came from the cache).
    """

    features: ObjectFeatures
    photo_index: np.ndarray
    object_index: np.ndarray
    problems: tuple[Problem, ...]
    encoded_crops: int


@dataclass(slots=True)
class _Wanted:
    """One view of one object whose features are still to be encoded."""

    view: View
    visual_key: str | None
    joint_key: str | None
    crops: list[RGB] = field(default_factory=list)


class FeatureExtractor:
    """Crops, encodes and pools; what is in the cache is not encoded again, nor is its photo decoded."""

    def __init__(
        self,
        encoder: Encoder,
        *,
        views: Sequence[View],
        joint_view: View | None,
        known_types: Sequence[str],
        max_pixels: int,
        cache: FeatureCache | None = None,
    ) -> None:
        """Store the parts.

        Args:
            encoder: Read only where the cache has a gap.
            views: Views for heads, may be empty.
            joint_view: View to compare with text, or None where no prompt is used.
            known_types: Object types of the taxonomy, for spatial features.
            max_pixels: Larger photos are quarantined.
            cache: Where features are kept, or None.
        """
        self.encoder = encoder
        self.views = tuple(views)
        self.joint_view = joint_view
        self.known_types = tuple(known_types)
        self.max_pixels = max_pixels
        self.cache = cache

    def extract(self, photos: Sequence[PhotoObjects], on_photo: Callable[[], None] = lambda: None) -> Extracted:
        """Features of all objects of the photos. A photo that cannot be read is reported, not fatal."""
        vectors: dict[str, Float32] = {}
        pending: list[_Wanted] = []
        problems: list[Problem] = []
        keys: list[list[dict[str, str]]] = []
        encoded = 0
        for photo in photos:
            try:
                photo_keys, wanted = self._prepare(photo, vectors)
            except ImageError as error:
                problems.append(Problem(photo.key, None, error.code, str(error)))
                photo_keys, wanted = [], []
            keys.append(photo_keys)
            pending += wanted
            if sum(len(w.crops) for w in pending) >= _FLUSH_CROPS:
                encoded += self._encode(pending, vectors)
                pending = []
            on_photo()
        encoded += self._encode(pending, vectors)
        features, photo_index, object_index = self._assemble(photos, keys, vectors)
        return Extracted(features, photo_index, object_index, tuple(problems), encoded)

    def _prepare(self, photo: PhotoObjects, vectors: dict[str, Float32]) -> tuple[list[dict[str, str]], list[_Wanted]]:
        if not photo.detections:
            return [], []
        digest = images.content_hash(photo.path) if photo.image is None or self.cache is not None else photo.key
        photo_keys = [self._keys(digest, d.box_xyxy_px) for d in photo.detections]
        flat = [key for slots in photo_keys for key in slots.values() if key not in vectors]
        if self.cache is not None:
            found = self.cache.get(flat)
            vectors.update({k: v for k, v in zip(flat, found, strict=True) if v is not None})
        if all(key in vectors for key in flat):
            return photo_keys, []
        image = images.read(photo.path, max_pixels=self.max_pixels) if photo.image is None else photo.image
        wanted = []
        for detection, slots in zip(photo.detections, photo_keys, strict=True):
            for item in self._missing(slots, vectors):
                item.crops = crop(image, detection.box_xyxy_px, item.view, self.encoder.input_px)
                wanted.append(item)
        return photo_keys, wanted

    def _keys(self, digest: str, box_xyxy_px: tuple[float, float, float, float]) -> dict[str, str]:
        slots = {v.name: feature_key(self.encoder.id, "visual", v.name, digest, box_xyxy_px) for v in self.views}
        if self.joint_view is not None:
            slots["joint"] = feature_key(self.encoder.id, "joint", self.joint_view.name, digest, box_xyxy_px)
        return slots

    def _missing(self, slots: dict[str, str], vectors: dict[str, Float32]) -> list[_Wanted]:
        wanted = {v.name: _Wanted(v, slots[v.name], None) for v in self.views if slots[v.name] not in vectors}
        if self.joint_view is not None and slots["joint"] not in vectors:
            item = wanted.setdefault(self.joint_view.name, _Wanted(self.joint_view, None, None))
            item.joint_key = slots["joint"]
        return list(wanted.values())

    def _encode(self, pending: Sequence[_Wanted], vectors: dict[str, Float32]) -> int:
        fresh: dict[str, Float32] = {}
        both = [w for w in pending if w.visual_key is not None and w.joint_key is not None]
        derive = isinstance(self.encoder, JointFromVisual)
        for item, rows in self._run([w for w in pending if w.visual_key is not None], "visual"):
            fresh[str(item.visual_key)] = pool(rows, item.view)
            if item.joint_key is not None and isinstance(self.encoder, JointFromVisual):
                fresh[item.joint_key] = _unit_mean(self.encoder.joint_of(rows))
        rest = [w for w in pending if w.joint_key is not None and not (derive and w in both)]
        for item, rows in self._run(rest, "joint"):
            fresh[str(item.joint_key)] = _unit_mean(rows)
        if self.cache is not None and fresh:
            self.cache.put(fresh)
        vectors.update(fresh)
        return sum(len(w.crops) for w in pending)

    def _run(self, items: Sequence[_Wanted], space: Space) -> Iterable[tuple[_Wanted, Float32]]:
        crops = [c for item in items for c in item.crops]
        if not crops:
            return
        rows = self.encoder.encode_images(crops, space)
        start = 0
        for item in items:
            yield item, rows[start : start + len(item.crops)]
            start += len(item.crops)

    def _assemble(
        self, photos: Sequence[PhotoObjects], keys: Sequence[list[dict[str, str]]], vectors: dict[str, Float32]
    ) -> tuple[ObjectFeatures, np.ndarray, np.ndarray]:
        spatial: list[Float32] = [np.zeros((0, self._spatial_width()), dtype=np.float32)]
        contexts: list[PromptContext] = []
        types: list[str] = []
        index: list[tuple[int, int]] = []
        slots: list[dict[str, str]] = []
        for i, (photo, photo_keys) in enumerate(zip(photos, keys, strict=True)):
            if not photo_keys:
                continue
            photo_types = [d.object_type for d in photo.detections]
            boxes = np.array([d.box_xyxy_px for d in photo.detections], dtype=np.float64)
            spatial.append(box_features(boxes, photo.size_px, photo_types, self.known_types)[0])
            relative = boxes / np.array([*photo.size_px, *photo.size_px])
            for j, row in enumerate(relative):
                contexts.append(context_of(tuple(row), [t for o, t in enumerate(photo_types) if o != j]))
            types += photo_types
            index += [(i, j) for j in range(len(photo_types))]
            slots += photo_keys
        blocks = {v.name: _stack([vectors[s[v.name]] for s in slots]) for v in self.views}
        joint = None if self.joint_view is None else _stack([vectors[s["joint"]] for s in slots])
        pairs = np.array(index, dtype=np.int64).reshape(-1, 2)
        features = ObjectFeatures(blocks, joint, np.concatenate(spatial), tuple(types), tuple(contexts))
        return features, pairs[:, 0], pairs[:, 1]

    def _spatial_width(self) -> int:
        return int(box_features(np.array([[0.0, 0.0, 1.0, 1.0]]), (1, 1), [""], self.known_types)[0].shape[1])


def _stack(rows: Sequence[Float32]) -> Float32:
    return np.stack(rows) if rows else np.zeros((0, 0), dtype=np.float32)


def _unit_mean(rows: Float32) -> Float32:
    mean = rows.mean(axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12), dtype=np.float32)
