"""Photo + boxes to object features: the one way that fitting, evaluating, inspecting and serving share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clipspect.data import images
from clipspect.data.dense import pool_maps, window_crops
from clipspect.data.views import View, crop
from clipspect.encode.cache import FeatureCache, feature_key
from clipspect.encode.inputs import require_dense
from clipspect.errors import ConfigError, ImageError
from clipspect.pipeline.batches import Batches, Wanted
from clipspect.prompts.templates import context_of
from clipspect.protocols import Encoder, Space
from clipspect.spatial.features import box_features
from clipspect.types import RGB, Box, Detections, Float32, ObjectFeatures, Problem, PromptContext


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
        """Features of all objects of the photos. A photo that cannot be read is reported, not fatal.

        Raises:
            MissingAbilityError: A view is dense and the encoder is not.
            ConfigError: The view to compare with text is dense.
        """
        self._check_dense()
        batches = Batches(self.encoder, self.cache)
        problems: list[Problem] = []
        keys: list[list[dict[str, str]]] = []
        for photo in photos:
            try:
                keys.append(self._ask(photo, batches))
            except ImageError as error:
                problems.append(Problem(photo.key, None, error.code, str(error)))
                keys.append([])
            on_photo()
        batches.flush()
        features, photo_index, object_index = self._assemble(photos, keys, batches.vectors)
        return Extracted(features, photo_index, object_index, tuple(problems), batches.encoded_crops)

    def _ask(self, photo: PhotoObjects, batches: Batches) -> list[dict[str, str]]:
        """Keys of the photo's objects by slot; what is not known yet is cropped and put into `batches`."""
        if not photo.detections:
            return []
        digest = images.content_hash(photo.path) if photo.image is None or self.cache is not None else photo.key
        photo_keys = [self._keys(digest, d.box_xyxy_px) for d in photo.detections]
        if not batches.missing([key for slots in photo_keys for key in slots.values()]):
            return photo_keys
        image = images.read(photo.path, max_pixels=self.max_pixels) if photo.image is None else photo.image
        for detection, slots in zip(photo.detections, photo_keys, strict=True):
            for wanted in self._wanted(slots, batches):
                if wanted.view.kind == "dense":
                    continue
                wanted.crops = crop(image, detection.box_xyxy_px, wanted.view, self.encoder.input_px)
                batches.add(wanted)
        self._add_dense(photo, image, photo_keys, batches)
        return photo_keys

    def _add_dense(
        self, photo: PhotoObjects, image: RGB, photo_keys: Sequence[dict[str, str]], batches: Batches
    ) -> None:
        """Dense views: the windows of the photo are encoded once, whatever the number of objects and of such views.

        The maps themselves are not cached: at 400 kB a window they would cost as much to read as to make anew.
        """
        maps: dict[int, list[Float32]] = {}
        fresh: dict[str, Float32] = {}
        size_px = (image.shape[1], image.shape[0])
        for view in (v for v in self.views if v.kind == "dense"):
            for detection, slots in zip(photo.detections, photo_keys, strict=True):
                if batches.knows(slots[view.name]):
                    continue
                if view.windows not in maps:
                    encoder = require_dense(self.encoder)
                    shown = window_crops(image, view, self.encoder.input_px)
                    maps[view.windows] = [encoder.encode_dense(window) for window in shown]
                fresh[slots[view.name]] = pool_maps(maps[view.windows], detection.box_xyxy_px, view, size_px)
        batches.keep(fresh, sum(map(len, maps.values())))

    def _check_dense(self) -> None:
        if any(v.kind == "dense" for v in self.views):
            require_dense(self.encoder)
        if self.joint_view is not None and self.joint_view.kind == "dense":
            raise ConfigError(
                f"views: joint: expected a view that is cropped, to compare with text, got {self.joint_view.name!r}"
            )

    def _keys(self, digest: str, box_xyxy_px: Box) -> dict[str, str]:
        slots = {v.name: self._key("visual", v, digest, box_xyxy_px) for v in self.views}
        if self.joint_view is not None:
            slots["joint"] = self._key("joint", self.joint_view, digest, box_xyxy_px)
        return slots

    def _key(self, space: Space, view: View, digest: str, box_xyxy_px: Box) -> str:
        # All objects of a photo share the view of the whole photo.
        return feature_key(self.encoder.id, space, view.name, digest, None if view.kind == "image" else box_xyxy_px)

    def _wanted(self, slots: dict[str, str], batches: Batches) -> list[Wanted]:
        wanted = {v.name: Wanted(v, slots[v.name], None) for v in self.views if not batches.knows(slots[v.name])}
        if self.joint_view is not None and not batches.knows(slots["joint"]):
            item = wanted.setdefault(self.joint_view.name, Wanted(self.joint_view, None, None))
            item.joint_key = slots["joint"]
        return list(wanted.values())

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
