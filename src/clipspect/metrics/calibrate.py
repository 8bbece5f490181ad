"""Whether a probability means what it says, and one number, the temperature, that makes it so.

A model is calibrated when of the objects that it is 80 % sure of, 80 % are right. Measured in bins of confidence (Guo
et al. 2017, "On Calibration of Modern Neural Networks").
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from clipspect.errors import DataError
from clipspect.types import Bool, Float64, Int64

N_BINS = 15
"""Bins of Guo et al. 2017."""

TEMPERATURE_RANGE = (0.05, 20.0)
"""Where the temperature is searched; a perfect validation set would otherwise ask for 0."""

_HALVINGS = 60


@dataclass(frozen=True, slots=True)
class ReliabilityBins:
    """Objects by confidence, in M bins of equal width.

    Attributes:
        low: (M,) lower ends, outside the bin (0 is inside the first).
        high: (M,) upper ends, inside the bin.
        n: (M,) objects.
        confidence: (M,) mean confidence; NaN in an empty bin.
        accuracy: (M,) share that is right; NaN in an empty bin.
    """

    low: Float64
    high: Float64
    n: Int64
    confidence: Float64
    accuracy: Float64


def bin_sums(
    confidence: Float64, correct: Bool, *, n_bins: int = N_BINS, parts: Int64 | None = None, n_parts: int = 1
) -> Float64:
    """Sum objects by confidence, apart for each part of the objects; what every figure here is computed from.

    Args:
        confidence: (N,) probability of the predicted class, 0 to 1.
        correct: (N,) whether the predicted class is right.
        n_bins: M, bins of equal width, closed on the right: (0, 1/M], (1/M, 2/M] ... and 0 in the first.
        parts: (N,) part of each object, 0 to G - 1; None puts all into part 0.
        n_parts: G.

    Returns:
        (G, M, 3) float64: number, sum of confidence, number of right ones.

    Raises:
        DataError: Lengths differ, or a confidence is not within 0 and 1.
    """
    if confidence.ndim != 1 or confidence.shape != correct.shape:
        raise DataError(
            f"calibration: expected confidence and correct of one length, got {confidence.shape}, {correct.shape}"
        )
    if not ((confidence >= 0) & (confidence <= 1)).all():
        raise DataError("calibration: expected confidences within 0 and 1, got others (or NaN)")
    parts = np.zeros(len(confidence), dtype=np.int64) if parts is None else parts
    cells = parts * n_bins + np.searchsorted(_edges(n_bins)[1:-1], confidence, side="left")
    weights = (None, confidence, correct.astype(np.float64))
    sums = [np.bincount(cells, weights=w, minlength=n_parts * n_bins).astype(np.float64) for w in weights]
    return np.stack(sums, axis=-1).reshape(n_parts, n_bins, 3)


def ece_of_sums(sums: Float64) -> Float64:
    """Expected calibration error from (..., M, 3) sums: (...); NaN where there is no object."""
    n = sums[..., 0].sum(axis=-1)
    gaps = np.abs(sums[..., 2] - sums[..., 1]).sum(axis=-1)
    return np.asarray(np.divide(gaps, n, out=np.full_like(n, np.nan), where=n > 0), dtype=np.float64)


def ece(confidence: Float64, correct: Bool, *, n_bins: int = N_BINS) -> float:
    """Expected calibration error: sum over bins of n_b / n * |accuracy_b - confidence_b| (Guo et al. 2017, eq. 5).

    Args:
        confidence: (N,) probability of the predicted class, 0 to 1.
        correct: (N,) whether the predicted class is right.
        n_bins: Number of bins of equal width, closed on the right.

    Returns:
        0 to 1; NaN for N = 0.

    Raises:
        DataError: Lengths differ, or a confidence is not within 0 and 1.
    """
    return float(ece_of_sums(bin_sums(confidence, correct, n_bins=n_bins)[0]))


def debiased_ece(confidence: Float64, correct: Bool, *, n_bins: int = N_BINS) -> float:
    """Root mean square calibration error without what chance adds to it.

    With few objects a bin even a calibrated model has a positive ECE. Of the squared gap of a bin the part that comes
    from drawing is known without bias, and is subtracted (Bröcker 2012; Ferro and Fricker 2012; Kumar, Liang and Ma
    2019, "Verified Uncertainty Calibration", definition 4.1): with accuracy a, confidence c and n objects in a bin, the
    root of the mean over objects of (a - c)^2 - a (1 - a) / (n - 1), cut at 0. Bins with one object are passed over.
    The square root of squares, it is no smaller than the mean gap that `ece` estimates: compare it with 0 and between
    models.

    Args and errors as in `ece`.

    Returns:
        0 to 1; NaN where no bin has two objects.
    """
    bins = reliability_bins(confidence, correct, n_bins=n_bins)
    n, mean, share = (column[bins.n > 1] for column in (bins.n, bins.confidence, bins.accuracy))
    if not n.size:
        return math.nan
    squares = (share - mean) ** 2 - share * (1 - share) / (n - 1)
    return math.sqrt(max(0.0, float((n * squares).sum() / n.sum())))


def reliability_bins(confidence: Float64, correct: Bool, *, n_bins: int = N_BINS) -> ReliabilityBins:
    """The bins behind `ece`, for tables and reliability diagrams. Args and errors as in `ece`."""
    n, total, hits = np.moveaxis(bin_sums(confidence, correct, n_bins=n_bins)[0], -1, 0)
    edges = _edges(n_bins)
    mean, share = (np.divide(v, n, out=np.full_like(n, np.nan), where=n > 0) for v in (total, hits))
    return ReliabilityBins(edges[:-1], edges[1:], n.astype(np.int64), mean, share)


def softmax(logits: Float64, mask: Bool | None = None) -> Float64:
    """Probabilities over the classes that an object can have.

    Args:
        logits: (N, K), finite where the mask is True.
        mask: (N, K) bool, or None for all classes.

    Returns:
        (N, K) float64; exactly 0 outside the mask, rows sum to 1, a row without any class is all 0.
    """
    mask = np.ones(logits.shape, dtype=bool) if mask is None else mask
    masked = np.where(mask, logits.astype(np.float64), -np.inf)
    top = masked.max(axis=1, keepdims=True, initial=-np.inf)
    powers = np.exp(masked - np.where(np.isfinite(top), top, 0.0))
    total = powers.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(powers, total, out=np.zeros_like(powers), where=total > 0), dtype=np.float64)


def fit_temperature(logits: Float64, mask: Bool, labels: Int64) -> float:
    """The temperature T that minimises the mean of -log softmax(logits / T)[label] (Guo et al. 2017, section 4.2).

    Dividing by T keeps every argmax. The loss is convex in 1 / T, so halving log T on the sign of its slope finds the
    minimum to 14 digits. Objects with one possible class, and those whose label is outside their mask, say nothing
    about T and are passed over; where none is left, or nothing depends on T, T is 1.

    Args:
        logits: (N, K) float64 of objects that the head was not fitted on.
        mask: (N, K) bool, the classes each object can have.
        labels: (N,) true classes.

    Returns:
        T within `TEMPERATURE_RANGE`.

    Raises:
        DataError: Shapes differ, a logit is not finite or a label is out of range.
    """
    if logits.ndim != 2 or mask.shape != logits.shape or labels.shape != logits.shape[:1]:
        raise DataError(
            "temperature: expected logits (N, K), mask (N, K) and labels (N,), "
            f"got {logits.shape}, {mask.shape}, {labels.shape}"
        )
    if not np.isfinite(logits).all():
        raise DataError("temperature: expected finite logits, got NaN or inf")
    if len(labels) and not (0 <= labels.min() and labels.max() < logits.shape[1]):
        raise DataError(
            f"temperature: expected labels 0 to {logits.shape[1] - 1}, got {labels.min()} to {labels.max()}"
        )
    telling = mask[np.arange(len(labels)), labels]
    logits, mask, labels = logits[telling].astype(np.float64), mask[telling], labels[telling]
    # Relative to the label's own logit: the offset of a row cancels, and a row with one possible class is all 0.
    above = np.where(mask, logits - logits[np.arange(len(labels)), labels][:, None], 0.0)
    if not above.any():
        return 1.0
    low, high = (math.log(t) for t in TEMPERATURE_RANGE)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        # Slope of the loss in 1 / T: the expected logit less the label's. Positive: too sharp, T must grow.
        if (softmax(above / math.exp(middle), mask) * above).sum() > 0:
            low = middle
        else:
            high = middle
    return math.exp((low + high) / 2)


def _edges(n_bins: int) -> Float64:
    if n_bins < 1:
        raise DataError(f"calibration: expected at least one bin, got {n_bins}")
    return np.linspace(0.0, 1.0, n_bins + 1)
