"""The honest estimate: every figure is of objects whose group no part of the model has seen."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clipspect.config import Settings
from clipspect.heads import make_head
from clipspect.metrics.calibrate import fit_temperature
from clipspect.metrics.conformal import ConformalThresholds
from clipspect.metrics.selective import RiskTable
from clipspect.metrics.summary import summarise
from clipspect.select.crossval import Fold, out_of_fold
from clipspect.tasks.doubts import fit_doubts
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
    """

    logits: Float64
    temperature: float
    metrics: dict[str, Any]
    conformal: ConformalThresholds
    risk: RiskTable


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
    metrics = measure(scaled, objects, taxonomy, settings)
    temperature = fit_temperature(logits, objects.mask, objects.labels)
    doubts = fit_doubts(logits, objects, folds, taxonomy, temperature)
    metrics["selective"]["risks"] = doubts.risks
    metrics["conformal"] = doubts.sets
    return Estimate(scaled, temperature, metrics, doubts.conformal, doubts.risk)


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
