"""Boxes to crops: the views of an object. Pure; the same code in training and in serving.

Every crop comes out as a square of the encoder's own input size, resampled once (bicubic with antialiasing) from
the photo. What lies outside the photo is mid-grey, everywhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from PIL import Image

from clipspect.errors import ConfigError
from clipspect.types import RGB, Box, Float32

Kind = Literal["tight", "square", "tiles", "context", "image"]

_FILL = (127, 127, 127)
_LEAST_PX = 2.0  # a box thinner than this is widened: bicubic needs something to read


@dataclass(frozen=True, slots=True)
class View:
    """One way to crop an object.

    Attributes:
        kind: `tight`: the box, squashed to a square. `square`: a square around the box. `tiles`: squares along the
            box's long side, their features pooled by mean and max. `context`: a larger square. `image`: the photo.
        margin: `tight` only: added on every side, as a fraction of the box's width and height.
        scale: `square`, `context`: side as a multiple of the box's longer side. `tiles`: side of a tile as a multiple
            of the box's shorter side (never smaller than needed to cover the long side).
        count: `tiles` only: how many.
    """

    kind: Kind
    margin: float = 0.0
    scale: float = 1.0
    count: int = 1

    @property
    def name(self) -> str:
        """Text form, "tiles:count=3,scale=1.2"; `parse_view` reads it back."""
        options = {
            "tight": [f"margin={self.margin:g}"],
            "square": [f"scale={self.scale:g}"],
            "context": [f"scale={self.scale:g}"],
            "tiles": [f"count={self.count}", f"scale={self.scale:g}"],
            "image": [],
        }[self.kind]
        return ":".join(filter(None, [self.kind, ",".join(options)]))


_DEFAULTS: dict[str, View] = {
    "tight": View("tight"),
    "square": View("square", scale=1.2),
    "tiles": View("tiles", scale=1.2, count=3),
    "context": View("context", scale=2.0),
    "image": View("image"),
}
_OPTIONS: dict[str, tuple[str, ...]] = {
    "tight": ("margin",),
    "square": ("scale",),
    "tiles": ("count", "scale"),
    "context": ("scale",),
    "image": (),
}


def parse_view(text: str) -> View:
    """Read "tight:margin=0.15"; options that are left out take the view's default.

    Raises:
        ConfigError: Unknown view or option, or a value out of range.
    """
    kind, _, rest = text.partition(":")
    if kind not in _DEFAULTS:
        raise ConfigError(f"view {text!r}: expected one of {list(get_args(Kind))}, got {kind!r}")
    view = _DEFAULTS[kind]
    values: dict[str, float] = {"margin": view.margin, "scale": view.scale, "count": view.count}
    for option in filter(None, rest.split(",")):
        key, _, value = option.partition("=")
        if key not in _OPTIONS[kind]:
            raise ConfigError(f"view {text!r}: expected options of {list(_OPTIONS[kind])}, got {key!r}")
        if not re.fullmatch(r"\d+(\.\d+)?", value):
            raise ConfigError(f"view {text!r}: {key}: expected a number of 0 or more, got {value!r}")
        values[key] = float(value)
    if not (0 <= values["margin"] <= 5 and 0.1 <= values["scale"] <= 20 and values["count"] in range(1, 33)):
        raise ConfigError(f"view {text!r}: expected margin 0 to 5, scale 0.1 to 20 and count 1 to 32 (whole)")
    return View(view.kind, values["margin"], values["scale"], int(values["count"]))


def view_boxes(box_xyxy_px: Box, view: View, size_px: tuple[int, int]) -> list[Box]:
    """The rectangles of the photo that a view shows, in pixels; they may reach outside the photo."""
    x0, y0, x1, y1 = box_xyxy_px
    width, height = max(x1 - x0, _LEAST_PX), max(y1 - y0, _LEAST_PX)
    centre_x, centre_y = (x0 + x1) / 2, (y0 + y1) / 2
    if view.kind == "image":
        return [(0.0, 0.0, float(size_px[0]), float(size_px[1]))]
    if view.kind == "tight":
        half_w, half_h = width * (0.5 + view.margin), height * (0.5 + view.margin)
        return [(centre_x - half_w, centre_y - half_h, centre_x + half_w, centre_y + half_h)]
    if view.kind == "tiles":
        long_px, short_px = max(width, height), min(width, height)
        half = max(short_px * view.scale, long_px / view.count) / 2
        offsets = ((np.arange(view.count) + 0.5) / view.count - 0.5) * long_px
        dx, dy = (1.0, 0.0) if width >= height else (0.0, 1.0)
        return [_square(centre_x + dx * float(o), centre_y + dy * float(o), half) for o in offsets]
    return [_square(centre_x, centre_y, max(width, height) * view.scale / 2)]


def crop(image: RGB, box_xyxy_px: Box, view: View, side_px: int) -> list[RGB]:
    """The crops that a view shows of one object, each (side_px, side_px, 3) uint8; more than one for tiles."""
    photo = Image.fromarray(image)
    size_px = (photo.width, photo.height)
    return [_resample(photo, rectangle, side_px) for rectangle in view_boxes(box_xyxy_px, view, size_px)]


def pool(features: Float32, view: View) -> Float32:
    """Features of a view's crops (n, D) to the view's features: (D,), or mean and max side by side (2 D,) for tiles."""
    if view.kind != "tiles":
        return np.asarray(features[0], dtype=np.float32)
    return np.concatenate([features.mean(axis=0, dtype=np.float32), features.max(axis=0)])


def _square(x: float, y: float, half: float) -> Box:
    return (x - half, y - half, x + half, y + half)


def _resample(photo: Image.Image, rectangle: Box, side_px: int) -> RGB:
    x0, y0, x1, y1 = rectangle
    inner = (max(x0, 0.0), max(y0, 0.0), min(x1, float(photo.width)), min(y1, float(photo.height)))
    # Where the photo lies inside the crop, in whole pixels of the crop.
    scale_x, scale_y = side_px / (x1 - x0), side_px / (y1 - y0)
    left, right = round((inner[0] - x0) * scale_x), round((inner[2] - x0) * scale_x)
    top, bottom = round((inner[1] - y0) * scale_y), round((inner[3] - y0) * scale_y)
    canvas = Image.new("RGB", (side_px, side_px), _FILL)
    if right > left and bottom > top and inner[2] > inner[0] and inner[3] > inner[1]:
        part = photo.resize((right - left, bottom - top), Image.Resampling.BICUBIC, box=inner)
        canvas.paste(part, (left, top))
    return np.asarray(canvas)
