"""Where an object is in its photo and what is around it, as numbers for heads."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from clipspect.errors import DataError
from clipspect.spatial.relations import check_boxes, overlap
from clipspect.types import Bool, Float32, Float64

OWN_NAMES = ("centre_x", "centre_y", "width", "height", "log_aspect", "log_area")
OF_TYPE = ("count", "distance", "dx", "dy", "overlaps")
PHOTO_NAMES = ("objects",)

FARTHEST = 1.0
"""Largest distance, in photo diagonals; also that of a neighbour that is not there."""

_SMALLEST = 1e-4
"""Sides are at least this share of the photo's before a logarithm is taken."""


def feature_names(known_types: Sequence[str]) -> tuple[str, ...]:
    """Names of the S = 7 + 5 T features for T known types, in order; "count:toe drain" is about other toe drains."""
    return OWN_NAMES + tuple(f"{what}:{t}" for t in known_types for what in OF_TYPE) + PHOTO_NAMES


def box_features(
    boxes_xyxy_px: Float64, size_px: tuple[int, int], object_types: Sequence[str], known_types: Sequence[str]
) -> tuple[Float32, tuple[str, ...]]:
    """Geometry of each object of one photo. Permuting the objects permutes the rows and changes nothing else.

    Of the object itself: `centre_x`, `centre_y`, `width`, `height` as fractions of the photo's width and height;
    `log_aspect` = ln(width / height) in pixels; `log_area` = ln(share of the photo's area). Both logarithms take
    sides of at least 1e-4 of the photo's.

    Of the *other* objects, for each known type: `count`; then of the one with the nearest centre `distance` between
    the centres in photo diagonals, at most 1, `dx` and `dy` from this object to that one as fractions of the photo's
    width and height within -1 and 1 (right and down are positive; of equally near ones the leftmost, then topmost);
    `overlaps` = 1 where any of them shares an area with this object. Where there is no other object of the type: 0,
    1, 0, 0, 0.

    Of the photo: `objects`, how many there are, of whatever type.

    Args:
        boxes_xyxy_px: (N, 4) left, top, right, bottom of all objects of the photo.
        size_px: (width, height) of the photo.
        object_types: N types; those that are not known still count in `objects`.
        known_types: T types in the model's order; S depends on nothing else.

    Returns:
        (N, S) float32, finite, and the S names.

    Raises:
        DataError: Wrong shapes, a coordinate that is not finite, or a photo without area.
    """
    boxes = check_boxes(boxes_xyxy_px)
    if len(boxes) != len(object_types):
        raise DataError(f"spatial features: expected {len(boxes)} object types, one a box, got {len(object_types)}")
    if min(size_px) <= 0:
        raise DataError(f"spatial features: expected a photo with width and height, got {size_px}")
    size = np.array(size_px, dtype=np.float64)
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    others = ~np.eye(len(boxes), dtype=bool)
    overlaps = overlap(boxes[:, None], boxes[None]) & others
    columns = [_own(boxes, size)]
    for known in known_types:
        of_type = np.array([t == known for t in object_types], dtype=bool)
        columns.append(_towards(centres, size, others & of_type, overlaps))
    columns.append(np.full((len(boxes), 1), float(len(boxes))))
    return np.concatenate(columns, axis=1).astype(np.float32), feature_names(known_types)


def _own(boxes: Float64, size: Float64) -> Float64:
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2 / size
    sides = (boxes[:, 2:] - boxes[:, :2]) / size
    log_sides = np.log(np.maximum(sides, _SMALLEST))
    log_aspect = log_sides[:, 0] - log_sides[:, 1] + np.log(size[0] / size[1])
    return np.column_stack([centres, sides, log_aspect, log_sides.sum(axis=1)])


def _towards(centres: Float64, size: Float64, are: Bool, overlaps: Bool) -> Float64:
    """(N, 5) the features `OF_TYPE` towards the objects that `are` (N, N) of the type and not the object itself."""
    away = centres[None] - centres[:, None]
    distance = np.where(are, np.hypot(away[..., 0], away[..., 1]) / math.hypot(*size), np.inf)
    found = are.any(axis=1, keepdims=True)
    nearest = np.zeros(len(centres), dtype=np.intp)
    if len(centres):
        nearest = np.lexsort((away[..., 1], away[..., 0], distance), axis=-1)[:, 0]
    rows = np.arange(len(centres))
    shift = np.where(found, np.clip(away[rows, nearest] / size, -1.0, 1.0), 0.0)
    return np.column_stack(
        [are.sum(axis=1), np.minimum(distance[rows, nearest], FARTHEST), shift, (overlaps & are).any(axis=1)]
    )
