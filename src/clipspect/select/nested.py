"""Nested cross-validation over groups: the inner folds choose, the outer folds estimate.

A choice made on the folds that estimate flatters what is chosen (Cawley and Talbot 2010, "On Over-fitting in Model
Selection", JMLR 11; Varma and Simon 2006). So for each outer fold the candidates are compared by folds inside its
training objects alone, and the one that wins there scores the held-out objects. What is estimated is the whole
procedure, choice included. The model that is kept is chosen by the same procedure on all objects.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from clipspect.config import Criterion
from clipspect.data.groups import grouped_folds
from clipspect.heads.arrays import one_thread, rotated_once
from clipspect.metrics import classify
from clipspect.metrics.summary import predict
from clipspect.protocols import Head
from clipspect.select.candidates import Candidate
from clipspect.select.crossval import Fold
from clipspect.types import Bool, Float64, Int64, ObjectFeatures, Prototypes

_QUICK_TOL = 1e-4  # of inner fits: changes the decision of one object in hundreds, at a third of the time


@dataclass(frozen=True, slots=True)
class Search:
    """What a nested search found.

    Attributes:
        candidates: Those that were tried, in order.
        untried: Those that the time did not suffice for.
        logits: (N, K) outer logits: each object is scored by the candidate that won without its group.
        chosen: Per outer fold, position in `candidates`.
        final: Position of the one chosen on all objects.
        scores: (F + 1, C) inner scores, the last row on all objects; NaN where one group leaves no inner folds.
    """

    candidates: tuple[Candidate, ...]
    untried: tuple[Candidate, ...]
    logits: Float64
    chosen: tuple[int, ...]
    final: int
    scores: Float64

    @property
    def winner(self) -> Candidate:
        """The candidate that was chosen on all objects."""
        return self.candidates[self.final]


@dataclass(frozen=True, slots=True)
class Task:
    """N labelled objects to search on; `groups` are never cut."""

    features: ObjectFeatures
    labels: Int64
    mask: Bool
    groups: Sequence[str]
    prototypes: Prototypes | None


class Part:
    """The training objects of one outer fold (or all objects), with what candidates share computed once.

    Views are scaled on all of the part's training objects, so that inner folds share one rotation. That lets an inner
    held-out object take part in the column means that it is scaled by, and nothing else; outer objects never do.
    """

    def __init__(
        self, task: Task, fit_rows: Int64, score_rows: Int64, *, inner_folds: int, seed: Sequence[int]
    ) -> None:
        self.task, self.fit_rows, self.score_rows, self.seed = task, fit_rows, score_rows, list(seed)
        groups = [task.groups[i] for i in fit_rows]
        self.inner: list[Fold] = []
        if len(set(groups)) >= 2:
            rng = np.random.default_rng(self.seed)
            self.inner = grouped_folds(groups, task.labels[fit_rows], max_folds=inner_folds, rng=rng)
        self._rotated: dict[tuple[str, ...], tuple[ObjectFeatures, ObjectFeatures]] = {}

    def rotated(self, candidate: Candidate) -> tuple[ObjectFeatures, ObjectFeatures]:
        """Features to fit on and to score, for the views of a candidate."""
        names = candidate.blocks(self.task.features)
        if names not in self._rotated:
            self._rotated[names] = rotated_once(self.task.features, self.fit_rows, names, self.score_rows)
        return self._rotated[names]

    def logits(self, candidate: Candidate, rows: Int64 | None = None) -> Float64:
        """Scores of the held-out objects by a candidate fitted on the part, or on some `rows` of its objects."""
        own, away = self.rotated(candidate)
        rows = np.arange(len(self.fit_rows)) if rows is None else rows
        return self._fit(candidate, own, rows).scores(away)

    def score(self, candidate: Candidate, by: Criterion) -> float:
        """How the candidate does on the inner folds."""
        own, _ = self.rotated(candidate)
        labels, mask = self.task.labels[self.fit_rows], self.task.mask[self.fit_rows]
        logits = np.zeros(mask.shape)
        for fit_rows, score_rows in self.inner:
            head = self._fit(candidate, own, fit_rows, tol=_QUICK_TOL)
            logits[score_rows] = head.scores(own.take(score_rows))
        return criterion(predict(logits, mask), labels, mask.shape[1], by) if self.inner else float("nan")

    def _fit(self, candidate: Candidate, own: ObjectFeatures, rows: Int64, **quick: object) -> Head:
        where = self.fit_rows[rows]
        return candidate.make_rotated(**quick).fit(
            own.take(rows),
            self.task.labels[where],
            prototypes=self.task.prototypes,
            mask=self.task.mask[where],
            weights=None,
            rng=np.random.default_rng(self.seed),
        )


def make_parts(task: Task, folds: Sequence[Fold], *, inner_folds: int, seed: int) -> list[Part]:
    """One part an outer fold, and at the end one of all objects."""
    nothing = np.zeros(0, dtype=np.int64)
    ends = [*folds, (np.arange(len(task.labels)), nothing)]
    return [Part(task, own, away, inner_folds=inner_folds, seed=[seed, i]) for i, (own, away) in enumerate(ends)]


def nested_search(
    candidates: Sequence[Candidate],
    parts: Sequence[Part],
    *,
    by: Criterion = "accuracy",
    time_limit_s: float = 0.0,
    on_step: Callable[[], None] = lambda: None,
    clock: Callable[[], float] = time.monotonic,
) -> Search:
    """Choose a candidate inside each part and score the part's held-out objects with it.

    Args:
        candidates: In the order in which they are tried; the first is always tried, and wins ties.
        parts: From `make_parts`.
        by: What to choose by.
        time_limit_s: No further candidate is begun that would end after it, going by the slowest so far; 0: no limit.
        on_step: Called after each candidate.
        clock: Seconds.
    """
    begun, slowest = clock(), 0.0
    columns: list[list[float]] = []
    with one_thread():
        for candidate in candidates:
            now = clock()
            if columns and time_limit_s and now - begun + slowest > time_limit_s:
                break
            columns.append([part.score(candidate, by) for part in parts])
            slowest = max(slowest, clock() - now)
            on_step()
        scores = np.array(columns).T
        best = np.where(np.isnan(scores), -np.inf, scores).argmax(axis=1)
        logits = np.full(parts[0].task.mask.shape, np.nan)
        for part, winner in zip(parts[:-1], best, strict=False):
            logits[part.score_rows] = part.logits(candidates[winner])
    tried = len(columns)
    chosen = tuple(int(b) for b in best[:-1])
    return Search(tuple(candidates[:tried]), tuple(candidates[tried:]), logits, chosen, int(best[-1]), scores)


def criterion(predicted: Int64, labels: Int64, n_classes: int, by: Criterion) -> float:
    """The figure that a selection goes by, 0 to 1; classes without an object are passed over."""
    table = classify.confusion_matrices(labels, predicted, n_classes)[0]
    if by == "worst_recall":
        return float(np.nanmin(classify.per_class(table)["recall"]))
    return float(classify.overall(table)[by])
