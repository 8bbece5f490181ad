"""Which labels are likely wrong, from out-of-fold probabilities: confident learning (Northcutt et al. 2021).

A class has its own threshold, the mean probability that its own objects get: t_k = mean of p_ik over objects i that
are labelled k (eq. 2). An object is counted as class k where p_ik >= t_k, the likeliest one where several are. It is a
suspect where that class is not its label, nor is its label the likeliest class. Everything is done within the classes
that an object's type can have: objects of another type say nothing of the label.

Held against cleanlab in `tests/reference`; written here because a report should not need pandas.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clipspect.errors import DataError
from clipspect.types import Bool, Float64, Int64

_SLACK = 1e-6  # a class whose objects all get one probability is at its own threshold, whatever the rounding


@dataclass(frozen=True, slots=True)
class Suspects:
    """What is known of the labels of N objects.

    Attributes:
        score: (N,) 0 to 1: normalised margin (p_label - p_other + 1) / 2, `other` the likeliest other class that the
            type can have; low is suspect, 1 where there is no other class.
        suggested: (N,) the class that the object is counted as where it is a suspect, else its label.
        is_suspect: (N,) bool.
    """

    score: Float64
    suggested: Int64
    is_suspect: Bool

    @property
    def ranked(self) -> Int64:
        """Rows of the suspects, the likeliest errors first; equal scores in the order of the objects."""
        rows = np.flatnonzero(self.is_suspect)
        return rows[np.argsort(self.score[rows], kind="stable")].astype(np.int64)


def find_suspects(probabilities: Float64, labels: Int64, mask: Bool) -> Suspects:
    """Rank labels by how little out-of-fold predictions agree with them.

    Args:
        probabilities: (N, K) of objects that the model was not fitted on; 0 outside `mask`.
        labels: (N,) given classes, 0 to K - 1.
        mask: (N, K) bool, the classes that each object's type can have. An object whose label is not among them (a
            class that the model does not know) is never a suspect: nothing can be said.

    Raises:
        DataError: Shapes differ.
    """
    if not probabilities.shape == mask.shape == (len(labels), mask.shape[-1]):
        raise DataError(
            f"suspects: expected (N, K) probabilities and mask of {len(labels)} labels, "
            f"got {probabilities.shape} and {mask.shape}"
        )
    n, k = mask.shape
    rows = np.arange(n)
    known = mask[rows, labels] & (mask.sum(axis=1) > 1)
    inside = np.where(mask, probabilities, -np.inf)
    others = inside.copy()
    others[rows, labels] = -np.inf
    score = np.ones(n)
    score[known] = (probabilities[rows, labels][known] - others.max(axis=1)[known] + 1) / 2
    confident = mask & (probabilities >= _thresholds(probabilities, labels, k) - _SLACK)
    counted = np.where(confident, inside, -np.inf).argmax(axis=1)
    # Where the label is as likely as any other class, it stands.
    favoured = others.max(axis=1, initial=-np.inf) > probabilities[rows, labels]
    is_suspect = known & confident.any(axis=1) & (counted != labels) & favoured
    return Suspects(score, np.where(is_suspect, counted, labels).astype(np.int64), is_suspect)


def _thresholds(probabilities: Float64, labels: Int64, n_classes: int) -> Float64:
    """(K,) mean probability that each class's own objects get; infinite for a class without objects."""
    counts = np.bincount(labels, minlength=n_classes)
    sums = np.bincount(labels, weights=probabilities[np.arange(len(labels)), labels], minlength=n_classes)
    mean: Float64 = np.divide(sums, counts, out=np.full(n_classes, np.inf), where=counts > 0)
    return mean
