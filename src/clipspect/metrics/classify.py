"""Accuracy and its kin from confusion matrices.

A confusion matrix counts objects by true class (rows) and predicted class (columns). It may have more columns than
rows: a column beyond the last class counts objects for which another answer, or none, was given, and is wrong for every
class. Leading dimensions are batches, so that a thousand bootstrap resamples are one call.

One rule for all means: a class without a true object is left out; a class that is there but never predicted has
precision 0. Definitions as in scikit-learn (`labels=` the classes that are there, `zero_division=0`).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from clipspect.errors import DataError
from clipspect.types import Float64, Int64

Matrices = npt.NDArray[np.float64] | npt.NDArray[np.int64]
"""(..., K, P) counts, P >= K: K true classes by P predicted ones."""

NO_PREDICTION = -1
"""Stands for the class where nothing was predicted."""


def confusion_matrices(
    labels: Int64, predictions: Int64, n_classes: int, *, parts: Int64 | None = None, n_parts: int = 1
) -> Int64:
    """Count objects by true and predicted class, apart for each part of the objects.

    Args:
        labels: (N,) true classes, 0 to K - 1.
        predictions: (N,) predicted classes, 0 to K - 1, or `NO_PREDICTION`.
        n_classes: K.
        parts: (N,) part of each object, 0 to G - 1 (its group, say); None puts all into part 0.
        n_parts: G.

    Returns:
        (G, K, K + 1) int64; the last column counts objects without a prediction.

    Raises:
        DataError: Lengths differ or a class or part is out of range.
    """
    parts = np.zeros(len(labels), dtype=np.int64) if parts is None else parts
    if not labels.shape == predictions.shape == parts.shape or labels.ndim != 1:
        raise DataError(
            "confusion matrix: expected labels, predictions and parts of one length, "
            f"got shapes {labels.shape}, {predictions.shape}, {parts.shape}"
        )
    for name, values, low, high in (
        ("labels", labels, 0, n_classes),
        ("predictions", predictions, NO_PREDICTION, n_classes),
        ("parts", parts, 0, n_parts),
    ):
        if len(values) and not (low <= values.min() and values.max() < high):
            raise DataError(
                f"confusion matrix: {name}: expected {low} to {high - 1}, got {values.min()} to {values.max()}"
            )
    columns = np.where(predictions == NO_PREDICTION, n_classes, predictions)
    cells = (parts * n_classes + labels) * (n_classes + 1) + columns
    counts = np.bincount(cells, minlength=n_parts * n_classes * (n_classes + 1))
    return counts.astype(np.int64).reshape(n_parts, n_classes, n_classes + 1)


def n_true(confusion: Matrices) -> Float64:
    """(..., K) objects of each class."""
    return np.asarray(confusion.sum(axis=-1), dtype=np.float64)


def recall(confusion: Matrices) -> Float64:
    """(..., K) share of a class's objects that were found; NaN where the class has none."""
    return _ratio(_hits(confusion), n_true(confusion))


def precision(confusion: Matrices) -> Float64:
    """(..., K) share of a class's predictions that are right; 0 where never predicted, NaN where absent."""
    predicted = _n_predicted(confusion)
    right = np.divide(_hits(confusion), predicted, out=np.zeros_like(predicted), where=predicted > 0)
    return np.where(n_true(confusion) > 0, right, np.nan)


def f1(confusion: Matrices) -> Float64:
    """(..., K) harmonic mean of precision and recall, 2 hits / (true + predicted); NaN where the class is absent."""
    there = n_true(confusion)
    return np.where(there > 0, _ratio(2 * _hits(confusion), there + _n_predicted(confusion)), np.nan)


def accuracy(confusion: Matrices) -> Float64:
    """(...) share of objects that are right; NaN where there is no object."""
    return _ratio(_hits(confusion).sum(axis=-1), n_true(confusion).sum(axis=-1))


def balanced_accuracy(confusion: Matrices) -> Float64:
    """(...) mean recall over the classes that are there (Brodersen et al. 2010)."""
    return _mean_of_present(recall(confusion))


def macro_f1(confusion: Matrices) -> Float64:
    """(...) mean F1 over the classes that are there: the mean of F1s, not the F1 of means (Opitz and Burst 2019)."""
    return _mean_of_present(f1(confusion))


def weighted_f1(confusion: Matrices) -> Float64:
    """(...) mean F1 weighted by the number of true objects."""
    there = n_true(confusion)
    return _ratio((np.nan_to_num(f1(confusion)) * there).sum(axis=-1), there.sum(axis=-1))


def overall(confusion: Matrices) -> dict[str, Float64]:
    """All figures that have one value a matrix, by their names in metrics.json."""
    return {
        "accuracy": accuracy(confusion),
        "balanced_accuracy": balanced_accuracy(confusion),
        "macro_f1": macro_f1(confusion),
        "weighted_f1": weighted_f1(confusion),
    }


def per_class(confusion: Matrices) -> dict[str, Float64]:
    """All figures that have one value a class, (..., K) each, by their names in metrics.json."""
    return {"recall": recall(confusion), "precision": precision(confusion), "f1": f1(confusion)}


def _hits(confusion: Matrices) -> Float64:
    rows, columns = confusion.shape[-2:]
    if columns < rows:
        raise DataError(f"confusion matrix: expected at least as many columns as rows, got {rows} x {columns}")
    return np.diagonal(confusion, axis1=-2, axis2=-1).astype(np.float64)


def _n_predicted(confusion: Matrices) -> Float64:
    return np.asarray(confusion[..., : confusion.shape[-2]].sum(axis=-2), dtype=np.float64)


def _ratio(part: Float64, whole: Float64) -> Float64:
    return np.divide(part, whole, out=np.full_like(whole, np.nan), where=whole > 0)


def _mean_of_present(values: Float64) -> Float64:
    there = ~np.isnan(values)
    return _ratio(np.where(there, values, 0.0).sum(axis=-1), there.sum(axis=-1).astype(np.float64))
