"""How two objects of one photo lie to each other, from their boxes alone."""

from __future__ import annotations

import numpy as np

from clipspect.errors import DataError
from clipspect.types import Bool, Float64, Relation

OVERLAPPING = "overlapping"
ABOVE, BELOW = "above", "below"
LEFT_OF, RIGHT_OF = "left of", "right of"

INVERSE = {OVERLAPPING: OVERLAPPING, ABOVE: BELOW, BELOW: ABOVE, LEFT_OF: RIGHT_OF, RIGHT_OF: LEFT_OF}
"""Relation of (subject, object) to that of (object, subject)."""

_FARTHEST_PX = 1e9
"""No photo is this large; below it no square overflows."""

_NAMES = np.array([OVERLAPPING, ABOVE, BELOW, LEFT_OF, RIGHT_OF], dtype=object)


def relate(boxes_xyxy_px: Float64) -> tuple[Relation, ...]:
    """The relation of every unordered pair of objects in a photo.

    Read as a sentence, "subject relation object": *above* says that the subject's centre is the higher one in the
    picture (smaller y).

    - *overlapping*: the boxes share an area; boxes that only touch do not. Also two boxes without area on the same
      point, which no direction tells apart.
    - else *above* or *below* where the centres are at least as far apart vertically as horizontally, in pixels (a tie
      is vertical), and *left of* or *right of* where not.
    - `near`, besides: the gap between the boxes (shortest distance between their edges, 0 where they overlap or
      touch) is under half the mean of the two diagonals.

    Args:
        boxes_xyxy_px: (N, 4) left, top, right, bottom.

    Returns:
        N (N - 1) / 2 relations with subject < object, in the order (0, 1), (0, 2) ... (1, 2) ...

    Raises:
        DataError: Another shape, a coordinate that is not finite (1e9 and up counts as not), or a box whose right is
            left of its left.
    """
    boxes = check_boxes(boxes_xyxy_px)
    i, j = np.triu_indices(len(boxes), k=1)
    names = _NAMES[_relation_codes(boxes[i], boxes[j])]
    near = _gap_px(boxes[i], boxes[j]) < 0.25 * (_diagonal_px(boxes[i]) + _diagonal_px(boxes[j]))
    return tuple(map(Relation, i.tolist(), names.tolist(), j.tolist(), near.tolist()))


def check_boxes(boxes_xyxy_px: Float64) -> Float64:
    """The boxes as (N, 4) float64.

    Raises:
        DataError: Another shape, a coordinate that is not finite (1e9 and up counts as not), or a box whose right is
            left of its left.
    """
    boxes = np.asarray(boxes_xyxy_px, dtype=np.float64)
    if boxes.size == 0:
        return boxes.reshape(0, 4)
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise DataError(f"boxes: expected shape (N, 4), got {boxes.shape}")
    bad = ~(np.abs(boxes) < _FARTHEST_PX).all(axis=1) | (boxes[:, 2:] < boxes[:, :2]).any(axis=1)
    if bad.any():
        row = int(bad.argmax())
        raise DataError(f"boxes: row {row}: expected finite left <= right and top <= bottom, got {boxes[row].tolist()}")
    return boxes


def overlap(first: Float64, second: Float64) -> Bool:
    """Whether boxes (..., 4) share an area."""
    return np.asarray((_separation_px(first, second) < 0).all(axis=-1), dtype=np.bool_)


def _relation_codes(first: Float64, second: Float64) -> np.ndarray:
    """Index into `_NAMES`. Sums of edges stand for centres: halving could only lose bits."""
    dx, dy = np.moveaxis((second[:, :2] + second[:, 2:]) - (first[:, :2] + first[:, 2:]), -1, 0)
    vertical = np.where(dy > 0, 1, 2)
    horizontal = np.where(dx > 0, 3, 4)
    direction = np.where(np.abs(dy) >= np.abs(dx), vertical, horizontal)
    return np.where(overlap(first, second) | ((dx == 0) & (dy == 0)), 0, direction)


def _separation_px(first: Float64, second: Float64) -> Float64:
    """(..., 2) distance between the facing edges along x and y, negative where the intervals overlap."""
    return np.maximum(first[..., :2], second[..., :2]) - np.minimum(first[..., 2:], second[..., 2:])


def _gap_px(first: Float64, second: Float64) -> Float64:
    apart = np.maximum(_separation_px(first, second), 0.0)
    return np.hypot(apart[..., 0], apart[..., 1])


def _diagonal_px(boxes: Float64) -> Float64:
    return np.hypot(boxes[..., 2] - boxes[..., 0], boxes[..., 3] - boxes[..., 1])
