"""The surface that the synthetic site is painted on: a strip of ground seen from straight above."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from clipspect.data.site.look import Colour, Point
from clipspect.types import Float32


@dataclass(frozen=True, slots=True)
class Canvas:
    """A strip in the making; painting changes `rgb`.

    Attributes:
        rgb: (H, W, 3) float32, 0 to 1.
        grain: (H, W) float32, fine noise that every surface shares, about -1 to 1.
        px_per_m: Resolution.
        top_m: v of the first row; the first column is u = 0.
    """

    rgb: Float32
    grain: Float32
    px_per_m: float
    top_m: float

    def window(self, left_m: float, top_m: float, right_m: float, bottom_m: float) -> Window | None:
        """The part of the canvas around a rectangle in metres, or None where they do not meet."""
        height, width = self.grain.shape
        x0 = max(0, int(left_m * self.px_per_m))
        y0 = max(0, int((top_m - self.top_m) * self.px_per_m))
        x1 = min(width, int(right_m * self.px_per_m) + 1)
        y1 = min(height, int((bottom_m - self.top_m) * self.px_per_m) + 1)
        if x1 - x0 < 4 or y1 - y0 < 4:
            return None
        return Window(self.rgb[y0:y1, x0:x1], self.grain[y0:y1, x0:x1], self.px_per_m, x0, y0, self.top_m)


@dataclass(frozen=True, slots=True)
class Window:
    """A view into a `Canvas`: painting it paints the canvas."""

    rgb: Float32
    grain: Float32
    px_per_m: float
    x0: int
    y0: int
    top_m: float

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return self.grain.shape[0], self.grain.shape[1]

    def grid_m(self) -> tuple[Float32, Float32]:
        """(u, v) of every pixel, each (H, W)."""
        y, x = np.mgrid[0 : self.shape[0], 0 : self.shape[1]].astype(np.float32)
        return (x + self.x0) / self.px_per_m, (y + self.y0) / self.px_per_m + self.top_m

    def lay(self, colour: Colour | Float32, cover: Float32) -> None:
        """Paint a colour, or an (H, W, 3) picture, where `cover` (H, W) is above 0."""
        self.rgb[...] += (np.asarray(colour, dtype=np.float32) - self.rgb) * cover[..., None]

    def shade(self, factor: Float32) -> None:
        """Brighten or darken by an (H, W) factor."""
        self.rgb[...] *= factor[..., None]

    def polygons(self, shapes_m: Sequence[Sequence[Point]], soften_px: float = 0.6) -> Float32:
        """(H, W) cover of filled polygons given in metres."""
        mask = Image.new("L", (self.shape[1], self.shape[0]))
        draw = ImageDraw.Draw(mask)
        for shape in shapes_m:
            draw.polygon([self._px(point) for point in shape], fill=255)
        return self._cover(mask, soften_px)

    def strokes(self, lines_m: Sequence[Sequence[Point]], width_m: float, soften_px: float = 0.5) -> Float32:
        """(H, W) cover of polylines given in metres."""
        mask = Image.new("L", (self.shape[1], self.shape[0]))
        draw = ImageDraw.Draw(mask)
        for line in lines_m:
            draw.line([self._px(point) for point in line], fill=255, width=max(1, round(width_m * self.px_per_m)))
        return self._cover(mask, soften_px)

    def _px(self, point: Point) -> Point:
        return point[0] * self.px_per_m - self.x0, (point[1] - self.top_m) * self.px_per_m - self.y0

    def _cover(self, mask: Image.Image, soften_px: float) -> Float32:
        soft = mask.filter(ImageFilter.GaussianBlur(soften_px))
        return np.asarray(soft, dtype=np.float32) / np.float32(255)


def blurred(cover: Float32, radius_px: float) -> Float32:
    """An (H, W) cover, softened."""
    picture = Image.fromarray(np.round(cover.clip(0, 1) * 255).astype(np.uint8))
    return np.asarray(picture.filter(ImageFilter.GaussianBlur(radius_px)), dtype=np.float32) / np.float32(255)
