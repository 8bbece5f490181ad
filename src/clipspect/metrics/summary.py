"""Everything in metrics.json, from logits. docs/metrics.md defines each key."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clipspect.errors import DataError, EmptyDataError
from clipspect.metrics import calibrate, classify
from clipspect.metrics.bootstrap import Estimate, estimate, group_ids, group_weights
from clipspect.metrics.classify import NO_PREDICTION
from clipspect.metrics.conformal import has_choice
from clipspect.metrics.selective import selective_block
from clipspect.metrics.spatial import relation_accuracy
from clipspect.taxonomy import ObjectClass
from clipspect.types import Bool, Float64, Int64

Block = dict[str, Any]
"""A JSON object of plain Python values; null where a figure does not exist."""


@dataclass(frozen=True, slots=True)
class _Split:
    """The objects that are measured, and how they are drawn."""

    classes: Sequence[ObjectClass]
    labels: Int64
    group_ids: Int64
    n_groups: int
    weights: Int64

    def confusions(self, labels: Int64, predictions: Int64, n_classes: int) -> Int64:
        """(G, K, K + 1)."""
        return classify.confusion_matrices(labels, predictions, n_classes, parts=self.group_ids, n_parts=self.n_groups)

    def share(self, hits: Bool, among: Bool) -> Estimate:
        """Share of hits among some of the objects."""
        rows = self.group_ids[among]
        sums = [np.bincount(rows, weights=w, minlength=self.n_groups) for w in (hits[among].astype(float), None)]
        parts = np.stack(sums, axis=-1)
        return estimate(parts, self.weights, _share, support=parts[:, 1] > 0)["share"]


def summarise(
    *,
    logits: Float64,
    mask: Bool,
    labels: Int64,
    classes: Sequence[ObjectClass],
    groups: Sequence[str],
    pairs: Int64,
    relations: Sequence[str],
    rng: np.random.Generator,
    n_resamples: int = 1000,
) -> Block:
    """Measure N objects of one split.

    Args:
        logits: (N, K) float64, finite; calibrated ones give calibrated figures. A class that the model does not know
            gets a finite logit below all others.
        mask: (N, K) bool, the classes that each object's type can have. A row that is all False (a type that the
            model does not know) gets no conditional prediction, which is wrong.
        labels: (N,) true classes, 0 to K - 1.
        classes: K classes of different names.
        groups: N group names, what intervals are drawn over.
        pairs: (P, 2) positions of the pairs of objects that are in one photo.
        relations: P relation names.
        rng: Source of the resamples.
        n_resamples: Resamples behind the intervals; 0 for none.

    Returns:
        The keys of metrics.json. Floats are plain and finite. A `ci95` entry is [low, high], or null where fewer than
        two groups hold an object that the figure is about.

    Raises:
        EmptyDataError: N is 0.
        DataError: Shapes differ, a logit is not finite, a label or pair is out of range, or two classes have one name.
    """
    logits, mask, labels = np.asarray(logits, dtype=np.float64), np.asarray(mask, dtype=np.bool_), np.asarray(labels)
    pairs = np.asarray(pairs, dtype=np.int64).reshape(-1, 2) if np.size(pairs) == 0 else np.asarray(pairs)
    _check(logits, mask, labels, classes, groups)
    ids, n_groups = group_ids(groups)
    split = _Split(classes, labels.astype(np.int64), ids, n_groups, group_weights(groups, n_resamples, rng))
    given = predict(logits, mask)
    anything = predict(logits)
    correct = given == split.labels
    tables = split.confusions(split.labels, given, len(classes))
    joint_tables = split.confusions(split.labels, anything, len(classes))
    return {
        "n": len(labels),
        "n_groups": n_groups,
        "classes": [{"name": c.name, "object_type": c.object_type, "condition": c.condition} for c in classes],
        "conditional": _conditional(tables, correct, mask, split),
        "joint": _block(estimate(joint_tables, split.weights, classify.overall)),
        "per_class": _per_class(tables, split),
        "per_condition": _per_condition(given, split),
        "per_object_type": _per_object_type(correct, split),
        "binary": _binary(given, split),
        "spatial": _spatial(correct, pairs, relations, split),
        "calibration": _calibration(logits, mask, correct, split),
        "selective": _selective(logits, mask, correct),
        "confusion": _confusion(tables, classes),
        "joint_confusion": _confusion(joint_tables, classes),
    }


def predict(logits: Float64, mask: Bool | None = None) -> Int64:
    """(N,) best class of each object among those it can have, the first of equal ones; -1 where it can have none."""
    if mask is None:
        return np.asarray(logits.argmax(axis=1), dtype=np.int64)
    best = np.where(mask, logits, -np.inf).argmax(axis=1)
    return np.where(mask.any(axis=1), best, NO_PREDICTION).astype(np.int64)


def _check(logits: Float64, mask: Bool, labels: Int64, classes: Sequence[ObjectClass], groups: Sequence[str]) -> None:
    n, k = len(labels), len(classes)
    if not n:
        raise EmptyDataError("metrics: expected at least one object to measure, got none")
    got = {"logits": logits.shape, "mask": mask.shape, "labels": labels.shape, "groups": (len(groups),)}
    for name, expected in {"logits": (n, k), "mask": (n, k), "labels": (n,), "groups": (n,)}.items():
        if got[name] != expected:
            raise DataError(f"metrics: {name}: expected shape {expected}, got {got[name]}")
    finite = np.isfinite(logits).all(axis=1)
    if not finite.all():
        row = int(finite.argmin())
        raise DataError(f"metrics: logits: row {row}: expected finite values, got {logits[row].tolist()}")
    if labels.dtype.kind not in "iu" or not (0 <= labels.min() and labels.max() < k):
        raise DataError(f"metrics: labels: expected integers 0 to {k - 1}, got {labels.min()} to {labels.max()}")
    if len({c.name for c in classes}) < k:
        raise DataError(f"metrics: classes: expected different names, got {[c.name for c in classes]}")


def _conditional(tables: Int64, correct: Bool, mask: Bool, split: _Split) -> Block:
    choice = mask.sum(axis=1) != 1  # not one possible class, which no model could get wrong
    found = estimate(tables, split.weights, classify.overall)
    return _block(found | {"accuracy_nontrivial": split.share(correct, choice)}) | {"n_nontrivial": int(choice.sum())}


def _per_class(tables: Int64, split: _Split) -> Block:
    rows = _rows(tables, split)
    return {
        c.name: {"object_type": c.object_type, "condition": c.condition, **row}
        for c, row in zip(split.classes, rows, strict=True)
    }


def _per_condition(given: Int64, split: _Split) -> Block:
    names, of_class = _indexed([c.condition for c in split.classes])
    tables = split.confusions(of_class[split.labels], _mapped(given, of_class), len(names))
    return dict(zip(names, _rows(tables, split), strict=True))


def _rows(tables: Int64, split: _Split) -> list[Block]:
    """Recall, precision and F1 of each class of `tables`, with n."""
    n = tables.sum(axis=(0, 2))
    found = estimate(tables, split.weights, classify.per_class, support=tables.sum(axis=2) > 0)
    return [
        {"n": int(n[k])} | _block({name: Estimate(e.value[k], e.low[k], e.high[k]) for name, e in found.items()})
        for k in range(len(n))
    ]


def _per_object_type(correct: Bool, split: _Split) -> Block:
    names, of_class = _indexed([c.object_type for c in split.classes])
    types = of_class[split.labels]
    return {
        name: {"n": int((types == t).sum()), "n_conditions": int((of_class == t).sum())}
        | _block({"accuracy": split.share(correct, types == t)})
        for t, name in enumerate(names)
    }


def _binary(given: Int64, split: _Split) -> Block:
    normal = np.array([c.is_normal for c in split.classes], dtype=np.int64)
    tables = split.confusions(normal[split.labels], _mapped(given, normal), 2)
    found = estimate(tables, split.weights, classify.overall)
    return _block({name: found[name] for name in ("accuracy", "balanced_accuracy")}) | {"n": len(split.labels)}


def _spatial(correct: Bool, pairs: Int64, relations: Sequence[str], split: _Split) -> Block:
    found = relation_accuracy(correct, pairs, relations, group_ids=split.group_ids, weights=split.weights)
    per_relation = {name: {"accuracy": share, "n": n} for name, (share, n) in found.per_relation.items()}
    return _block({"relation_accuracy": found.overall}) | {"n": found.n, "per_relation": per_relation}


def _calibration(logits: Float64, mask: Bool, correct: Bool, split: _Split) -> Block:
    said = mask.any(axis=1)  # where nothing is predicted there is no confidence to be right or wrong about
    confidence = np.minimum(calibrate.softmax(logits[said], mask[said]).max(axis=1, initial=0.0), 1.0)
    right = correct[said]
    sums = calibrate.bin_sums(confidence, right, parts=split.group_ids[said], n_parts=split.n_groups)
    found = estimate(sums, split.weights, _ece, support=sums[..., 0].sum(axis=1) > 0)
    bins = calibrate.reliability_bins(confidence, right)
    columns = (bins.low, bins.high, bins.n, bins.confidence, bins.accuracy)
    return _block(found) | {
        "ece_debiased": _number(calibrate.debiased_ece(confidence, right)),
        "mean_confidence": _number(confidence.mean()) if said.any() else None,
        "bins": [
            {
                "low": float(low),
                "high": float(high),
                "n": int(n),
                "confidence": _number(mean),
                "accuracy": _number(share),
            }
            for low, high, n, mean, share in zip(*columns, strict=True)
        ],
    }


def _selective(logits: Float64, mask: Bool, correct: Bool) -> Block:
    choice = has_choice(mask)  # who has one possible class is right however sure the model is
    confidence = calibrate.softmax(logits[choice], mask[choice]).max(axis=1, initial=0.0)
    return selective_block(confidence, correct[choice])


def _confusion(tables: Int64, classes: Sequence[ObjectClass]) -> Block:
    return {"classes": [c.name for c in classes], "matrix": tables.sum(axis=0)[:, : len(classes)].tolist()}


def _indexed(names: Sequence[str]) -> tuple[list[str], Int64]:
    """Different names in the order of first appearance, and the position of each name among them."""
    different = list(dict.fromkeys(names))
    return different, np.array([different.index(name) for name in names], dtype=np.int64)


def _mapped(predictions: Int64, to: Int64) -> Int64:
    return np.where(predictions == NO_PREDICTION, NO_PREDICTION, to[predictions])


def _share(sums: Float64) -> dict[str, Float64]:
    hits, n = sums[..., 0], sums[..., 1]
    return {"share": np.divide(hits, n, out=np.full_like(n, np.nan), where=n > 0)}


def _ece(sums: Float64) -> dict[str, Float64]:
    return {"ece": calibrate.ece_of_sums(sums)}


def _block(estimates: dict[str, Estimate]) -> Block:
    """{name: value, ..., "ci95": {name: [low, high]}}, null for NaN."""
    values: Block = {name: _number(e.value) for name, e in estimates.items()}
    return values | {"ci95": {name: _interval(e) for name, e in estimates.items()}}


def _interval(estimate_: Estimate) -> list[float] | None:
    low, high = float(estimate_.low), float(estimate_.high)
    return None if math.isnan(low) or math.isnan(high) else [low, high]


def _number(value: float | Float64) -> float | None:
    number = float(value)
    return None if math.isnan(number) else number
