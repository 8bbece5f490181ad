"""Out-of-fold scores: every object is scored by a head that never saw its group."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from clipspect.protocols import Head
from clipspect.types import Bool, Float64, Int64, ObjectFeatures, Prototypes

Fold = tuple[np.ndarray, np.ndarray]
"""Rows to fit on, rows to score; no group is in both."""


def out_of_fold(
    make_head: Callable[[], Head],
    features: ObjectFeatures,
    labels: Int64,
    mask: Bool,
    folds: Sequence[Fold],
    *,
    prototypes: Prototypes | None,
    seed: int,
) -> Float64:
    """(N, K) logits; each fold's head is fitted anew with its own stream of random numbers."""
    logits = np.full(mask.shape, np.nan)
    for fold, (fit_rows, score_rows) in enumerate(folds):
        head = make_head().fit(
            features.take(fit_rows),
            labels[fit_rows],
            prototypes=prototypes,
            mask=mask[fit_rows],
            weights=None,
            rng=np.random.default_rng([seed, fold]),
        )
        logits[score_rows] = head.scores(features.take(score_rows))
    return logits
