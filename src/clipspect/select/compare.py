"""Two or more sets of predictions on the same objects: figures, and paired differences with intervals over groups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from clipspect.metrics import classify
from clipspect.metrics.bootstrap import paired_difference
from clipspect.taxonomy import ObjectClass
from clipspect.types import Bool, Float64, Int64


@dataclass(frozen=True, slots=True)
class Answers:
    """What one run said of the common objects: (N,) class indices, -1 for none."""

    conditional: Int64
    joint: Int64


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure of one run against the reference.

    Attributes:
        run: Position of the run, from 0; the reference is 0.
        metric: "conditional accuracy", "recall blocked" ...
        n: Objects that the figure is about.
        reference: Figure of the reference.
        value: Figure of the run.
        difference: `value` less `reference`.
        ci95: Paired interval, or None where fewer than two groups hold such an object.
        share_not_better: Share of resamples in which the run is not better; None without an interval.
    """

    run: int
    metric: str
    n: int
    reference: float
    value: float
    difference: float
    ci95: tuple[float, float] | None
    share_not_better: float | None


@dataclass(frozen=True, slots=True)
class _Question:
    """One figure: of which objects, what is true, how classes are merged, and how it is computed."""

    metric: str
    rows: Bool
    merged: Int64
    n_classes: int
    joint: bool = False
    balanced: bool = False


def compare_answers(
    answers: Sequence[Answers],
    labels: Int64,
    classes: Sequence[ObjectClass],
    groups: Sequence[str],
    *,
    seed: int,
    n_resamples: int = 2000,
) -> tuple[Difference, ...]:
    """Hold every run against the first, all of them on the same resamples of groups.

    Args:
        answers: R >= 2 runs.
        labels: (N,) true classes.
        classes: K classes.
        groups: N group names.
        seed: Of the draws.
        n_resamples: Number of draws.

    Returns:
        Metric by metric, run by run: conditional accuracy and balanced accuracy, joint accuracy, normal against not,
        and the recall of every condition that is there. Intervals are not widened for looking at many of them.
    """
    found = []
    names = np.asarray(groups, dtype=np.str_)
    for question in _questions(labels, classes):
        rows = question.rows
        merged = np.append(question.merged, classify.NO_PREDICTION)  # -1 stays -1
        truth = merged[labels[rows]]
        given = [merged[(a.joint if question.joint else a.conditional)[rows]] for a in answers]
        metric = classify.balanced_accuracy if question.balanced else classify.accuracy
        values = [_figure(truth, g, question.n_classes, balanced=question.balanced) for g in given]
        for run in range(1, len(answers)):
            paired = paired_difference(
                given[0],
                given[run],
                truth,
                names[rows].tolist(),
                n_classes=question.n_classes,
                rng=np.random.default_rng(seed),
                metric=metric,
                n_resamples=n_resamples,
            )
            found.append(
                Difference(
                    run,
                    question.metric,
                    int(rows.sum()),
                    values[0],
                    values[run],
                    paired.difference,
                    paired.ci95,
                    paired.share_not_better,
                )
            )
    return tuple(found)


def _questions(labels: Int64, classes: Sequence[ObjectClass]) -> Iterator[_Question]:
    everything, own = np.ones(len(labels), dtype=np.bool_), np.arange(len(classes))
    yield _Question("conditional accuracy", everything, own, len(classes))
    yield _Question("balanced accuracy", everything, own, len(classes), balanced=True)
    yield _Question("joint accuracy", everything, own, len(classes), joint=True)
    yield _Question("normal against not", everything, np.array([int(not c.is_normal) for c in classes]), 2)
    conditions = sorted({c.condition for c in classes})
    of_class = np.array([conditions.index(c.condition) for c in classes])
    # Only the condition's own objects: their accuracy is its recall, and no resample is without one by chance.
    for k, condition in enumerate(conditions):
        rows = of_class[labels] == k
        if rows.any():
            yield _Question(f"recall {condition}", rows, of_class, len(conditions))


def _figure(truth: Int64, given: Int64, n_classes: int, *, balanced: bool) -> float:
    table: Float64 = classify.confusion_matrices(truth, given, n_classes)[0].astype(np.float64)
    return float(classify.balanced_accuracy(table) if balanced else classify.accuracy(table))
