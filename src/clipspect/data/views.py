"""Boxes to crops: the views of an object. Pure; the same code in training and in serving.

Every crop comes out as a square of the encoder's own input size, resampled once (bicubic with antialiasing) from
the photo. What lies outside the photo is mid-grey, everywhere. How a view is written stands in `view_names.py`.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

from clipspect.data.view_names import Kind, View, parse_view
from clipspect.types import RGB, Box, Float32

__all__ = ["Kind", "View", "crop", "parse_view", "pool", "resample", "view_boxes"]

_FILL = (127, 127, 127)
_LEAST_PX = 2.0  # a box thinner than this is widened: bicubic needs something to read
_KEPT_WHEN_DIMMED = 0.3  # of the background's contrast to mid-grey
_SOFT_FRAC = 0.04  # of the crop's side: the background begins so gradually
_BLUR_FRAC = 0.05  # of the crop's side: standard deviation of the blur


def view_boxes(box_xyxy_px: Box, view: View, size_px: tuple[int, int]) -> list[Box]:
    """The rectangles of the photo that a view shows, in pixels; they may reach outside the photo.

    Returns:
        One, or one a tile; with `shift` all of them five times: in place, left, right, up, down. Of `dense` the part
        of the photo whose features are pooled.
    """
    still = _boxes(box_xyxy_px, view, size_px)
    if not view.shift:
        return still
    moves = [(0.0, 0.0), (-view.shift, 0.0), (view.shift, 0.0), (0.0, -view.shift), (0.0, view.shift)]
    return [_moved(rectangle, dx, dy) for dx, dy in moves for rectangle in still]


def crop(image: RGB, box_xyxy_px: Box, view: View, side_px: int) -> list[RGB]:
    """The crops that a view shows of one object, each (side_px, side_px, 3) uint8, as many as `view.crops`.

    Those of one place come tile by tile; then the shifted ones; then the mirror images of all before.
    """
    photo = Image.fromarray(image)
    shown = []
    for rectangle in view_boxes(box_xyxy_px, view, (photo.width, photo.height)):
        if view.aspect == "pad":
            picture = _padded(photo, rectangle, side_px)
        else:
            picture = resample(photo, rectangle, (side_px, side_px))
        if view.background != "keep":
            picture = _without_background(picture, _inside(box_xyxy_px, rectangle, side_px), view.background)
        if view.turn and box_xyxy_px[3] - box_xyxy_px[1] > box_xyxy_px[2] - box_xyxy_px[0]:
            picture = np.ascontiguousarray(np.rot90(picture))
        shown.append(picture)
    return shown + [np.ascontiguousarray(c[:, ::-1]) for c in shown] if view.flip else shown


def pool(features: Float32, view: View) -> Float32:
    """Features of a view's crops (`view.crops`, D) to the view's features.

    Shifted and mirrored crops are averaged first, place by place; then tiles are pooled as `view.pool` says:
    `mean` and `max` (D,), `mean+max` side by side (2 D,), `attention` (D,): tiles weighted by softmax(x . m / sqrt(D))
    with m their mean, which is SimPool (Psomas et al. 2023) without learnt maps.
    """
    if len(features) != view.places:
        features = features.reshape(-1, view.places, features.shape[1]).mean(axis=0, dtype=np.float32)
    if view.kind != "tiles":
        return np.asarray(features[0], dtype=np.float32)
    mean = features.mean(axis=0, dtype=np.float32)
    if view.pool == "mean":
        return np.asarray(mean)
    if view.pool == "attention":
        likeness = features @ mean / np.sqrt(len(mean))
        weights = np.exp(likeness - likeness.max())
        return np.asarray((weights / weights.sum()) @ features, dtype=np.float32)
    most = features.max(axis=0)
    return np.asarray(most) if view.pool == "max" else np.concatenate([mean, most])


def resample(photo: Image.Image, rectangle: Box, size_px: tuple[int, int]) -> RGB:
    """A rectangle of the photo as (height, width, 3) uint8 of `size_px` = (width, height); grey outside the photo."""
    x0, y0, x1, y1 = rectangle
    inner = (max(x0, 0.0), max(y0, 0.0), min(x1, float(photo.width)), min(y1, float(photo.height)))
    # Where the photo lies inside the crop, in whole pixels of the crop.
    scale_x, scale_y = size_px[0] / (x1 - x0), size_px[1] / (y1 - y0)
    left, right = round((inner[0] - x0) * scale_x), round((inner[2] - x0) * scale_x)
    top, bottom = round((inner[1] - y0) * scale_y), round((inner[3] - y0) * scale_y)
    canvas = Image.new("RGB", size_px, _FILL)
    if right > left and bottom > top and inner[2] > inner[0] and inner[3] > inner[1]:
        part = photo.resize((right - left, bottom - top), Image.Resampling.BICUBIC, box=inner)
        canvas.paste(part, (left, top))
    return np.asarray(canvas)


def _boxes(box_xyxy_px: Box, view: View, size_px: tuple[int, int]) -> list[Box]:
    x0, y0, x1, y1 = box_xyxy_px
    width, height = max(x1 - x0, _LEAST_PX), max(y1 - y0, _LEAST_PX)
    centre_x, centre_y = (x0 + x1) / 2, (y0 + y1) / 2
    if view.kind == "image":
        return [(0.0, 0.0, float(size_px[0]), float(size_px[1]))]
    if view.kind in ("tight", "dense"):
        half_w, half_h = width * (0.5 + view.margin), height * (0.5 + view.margin)
        if view.aspect == "square":
            half_w = half_h = max(half_w, half_h)
        return [(centre_x - half_w, centre_y - half_h, centre_x + half_w, centre_y + half_h)]
    if view.kind == "tiles":
        long_px, short_px = max(width, height), min(width, height)
        half = max(short_px * view.scale, long_px / view.count) / 2
        offsets = ((np.arange(view.count) + 0.5) / view.count - 0.5) * long_px
        dx, dy = (1.0, 0.0) if width >= height else (0.0, 1.0)
        return [_square(centre_x + dx * float(o), centre_y + dy * float(o), half) for o in offsets]
    return [_square(centre_x, centre_y, max(width, height) * view.scale / 2)]


def _square(x: float, y: float, half: float) -> Box:
    return (x - half, y - half, x + half, y + half)


def _moved(rectangle: Box, dx_frac: float, dy_frac: float) -> Box:
    x0, y0, x1, y1 = rectangle
    dx, dy = dx_frac * (x1 - x0), dy_frac * (y1 - y0)
    return (x0 + dx, y0 + dy, x1 + dx, y1 + dy)


def _padded(photo: Image.Image, rectangle: Box, side_px: int) -> RGB:
    width, height = rectangle[2] - rectangle[0], rectangle[3] - rectangle[1]
    scale = side_px / max(width, height)
    size_px = (max(1, round(width * scale)), max(1, round(height * scale)))
    canvas = np.full((side_px, side_px, 3), _FILL[0], dtype=np.uint8)
    left, top = (side_px - size_px[0]) // 2, (side_px - size_px[1]) // 2
    canvas[top : top + size_px[1], left : left + size_px[0]] = resample(photo, rectangle, size_px)
    return canvas


def _inside(box_xyxy_px: Box, rectangle: Box, side_px: int) -> Float32:
    """(side, side) 1 in the box, falling to 0 over the soft margin around it."""
    distances = []
    for axis in (0, 1):
        least = max(0.0, _LEAST_PX - (box_xyxy_px[axis + 2] - box_xyxy_px[axis])) / 2
        scale = side_px / (rectangle[axis + 2] - rectangle[axis])
        start = (box_xyxy_px[axis] - least - rectangle[axis]) * scale
        end = (box_xyxy_px[axis + 2] + least - rectangle[axis]) * scale
        centres = np.arange(side_px) + 0.5
        distances.append(np.maximum(np.maximum(start - centres, centres - end), 0.0))
    away = np.maximum(distances[1][:, None], distances[0][None, :])
    inside: Float32 = np.clip(1.0 - away / (_SOFT_FRAC * side_px), 0.0, 1.0).astype(np.float32)
    return inside


def _without_background(picture: RGB, inside: Float32, background: str) -> RGB:
    """Mid-grey stays mid-grey under every treatment, so that what lies outside the photo does too."""
    shown = picture.astype(np.float32)
    if background == "blur":
        radius = _BLUR_FRAC * len(picture)
        behind = np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(radius)), dtype=np.float32)
    else:
        behind = _FILL[0] + (_KEPT_WHEN_DIMMED if background == "dim" else 0.0) * (shown - _FILL[0])
    mixed = behind + inside[..., None] * (shown - behind)
    return np.asarray(np.clip(np.rint(mixed), 0, 255), dtype=np.uint8)
