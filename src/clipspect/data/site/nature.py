"""Plants and rip-rap of the synthetic site."""

from __future__ import annotations

import numpy as np

from clipspect.data.site.canvas import Canvas, blurred
from clipspect.data.site.look import Look
from clipspect.data.site.plan import Fault, Thing
from clipspect.data.site.texture import noise, shifted, smoothstep, stones
from clipspect.types import Float32


def paint_crowns(
    canvas: Canvas,
    lobes: tuple[tuple[float, float, float], ...],
    look: Look,
    rng: np.random.Generator,
    *,
    dryness: float = 0.0,
    shadow: float = 1.0,
) -> None:
    """Leafy crowns with their shadow; `dryness` 0 to 1 goes from leaf green to straw."""
    box = np.array([(u - r, v - r, u + r, v + r) for u, v, r in lobes])
    reach = 0.5 + 0.8 * look.shadow_m * max(r for *_, r in lobes)
    low, high = box[:, :2].min(axis=0) - reach, box[:, 2:].max(axis=0) + reach
    window = canvas.window(low[0], low[1], high[0], high[1])
    if window is None:
        return
    u, v = window.grid_m()
    px = canvas.px_per_m
    ragged = noise(rng, window.shape, (0.9 * px, 0.9 * px), 3, gain=0.8)
    leaves = noise(rng, window.shape, (0.3 * px, 0.3 * px), 2, gain=0.8)
    height, tint = np.zeros(window.shape, np.float32), np.ones(window.shape, np.float32)
    for at_u, at_v, radius in lobes:
        near = 1 - (np.hypot(u - at_u, v - at_v) / radius * (1 + 0.3 * ragged)) ** 2
        dome = np.sqrt(np.clip(near, 0, None)) * radius
        tint = np.where(dome > height, np.float32(rng.normal(1, 0.10)), tint)
        height = np.maximum(height, dome)
    cover = smoothstep(0.05, 0.45, height + 0.22 * leaves * (height > 0))
    tall = float(np.median([r for *_, r in lobes]))
    away = look.shadow_m * tall * 0.8 * px
    cast = shifted(cover, round(-look.light_xy[0] * away), round(-look.light_xy[1] * away))
    window.shade(1 - 0.52 * shadow * blurred(cast, 0.12 * px))
    down, right = np.gradient(height * px / max(px * 0.8, 1))
    facing = -(right * look.light_xy[0] + down * look.light_xy[1]) * px * 0.16
    tone = tint * (0.98 + np.clip(facing, -0.42, 0.5) + 0.34 * leaves)
    tone *= 0.78 + 0.3 * smoothstep(0.0, tall, height)
    leaf = np.asarray(look.leaf, np.float32) * (1 - dryness) + np.asarray(look.dry, np.float32) * dryness
    window.lay(leaf * (1.25 * tone)[..., None], 0.95 * cover)


def paint_rock_toe(canvas: Canvas, thing: Thing, look: Look, rng: np.random.Generator) -> None:
    """A band of rip-rap; gaps show the soil, with a few stones rolled downhill."""
    (left, mid), (right, _) = thing.start_m, thing.end_m
    half = thing.width_m / 2
    window = canvas.window(left - 1.5, mid - half - 1.5, right + 1.5, mid + half + 2.6)
    if window is None:
        return
    u, v = window.grid_m()
    px = canvas.px_per_m
    edge = noise(rng, window.shape, (2.0 * px, 3.0 * px), 3)
    inside = np.minimum(half - np.abs(v - mid), np.minimum(u - left, right - u)) + 0.35 * edge
    presence = 0.06 + 0.92 * smoothstep(-0.5, 0.25, inside)
    presence *= smoothstep(-1.6, 0.0, inside)
    presence *= 1 - float(rng.uniform(0.1, 0.95)) * smoothstep(0.55, 1.1, np.roll(edge, 31, axis=1))  # thin, but no gap
    bare = np.zeros(window.shape, np.float32)
    for gap in thing.faults:
        bare = np.maximum(bare, (0.55 + 0.4 * gap.amount) * _gap_field(u, v, thing, gap, edge))
    presence = presence * (1 - bare)
    below = smoothstep(half - 0.2, half + 0.4, v - mid) * smoothstep(half + 2.2, half + 1.0, v - mid)
    near_gap = blurred(bare, 0.9 * px)
    presence = np.maximum(presence, 0.22 * below * near_gap)
    bed = smoothstep(-0.9, 0.2, inside)
    soil = np.asarray(look.soil, np.float32) * (1.02 + 0.16 * window.grain + 0.10 * edge)[..., None]
    window.lay(soil * 0.55, 0.85 * bed * (1 - bare))
    window.lay(soil * 1.08, 0.85 * bare * bed)
    grass = smoothstep(0.1, 0.9, edge + 0.5 * window.grain) * bare * bed
    window.lay(np.asarray(look.grass, np.float32) * (1 + 0.3 * window.grain)[..., None], 0.6 * look.cover * grass)
    cover, shade = stones(rng, presence.astype(np.float32), float(rng.uniform(0.40, 0.52)) * px, look.light_xy)
    away = max(1.0, 0.13 * px * look.shadow_m)
    cast = shifted(cover, round(-look.light_xy[0] * away), round(-look.light_xy[1] * away))
    window.shade(1 - 0.5 * cast * (1 - cover))
    colour = np.asarray(look.rock, np.float32) * (shade * (1 + 0.08 * window.grain))[..., None]
    window.lay(colour, cover)


def _gap_field(u: Float32, v: Float32, thing: Thing, gap: Fault, edge: Float32) -> Float32:
    """0 to 1 where the stones of a rock toe are gone."""
    centre = thing.start_m[0] + (gap.start_m + gap.end_m) / 2
    reach = (gap.end_m - gap.start_m) / 2
    depth = thing.width_m * (0.35 + 0.45 * gap.amount)
    field = 1 - np.hypot((u - centre) / reach, (v - thing.start_m[1] - 0.15 * thing.width_m) / depth) + 0.6 * edge
    return smoothstep(-0.1, 0.25, field)
