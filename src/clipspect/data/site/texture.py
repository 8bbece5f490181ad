"""Textures of the synthetic site: value noise, soft steps and stones. Arrays in, arrays out."""

from __future__ import annotations

import numpy as np
from PIL import Image

from clipspect.types import Float32


def smoothstep(low: float, high: float, value: Float32) -> Float32:
    """0 below `low`, 1 above `high`, a smooth S between; same shape as `value`."""
    x = np.subtract(value, np.float32(low), dtype=np.float32)
    x /= np.float32(high - low)
    np.clip(x, 0, 1, out=x)
    curve = np.float32(3) - np.float32(2) * x
    x *= x
    x *= curve
    return x


def noise(
    rng: np.random.Generator,
    shape_px: tuple[int, int],
    cell_px: tuple[float, float],
    octaves: int = 1,
    gain: float = 0.5,
) -> Float32:
    """Value noise: random grids, enlarged smoothly and added (Perlin's fractal sum).

    Args:
        rng: Source of the grids.
        shape_px: (H, W) of the result.
        cell_px: Height and width of one cell of the coarsest grid; every octave halves it.
        octaves: Number of grids.
        gain: Weight of each grid relative to the one before.

    Returns:
        (H, W) float32, mean about 0, nearly all within -1 to 1.
    """
    height, width = shape_px
    total = np.zeros(shape_px, dtype=np.float32)
    weight, norm = 1.0, 0.0
    for octave in range(octaves):
        rows = max(2, round(height * 2**octave / cell_px[0]) + 1)
        cols = max(2, round(width * 2**octave / cell_px[1]) + 1)
        grid = rng.uniform(-1.0, 1.0, (rows, cols)).astype(np.float32)
        total += np.float32(weight) * np.asarray(
            Image.fromarray(grid).resize((width, height), Image.Resampling.BICUBIC)
        )
        norm += weight * weight
        weight *= gain
    return total / np.float32(np.sqrt(norm))


def tiled_noise(
    rng: np.random.Generator,
    shape_px: tuple[int, int],
    cell_px: tuple[float, float],
    octaves: int = 1,
    tile_px: int = 640,
) -> Float32:
    """Fine noise for large areas: one tile whose opposite edges fit, repeated over (H, W)."""
    tile = np.zeros((tile_px, tile_px), dtype=np.float32)
    for octave in range(octaves):
        rows, cols = (max(2, round(tile_px * 2**octave / cell)) for cell in cell_px)
        grid = np.pad(rng.uniform(-1.0, 1.0, (rows, cols)).astype(np.float32), 3, mode="wrap")
        around = (3, 3, cols + 3, rows + 3)
        wave = Image.fromarray(grid).resize((tile_px, tile_px), Image.Resampling.BICUBIC, box=around)
        tile += np.float32(0.65**octave) * np.asarray(wave)
    tile /= np.float32(np.sqrt(sum(0.65 ** (2 * octave) for octave in range(octaves))))
    times = [-(-wanted // tile_px) for wanted in shape_px]
    return np.ascontiguousarray(np.tile(tile, times)[: shape_px[0], : shape_px[1]])


def shifted(field: Float32, right_px: int, down_px: int) -> Float32:
    """The field moved by whole pixels; what comes in at the border repeats the edge."""
    height, width = field.shape
    rows = np.clip(np.arange(height) - down_px, 0, height - 1)
    cols = np.clip(np.arange(width) - right_px, 0, width - 1)
    return field[rows][:, cols]


def stones(
    rng: np.random.Generator, presence: Float32, cell_px: float, light_xy: tuple[float, float]
) -> tuple[Float32, Float32]:
    """Boulders of a jittered grid: Worley's cells (1996), rounded, lit from one side.

    Args:
        rng: Source of positions, sizes and tints.
        presence: (H, W), 0 to 1: how likely a stone lies there.
        cell_px: Mean distance of two stones.
        light_xy: Unit vector towards the sun, x right, y down.

    Returns:
        (cover, shade): (H, W) each; cover 0 to 1 is where stones are, shade about 1 is their brightness.
    """
    height, width = presence.shape
    rows, cols = int(height / cell_px) + 3, int(width / cell_px) + 3
    jitter = rng.uniform(0.12, 0.88, (2, rows, cols)).astype(np.float32)
    centre_y = (np.arange(rows, dtype=np.float32)[:, None] - 1 + jitter[0]) * cell_px
    centre_x = (np.arange(cols, dtype=np.float32)[None, :] - 1 + jitter[1]) * cell_px
    at = presence[np.clip(centre_y, 0, height - 1).astype(np.intp), np.clip(centre_x, 0, width - 1).astype(np.intp)]
    there = rng.random((rows, cols)) < at
    radius = rng.uniform(0.55, 1.0, (rows, cols)).astype(np.float32) * cell_px
    tint = rng.normal(1.0, 0.17, (rows, cols)).astype(np.float32)

    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    warp = noise(rng, presence.shape, (cell_px * 0.8, cell_px * 0.8), 2)
    y += warp * cell_px * 0.2
    x += np.roll(warp, 7, axis=1) * cell_px * 0.2
    row0, col0 = (y / cell_px).astype(np.intp).clip(0, rows - 3), (x / cell_px).astype(np.intp).clip(0, cols - 3)
    best = np.full(presence.shape, np.inf, dtype=np.float32)
    second, shade, size = best.copy(), np.zeros_like(best), np.ones_like(best)
    for down in range(3):
        for right in range(3):
            r, c = row0 + down, col0 + right
            dy, dx = y - centre_y[r, c], x - centre_x[r, c]
            distance = np.where(there[r, c], np.hypot(dx, dy), np.float32(1e6))
            nearer = distance < best
            second = np.where(nearer, best, np.minimum(second, distance))
            best = np.where(nearer, distance, best)
            facing = (dx * light_xy[0] + dy * light_xy[1]) / radius[r, c]
            shade = np.where(nearer, tint[r, c] * (1.0 + 0.42 * np.clip(facing, -1.2, 1.2)), shade)
            size = np.where(nearer, radius[r, c], size)
    inside = np.minimum((second - best) * 0.5 - 0.035 * cell_px, size * 0.8 - best)
    cover = smoothstep(-0.7, 0.9, inside)
    return cover, shade.astype(np.float32)
