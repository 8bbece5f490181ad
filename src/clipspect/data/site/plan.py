"""What is where on the synthetic embankment: one plan per flight line, in metres. Nothing is drawn here.

u runs along the embankment, v down the photo: from the berm above, over the slope, to the track below its toe.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from clipspect.data.site.look import Look, Point, plan_look
from clipspect.types import Float64

Disc = tuple[float, float, float]
"""u, v and radius, in metres."""

NAMES = (
    "toe drain",
    "toe drain blocked",
    "toe drain damaged",
    "rock toe",
    "rock toe damaged",
    "slope drain",
    "slope drain blocked",
    "slope drain damaged",
    "vegetation",
)
"""Class names of the synthetic site, in the order of their ids."""

FRAME_HEIGHT_M = 36.0
"""What a photo shows from top to bottom, from the nominal height."""
TOP_M, BOTTOM_M = -8.0, 44.0
"""The strip that is planned, in v: a margin around the frame, for tilted and turned cameras."""

# One round of conditions per type. Dealt in shuffled rounds, so that a small site has every class too.
DECKS = {
    "slope drain": ("normal",) * 11 + ("blocked",) * 1 + ("damaged",) * 4,
    "rock toe": ("normal",) * 4 + ("damaged",) * 5,
    "toe drain": ("normal",) * 3 + ("blocked",) * 2 + ("damaged",) * 2,
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One visible fault of an object; `start_m` to `end_m` along it.

    `kind` is silt or overgrowth (blocked), shift, missing or crack (damaged), or gap (of a rock toe).
    `amount` is 0 (hardly seen) to 1; `side` is where shifted pieces went, -1 or 1 across the centre line.
    """

    kind: str
    start_m: float
    end_m: float
    amount: float
    side: int = 1


@dataclass(frozen=True, slots=True)
class Thing:
    """One object that gets a label.

    Attributes:
        object_type: "slope drain", "toe drain", "rock toe" or "vegetation".
        condition: "normal", "blocked" or "damaged".
        start_m, end_m: (u, v) of both ends of its centre line; of a plant, its lowest and highest u and v.
        width_m: Across the centre line.
        faults: What makes its condition visible.
        lobes: Of a plant: (u, v, radius) of its crowns.
        age: 0 new concrete to 1 weathered.
        seed: Of its own details.
    """

    object_type: str
    condition: str
    start_m: Point
    end_m: Point
    width_m: float
    faults: tuple[Fault, ...] = ()
    lobes: tuple[Disc, ...] = ()
    age: float = 0.3
    seed: int = 0

    @property
    def length_m(self) -> float:
        """Of the centre line."""
        return float(np.hypot(self.end_m[0] - self.start_m[0], self.end_m[1] - self.start_m[1]))

    def throw_m(self, fault: Fault) -> float:
        """How far across the centre line a shift moved the pieces, signed."""
        return fault.side * self.width_m * (0.22 + 0.5 * fault.amount) if fault.kind == "shift" else 0.0

    def outline_m(self, start_m: float = 0.0, end_m: float | None = None) -> Float64:
        """(N, 2) points around the object, or around the part `start_m` to `end_m` along it."""
        if self.object_type == "vegetation":
            (left, top), (right, bottom) = self.start_m, self.end_m
            return np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
        begin, stop = np.array(self.start_m), np.array(self.end_m)
        along = (stop - begin) / self.length_m
        across = np.array([-along[1], along[0]]) * self.width_m / 2
        a, b = begin + along * start_m, begin + along * (self.length_m if end_m is None else end_m)
        points = [a - across, a + across, b + across, b - across]
        for fault in self.faults:
            thrown = across * 2 * self.throw_m(fault) / self.width_m
            for at_m in np.clip((fault.start_m, fault.end_m), start_m, self.length_m if end_m is None else end_m):
                points += [begin + along * at_m + thrown - across, begin + along * at_m + thrown + across]
        return np.stack(points)


@dataclass(frozen=True, slots=True)
class Clutter:
    """What nobody labels, some of it easily taken for a fault.

    Attributes:
        tufts: (u, v, radius) of small plants.
        paths: Trodden paths down the slope, as (u at the top, u at the bottom).
        puddles: (u, v, radius).
        truck_m: (u, v) of a parked truck, or None.
        poles: (u, height in metres) of poles beside the berm road; their shadows fall over the slope.
    """

    tufts: tuple[Disc, ...]
    paths: tuple[Point, ...]
    puddles: tuple[Disc, ...]
    truck_m: Point | None
    poles: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """The plan of one flight line.

    Attributes:
        name: As in the file names ("SiteA_L0").
        length_m: Of the strip, in u.
        look: Season, light and camera.
        road_m, slope_m, track_m: v of the edges of the berm road, the slope and the track below.
        backdrop: What lies beyond the berm road: "slope", "water" or "scrub".
        things: Labelled objects.
        clutter: What nobody labels.
        seed: Of textures.
    """

    name: str
    length_m: float
    look: Look
    road_m: Point
    slope_m: Point
    track_m: Point
    backdrop: str
    things: tuple[Thing, ...]
    clutter: Clutter
    seed: int


class Dealer:
    """Deals conditions in shuffled rounds of `DECKS`."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._rounds: dict[str, Iterator[str]] = {kind: self._deal(deck) for kind, deck in DECKS.items()}

    def _deal(self, deck: tuple[str, ...]) -> Iterator[str]:
        while True:
            yield from (deck[i] for i in self._rng.permutation(len(deck)))

    def next(self, object_type: str) -> str:
        """The condition of the next object of this type."""
        return next(self._rounds[object_type])


def _channel_faults(rng: np.random.Generator, condition: str, length_m: float) -> tuple[Fault, ...]:
    """Faults of a drain: one to three, from hardly visible to the whole length."""
    if condition == "normal":
        return ()
    faults = []
    severity = float(rng.beta(1.3, 1.0))
    count = 1 + int(length_m > 20) * int(rng.integers(1, 3)) + int(rng.random() < severity * 0.6)
    kinds = ("silt", "overgrowth") if condition == "blocked" else ("shift", "missing", "crack")
    chances = (0.55, 0.45) if condition == "blocked" else (0.4, 0.35, 0.25)
    slot_m = (length_m - 2.0) / count
    for i in range(count):
        kind = str(rng.choice(kinds, p=chances))
        if condition == "blocked":
            reach_m = slot_m * (0.22 + 0.55 * severity) * rng.uniform(0.8, 1.15)
        else:
            reach_m = {"crack": 1.6, "missing": 1.6 + 3.2 * severity, "shift": 3.0 + 3.0 * severity}[kind]
        reach_m = float(np.clip(reach_m, 1.4, slot_m * 0.95))
        start_m = 1.0 + slot_m * i + float(rng.uniform(0, slot_m - reach_m))
        amount, side = float(np.clip(severity + rng.normal(0, 0.12), 0.1, 1)), int(rng.choice([-1, 1]))
        faults.append(Fault(kind, start_m, start_m + reach_m, amount, side))
    return tuple(faults)


def _gaps(rng: np.random.Generator, condition: str, length_m: float) -> tuple[Fault, ...]:
    """Bare places of a damaged rock toe."""
    if condition == "normal":
        return ()
    severity = float(rng.beta(1.5, 1.0))
    count = max(1, round(length_m / 11))
    slot_m = length_m / count
    gaps = []
    for i in range(count):
        reach_m = slot_m * (0.15 + 0.5 * severity) * float(rng.uniform(0.8, 1.2))
        start_m = slot_m * i + float(rng.uniform(0, slot_m - reach_m))
        gaps.append(Fault("gap", start_m, start_m + reach_m, 0.25 + 0.75 * severity))
    return tuple(gaps)


def _seed(rng: np.random.Generator) -> int:
    return int(rng.integers(2**31))


def _slope_drains(
    rng: np.random.Generator, dealer: Dealer, length_m: float, top_m: float, bottom_m: float
) -> list[Thing]:
    things, u = [], float(rng.uniform(4, 16))
    width_m, age = float(rng.uniform(1.25, 1.7)), float(rng.uniform(0.1, 0.8))
    while u < length_m - 3:
        lean_m = float(rng.normal(0, 0.9))
        start, end = (u - lean_m / 2, top_m + float(rng.uniform(-0.3, 1.0))), (u + lean_m / 2, bottom_m)
        condition = dealer.next("slope drain")
        faults = _channel_faults(rng, condition, end[1] - start[1])
        age_here = float(np.clip(age + rng.normal(0, 0.15), 0, 1))
        things.append(Thing("slope drain", condition, start, end, width_m, faults, age=age_here, seed=_seed(rng)))
        u += float(rng.uniform(3.2, 4.2) if rng.random() < 0.08 else rng.uniform(19, 36))
    return things


def _rock_toes(
    rng: np.random.Generator, dealer: Dealer, length_m: float, drains: list[Thing], bottom_m: float
) -> list[Thing]:
    things = []
    width_m = float(rng.uniform(3.4, 5.0))
    ends = [-2.0, *(d.end_m[0] for d in drains), length_m + 2.0]
    for left, right in zip(ends, ends[1:], strict=False):
        if right - left < 9 or rng.random() > 0.74:
            continue
        v = bottom_m - width_m / 2
        start, end = (left + float(rng.uniform(1.3, 2.4)), v), (right - float(rng.uniform(1.3, 2.4)), v)
        condition = dealer.next("rock toe")
        gaps = _gaps(rng, condition, end[0] - start[0])
        things.append(Thing("rock toe", condition, start, end, width_m, gaps, seed=_seed(rng)))
    return things


def _toe_drains(rng: np.random.Generator, dealer: Dealer, length_m: float, v: float) -> list[Thing]:
    things, u = [], float(rng.uniform(-12, 2))
    width_m, age = float(rng.uniform(1.0, 1.3)), float(rng.uniform(0.1, 0.8))
    while u < length_m - 4:
        reach_m = float(rng.uniform(28, 44))
        if rng.random() < 0.74:
            start, end = (u, v + float(rng.normal(0, 0.12))), (u + reach_m, v + float(rng.normal(0, 0.12)))
            condition = dealer.next("toe drain")
            faults = _channel_faults(rng, condition, reach_m)
            things.append(Thing("toe drain", condition, start, end, width_m, faults, age=age, seed=_seed(rng)))
        u += reach_m + 2.0
    return things


def _plants(
    rng: np.random.Generator, length_m: float, drains: list[Thing], top_m: float, bottom_m: float
) -> list[Thing]:
    things, u = [], float(rng.uniform(5, 25))
    at = np.array([d.start_m[0] for d in drains] or [-99.0])
    while u < length_m - 6:
        reach_m = float(rng.uniform(2.2, 6.5))
        if np.abs(at - u).min() > reach_m + 1.6:
            v = float(rng.uniform(top_m + 2.5, bottom_m - 2.5))
            count = int(rng.integers(4, 6 + 2 * int(reach_m)))
            across = rng.normal(0, reach_m * 0.42, count).clip(-reach_m, reach_m)
            down = rng.normal(0, reach_m * 0.22, count).clip(-2.4, 2.4)
            radius = rng.uniform(0.7, 1.5, count)
            lobes = tuple((float(u + a), float(v + d), float(r)) for a, d, r in zip(across, down, radius, strict=True))
            box = np.array([(x - r, y - r, x + r, y + r) for x, y, r in lobes])
            low, high = box[:, :2].min(axis=0), box[:, 2:].max(axis=0)
            start, end = (float(low[0]), float(low[1])), (float(high[0]), float(high[1]))
            things.append(Thing("vegetation", "normal", start, end, 0.0, lobes=lobes, seed=_seed(rng)))
        u += float(rng.uniform(18, 58))
    return things


def _clutter(rng: np.random.Generator, length_m: float, road: Point, slope: Point, track: Point) -> Clutter:
    def discs(per_m: float, top_m: float, bottom_m: float, small_m: float, large_m: float) -> tuple[Disc, ...]:
        count = int(length_m * per_m)
        table = rng.uniform((0, top_m, small_m), (length_m, bottom_m, large_m), (count, 3))
        return tuple((float(u), float(v), float(radius)) for u, v, radius in table)

    def along(per_m: float) -> list[float]:
        return [float(u) for u in rng.uniform(0, length_m, int(length_m * per_m))]

    return Clutter(
        tufts=discs(0.9, *slope, 0.22, 0.75) + discs(0.5, 36.0, BOTTOM_M, 0.3, 1.2),
        paths=tuple((u, u + float(rng.normal(0, 4))) for u in along(1 / 45)),
        puddles=discs(1 / 40, track[0] + 0.8, track[1] - 0.5, 0.5, 1.5),
        truck_m=(float(rng.uniform(0, length_m)), road[0] + 1.9) if rng.random() < 0.5 else None,
        poles=tuple((u, float(rng.uniform(6, 9))) for u in along(1 / 70)),
    )


def plan_line(rng: np.random.Generator, dealer: Dealer, name: str, season: int, length_m: float) -> Line:
    """Lay out one flight line of `length_m`; conditions come from the dealer that all lines share."""
    shift = float(rng.normal(0, 0.8))
    road = (4.0 + shift, 9.0 + shift)
    slope = (9.6 + shift, 27.0 + shift + float(rng.uniform(-1.0, 1.0)))
    track = (slope[1] + 3.6, slope[1] + 8.0)
    drains = _slope_drains(rng, dealer, length_m, *slope)
    plants = _plants(rng, length_m, drains, slope[0], slope[1] - 4)
    rocks = _rock_toes(rng, dealer, length_m, drains, slope[1])
    toes = _toe_drains(rng, dealer, length_m, slope[1] + 1.5)
    backdrop = str(rng.choice(["slope", "water", "scrub"], p=[0.4, 0.25, 0.35]))
    return Line(
        name=name,
        length_m=length_m,
        look=plan_look(rng, season),
        road_m=road,
        slope_m=slope,
        track_m=track,
        backdrop=backdrop,
        things=(*rocks, *toes, *drains, *plants),
        clutter=_clutter(rng, length_m, road, slope, track),
        seed=_seed(rng),
    )
