"""The camera of the synthetic site: a painted strip to oblique photos, and objects to labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from clipspect.data.site.look import Look
from clipspect.data.site.plan import FRAME_HEIGHT_M, NAMES, TOP_M, Line, Thing
from clipspect.types import RGB, Annotation, Box, Float64

MIN_SHORT_FRAC = 0.011
"""An object thinner than this fraction of the photo's height is not labelled."""
MIN_LONG_FRAC = 0.06
"""Nor one whose longer side is below this fraction."""


@dataclass(frozen=True, slots=True)
class Shot:
    """One photo: where the camera looks.

    Attributes:
        to_frame: (3, 3) homography from metres (u, v, 1) to fractions of the photo (x, y, w), 0 to 1.
        size_px: (width, height) of the photo.
    """

    to_frame: Float64
    size_px: tuple[int, int]

    def box_xyxyn(self, points_m: Float64) -> Box:
        """Box around points in metres, as fractions of the photo, not clipped."""
        ends = self.to_frame @ np.column_stack([points_m, np.ones(len(points_m))]).T
        x, y = ends[0] / ends[2], ends[1] / ends[2]
        return float(x.min()), float(y.min()), float(x.max()), float(y.max())


def aim(look: Look, at_u_m: float, size_px: tuple[int, int], rng: np.random.Generator) -> Shot:
    """Point the camera of a flight line at `at_u_m`, with a little unrest of its own."""
    zoom = look.zoom * float(rng.normal(1, 0.015))
    high = FRAME_HEIGHT_M / zoom
    wide = high * size_px[0] / size_px[1]
    near, far = wide * (1 - look.tilt / 2), wide * (1 + look.tilt / 2)
    turn = np.deg2rad(look.turn_deg + float(rng.normal(0, 0.5)))
    middle_v = FRAME_HEIGHT_M / 2 + 0.4 + float(rng.normal(0, 0.5))
    corners = np.array([(-far / 2, -high / 2), (far / 2, -high / 2), (near / 2, high / 2), (-near / 2, high / 2)])
    spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    ground = corners @ spin.T + (at_u_m, middle_v)
    return Shot(homography(ground, np.array([(0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)])), size_px)


def homography(source: Float64, target: Float64) -> Float64:
    """(3, 3) projective map that takes four points (4, 2) to four others (direct linear transform)."""
    rows, right = [], []
    for (x, y), (a, b) in zip(source, target, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -a * x, -a * y], [0, 0, 0, x, y, 1, -b * x, -b * y]]
        right += [a, b]
    return np.append(np.linalg.solve(np.array(rows), np.array(right)), 1.0).reshape(3, 3)


def expose(strip: RGB, px_per_m: float, shot: Shot, look: Look, rng: np.random.Generator) -> RGB:
    """Take one photo of a strip: perspective, light fall-off, exposure and sensor noise.

    The strip is sampled at twice the size and averaged, so that edges stay soft.
    """
    width, height = shot.size_px
    big = np.diag([2.0 * width, 2.0 * height, 1.0])
    pixels = np.array([[1 / px_per_m, 0, 0], [0, 1 / px_per_m, TOP_M], [0, 0, 1]])
    back = np.linalg.inv(big @ shot.to_frame @ pixels)
    back /= back[2, 2]
    photo = Image.fromarray(strip).transform(
        (2 * width, 2 * height),
        Image.Transform.PERSPECTIVE,
        tuple(back.ravel()[:8]),
        Image.Resampling.BILINEAR,
    )
    rgb = np.asarray(photo.reduce(2), dtype=np.float32)
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    haze = np.float32(0.05) * (1 - y) / 2
    gain = look.exposure * float(rng.normal(1, 0.015)) * (1 - 0.05 * (x * x + y * y)) * (1 - haze) * 1.08
    tint = np.array([1 + look.warmth / 2, 1.0, 1 - look.warmth / 2], np.float32)
    rgb = rgb * gain[..., None].astype(np.float32) * tint
    rgb += (np.float32(220) * haze - np.float32(0.08 * 118))[..., None]
    rgb += np.float32(look.noise) * rng.standard_normal((height, width, 1), np.float32)
    rgb += np.float32(0.6 * look.noise) * rng.standard_normal((height, width, 3), np.float32)
    return np.round(rgb.clip(0, 255)).astype(np.uint8)


def label(line: Line, shot: Shot) -> tuple[Annotation, ...]:
    """What an inspector would mark in this photo, from left to right.

    An object cut off by the edge counts while enough of it is left; its condition is what *this* photo shows: a
    drain whose fault lies outside the frame is marked as normal.
    """
    found = [(box, thing) for thing in line.things if (box := _visible(thing, shot)) is not None]
    found.sort(key=lambda pair: pair[0])
    return tuple(Annotation(_class_id(thing, shot), box, line=i) for i, (box, thing) in enumerate(found, start=1))


def _clip(box: Box) -> Box:
    left, top, right, bottom = (min(max(edge, 0.0), 1.0) for edge in box)
    return left, top, right, bottom


def _area(box: Box) -> float:
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def _visible(thing: Thing, shot: Shot) -> Box | None:
    """The part of the object's box inside the photo, or None where it is too little."""
    whole = shot.box_xyxyn(thing.outline_m())
    box = _clip(whole)
    aspect = shot.size_px[0] / shot.size_px[1]
    wide, high = (box[2] - box[0]) * aspect, box[3] - box[1]
    if min(wide, high) < MIN_SHORT_FRAC or max(wide, high) < MIN_LONG_FRAC:
        return None
    lying = thing.object_type in ("toe drain", "rock toe")
    kept = _area(box) / _area(whole)
    return box if kept >= 0.6 or (lying and wide > 0.22) else None


def _class_id(thing: Thing, shot: Shot) -> int:
    seen = [shot.box_xyxyn(thing.outline_m(fault.start_m, fault.end_m)) for fault in thing.faults]
    shows = any(_area(_clip(box)) >= 0.5 * _area(box) for box in seen)
    return NAMES.index(f"{thing.object_type} {thing.condition}" if shows else thing.object_type)
