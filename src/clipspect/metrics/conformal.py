"""Sets of conditions that hold the right one with a stated probability (split conformal prediction).

A score says how badly a class fits an object. The threshold is a quantile of the scores of the *right* classes of
objects that the head was not fitted on; the set of a new object holds every class that its type can have and that
scores no worse. Where the new object is exchangeable with those, the set holds its class with probability 1 - alpha or
more, whatever the head (Vovk, Gammerman and Shafer 2005; Angelopoulos and Bates 2021, "A Gentle Introduction to
Conformal Prediction", sections 1 and 2.1). With a threshold for every class (Mondrian; Vovk 2012, "Conditional validity
of inductive conformal predictors") that holds for the objects of each class by itself: blocked drains are as safe as
normal ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from clipspect.errors import DataError
from clipspect.metrics.binomial import clopper_pearson
from clipspect.types import Bool, Float64, Int64

Score = Literal["lac", "aps"]
"""`lac`: 1 - p of the class (Sadinle, Lei and Wasserman 2019). `aps`: the probability of all likelier classes and a
part of its own (Romano, Sesia and Candes 2020); the part is drawn at random there and is half here, so that the same
photo always gets the same set: any score that is computed alike for all objects keeps the coverage."""

COVERAGE = 0.9
"""Share of sets that are to hold the right condition."""

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class ConformalThresholds:
    """What turns probabilities into sets.

    Attributes:
        coverage: 1 - alpha, the share of sets that are to hold the right class.
        score: Name of the score.
        per_class: Whether each class has a threshold of its own (Mondrian), or all share one.
        thresholds: K largest scores that still belong to a set; None is infinite: too few examples for the level, so
            that the class belongs to every set.
        counts: K right classes that were calibrated on.
    """

    coverage: float
    score: Score
    per_class: bool
    thresholds: tuple[float | None, ...]
    counts: tuple[int, ...]


def conformal_scores(probabilities: Float64, mask: Bool, score: Score = "lac") -> Float64:
    """How badly each class fits each object.

    Args:
        probabilities: (N, K), 0 outside the mask, rows sum to 1.
        mask: (N, K) classes that each object can have.
        score: Which score.

    Returns:
        (N, K) float64, 0 to 1; inf outside the mask.
    """
    if score == "lac":
        scores = 1 - probabilities
    else:
        order = np.argsort(-probabilities, axis=1, kind="stable")
        sums = np.take_along_axis(probabilities, order, axis=1).cumsum(axis=1)
        scores = np.empty_like(sums)
        np.put_along_axis(scores, order, sums, axis=1)
        scores -= probabilities / 2
    return np.where(mask, scores, np.inf)


def conformal_quantile(scores: Float64, coverage: float) -> float:
    """The ceil((n + 1) coverage)-th smallest of n scores; inf where n is too small (ibid., section 1)."""
    rank = math.ceil((len(scores) + 1) * coverage - _ROUNDING)
    return float(np.sort(scores)[rank - 1]) if 1 <= rank <= len(scores) else math.inf


def fit_conformal(
    probabilities: Float64,
    mask: Bool,
    labels: Int64,
    *,
    coverage: float = COVERAGE,
    score: Score = "lac",
    per_class: bool = True,
) -> ConformalThresholds:
    """Thresholds from objects that the head was not fitted on.

    Objects of a type with a single condition say nothing and are left out, and so are those whose label is outside
    their mask.

    Args:
        probabilities: (N, K), calibrated or not: coverage holds either way, sets are smaller with good ones.
        mask: (N, K) classes that each object can have.
        labels: (N,) right classes.
        coverage: Over 0, under 1.
        score: Which score.
        per_class: A threshold for every class, or one for all.

    Raises:
        DataError: Shapes differ, or coverage is out of range.
    """
    if probabilities.shape != mask.shape or labels.shape != mask.shape[:1]:
        raise DataError(
            "conformal: expected probabilities (N, K), mask (N, K) and labels (N,), "
            f"got {probabilities.shape}, {mask.shape}, {labels.shape}"
        )
    if not 0 < coverage < 1:
        raise DataError(f"conformal: expected a coverage between 0 and 1, got {coverage}")
    n_classes = mask.shape[1]
    rows = np.flatnonzero(has_choice(mask) & mask[np.arange(len(labels)), labels])
    right = labels[rows]
    own = conformal_scores(probabilities[rows], mask[rows], score)[np.arange(len(rows)), right]
    found = [conformal_quantile(own[right == k] if per_class else own, coverage) for k in range(n_classes)]
    return ConformalThresholds(
        coverage=coverage,
        score=score,
        per_class=per_class,
        thresholds=tuple(t if math.isfinite(t) else None for t in found),
        counts=tuple(np.bincount(right, minlength=n_classes).tolist()),
    )


def prediction_sets(
    probabilities: Float64, mask: Bool, fitted: ConformalThresholds, *, never_empty: bool = True
) -> Bool:
    """Which classes belong to each object's set.

    Args:
        probabilities: (N, K).
        mask: (N, K) classes that each object can have; a single one is the set whatever its score.
        fitted: Thresholds of the K classes.
        never_empty: Put the likeliest class into every set: an empty one tells a user nothing. Coverage can only grow.

    Returns:
        (N, K) bool.
    """
    limits = np.array([math.inf if t is None else t for t in fitted.thresholds])
    scores = conformal_scores(probabilities, mask, fitted.score)
    sets = np.asarray(mask & (scores <= limits + _ROUNDING), dtype=np.bool_)
    sets |= mask & (mask.sum(axis=1, keepdims=True) == 1)
    if never_empty and len(sets):
        best = np.where(mask, probabilities, -1.0).argmax(axis=1)
        sets[np.arange(len(sets)), best] |= mask.any(axis=1)
    return sets


def has_choice(mask: Bool) -> Bool:
    """(N,) whether an object's type has more than one condition; of the others a set says nothing."""
    return np.asarray(mask.sum(axis=1) > 1, dtype=np.bool_)


def too_few(fitted: ConformalThresholds, names: Sequence[str], choosable: Bool) -> list[str]:
    """A warning for each class that has too few examples for the level.

    Args:
        fitted: Thresholds.
        names: K class names.
        choosable: (K,) whether a type with this class has others, too.
    """
    needed = math.ceil(1 / (1 - fitted.coverage) - 1 - _ROUNDING)
    level = f"{100 * fitted.coverage:g} %"
    if not fitted.per_class:
        total = sum(fitted.counts)
        short = f"{total} objects to calibrate {level} sets on, {needed} are needed: every set holds every condition"
        return [short] if total < needed else []
    return [
        f"class {names[k]!r}: {fitted.counts[k]} objects to calibrate {level} sets on, {needed} are needed: "
        "it belongs to every set of its type"
        for k in np.flatnonzero(choosable).tolist()
        if fitted.thresholds[k] is None
    ]


def coverage_block(
    sets: Bool, mask: Bool, labels: Int64, names: Sequence[str], groups: Sequence[str], target: float
) -> dict[str, Any]:
    """How often sets hold the right class, over objects that have a choice.

    Args:
        sets: (N, K) from `prediction_sets`.
        mask: (N, K) classes that each object can have.
        labels: (N,) right classes.
        names: K class names.
        groups: N group names.
        target: Coverage that was asked for.

    Returns:
        JSON-able: `coverage_target`, `n`, `coverage`, `coverage_ci95` (Clopper-Pearson), `verdict` ("consistent" where
        the interval holds the target, else "below" or "above"; null without objects), `mean_size`, `single` (share of
        sets of one class), `sizes` (size to count), `per_class` and `per_group` (`n`, `coverage`, `coverage_ci95`,
        `mean_size`).
    """
    rows = np.flatnonzero(has_choice(mask))
    covered, sizes = sets[rows, labels[rows]], sets[rows].sum(axis=1)
    of_class, of_group = labels[rows], np.asarray(groups, dtype=np.str_)[rows]
    overall = _share(covered, sizes)
    return {
        "coverage_target": target,
        **overall,
        "verdict": _verdict(overall, target),
        "single": float((sizes == 1).mean()) if len(rows) else None,
        "sizes": {str(s): int(n) for s, n in enumerate(np.bincount(sizes)) if n},
        "per_class": {
            name: _share(covered[of_class == k], sizes[of_class == k])
            for k, name in enumerate(names)
            if (of_class == k).any()
        },
        "per_group": {
            str(g): _share(covered[of_group == g], sizes[of_group == g]) for g in sorted(set(of_group.tolist()))
        },
    }


def _share(covered: Bool, sizes: Int64) -> dict[str, Any]:
    n, hits = len(covered), int(covered.sum())
    return {
        "n": n,
        "coverage": hits / n if n else None,
        "coverage_ci95": list(clopper_pearson(hits, n)) if n else None,
        "mean_size": float(sizes.mean()) if n else None,
    }


def _verdict(overall: dict[str, Any], target: float) -> str | None:
    if overall["coverage_ci95"] is None:
        return None
    low, high = overall["coverage_ci95"]
    return "below" if high < target else "above" if low > target else "consistent"
