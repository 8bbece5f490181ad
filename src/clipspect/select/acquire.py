"""Which unlabelled photos are worth labelling next: uncertain, likely to hold what is rare, and unlike each other.

Greedy farthest-first traversal (Gonzalez 1985; as k-center core-sets in Sener and Savarese 2018), weighted by value:
each step takes the photo with the largest value times distance to the nearest photo taken so far. A copy of a taken
photo is at distance zero, so near duplicates of a flight line come last whatever their value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from clipspect.taxonomy import Taxonomy
from clipspect.types import Float64, Int64

RARE_BELOW = 1 / 3
"""A class is rare where it has fewer than this share of the objects of the commonest one."""

_RARITY_WEIGHT = 0.5  # of rarity in a photo's value; uncertainty has the rest


@dataclass(frozen=True, slots=True)
class Value:
    """What labelling one photo promises.

    Attributes:
        uncertainty: Sum over objects of the entropy of the conditional probabilities, each as a share of its maximum.
        rarity: Expected number of objects of rare classes, each class by its weight.
        margin: Smallest gap between the two likeliest conditions of an object; 1 where no object has a choice.
        rare: Rare classes by name and the expected number of their objects, the largest share of `rarity` first.
    """

    uncertainty: float
    rarity: float
    margin: float
    rare: tuple[tuple[str, float], ...]


def rare_classes(taxonomy: Taxonomy, counts: Sequence[int]) -> dict[int, float]:
    """Classes worth looking for: n_c < n_max / 3, among the types whose condition is a question at all.

    Args:
        taxonomy: K classes.
        counts: (K,) objects fitted on, or empty where that is not known: every condition but normal counts then.

    Returns:
        Class index to weight, 1 - 3 n_c / n_max: 1 for a class never seen, near 0 for one that is hardly rare.
    """
    open_classes = [k for k, c in enumerate(taxonomy.classes) if len(taxonomy.of_type(c.object_type)) > 1]
    if not counts or not any(counts[k] for k in open_classes):
        return {k: 1.0 for k in open_classes if not taxonomy.classes[k].is_normal}
    bound = RARE_BELOW * max(counts[k] for k in open_classes)
    return {k: 1 - counts[k] / bound for k in open_classes if counts[k] < bound}


def value_of(objects: Sequence[Mapping[int, float]], rare: Mapping[int, float], names: Sequence[str]) -> Value:
    """The value of one photo.

    Args:
        objects: For each object, class index to probability over the classes that its type can have; empty for an
            object of an unknown type.
        rare: Rare classes with their weights.
        names: K class names.
    """
    uncertainty, margin = 0.0, 1.0
    expected = dict.fromkeys(rare, 0.0)
    for probabilities in objects:
        p = np.sort(np.array(list(probabilities.values()), dtype=np.float64))[::-1]
        for k in expected:
            expected[k] += probabilities.get(k, 0.0)
        if len(p) > 1:
            uncertainty += float(-(p * np.log(np.maximum(p, 1e-12))).sum() / np.log(len(p)))
            margin = min(margin, float(p[0] - p[1]))
    ranked = sorted(expected.items(), key=lambda item: (-item[1] * rare[item[0]], item[0]))
    rarity = sum(n * rare[k] for k, n in expected.items())
    return Value(uncertainty, rarity, margin, tuple((names[k], n) for k, n in ranked if n > 0))


def worth(values: Sequence[Value]) -> Float64:
    """(P,) 0 to 1: uncertainty and rarity, each as a share of the largest among the photos, in equal parts."""
    uncertainty = _share(np.array([v.uncertainty for v in values], dtype=np.float64))
    rarity = _share(np.array([v.rarity for v in values], dtype=np.float64))
    mixed: Float64 = (1 - _RARITY_WEIGHT) * uncertainty + _RARITY_WEIGHT * rarity
    return mixed


def choose(features: Float64, value: Float64, budget: int) -> tuple[Int64, Float64]:
    """Take photos one by one.

    Args:
        features: (P, D) one vector a photo; only directions count.
        value: (P,) 0 or more.
        budget: How many to take, at most P.

    Returns:
        (rows in the order taken, distance to the nearest photo taken before: half of one less the cosine, 0 to 1, and
        1 for the first). Of equal ones the first row is taken.
    """
    unit = features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    nearest = np.ones(len(unit))
    taken: list[int] = []
    distances: list[float] = []
    left = np.ones(len(unit), dtype=np.bool_)
    for _ in range(min(budget, len(unit))):
        gain = np.where(left, np.round(value * nearest, 9), -1.0)  # rounding noise decides no tie
        row = int(gain.argmax())
        taken.append(row)
        distances.append(float(nearest[row]))
        left[row] = False
        nearest = np.minimum(nearest, np.clip((1 - unit @ unit[row]) / 2, 0.0, 1.0))
    return np.array(taken, dtype=np.int64), np.array(distances, dtype=np.float64)


def _share(values: Float64) -> Float64:
    most = values.max(initial=0.0)
    return values / most if most > 0 else values
