"""What more labels bring: the chosen candidate fitted on fewer groups, measured on the groups held out.

Learning curves of accuracy follow a power law or flatten out (Hestness et al. 2017; Viering and Loog 2023), and with a
dozen groups nobody can tell which. So what is said of the next labels is the slope of the last points against the
logarithm of the number of labels, with an interval over groups, and nothing where even that cannot be had.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clipspect.heads.arrays import one_thread
from clipspect.metrics import classify
from clipspect.metrics.bootstrap import group_weights, interval
from clipspect.metrics.summary import predict
from clipspect.select.candidates import Candidate
from clipspect.select.nested import Part
from clipspect.types import Float64, Int64

_LAST = 3  # points that the slope is drawn through
_MOST_GROWTH = 3.0  # times the labels of a class: further than that the line is not drawn
_FEWEST = 10  # labels of a class, and _FEWEST_GROUPS groups that have it, for anything to be said of it
_FEWEST_GROUPS = 3


@dataclass(frozen=True, slots=True)
class Curve:
    """Confusions at growing numbers of groups.

    Attributes:
        n_groups: (P,) groups fitted on, growing.
        n_labels: (P, K) mean number of labels of each class among them.
        tables: (P, F, K, K + 1) confusions of each outer fold, mean over repeats.
    """

    n_groups: Int64
    n_labels: Float64
    tables: Float64


def sizes(n_groups: int, n_points: int = 5) -> Int64:
    """At most so many numbers of groups up to `n_groups`, about evenly spaced in their logarithm."""
    return np.unique(np.round(np.geomspace(min(2, n_groups), n_groups, n_points)).astype(np.int64))


def learning_curve(candidate: Candidate, parts: Sequence[Part], *, repeats: int, seed: int) -> Curve:
    """Fit the candidate on random subsets of each outer fold's training groups.

    Args:
        candidate: What was chosen on all objects; the curve shows its shape, the estimate of the search its level.
        parts: The outer folds, without the last part of all objects.
        repeats: Random orders of the groups; with all groups there is but one.
        seed: Of the orders.
    """
    task = parts[0].task
    k = task.mask.shape[1]
    groups = np.array(task.groups)
    most = min(len(set(groups[p.fit_rows])) for p in parts)
    counts = sizes(most)
    tables, labels = np.zeros((len(counts), len(parts), k, k + 1)), np.zeros((len(counts), k))
    with one_thread():
        for f, part in enumerate(parts):
            own = groups[part.fit_rows]
            for repeat in range(repeats):
                order = np.random.default_rng([seed, f, repeat]).permutation(np.unique(own))
                for i, count in enumerate(counts):
                    rows = np.flatnonzero(np.isin(own, order[:count]))
                    given = predict(part.logits(candidate, rows), task.mask[part.score_rows])
                    tables[i, f] += classify.confusion_matrices(task.labels[part.score_rows], given, k)[0] / repeats
                    labels[i] += np.bincount(task.labels[part.fit_rows][rows], minlength=k) / repeats / len(parts)
    return Curve(counts, labels, tables)


def curve_points(curve: Curve) -> list[dict[str, Any]]:
    """Accuracy and balanced accuracy at each number of groups, for metrics.json."""
    pooled = classify.overall(curve.tables.sum(axis=1))
    return [
        {
            "groups": int(curve.n_groups[i]),
            "labels": round(float(curve.n_labels[i].sum()), 1),
            "accuracy": float(pooled["accuracy"][i]),
            "balanced_accuracy": float(pooled["balanced_accuracy"][i]),
        }
        for i in range(len(curve.n_groups))
    ]


def next_labels(
    curve: Curve, labels: Int64, groups: Sequence[str], names: Sequence[str], *, more: int, resamples: int, seed: int
) -> dict[str, dict[str, Any]]:
    """What `more` labels of each class, from new groups, might add to its recall, were its last slope to go on.

    Rough in three ways: subsets of groups shrink all classes together, the line is drawn through few points, and its
    interval knows the groups that were held out and not those that were fitted on.

    Args:
        curve: From `learning_curve`.
        labels: (N,) of all objects.
        groups: N groups.
        names: K class names.
        more: Labels a class.
        resamples: Draws of outer folds.
        seed: Of the draws.

    Returns:
        Class name to `n`, `gain` and `ci95` of its recall (null where it cannot be said, with `why`).
    """
    folds = [str(i) for i in range(curve.tables.shape[1])]
    drawn = group_weights(folds, resamples, np.random.default_rng(seed))
    counts = np.bincount(labels, minlength=len(names))
    result: dict[str, dict[str, Any]] = {}
    for c, name in enumerate(names):
        row: dict[str, Any] = {"n": int(counts[c]), "gain": None, "ci95": None}
        n_groups = len({g for g, label in zip(groups, labels, strict=True) if label == c})
        row["why"] = _why_not(int(counts[c]), n_groups, len(curve.n_groups), more)
        if row["why"] is None:
            row |= _gain(curve, c, drawn, int(counts[c]), more)
        result[name] = row
    return result


def _why_not(n: int, n_groups: int, n_points: int, more: int) -> str | None:
    if n_points < _LAST:
        return f"expected {_LAST} numbers of groups to draw a line through, got {n_points}"
    if n < _FEWEST or n_groups < _FEWEST_GROUPS:
        return f"{n} labels in {n_groups} groups are too few to tell"
    if n + more > _MOST_GROWTH * n:
        return f"{more} more labels are too far from the {n} there are"
    return None


def _gain(curve: Curve, c: int, drawn: Int64, n: int, more: int) -> dict[str, Any]:
    tables = curve.tables[-_LAST:, :, c]
    hits, totals = tables[..., c], tables.sum(axis=-1)
    x = np.log(np.maximum(curve.n_labels[-_LAST:, c], 0.5))
    x = x - x.mean()
    if not x.any():
        return {"why": "the number of its labels does not grow with the groups"}

    def slopes(weights: Float64) -> Float64:
        n_seen = weights @ totals.T
        recall = np.divide(weights @ hits.T, n_seen, out=np.full_like(n_seen, np.nan), where=n_seen > 0)
        return np.asarray(recall @ x / (x @ x), dtype=np.float64)

    growth = float(np.log((n + more) / n))
    room = 1.0 - float(hits[-1].sum() / max(totals[-1].sum(), 1.0))
    gain = min(float(slopes(np.ones((1, hits.shape[1])))[0]) * growth, room)
    if not len(drawn):
        return {"gain": gain}
    low, high = interval(slopes(drawn.astype(np.float64)) * growth)
    return {"gain": gain, "ci95": None if np.isnan(low) else [min(float(low), room), min(float(high), room)]}
