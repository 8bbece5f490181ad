"""The honest estimate: every figure is of objects whose group no part of the model has seen."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from clipspect.config import Settings
from clipspect.heads import make_head
from clipspect.metrics.calibrate import fit_temperature
from clipspect.metrics.conformal import ConformalThresholds
from clipspect.metrics.selective import RiskTable
from clipspect.metrics.summary import summarise
from clipspect.select.crossval import Fold, out_of_fold
from clipspect.select.recall import offsets_for_recall, shift
from clipspect.tasks.doubts import Doubts, fit_doubts
from clipspect.tasks.objects import Objects
from clipspect.tasks.ui import Ui
from clipspect.taxonomy import Taxonomy
from clipspect.types import Float64, Prototypes


@dataclass(frozen=True, slots=True)
class Estimate:
    """The honest estimate of a head and what it rests on.

    Attributes:
        logits: (N, K) out-of-fold logits, each fold divided by a temperature fitted on the other folds.
        temperature: Fitted on all out-of-fold logits; goes into the bundle.
        metrics: `metrics.json` of the logits.
        conformal: For the bundle.
        risk: For the bundle.
        offsets: Condition to what is added to its logits, chosen on all out-of-fold logits; goes into the bundle.
    """

    logits: Float64
    temperature: float
    metrics: dict[str, Any]
    conformal: ConformalThresholds
    risk: RiskTable
    offsets: Mapping[str, float] = field(default_factory=dict)


def cross_validate(
    names: Sequence[str],
    objects: Objects,
    prototypes: Prototypes | None,
    folds: Sequence[Fold],
    settings: Settings,
    ui: Ui,
) -> dict[str, Float64]:
    """Out-of-fold logits of each head."""
    result = {}
    with ui.track("cross-validating", len(names)) as step:
        for name in names:
            result[name] = out_of_fold(
                functools.partial(make_head, name, settings.head.options.get(name, {})),
                objects.features,
                objects.labels,
                objects.mask,
                folds,
                prototypes=prototypes,
                seed=settings.seed,
            )
            step()
    return result


def measure_out_of_fold(
    logits: Float64, objects: Objects, folds: Sequence[Fold], taxonomy: Taxonomy, settings: Settings
) -> Estimate:
    """Calibrate and measure out-of-fold logits; no fold is scaled by a temperature that it took part in fitting."""
    scaled = logits.copy()
    for others, rows in folds:
        scaled[rows] /= fit_temperature(logits[others], objects.mask[others], objects.labels[others])
    temperature = fit_temperature(logits, objects.mask, objects.labels)
    metrics = measure(scaled, objects, taxonomy, settings)
    if not settings.selection.recall:
        doubts = fit_doubts(logits, objects, folds, taxonomy, temperature)
        return _estimate(scaled, temperature, metrics, doubts, {})
    tilted = _tilted(scaled, objects, folds, taxonomy, settings)
    targets = settings.selection.recall
    offsets = offsets_for_recall(logits / temperature, objects.mask, objects.labels, taxonomy.classes, targets)
    after = measure(tilted, objects, taxonomy, settings)
    # Sets and risks are of the decisions as they will be made: of the tilted scores, back on the raw scale.
    doubts = fit_doubts(tilted * temperature, objects, folds, taxonomy, temperature)
    return _estimate(tilted, temperature, after | _tilt_cost(metrics, after, offsets, targets), doubts, offsets)


def _estimate(
    logits: Float64, temperature: float, metrics: dict[str, Any], doubts: Doubts, offsets: Mapping[str, float]
) -> Estimate:
    metrics["selective"]["risks"] = doubts.risks
    metrics["conformal"] = doubts.sets
    return Estimate(logits, temperature, metrics, doubts.conformal, doubts.risk, offsets)


def tilt_notes(metrics: Mapping[str, Any]) -> list[str]:
    """What `--recall` reached and what it costs, for a person."""
    notes = []
    for condition, row in metrics.get("recall_targets", {}).items():
        if row["reached"] is None:
            notes.append(f"recall of {condition}: no object has this condition, so nothing could be chosen")
            continue
        short = "" if row["reached"] >= row["target"] else ", short of what was asked for on groups never seen"
        notes.append(
            f"recall of {condition}: {row['before']:.3f} -> {row['reached']:.3f} "
            f"(asked for: {row['target']:g}{short}), "
            f"precision {_shown(row['precision_before'])} -> {_shown(row['precision'])}"
        )
    if "recall_cost" in metrics:
        cost = metrics["recall_cost"]
        notes.append(
            "the recall asked for costs: "
            f"conditional accuracy {cost['accuracy_before']:.3f} -> {cost['accuracy']:.3f}, "
            f"balanced accuracy {cost['balanced_accuracy_before']:.3f} -> {cost['balanced_accuracy']:.3f}"
        )
    return notes


def _tilted(
    scaled: Float64, objects: Objects, folds: Sequence[Fold], taxonomy: Taxonomy, settings: Settings
) -> Float64:
    """Logits with offsets that were chosen on the other folds."""
    tilted = scaled.copy()
    conditions = [c.condition for c in taxonomy.classes]
    for others, rows in folds:
        offsets = offsets_for_recall(
            scaled[others], objects.mask[others], objects.labels[others], taxonomy.classes, settings.selection.recall
        )
        tilted[rows] = shift(scaled[rows], conditions, offsets)
    return tilted


def _tilt_cost(
    before: Mapping[str, Any], after: Mapping[str, Any], offsets: Mapping[str, float], targets: Mapping[str, float]
) -> dict[str, Any]:
    old, new = before["per_condition"], after["per_condition"]
    rows = {
        c: {
            "target": target,
            "offset": offsets[c],
            "before": old[c]["recall"],
            "reached": new[c]["recall"],
            "precision_before": old[c]["precision"],
            "precision": new[c]["precision"],
        }
        for c, target in targets.items()
    }
    names = ("accuracy", "balanced_accuracy", "macro_f1")
    cost = {n: after["conditional"][n] for n in names} | {f"{n}_before": before["conditional"][n] for n in names}
    return {"recall_targets": rows, "recall_cost": cost}


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def measure(logits: Float64, objects: Objects, taxonomy: Taxonomy, settings: Settings) -> dict[str, Any]:
    """`metrics.json` of calibrated logits."""
    return summarise(
        logits=logits,
        mask=objects.mask,
        labels=objects.labels,
        classes=taxonomy.classes,
        groups=objects.groups,
        pairs=objects.pairs,
        relations=objects.relations,
        rng=np.random.default_rng(settings.seed),
        n_resamples=settings.evaluation.resamples,
    )


def estimate_name(n_folds: int, n_groups: int) -> str:
    """How the estimate was made, for titles."""
    if n_folds == n_groups:
        return f"leave-one-group-out over {n_groups} groups"
    return f"cross-validation over {n_folds} folds of {n_groups} groups, none of them cut"
