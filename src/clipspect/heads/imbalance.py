"""What to do about rare classes: weigh them, draw them again, or shift the logits while training."""

from __future__ import annotations

from typing import Literal

import numpy as np

from clipspect.heads.arrays import class_weights
from clipspect.types import Float64, Int64

Balance = Literal["inverse", "oversample", "none"]
"""`inverse`: weights n_max / n_c. `oversample`: draw until classes are as large as the largest. `none`: nothing."""

Loss = Literal["softmax", "balanced-softmax"]
"""`balanced-softmax`: log class shares are added to the logits in training only; classes are not weighed besides."""


def sample_weights(
    labels: Int64, n_classes: int, weights: Float64 | None, *, balance: Balance, rng: np.random.Generator
) -> Float64:
    """(N,) weight of each object: the caller's (1 where None) times that of its class.

    Args:
        labels: (N,) class indices.
        n_classes: K.
        weights: (N,) of the caller, or None.
        balance: What is done about rare classes.
        rng: Draws the objects that are repeated.
    """
    own = np.ones(len(labels)) if weights is None else np.asarray(weights, dtype=np.float64)
    if balance == "inverse":
        return own * class_weights(labels, n_classes)
    if balance == "oversample":
        return own * repeats(labels, n_classes, rng)
    return own


def repeats(labels: Int64, n_classes: int, rng: np.random.Generator) -> Float64:
    """(N,) how often each object stands in a set in which every class is as large as the largest.

    Every object stands once; the rest of its class is drawn with replacement. An object that stands m times has m
    times the weight in any loss that is a sum over objects, so rows need not be copied.
    """
    counts = np.bincount(labels, minlength=n_classes)
    times = np.ones(len(labels))
    for k in np.flatnonzero(counts):
        rows = np.flatnonzero(labels == k)
        missing = int(counts.max() - counts[k])
        times[rows] += rng.multinomial(missing, np.full(len(rows), 1 / len(rows)))
    return times


def training_terms(
    labels: Int64,
    n_classes: int,
    weights: Float64 | None,
    *,
    balance: Balance,
    loss: Loss,
    rng: np.random.Generator,
) -> tuple[Float64, Float64]:
    """What a softmax loss needs against imbalance: (N,) weights and (K,) offsets of the logits in training.

    Balanced softmax (Ren et al. 2020, "Balanced Meta-Softmax for Long-Tailed Visual Recognition", equation 3) trains
    softmax(logits + log n_c) and predicts with the logits alone; weighing classes besides would correct twice.
    """
    if loss == "balanced-softmax":
        plain = sample_weights(labels, n_classes, weights, balance="none", rng=rng)
        return plain, log_prior(labels, n_classes, plain)
    return sample_weights(labels, n_classes, weights, balance=balance, rng=rng), np.zeros(n_classes)


def log_prior(labels: Int64, n_classes: int, weights: Float64) -> Float64:
    """(K,) log share of each class; 0 for a class without examples, which no loss looks at."""
    mass = np.bincount(labels, weights=weights, minlength=n_classes)
    share = mass / mass.sum()
    return np.log(np.where(share > 0, share, 1.0))
