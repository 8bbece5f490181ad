"""Sets of views on the bench: each fitted out of fold by a linear head, measured, and held against the set in force."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clipspect.config import Settings
from clipspect.data.views import parse_view
from clipspect.heads import make_head
from clipspect.metrics.bootstrap import paired_difference
from clipspect.metrics.summary import predict
from clipspect.pipeline.cost import Speed, seconds_a_photo
from clipspect.select.crossval import Fold, out_of_fold
from clipspect.select.forward import forward
from clipspect.tasks.estimate import measure
from clipspect.tasks.objects import Objects
from clipspect.taxonomy import Taxonomy
from clipspect.types import Float64


@dataclass(frozen=True, slots=True)
class Bench:
    """What sets of views are measured on.

    Attributes:
        objects: With the features of all views.
        folds: Of groups.
        settings: Of the linear head, the seed and the bootstrap.
        taxonomy: Classes.
        speed: Of the encoder.
        objects_a_photo: Mean.
        logits: Out of fold, of the sets that were fitted so far, with and without spatial context.
    """

    objects: Objects
    folds: tuple[Fold, ...]
    settings: Settings
    taxonomy: Taxonomy
    speed: Speed
    objects_a_photo: float
    logits: dict[tuple[frozenset[str], bool], Float64] = dataclasses.field(default_factory=dict)

    def out_of_fold(self, names: Sequence[str], *, spatial: bool = False) -> Float64:
        """(N, K) logits of a linear head on some of the views; each set is fitted once."""
        key = (frozenset(names), spatial)
        if key not in self.logits:
            features = dataclasses.replace(
                self.objects.features, blocks={n: self.objects.features.blocks[n] for n in sorted(names)}
            )
            options = {**self.settings.head.options.get("linear", {}), "spatial": spatial}
            self.logits[key] = out_of_fold(
                functools.partial(make_head, "linear", options),
                features,
                self.objects.labels,
                self.objects.mask,
                self.folds,
                prototypes=None,
                seed=self.settings.seed,
            )
        return self.logits[key]

    def accuracy(self, names: Sequence[str]) -> float:
        """Conditional accuracy out of fold."""
        return float((predict(self.out_of_fold(names), self.objects.mask) == self.objects.labels).mean())

    def seconds(self, names: Sequence[str]) -> float:
        """Predicted seconds a photo."""
        return seconds_a_photo([parse_view(n) for n in names], self.objects_a_photo, self.speed)


def table(
    bench: Bench, singles: Sequence[str], default: tuple[str, ...], max_latency_s: float | None
) -> Iterator[dict[str, Any]]:
    """Rows of single views, the set in force with and without each view, the selection's steps, spatial context.

    Args:
        bench: What is measured on.
        singles: Names of single views.
        default: Names of the set in force.
        max_latency_s: Longer sets are not selected.

    Yields:
        Rows as they stand in `metrics.json`, each as soon as it is measured; the last "selected" one is the best set.
    """
    yield _row(bench, "default", default, default)
    for name in singles:
        yield _row(bench, "single", (name,), default)
    if len(default) > 1:
        for out in default:
            yield _row(bench, "default without", tuple(n for n in default if n != out), default)
    steps = forward(
        singles,
        bench.accuracy,
        allowed=lambda names: max_latency_s is None or bench.seconds(names) <= max_latency_s,
    )
    for step in steps:
        yield _row(bench, "selected", step.names, default)
    for names in dict.fromkeys([default, *(step.names for step in steps[-1:])]):
        yield _row(bench, "with spatial context", names, default, spatial=True)


def _row(
    bench: Bench, kind: str, names: tuple[str, ...], default: tuple[str, ...], *, spatial: bool = False
) -> dict[str, Any]:
    objects, settings = bench.objects, bench.settings
    logits = bench.out_of_fold(names, spatial=spatial)
    metrics = measure(logits, objects, bench.taxonomy, settings)
    conditional = metrics["conditional"]
    row = {
        "kind": kind,
        "views": list(names),
        "spatial": spatial,
        "accuracy": conditional["accuracy"],
        "ci95": conditional["ci95"]["accuracy"],
        "balanced_accuracy": conditional["balanced_accuracy"],
        "recall": {c: r["recall"] for c, r in metrics["per_condition"].items() if r["n"]},
        "seconds_a_photo": bench.seconds(names),
        "difference": None,
        "difference_ci95": None,
    }
    if kind != "default":
        paired = paired_difference(
            predict(bench.out_of_fold(default), objects.mask),
            predict(logits, objects.mask),
            objects.labels,
            objects.groups,
            n_classes=objects.mask.shape[1],
            n_resamples=settings.evaluation.resamples,
            rng=np.random.default_rng(settings.seed),
        )
        row["difference"] = paired.difference
        row["difference_ci95"] = None if paired.ci95 is None else list(paired.ci95)
    return row
