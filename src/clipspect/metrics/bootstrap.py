"""Confidence intervals by drawing groups of photos with replacement.

Objects of one photo, and photos of one flight line, are alike: drawing objects one by one would pretend to more
evidence than there is. So whole groups are drawn (the cluster bootstrap, Field and Welsh 2007; percentile intervals,
Efron 1979). Nothing is computed anew on a resample: figures come from sums over groups (confusion matrices, hits,
bins), and a resample is those sums weighted by how often each group was drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from clipspect.errors import DataError
from clipspect.metrics.classify import Matrices, accuracy, confusion_matrices
from clipspect.types import Bool, Float64, Int64

Parts = npt.NDArray[np.float64] | npt.NDArray[np.int64]
"""(G, ...) sums over the objects of each group."""

Statistic = Callable[[Float64], Mapping[str, Float64]]
"""(..., *part) sums to figures by name, (..., *rest) each."""

_MAX_CELLS = 2**22
"""Resampled sums held at once (32 MiB of float64), so that many classes cost time and not memory."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval.

    Attributes:
        value: (...) on all groups, each once.
        low: (...) lower end; NaN where there is no interval.
        high: (...) upper end; NaN where there is no interval.
    """

    value: Float64
    low: Float64
    high: Float64


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """Second set of predictions minus first, on the same objects.

    Attributes:
        difference: On all objects.
        ci95: Percentile interval of the difference, or None with fewer than two groups.
        share_not_better: Share of resamples in which the second is not better (difference <= 0), a one-sided p-value in
            kind; None with fewer than two groups.
    """

    difference: float
    ci95: tuple[float, float] | None
    share_not_better: float | None


def group_ids(groups: Sequence[str]) -> tuple[Int64, int]:
    """(N,) group of each object as 0 to G - 1 in the sorted order of names, and G.

    Sorted, so that the order of the objects changes nothing in what is drawn.
    """
    names, ids = np.unique(np.asarray(groups, dtype=np.str_), return_inverse=True)
    return ids.astype(np.int64), len(names)


def group_weights(groups: Sequence[str], n_resamples: int, rng: np.random.Generator) -> Int64:
    """How often each group is drawn in each resample.

    Args:
        groups: N group names, one an object.
        n_resamples: B.
        rng: Source of the draws.

    Returns:
        (B, G) int64, each row sums to G; columns in the sorted order of names. (0, G) where there are fewer than two
        groups: one group drawn with replacement is always itself, and an interval of no width would be a lie.
    """
    n_groups = len(set(groups))
    if n_groups < 2 or n_resamples < 1:
        return np.zeros((0, n_groups), dtype=np.int64)
    return rng.multinomial(n_groups, np.full(n_groups, 1 / n_groups), size=n_resamples).astype(np.int64)


def interval(samples: Float64, level: float = 0.95) -> tuple[Float64, Float64]:
    """Percentile interval over the first axis.

    Args:
        samples: (B, ...) figures of B resamples; NaN where a resample has no such class, and is passed over.
        level: Share of resamples inside, 0 to 1.

    Returns:
        Lower and upper ends, (...) each, interpolated linearly; NaN where no sample is left.
    """
    if not len(samples):
        nothing = np.full(samples.shape[1:], np.nan)
        return nothing, nothing
    ordered = np.sort(samples, axis=0)  # NaN last
    last = np.maximum((~np.isnan(samples)).sum(axis=0) - 1, 0)
    low, high = (_at(ordered, q * last) for q in ((1 - level) / 2, (1 + level) / 2))
    return low, high


def resampled(weights: Int64, parts: Parts, statistic: Statistic) -> dict[str, Float64]:
    """The figures of every resample.

    Args:
        weights: (B, G) from `group_weights`, B >= 1.
        parts: (G, ...) sums over each group.
        statistic: Sums to figures.

    Returns:
        By name, (B, ...).
    """
    flat = np.asarray(parts, dtype=np.float64).reshape(len(parts), -1)
    step = max(1, _MAX_CELLS // max(1, flat.shape[1]))
    chunks = [
        statistic((weights[start : start + step].astype(np.float64) @ flat).reshape(-1, *parts.shape[1:]))
        for start in range(0, len(weights), step)
    ]
    return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in chunks[0]}


def estimate(parts: Parts, weights: Int64, statistic: Statistic, *, support: Bool | None = None) -> dict[str, Estimate]:
    """Figures on all groups, with their intervals.

    Args:
        parts: (G, ...) sums over each group.
        weights: (B, G) from `group_weights`.
        statistic: Sums to figures.
        support: (G, ...) bool of the figures' own shape: whether a group holds any object that the figure is about.
            There is no interval where fewer than two groups do: every resample would give the same figure, or none.

    Returns:
        By name.
    """
    values = statistic(np.asarray(parts, dtype=np.float64).sum(axis=0))
    samples = resampled(weights, parts, statistic) if len(weights) else {}
    enough = np.True_ if support is None else support.sum(axis=0) >= 2
    estimates = {}
    for name, value in values.items():
        low, high = interval(samples.get(name, np.empty((0, *np.shape(value)))))
        estimates[name] = Estimate(value, np.where(enough, low, np.nan), np.where(enough, high, np.nan))
    return estimates


def paired_difference(
    first: Int64,
    second: Int64,
    labels: Int64,
    groups: Sequence[str],
    *,
    n_classes: int,
    rng: np.random.Generator,
    metric: Callable[[Matrices], Float64] = accuracy,
    n_resamples: int = 1000,
) -> PairedDifference:
    """Whether a second set of predictions is better than a first by more than chance; both see the same resamples.

    Args:
        first: (N,) predicted classes, 0 to K - 1, or -1 for none.
        second: (N,) likewise.
        labels: (N,) true classes.
        groups: N group names.
        n_classes: K.
        rng: Source of the draws.
        metric: (..., K, P) confusion matrices to (...), as in `classify`.
        n_resamples: Number of draws.

    Raises:
        DataError: Lengths differ or a class is out of range.
    """
    if len(groups) != len(labels) or not len(labels):
        raise DataError(f"paired difference: expected {len(labels)} groups, and some, got {len(groups)}")
    ids, n_groups = group_ids(groups)
    tables = np.stack(
        [confusion_matrices(labels, p, n_classes, parts=ids, n_parts=n_groups) for p in (first, second)], axis=1
    )
    difference = float(np.diff(metric(tables.sum(axis=0)))[0])
    weights = group_weights(groups, n_resamples, rng)
    if not len(weights):
        return PairedDifference(difference, None, None)
    samples = resampled(weights, tables, lambda t: {"difference": np.diff(metric(t), axis=-1)[..., 0]})["difference"]
    low, high = interval(samples)
    return PairedDifference(difference, (float(low), float(high)), float((samples <= 0).mean()))


def _at(ordered: Float64, position: Float64) -> Float64:
    below = np.floor(position).astype(np.intp)
    above = np.ceil(position).astype(np.intp)
    low, high = (np.take_along_axis(ordered, i[None], axis=0)[0] for i in (below, above))
    return np.asarray(low + (high - low) * (position - below), dtype=np.float64)
