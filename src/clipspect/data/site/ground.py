"""The ground of the synthetic site: berm, slope and track with grass, soil, wheel ruts, paths and puddles."""

from __future__ import annotations

import numpy as np

from clipspect.data.site.canvas import Canvas
from clipspect.data.site.plan import BOTTOM_M, TOP_M, Line
from clipspect.data.site.texture import noise, smoothstep, tiled_noise
from clipspect.types import Float32


def paint_ground(line: Line, px_per_m: float, rng: np.random.Generator) -> Canvas:
    """A strip without any objects, at `px_per_m`."""
    shape = round((BOTTOM_M - TOP_M) * px_per_m), round(line.length_m * px_per_m)
    grain = tiled_noise(rng, shape, (0.19 * px_per_m, 0.19 * px_per_m), 2)
    broad = noise(rng, shape, (14 * px_per_m, 22 * px_per_m), 3)
    patches = noise(rng, shape, (3.2 * px_per_m, 4.0 * px_per_m), 3, gain=0.6)
    streaks = tiled_noise(rng, shape, (2.6 * px_per_m, 0.45 * px_per_m), 2, tile_px=848)
    v = (np.arange(shape[0], dtype=np.float32) / px_per_m + TOP_M)[:, None]
    wave = noise(rng, (2, shape[1]), (2, 9 * px_per_m), 3)[:1]
    rough = v + 0.55 * wave + 0.28 * patches + 0.1 * grain

    rgb = np.empty((*shape, 3), dtype=np.float32)
    canvas = Canvas(rgb, grain, px_per_m, TOP_M)
    _paint_grass(canvas, line, rough, patches + 0.5 * broad, streaks)
    on_slope = smoothstep(-0.3, 0.3, v - line.slope_m[0]) * smoothstep(-0.3, 0.3, line.slope_m[1] - v)
    gravel = tiled_noise(rng, shape, (0.34 * px_per_m, 0.34 * px_per_m), tile_px=544)
    flecks = smoothstep(0.50, 0.8, gravel) - smoothstep(0.52, 0.85, -gravel)
    light = 1.0 + 0.08 * broad + 0.09 * patches + 0.20 * grain + (0.16 * streaks + 0.16 * flecks) * on_slope
    light *= 1.0 - 0.10 * on_slope + 0.12 * np.exp(-((v - line.slope_m[0]) ** 2) / 0.5)
    light *= 1.0 - 0.14 * np.exp(-((v - line.slope_m[1] - 0.3) ** 2) / 0.5)
    for channel in range(3):
        rgb[..., channel] *= light
    _paint_backdrop(canvas, line, rough, broad, rng)
    _paint_tracks(canvas, line, rough, wave, broad)
    _paint_paths(canvas, line, rng)
    _paint_puddles(canvas, line, rng)
    return canvas


def _paint_grass(canvas: Canvas, line: Line, rough: Float32, patches: Float32, streaks: Float32) -> None:
    look = line.look
    growth = patches + 0.35 * streaks + 0.45 * canvas.grain + (look.cover - 0.5) * 2.4
    verge = smoothstep(-0.2, 0.5, np.abs(rough - (line.road_m[0] + line.road_m[1]) / 2) - 2.6)
    cover = smoothstep(-0.35, 0.65, growth) * verge * np.float32(0.9)
    lush = cover * smoothstep(-0.8, 0.9, patches + np.float32((look.cover - 0.62) * 2.0))
    for channel in range(3):
        soil, dry, grass = (np.float32(c[channel]) for c in (look.soil, look.dry, look.grass))
        np.add(soil + (dry - soil) * cover, (grass - dry) * lush, out=canvas.rgb[..., channel])


def _paint_backdrop(canvas: Canvas, line: Line, rough: Float32, broad: Float32, rng: np.random.Generator) -> None:
    """What lies beyond the berm: the next slope, a lagoon, or scrub."""
    rows = slice(0, int((line.road_m[0] + 1.0 - TOP_M) * canvas.px_per_m))
    part, grain = canvas.rgb[rows], canvas.grain[rows]
    if line.backdrop == "water":
        ripple = tiled_noise(rng, grain.shape, (0.5 * canvas.px_per_m, 1.8 * canvas.px_per_m), 2)
        shore = line.road_m[0] - 1.6
        water = np.array([0.33, 0.38, 0.36], np.float32) * (1 + 0.05 * ripple + 0.06 * broad[rows])[..., None]
        cover = smoothstep(0.0, 0.45, shore - rough[rows])[..., None]
        rim = np.exp(-((rough[rows] - shore) ** 2) / 0.35)[..., None]
        part *= 1 - 0.3 * rim
        part += (water - part) * cover
    else:
        dark = 0.80 if line.backdrop == "scrub" else 0.95
        part *= 1 - (1 - dark) * smoothstep(0.0, 0.8, line.road_m[0] - rough[rows])[..., None]


def _paint_tracks(canvas: Canvas, line: Line, rough: Float32, wave: Float32, broad: Float32) -> None:
    """The berm road and the track at the foot, each with two pairs of wheel ruts."""
    for top, bottom in (line.road_m, line.track_m):
        rows = slice(int((top - 2 - TOP_M) * canvas.px_per_m), int((bottom + 2 - TOP_M) * canvas.px_per_m))
        here, grain = rough[rows], canvas.grain[rows]
        cover = smoothstep(-0.1, 0.7, here - top) * smoothstep(-0.1, 0.7, bottom - here)
        v = (np.arange(here.shape[0], dtype=np.float32) / canvas.px_per_m + top - 2)[:, None]
        stony = np.roll(grain, 97, axis=1)
        tone = 1.0 + 0.06 * grain + 0.08 * broad[rows] + 0.10 * smoothstep(0.5, 1.0, stony)
        for middle, strength in ((0.34, 0.6), (0.58, 1.0)):
            centre = top + (bottom - top) * middle + 0.28 * wave * strength
            for side in (-0.85, 0.85):
                away = v - centre - side + 0.06 * grain
                worn = strength * (0.7 + 0.5 * broad[rows])
                tone += worn * (0.10 * np.exp(-(away**2) / 0.035) - 0.07 * np.exp(-((np.abs(away) - 0.3) ** 2) / 0.012))
        colour = np.asarray(line.look.road, np.float32) * tone[..., None]
        canvas.rgb[rows] += (colour - canvas.rgb[rows]) * (0.92 * cover)[..., None]


def _paint_paths(canvas: Canvas, line: Line, rng: np.random.Generator) -> None:
    """Trodden and washed-out paths down the slope: they look a little like drains, and are none."""
    for top_u, bottom_u in line.clutter.paths:
        low, high = sorted((top_u, bottom_u))
        window = canvas.window(low - 2.5, line.slope_m[0] - 0.5, high + 2.5, line.slope_m[1] - 2.5)
        if window is None:
            continue
        u, v = window.grid_m()
        way = (v - line.slope_m[0]) / (line.slope_m[1] - line.slope_m[0])
        wander = noise(rng, (window.shape[0], 2), (3 * canvas.px_per_m, 2), 2)[:, :1]
        away = np.abs(u - (top_u + (bottom_u - top_u) * way) - 0.7 * wander)
        cover = 0.62 * smoothstep(0.0, 0.5, 0.55 - away + 0.28 * window.grain)
        tone = 1.0 + 0.12 * window.grain
        window.lay(np.asarray(line.look.soil, np.float32) * (1.13 * tone)[..., None], cover)


def _paint_puddles(canvas: Canvas, line: Line, rng: np.random.Generator) -> None:
    for at_u, at_v, radius in line.clutter.puddles:
        window = canvas.window(at_u - 4 * radius, at_v - 2 * radius, at_u + 4 * radius, at_v + 2 * radius)
        if window is None:
            continue
        u, v = window.grid_m()
        shore = noise(rng, window.shape, (0.9 * canvas.px_per_m, 2.2 * canvas.px_per_m), 3)
        field = 1 - np.hypot((u - at_u) / (2.4 * radius), (v - at_v) / (0.55 * radius)) + 0.55 * shore
        window.shade(1 - 0.30 * smoothstep(-0.5, 0.1, field))
        sky = np.array([0.50, 0.53, 0.55], np.float32) * (1 + 0.16 * (v - at_v) / radius)[..., None]
        window.lay(sky, 0.75 * smoothstep(0.0, 0.3, field))
