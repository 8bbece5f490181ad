"""What a model knows of its own errors: sets with a stated coverage and a table of risks, out of fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clipspect.errors import ConfigError
from clipspect.metrics.bootstrap import Estimate, estimate, group_ids, group_weights
from clipspect.metrics.calibrate import fit_temperature, softmax
from clipspect.metrics.conformal import (
    COVERAGE,
    ConformalThresholds,
    coverage_block,
    fit_conformal,
    has_choice,
    prediction_sets,
    too_few,
)
from clipspect.metrics.selective import RISKS, RiskTable, confidence_for, fit_risk_table
from clipspect.metrics.summary import predict
from clipspect.pipeline.abstain import Abstain
from clipspect.select.crossval import Fold
from clipspect.tasks.objects import Objects
from clipspect.taxonomy import Taxonomy
from clipspect.types import Bool, Float64


@dataclass(frozen=True, slots=True)
class Doubts:
    """What goes into the bundle, and how it does on groups that it was not fitted on.

    Attributes:
        conformal: Thresholds of all out-of-fold probabilities.
        risk: Table of all out-of-fold probabilities.
        sets: `conformal` of metrics.json.
        risks: `selective.risks` of metrics.json.
    """

    conformal: ConformalThresholds
    risk: RiskTable
    sets: dict[str, Any]
    risks: dict[str, Any]


def fit_doubts(
    logits: Float64, objects: Objects, folds: Sequence[Fold], taxonomy: Taxonomy, temperature: float
) -> Doubts:
    """Fit on all out-of-fold logits; measure each fold with what the other folds give.

    Args:
        logits: (N, K) out-of-fold logits, of no temperature yet.
        objects: N objects.
        folds: Groups are in one fold each.
        taxonomy: K classes.
        temperature: Fitted on all out-of-fold logits.
    """
    mask, labels = objects.mask, objects.labels
    correct = predict(logits, mask) == labels
    choice = has_choice(mask)
    sets, shared = np.zeros_like(mask), np.zeros_like(mask)
    answered = {risk: np.zeros(len(labels), dtype=np.bool_) for risk in RISKS}
    for others, rows in folds:
        own = fit_temperature(logits[others], mask[others], labels[others])
        known, new = (softmax(logits[r] / own, mask[r]) for r in (others, rows))
        for per_class, found in ((True, sets), (False, shared)):
            fitted = fit_conformal(known, mask[others], labels[others], per_class=per_class)
            found[rows] = prediction_sets(new, mask[rows], fitted)
        of_others = others[choice[others]]
        table = fit_risk_table(known.max(axis=1)[choice[others]], correct[of_others])
        for risk in RISKS:
            answered[risk][rows] = new.max(axis=1) >= _line(table, risk)
    probabilities = softmax(logits / temperature, mask)
    fitted = fit_conformal(probabilities, mask, labels)
    return Doubts(
        conformal=fitted,
        risk=fit_risk_table(probabilities.max(axis=1)[choice], correct[choice]),
        sets=sets_block(sets, objects, taxonomy, fitted) | {"one_threshold": _brief(shared, objects, taxonomy)},
        risks={f"{risk:g}": _answers(answered[risk][choice], correct[choice]) for risk in RISKS},
    )


def sets_block(sets: Bool, objects: Objects, taxonomy: Taxonomy, fitted: ConformalThresholds) -> dict[str, Any]:
    """`conformal` of metrics.json: coverage of the sets and warnings of classes with too few examples."""
    names = [c.name for c in taxonomy.classes]
    choosable = np.array([len(taxonomy.of_type(c.object_type)) > 1 for c in taxonomy.classes])[: len(fitted.thresholds)]
    block = coverage_block(sets, objects.mask, objects.labels, names, objects.groups, fitted.coverage)
    block["warnings"] = too_few(fitted, names, choosable)
    if block["verdict"] == "below":
        block["warnings"].append(
            f"sets of {100 * fitted.coverage:g} % hold the right condition of {100 * block['coverage']:.1f} % of "
            "objects: these groups are unlike those that were calibrated on"
        )
    return block | {"score": fitted.score, "thresholds_per": "class" if fitted.per_class else "all"}


def bundle_sets(
    logits: Float64, objects: Objects, taxonomy: Taxonomy, fitted: ConformalThresholds | None
) -> tuple[Bool, dict[str, Any] | None]:
    """(N, K) sets of a fitted model, and `conformal` of metrics.json; the model's classes come first in `taxonomy`."""
    if fitted is None:
        return np.zeros_like(objects.mask), None
    n_model = len(fitted.thresholds)
    sets = np.zeros_like(objects.mask)
    known = objects.mask[:, :n_model]
    sets[:, :n_model] = prediction_sets(softmax(logits, objects.mask)[:, :n_model], known, fitted)
    return sets, sets_block(sets, objects, taxonomy, fitted)


def abstention_block(
    rule: Abstain, logits: Float64, sets: Bool, objects: Objects, *, n_resamples: int, seed: int
) -> dict[str, Any]:
    """How a rule does: accuracy of what is answered and share answered, over all objects and those with a choice.

    An object of an unknown type is never answered, one whose type has a single condition always.
    """
    mask = objects.mask
    choice = has_choice(mask)
    kept = rule.answers(softmax(logits, mask).max(axis=1, initial=0.0), sets.sum(axis=1)) | ~choice
    kept &= mask.any(axis=1)
    correct = predict(logits, mask) == objects.labels
    ids, n_groups = group_ids(objects.groups)
    weights = group_weights(objects.groups, n_resamples, np.random.default_rng(seed))

    def block(among: Bool) -> dict[str, Any]:
        columns = (among, among & kept, among & kept & correct)
        parts = np.stack([np.bincount(ids, weights=c, minlength=n_groups) for c in columns], axis=-1)
        found = estimate(parts, weights, _shares, support=parts[:, 1] > 0)
        return {
            "n": int(among.sum()),
            "n_answered": int((among & kept).sum()),
            **{name: _number(e.value) for name, e in found.items()},
            "ci95": {name: _interval(e) for name, e in found.items()},
        }

    everybody = np.ones(len(kept), dtype=np.bool_)
    return {
        "rule": rule.text,
        "min_confidence": rule.min_confidence,
        **block(everybody),
        "with_choice": block(choice),
    }


def _line(table: RiskTable, risk: float) -> float:
    try:
        return confidence_for(table, risk)
    except ConfigError:
        return float("inf")  # nothing can be vouched for: nothing is answered


def _answers(answered: Bool, correct: Bool) -> dict[str, Any]:
    n, k = len(answered), int(answered.sum())
    return {
        "share_answered": k / n if n else None,
        "risk": float((~correct[answered]).mean()) if k else None,
        "n_answered": k,
    }


def _brief(sets: Bool, objects: Objects, taxonomy: Taxonomy) -> dict[str, Any]:
    names = [c.name for c in taxonomy.classes]
    block = coverage_block(sets, objects.mask, objects.labels, names, objects.groups, COVERAGE)
    return {key: block[key] for key in ("coverage", "coverage_ci95", "verdict", "mean_size", "per_class")}


def _shares(sums: Float64) -> dict[str, Float64]:
    n, kept, right = sums[..., 0], sums[..., 1], sums[..., 2]
    return {
        "share_answered": np.divide(kept, n, out=np.full_like(n, np.nan), where=n > 0),
        "accuracy_answered": np.divide(right, kept, out=np.full_like(n, np.nan), where=kept > 0),
    }


def _number(value: Float64) -> float | None:
    return None if np.isnan(value) else float(value)


def _interval(found: Estimate) -> list[float] | None:
    low, high = float(found.low), float(found.high)
    return None if np.isnan(low) or np.isnan(high) else [low, high]
