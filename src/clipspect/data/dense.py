"""Dense views: the feature map of a photo, encoded once for all its objects, pooled inside each box. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from clipspect.data.view_names import View
from clipspect.data.views import resample, view_boxes
from clipspect.types import RGB, Box, Float32, Float64

_OVERLAP = 0.25  # of a window's side, with its neighbour


def windows(view: View, size_px: tuple[int, int]) -> list[Box]:
    """The `view.windows` squared windows that cover the photo, row by row, in pixels; neighbours share a quarter."""
    share = 1.0 / (1.0 + (1.0 - _OVERLAP) * (view.windows - 1))
    starts = [i * share * (1.0 - _OVERLAP) for i in range(view.windows)]
    width, height = size_px
    return [(x * width, y * height, (x + share) * width, (y + share) * height) for y in starts for x in starts]


def window_crops(image: RGB, view: View, side_px: int) -> list[RGB]:
    """Each window, squashed to (side_px, side_px, 3)."""
    photo = Image.fromarray(image)
    return [resample(photo, window, (side_px, side_px)) for window in windows(view, photo.size)]


def pool_maps(maps: Sequence[Float32], box_xyxy_px: Box, view: View, size_px: tuple[int, int]) -> Float32:
    """What the maps of a photo's windows say inside one box.

    Args:
        maps: One (h, w, D) map a window, in the order of `windows`.
        box_xyxy_px: The object's box.
        view: A dense view: `margin` widens the box, `pool` says what is taken.
        size_px: (width, height) of the photo.

    Returns:
        Mean of the cells weighted by the area that they share with the box (D,), maximum over all cells that share
        any (D,), or both side by side (2 D,). A box outside the photo takes the nearest cells.
    """
    ((x0, y0, x1, y1),) = view_boxes(box_xyxy_px, view, size_px)
    (x0, x1), (y0, y1) = _into(x0, x1, size_px[0]), _into(y0, y1, size_px[1])
    cells, weights = [], []
    for grid, window in zip(maps, windows(view, size_px), strict=True):
        rows = _shared(y0, y1, window[1], window[3], grid.shape[0])
        columns = _shared(x0, x1, window[0], window[2], grid.shape[1])
        area = np.outer(rows, columns)
        cells.append(grid[area > 0])
        weights.append(area[area > 0])
    inside, weight = np.concatenate(cells), np.concatenate(weights)
    mean = (weight / weight.sum()) @ inside.astype(np.float64)
    most = inside.max(axis=0)
    parts = {"mean": [mean], "max": [most], "mean+max": [mean, most]}[view.pool]
    return np.concatenate(parts).astype(np.float32)


def _into(start: float, end: float, length: int) -> tuple[float, float]:
    """The part of start to end inside 0 to length; at least a pixel at the nearer end."""
    start, end = min(max(start, 0.0), length - 1.0), min(max(end, 1.0), float(length))
    return start, max(end, start + 1.0)


def _shared(start: float, end: float, window_start: float, window_end: float, cells: int) -> Float64:
    """(cells,) how much of each cell of a window lies between start and end, in cells."""
    step = (window_end - window_start) / cells
    edges = window_start + step * np.arange(cells + 1)
    shared = np.minimum(edges[1:], end) - np.maximum(edges[:-1], start)
    # A cell that only touches, but for rounding, has no share.
    return np.where(shared > 1e-9 * step, shared / step, 0.0)
