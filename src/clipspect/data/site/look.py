"""Season, light and camera of a flight line: what its photos have in common."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Colour = tuple[float, float, float]
"""Red, green, blue, 0 to 1."""
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Look:
    """What the photos of one flight line share: season, light and camera.

    Attributes:
        soil, road, grass, dry, leaf, concrete, rock: Colours, 0 to 1.
        cover: How much of the slope is grown over, 0 to 1.
        light_xy: Unit vector towards the sun, x right, y down.
        shadow_m: Length of the shadow of something 1 m high.
        exposure: Gain of the camera.
        warmth: Red gain minus blue gain.
        noise: Standard deviation of the sensor noise, 0 to 255.
        quality: Of the JPEG file.
        zoom: Photo pixels per nominal pixel; below 1 the camera flies higher.
        tilt: How much wider the far edge of the photo is than the near one, as a fraction.
        turn_deg: Of the camera about the vertical.
    """

    soil: Colour
    road: Colour
    grass: Colour
    dry: Colour
    leaf: Colour
    concrete: Colour
    rock: Colour
    cover: float
    light_xy: Point
    shadow_m: float
    exposure: float
    warmth: float
    noise: float
    quality: int
    zoom: float
    tilt: float
    turn_deg: float


# Dry season, rains, red laterite, overcast winter, early green: soil, road, grass, dry, leaf, cover.
_SEASONS: tuple[tuple[Colour, Colour, Colour, Colour, Colour, float], ...] = (
    ((0.60, 0.53, 0.44), (0.74, 0.69, 0.60), (0.42, 0.43, 0.29), (0.52, 0.46, 0.36), (0.25, 0.32, 0.17), 0.62),
    ((0.50, 0.42, 0.33), (0.66, 0.60, 0.52), (0.30, 0.45, 0.17), (0.45, 0.47, 0.25), (0.17, 0.34, 0.11), 0.85),
    ((0.66, 0.48, 0.33), (0.78, 0.64, 0.48), (0.42, 0.43, 0.25), (0.58, 0.48, 0.32), (0.24, 0.33, 0.15), 0.48),
    ((0.53, 0.50, 0.45), (0.68, 0.66, 0.61), (0.38, 0.40, 0.30), (0.47, 0.45, 0.38), (0.23, 0.29, 0.18), 0.66),
    ((0.56, 0.47, 0.35), (0.70, 0.64, 0.54), (0.37, 0.46, 0.22), (0.50, 0.48, 0.29), (0.21, 0.35, 0.13), 0.74),
)


def _vary(rng: np.random.Generator, colour: Colour) -> Colour:
    """A little lighter or darker, and a very little off in hue: soils differ less in hue than in tone."""
    gain = 1 + rng.normal(0, 0.045)
    red, green, blue = (float(np.clip(c * gain + rng.normal(0, 0.007), 0.02, 0.95)) for c in colour)
    return red, green, blue


def plan_look(rng: np.random.Generator, season: int) -> Look:
    """Season, light and camera of one flight line."""
    soil, road, grass, dry, leaf, cover = _SEASONS[season % len(_SEASONS)]
    side = rng.choice([-1.0, 1.0])
    angle = np.deg2rad(rng.uniform(25, 70))
    return Look(
        soil=_vary(rng, soil),
        road=_vary(rng, road),
        grass=_vary(rng, grass),
        dry=_vary(rng, dry),
        leaf=_vary(rng, leaf),
        concrete=_vary(rng, (0.76, 0.74, 0.70)),
        rock=_vary(rng, (0.66, 0.63, 0.59)),
        cover=float(np.clip(cover + rng.normal(0, 0.06), 0.3, 0.95)),
        light_xy=(float(side * np.cos(angle)), float(-np.sin(angle))),
        shadow_m=float(rng.uniform(0.5, 1.3)),
        exposure=float(rng.uniform(0.94, 1.1)),
        warmth=float(rng.normal(0.02, 0.03)),
        noise=float(rng.uniform(1.5, 4.0)),
        quality=int(rng.integers(78, 93)),
        zoom=float(rng.uniform(0.94, 1.1)),
        tilt=float(rng.uniform(0.14, 0.34)),
        turn_deg=float(rng.normal(0, 1.6)),
    )
