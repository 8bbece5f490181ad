"""A flight line's strip of ground, painted as seen from straight above."""

from __future__ import annotations

import numpy as np

from clipspect.data.site.canvas import Canvas
from clipspect.data.site.drains import paint_channel
from clipspect.data.site.ground import paint_ground
from clipspect.data.site.look import Look, Point
from clipspect.data.site.nature import paint_crowns, paint_rock_toe
from clipspect.data.site.plan import Line
from clipspect.data.site.texture import shifted, smoothstep
from clipspect.types import RGB


def paint_line(line: Line, px_per_m: float) -> RGB:
    """The whole strip of a flight line from straight above, (H, W, 3) uint8; its corner is u = 0, v = `TOP_M`."""
    canvas = paint_ground(line, px_per_m, np.random.default_rng([line.seed, 1]))
    rng = np.random.default_rng([line.seed, 2])
    for thing in line.things:
        own = np.random.default_rng(thing.seed)
        if thing.object_type == "rock toe":
            paint_rock_toe(canvas, thing, line.look, own)
    for u, v, radius in line.clutter.tufts:
        paint_crowns(canvas, ((u, v, radius),), line.look, rng, dryness=0.45)
    for thing in line.things:
        own = np.random.default_rng(thing.seed)
        if thing.object_type.endswith("drain"):
            paint_channel(canvas, thing, line.look, own)
        elif thing.object_type == "vegetation":
            paint_crowns(canvas, thing.lobes, line.look, own, dryness=float(own.uniform(0, 0.35)))
    for at_u, height in line.clutter.poles:
        _paint_pole(canvas, line, at_u, height)
    if line.clutter.truck_m is not None:
        _paint_truck(canvas, line.clutter.truck_m, line.look, rng)
    rgb = canvas.rgb
    rgb *= np.float32(255)
    rgb += np.float32(0.5)
    np.clip(rgb, 0, 255, out=rgb)
    return rgb.astype(np.uint8)


def _paint_pole(canvas: Canvas, line: Line, at_u: float, height_m: float) -> None:
    """A pole at the berm road with its long shadow, which may cross a drain like a crack."""
    at = (at_u, line.slope_m[0] - 0.4)
    long = height_m * line.look.shadow_m
    tip = (at_u - line.look.light_xy[0] * long, at[1] - line.look.light_xy[1] * long)
    window = canvas.window(min(at_u, tip[0]) - 1, at[1] - 1, max(at_u, tip[0]) + 1, tip[1] + 1)
    if window is not None:
        window.shade(1 - 0.5 * window.strokes([[at, tip]], 0.2, 1.0))
        window.lay((0.70, 0.69, 0.67), window.strokes([[at, (at_u, at[1] - 0.5)]], 0.26))


def _paint_truck(canvas: Canvas, at_m: Point, look: Look, rng: np.random.Generator) -> None:
    """A parked pick-up, seen from above: nobody labels it."""
    u, v = at_m
    window = canvas.window(u - 5, v - 3, u + 5, v + 3)
    if window is None:
        return

    def box(left: float, top: float, right: float, bottom: float) -> list[Point]:
        return [(u + left, v + top), (u + right, v + top), (u + right, v + bottom), (u + left, v + bottom)]

    px = canvas.px_per_m
    body = window.polygons([box(-2.5, -0.9, 2.5, 0.9)], 0.16 * px)
    away = 0.9 * look.shadow_m * px
    cast = shifted(body, round(-look.light_xy[0] * away), round(-look.light_xy[1] * away))
    window.shade(1 - 0.5 * cast)
    paint = (0.86, 0.86, 0.85) if rng.random() < 0.6 else (0.62, 0.16, 0.13)
    window.lay(paint, smoothstep(0.4, 0.6, body))
    window.lay((0.20, 0.21, 0.22), 0.85 * window.polygons([box(-2.3, -0.72, -0.6, 0.72)]))
    window.lay((0.12, 0.15, 0.18), 0.9 * window.polygons([box(0.75, -0.72, 1.3, 0.72), box(-0.5, -0.7, -0.25, 0.7)]))
