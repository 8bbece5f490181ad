"""Decisions tilted towards conditions that must not be missed: a logit offset a condition, chosen on validation scores.

A missed blockage costs more than a needless visit. Adding o to a condition's logits lowers the threshold of its
probability against any other condition of the type from 1/2 to 1 / (1 + e^o): a cost-sensitive decision rule (Elkan
2001, "The Foundations of Cost-Sensitive Learning"), with the least offset that reaches the recall asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from clipspect.errors import ConfigError
from clipspect.metrics.summary import predict
from clipspect.taxonomy import ObjectClass
from clipspect.types import Bool, Float64, Int64

_SWEEPS = 20  # over the conditions, where several are asked for and one takes objects of another
_PAST = 1e-6  # logits by which an offset passes the object that decides it


def check_targets(targets: Mapping[str, float], classes: Sequence[ObjectClass]) -> None:
    """Refuse a target for a condition that no class has.

    Raises:
        ConfigError: Names the conditions that there are.
    """
    known = sorted({c.condition for c in classes})
    if unknown := sorted(set(targets) - set(known)):
        raise ConfigError(f"recall: expected conditions among {known}, got {unknown}")


def offsets_for_recall(
    logits: Float64, mask: Bool, labels: Int64, classes: Sequence[ObjectClass], targets: Mapping[str, float]
) -> dict[str, float]:
    """The least offsets, 0 or more, with which conditional decisions reach the recalls asked for.

    Where two conditions of one type both ask for much, not both can be had: the offsets of the last sweep stand.

    Args:
        logits: (N, K) calibrated, of objects that were not fitted on.
        mask: (N, K) classes that each object can have.
        labels: (N,) class indices.
        classes: K classes.
        targets: Condition to recall, above 0 to 1.

    Returns:
        Condition to offset, for every condition of `targets`; 0 where no object has it.
    """
    conditions = np.array([c.condition for c in classes])
    offsets = dict.fromkeys(targets, 0.0)
    for _ in range(_SWEEPS):
        before = dict(offsets)
        for condition, target in targets.items():
            others = shift(logits, conditions, {**offsets, condition: 0.0})
            offsets[condition] = _least(others, mask, labels, conditions == condition, target)
        if all(abs(offsets[c] - before[c]) < _PAST for c in targets):
            break
    return offsets


def shift(logits: Float64, conditions: Sequence[str] | np.ndarray, offsets: Mapping[str, float]) -> Float64:
    """(N, K) logits with each condition's offset; `conditions` are those of the K classes."""
    return np.asarray(logits + np.array([offsets.get(str(c), 0.0) for c in conditions]), dtype=np.float64)


def condition_recall(
    logits: Float64, mask: Bool, labels: Int64, classes: Sequence[ObjectClass], condition: str
) -> float | None:
    """Share of the objects in a condition that are said to be in it; None where there are none."""
    of_class = np.array([c.condition == condition for c in classes])
    given = predict(logits, mask)
    among = of_class[labels]
    return float((of_class[given] & (given >= 0))[among].mean()) if among.any() else None


def _least(logits: Float64, mask: Bool, labels: Int64, of_condition: Bool, target: float) -> float:
    """Least offset of the marked classes with which the share `target` of their objects is said to be of them."""
    rows = of_condition[labels]
    if not rows.any():
        return 0.0
    allowed = np.where(mask[rows], logits[rows], -np.inf)
    own = allowed[:, of_condition].max(axis=1)
    rival = allowed[:, ~of_condition].max(axis=1, initial=-np.inf)
    gap = np.sort(
        np.where(np.isfinite(own), rival - np.where(np.isfinite(own), own, 0.0), np.inf)
    )  # what each object needs; -inf where sure anyway
    need = gap[int(np.ceil(target * len(gap) - 1e-9)) - 1]
    reachable = gap[np.isfinite(gap) | (gap < 0)]
    if not len(reachable):
        return 0.0
    need = min(need, reachable[-1])
    return float(max(0.0, need + _PAST)) if np.isfinite(need) and need > -_PAST else 0.0
