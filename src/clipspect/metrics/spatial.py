"""How often two objects of a photo, and so the relation between them, are named right.

A relation of two boxes is geometry and holds whatever the objects are called; what can be wrong are the two names. So
the triple (class, relation, class) is right exactly when both classes are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from clipspect.errors import DataError
from clipspect.metrics.bootstrap import Estimate, estimate
from clipspect.types import Bool, Float64, Int64


@dataclass(frozen=True, slots=True)
class RelationAccuracy:
    """Share of pairs with both classes right.

    Attributes:
        overall: With its interval; NaN where there is no pair.
        n: Pairs.
        per_relation: Relation name to (accuracy, pairs), the names sorted.
    """

    overall: Estimate
    n: int
    per_relation: dict[str, tuple[float, int]]


def pairs_correct(correct: Bool, pairs: Int64) -> Bool:
    """(P,) whether both objects of each pair are right.

    Args:
        correct: (N,) whether each object's class is right.
        pairs: (P, 2) positions in `correct`.

    Raises:
        DataError: `pairs` has another shape or points outside `correct`.
    """
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        raise DataError(f"relations: expected pairs of shape (P, 2), got {pairs.shape}")
    if len(pairs) and not (pairs.min() >= 0 and pairs.max() < len(correct)):
        raise DataError(
            f"relations: expected pairs of objects 0 to {len(correct) - 1}, got {pairs.min()} to {pairs.max()}"
        )
    return np.asarray(correct[pairs[:, 0]] & correct[pairs[:, 1]], dtype=np.bool_)


def relation_accuracy(
    correct: Bool,
    pairs: Int64,
    relation_names: Sequence[str],
    *,
    group_ids: Int64 | None = None,
    weights: Int64 | None = None,
) -> RelationAccuracy:
    """Share of pairs with both classes right, overall and by relation.

    Args:
        correct: (N,) whether each object's class is right.
        pairs: (P, 2) positions in `correct`.
        relation_names: P relations; *near* is no relation of its own here, every pair counts once.
        group_ids: (N,) group of each object, 0 to G - 1, for the interval; a pair belongs to the group of its first
            object.
        weights: (B, G) from `bootstrap.group_weights`, for the interval.

    Raises:
        DataError: Lengths differ, or a pair points outside `correct`.
    """
    if len(relation_names) != len(pairs):
        raise DataError(f"relations: expected {len(pairs)} relation names, one a pair, got {len(relation_names)}")
    hits = pairs_correct(correct, pairs).astype(np.float64)
    weights = np.zeros((0, 1), dtype=np.int64) if weights is None else weights
    ids = np.zeros(len(correct), dtype=np.int64) if group_ids is None else group_ids
    of_pair = ids[pairs[:, 0]]
    sums = np.stack([np.bincount(of_pair, weights=w, minlength=weights.shape[1]) for w in (hits, None)], axis=-1)
    names, which = np.unique(np.asarray(relation_names, dtype=np.str_), return_inverse=True)
    n, right = np.bincount(which, minlength=len(names)), np.bincount(which, weights=hits, minlength=len(names))
    return RelationAccuracy(
        overall=estimate(sums, weights, _share, support=sums[:, 1] > 0)["relation_accuracy"],
        n=len(pairs),
        per_relation={str(name): (float(right[r] / n[r]), int(n[r])) for r, name in enumerate(names)},
    )


def _share(sums: Float64) -> dict[str, Float64]:
    hits, n = sums[..., 0], sums[..., 1]
    return {"relation_accuracy": np.divide(hits, n, out=np.full_like(n, np.nan), where=n > 0)}
