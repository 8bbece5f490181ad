"""Concrete channels of the synthetic site, and the faults that make their condition visible."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from clipspect.data.site.canvas import Canvas, Window
from clipspect.data.site.look import Look, Point
from clipspect.data.site.nature import paint_crowns
from clipspect.data.site.plan import Fault, Thing
from clipspect.data.site.texture import noise, shifted, smoothstep
from clipspect.types import Float32

SEGMENT_M = 2.0
"""Length of one precast piece of a channel."""


@dataclass(frozen=True, slots=True)
class Lane:
    """The surroundings of one channel, with coordinates of its own.

    Attributes:
        window: What is painted on.
        thing: The channel.
        look: Season and light.
        along: (H, W) metres from its start, along the centre line.
        across: (H, W) metres from the centre line, to the left of its direction negative.
        sun: How far the light comes from the side where `across` is positive, -1 to 1.
    """

    window: Window
    thing: Thing
    look: Look
    along: Float32
    across: Float32
    sun: float


def paint_channel(canvas: Canvas, thing: Thing, look: Look, rng: np.random.Generator) -> None:
    """A concrete channel, with its faults: `along` and `across` its centre line, in metres."""
    outline = thing.outline_m()
    low, high = outline.min(axis=0) - 2.0, outline.max(axis=0) + 2.0
    window = canvas.window(low[0], low[1], high[0], high[1])
    if window is None:
        return
    u, v = window.grid_m()
    direction = (np.array(thing.end_m) - np.array(thing.start_m)) / thing.length_m
    du, dv = u - thing.start_m[0], v - thing.start_m[1]
    along = np.asarray(du * direction[0] + dv * direction[1], dtype=np.float32)
    across = np.asarray(dv * direction[0] - du * direction[1], dtype=np.float32)
    sun = -look.light_xy[0] * direction[1] + look.light_xy[1] * direction[0]
    lane = Lane(window, thing, look, along, across, float(sun))
    offset, gone = _displacement(lane, rng)
    _paint_body(replace(lane, across=across - offset), gone, rng)
    for fault in thing.faults:
        _paint_fault(canvas, lane, fault, rng)


def _displacement(lane: Lane, rng: np.random.Generator) -> tuple[Float32, Float32]:
    """(offset across in metres, 0 to 1 where the concrete is gone), each (H, W)."""
    thing, along = lane.thing, lane.along
    piece = np.clip(np.floor(along / SEGMENT_M).astype(np.intp), 0, int(thing.length_m / SEGMENT_M))
    count = int(thing.length_m / SEGMENT_M) + 1
    shift = rng.normal(0, 0.015 + 0.03 * thing.age, count)
    slant = rng.normal(0, 0.003 + 0.008 * thing.age, count)
    gone = np.zeros(along.shape, np.float32)
    for fault in thing.faults:
        hit = np.arange(int(fault.start_m / SEGMENT_M), min(count, int(fault.end_m / SEGMENT_M) + 1))
        if fault.kind == "shift":
            shift[hit] += thing.throw_m(fault) * rng.uniform(0.6, 1.1, hit.size)
            slant[hit] += rng.normal(0, 0.05 + 0.10 * fault.amount, hit.size)
        elif fault.kind == "missing":
            ragged = along + np.float32(0.35) * lane.window.grain
            lost = smoothstep(fault.start_m, fault.start_m + 0.2, ragged)
            lost *= smoothstep(fault.end_m, fault.end_m - 0.2, ragged)
            gone = np.maximum(gone, lost)
    inside = along - (piece + 0.5) * SEGMENT_M
    return (shift[piece] + slant[piece] * inside).astype(np.float32), gone


def _paint_body(lane: Lane, gone: Float32, rng: np.random.Generator) -> None:
    """The channel itself, with the trodden soil beside it and its shadow."""
    window, thing, look = lane.window, lane.thing, lane.look
    along, across, sun = lane.along, lane.across, lane.sun
    half, wall = thing.width_m / 2, 0.17 * thing.width_m
    px = window.px_per_m
    soft = 0.8 / px
    ends = smoothstep(0, 0.12, along) * smoothstep(thing.length_m, thing.length_m - 0.12, along)
    stain = noise(rng, window.shape, (2.5 * px, 2.5 * px), 3)
    away: Float32 = np.abs(across)
    bare = np.asarray(look.soil, np.float32)
    trodden = smoothstep(half + 0.75, half, away + 0.3 * stain) * ends
    window.lay(bare * (1.0 + 0.13 * window.grain)[..., None], np.float32(0.6) * trodden)
    fall = 0.40 * look.shadow_m * abs(sun) + 0.05
    lee = across * np.float32(-np.sign(sun))
    cast = smoothstep(half + fall + soft, half + 0.5 * fall, lee) * smoothstep(half - soft, half, lee)
    window.shade(1 - 0.45 * cast * ends * (1 - gone))

    solid = smoothstep(half + soft, half - soft, away) * ends * (1 - gone)
    floor = smoothstep(half - wall + soft, half - wall - soft, away)
    tone = _tone(lane, floor, stain, fall)
    window.lay(_concrete(thing, look) * tone[..., None], solid)
    _litter(lane, floor * solid, solid, stain, rng)
    washed = gone * ends * smoothstep(half + 0.5, half - 0.2, away + 0.25 * stain)
    window.lay(bare * (0.9 + 0.18 * window.grain + 0.1 * stain)[..., None], 0.92 * washed)


def _concrete(thing: Thing, look: Look) -> Float32:
    """Colour of the channel (3,): old concrete is darker and takes on the colour of the soil."""
    concrete = np.asarray(look.concrete, np.float32) * np.float32(1 - 0.22 * thing.age)
    soiled = 0.42 * thing.age
    return (concrete * (1 - soiled) + np.asarray(look.soil, np.float32) * soiled).astype(np.float32)


def _tone(lane: Lane, floor: Float32, stain: Float32, fall: float) -> Float32:
    """Brightness of the concrete: lit walls, a floor in the shadow of one of them, dark joints."""
    window, thing, along, across = lane.window, lane.thing, lane.along, lane.across
    half, inner = thing.width_m / 2, 0.33 * thing.width_m
    side = np.float32(np.sign(lane.sun))
    lit = 1.0 + 0.14 * side * np.sign(across) * (1 - floor)
    tone = lit * (1.0 + 0.06 * window.grain + 0.10 * thing.age * stain)
    tone *= 1 - floor * (0.30 + 0.08 * np.exp(-((across / (0.25 * half)) ** 2)))
    shadow = smoothstep(inner - 0.9 * fall - 0.1, inner - 0.9 * fall + 0.1, side * across) * floor
    tone *= 1 - 0.42 * shadow
    from_joint = np.abs(along / SEGMENT_M - np.round(along / SEGMENT_M)) * SEGMENT_M
    tone *= 1 - 0.30 * smoothstep(0.07, 0.02, from_joint)
    return np.asarray(tone, dtype=np.float32)


def _litter(lane: Lane, floor: Float32, solid: Float32, stain: Float32, rng: np.random.Generator) -> None:
    """Dust and leaves, which every channel catches: that alone blocks nothing."""
    window, look, px = lane.window, lane.look, lane.window.px_per_m
    litter = float(rng.beta(1.1, 2.2))
    dusty = smoothstep(0.9 - 0.7 * litter, 1.5 - 0.5 * litter, stain + 0.3 * window.grain) * floor
    window.lay(np.asarray(look.soil, np.float32) * np.float32(0.9), (0.35 + 0.3 * litter) * dusty)
    leaves = smoothstep(0.62 - 0.2 * litter, 0.8, noise(rng, window.shape, (0.26 * px, 0.26 * px))) * solid
    window.lay(np.asarray(look.dry, np.float32) * np.float32(0.7), 0.6 * leaves)


def _paint_fault(canvas: Canvas, lane: Lane, fault: Fault, rng: np.random.Generator) -> None:
    window, thing, look = lane.window, lane.thing, lane.look
    if fault.kind == "silt":
        _paint_silt(lane, fault, rng)
    elif fault.kind == "overgrowth":
        count = int((fault.end_m - fault.start_m) * (1.1 + 1.2 * fault.amount)) + 2
        at = rng.uniform(fault.start_m, fault.end_m, count)
        side = rng.normal(0, 0.2 * thing.width_m, count)
        radius = rng.uniform(0.3, 0.45 + 0.4 * fault.amount, count)
        points = [_point(thing, float(t), float(s)) for t, s in zip(at, side, strict=True)]
        lobes = tuple((p[0], p[1], float(r)) for p, r in zip(points, radius, strict=True))
        _paint_silt(lane, fault, rng)
        paint_crowns(canvas, lobes, look, rng, dryness=float(rng.uniform(0, 0.5)), shadow=0.6)
    elif fault.kind == "missing":
        _paint_rubble(lane, fault, rng)
    else:
        cracks = _cracks(thing, fault, rng)
        dark = np.asarray(look.concrete, np.float32) * np.float32(0.30)
        window.lay(dark, (0.6 + 0.3 * fault.amount) * window.strokes(cracks, 0.05 + 0.07 * fault.amount))


def _point(thing: Thing, along_m: float, across_m: float) -> Point:
    """(u, v) of a point given along and across the centre line."""
    way = (np.array(thing.end_m) - np.array(thing.start_m)) / thing.length_m
    return (
        float(thing.start_m[0] + way[0] * along_m - way[1] * across_m),
        float(thing.start_m[1] + way[1] * along_m + way[0] * across_m),
    )


def _paint_silt(lane: Lane, fault: Fault, rng: np.random.Generator) -> None:
    """Earth, leaves and twigs in the channel, up to over its walls."""
    window, thing, look = lane.window, lane.thing, lane.look
    along, across = lane.along, lane.across
    px, half = window.px_per_m, thing.width_m / 2
    heap = noise(rng, window.shape, (1.1 * px, 1.1 * px), 3, gain=0.7)
    length = smoothstep(-0.5, 0.6, along - fault.start_m + 0.7 * heap) * smoothstep(
        -0.5, 0.6, fault.end_m - along + 0.7 * heap
    )
    reach = half * (0.62 + 0.45 * fault.amount)
    cover = length * smoothstep(0.1, -0.1, np.abs(across) - reach - 0.22 * heap * half)
    tone = 0.80 + 0.22 * heap + 0.20 * window.grain
    earth = np.asarray(look.soil, np.float32) * np.array([0.92, 0.86, 0.78], np.float32) * tone[..., None]
    window.lay(earth, (0.72 + 0.26 * fault.amount) * cover)
    litter = smoothstep(0.35, 0.75, noise(rng, window.shape, (0.28 * px, 0.28 * px)))
    window.lay(np.asarray(look.leaf, np.float32) * 1.05, 0.55 * litter * cover)
    _paint_twigs(lane, fault, rng)


def _paint_twigs(lane: Lane, fault: Fault, rng: np.random.Generator) -> None:
    window, thing, half = lane.window, lane.thing, lane.thing.width_m / 2
    reach_m = fault.end_m - fault.start_m
    twigs = []
    for _ in range(int(reach_m * (0.3 + 1.5 * fault.amount)) + 1):
        at, side = rng.uniform(fault.start_m, fault.end_m), rng.normal(0, half * 0.45)
        turn, long = rng.uniform(0, np.pi), rng.uniform(0.2, 0.55)
        ends = [(at + k * long * np.cos(turn), side + k * long * np.sin(turn)) for k in (-1, 1)]
        twigs.append([_point(thing, float(a), float(s)) for a, s in ends])
    dark = len(twigs) // 2
    window.lay((0.20, 0.16, 0.11), 0.8 * window.strokes(twigs[:dark], 0.08))
    window.lay(np.asarray(lane.look.dry, np.float32) * 1.25, 0.7 * window.strokes(twigs[dark:], 0.08))


def _paint_rubble(lane: Lane, fault: Fault, rng: np.random.Generator) -> None:
    """Broken slabs lying where the channel was."""
    window, thing, look = lane.window, lane.thing, lane.look
    slabs = []
    for _ in range(3 + int(4 * fault.amount)):
        at = float(rng.uniform(fault.start_m - 0.2, fault.end_m + 0.2))
        side = float(rng.normal(0, 0.55 * thing.width_m))
        turn, size = float(rng.uniform(0, np.pi)), float(rng.uniform(0.16, 0.42))
        corners = [(turn + k * np.pi / 2 + float(rng.normal(0, 0.25)), size) for k in range(4)]
        slabs.append([_point(thing, at + r * float(np.cos(a)), side + 0.75 * r * float(np.sin(a))) for a, r in corners])
    cover = window.polygons(slabs)
    px = window.px_per_m
    cast = shifted(cover, round(-look.light_xy[0] * 0.2 * px), round(-look.light_xy[1] * 0.2 * px))
    window.shade(1 - 0.5 * cast * (1 - cover))
    window.lay(np.asarray(look.concrete, np.float32) * (0.95 + 0.1 * window.grain)[..., None], 0.95 * cover)


def _cracks(thing: Thing, fault: Fault, rng: np.random.Generator) -> list[list[Point]]:
    """Jagged lines across the channel, some with a branch along it."""
    half = thing.width_m / 2
    lines = []
    for at in np.arange(fault.start_m + 0.3, fault.end_m, 1.1 if fault.kind == "crack" else 2.0):
        slope = float(rng.normal(0, 0.5))
        side = np.linspace(-half, half, 6)
        lines.append([_point(thing, float(at + slope * s + rng.normal(0, 0.12)), float(s)) for s in side])
        if rng.random() < 0.5 + 0.5 * fault.amount:
            long = float(rng.uniform(0.7, 1.8))
            lines.append(
                [_point(thing, float(at + k * long), float(rng.normal(0, 0.22 * half))) for k in np.linspace(0, 1, 5)]
            )
    return lines
