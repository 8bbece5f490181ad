"""What is gained by saying nothing where the model is unsure: risk against share answered, and where to draw the line.

Objects are answered in the order of confidence, the surest first (El-Yaniv and Wiener 2010; Geifman and El-Yaniv 2017,
"Selective Classification for Deep Neural Networks"). Risk is the share of wrong answers among those that are given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clipspect.errors import ConfigError, DataError
from clipspect.types import Bool, Float64, Int64

SHARES = (0.7, 0.8, 0.9, 1.0)
"""Shares answered that are reported."""

RISKS = (0.05, 0.1, 0.15, 0.2)
"""Risks that are asked for in the report."""

_MAX_ROWS = 200


@dataclass(frozen=True, slots=True)
class RiskCurve:
    """Risk by share answered; R points, one for each confidence that occurs, the highest first.

    Attributes:
        threshold: (R,) lowest confidence that is answered.
        answered: (R,) objects that are answered.
        errors: (R,) wrong ones among them.
    """

    threshold: Float64
    answered: Int64
    errors: Int64


@dataclass(frozen=True, slots=True)
class RiskTable:
    """What confidence keeps the risk under a bound; fitted on objects that the head was not fitted on.

    Attributes:
        n: Objects behind it.
        rows: (confidence, share answered at this confidence or a higher one, risk bound (errors + 1) / (answered + 1)),
            the highest confidence first.
    """

    n: int
    rows: tuple[tuple[float, ...], ...]


def risk_curve(confidence: Float64, correct: Bool) -> RiskCurve:
    """Risk by share answered; objects of one confidence are answered together.

    Args:
        confidence: (N,) finite.
        correct: (N,) whether the answer is right.

    Raises:
        DataError: Lengths differ or a confidence is not finite.
    """
    if confidence.ndim != 1 or confidence.shape != correct.shape or not np.isfinite(confidence).all():
        raise DataError(
            f"risk curve: expected finite confidence and correct of one length, got {confidence.shape}, {correct.shape}"
        )
    order = np.argsort(-confidence, kind="stable")
    sure, wrong = confidence[order], np.cumsum(~correct[order])
    last = np.flatnonzero(np.append(sure[1:] != sure[:-1], True)) if len(sure) else np.zeros(0, dtype=np.intp)
    return RiskCurve(sure[last], (last + 1).astype(np.int64), wrong[last].astype(np.int64))


def aurc(confidence: Float64, correct: Bool) -> float:
    """Area under the risk-coverage curve: mean over k of the risk of the k surest (Geifman et al. 2019).

    Of objects with one confidence any order is as good as another: each of them counts with the expected risk over all
    orders.

    Returns:
        0 (all right) to 1; NaN for N = 0. Args and errors as in `risk_curve`.
    """
    curve = risk_curve(confidence, correct)
    if not len(curve.answered):
        return float("nan")
    total, before, wrong_before = 0.0, 0, 0
    for answered, errors in zip(curve.answered.tolist(), curve.errors.tolist(), strict=True):
        steps = np.arange(1, answered - before + 1)
        share = (errors - wrong_before) / (answered - before)
        total += float(((wrong_before + share * steps) / (before + steps)).sum())
        before, wrong_before = answered, errors
    return total / before


def fit_risk_table(confidence: Float64, correct: Bool) -> RiskTable:
    """A risk bound for each confidence, in at most 200 rows.

    The bound counts one error and one object more than there were, so that a handful of lucky answers promises nothing:
    (errors + 1) / (answered + 1), the correction of Angelopoulos, Bates, Fisch, Lei and Schuster 2022 ("Conformal Risk
    Control") for a loss of 0 or 1.
    """
    curve = risk_curve(confidence, correct)
    n = len(confidence)
    keep = np.unique(np.linspace(0, len(curve.answered) - 1, min(_MAX_ROWS, len(curve.answered))).round().astype(int))
    bound = (curve.errors + 1) / (curve.answered + 1)
    return RiskTable(n, tuple((float(curve.threshold[i]), float(curve.answered[i] / n), float(bound[i])) for i in keep))


def confidence_for(table: RiskTable, risk: float) -> float:
    """The lowest confidence whose answers keep the risk bound: it answers most.

    Returns:
        0 to 1; 0 where even all answers keep it.

    Raises:
        ConfigError: No confidence keeps it; the lowest risk that can be had is named.
    """
    kept = [row for row in table.rows if row[2] <= risk]
    if not kept:
        lowest = min((row[2] for row in table.rows), default=1.0)
        raise ConfigError(
            f"abstain: risk={risk:g}: expected at least {lowest:.3f}, the lowest that {table.n} objects of the fit can "
            "vouch for"
        )
    return 0.0 if kept[-1] == table.rows[-1] else kept[-1][0]


def selective_block(confidence: Float64, correct: Bool, *, shares: Sequence[float] = SHARES) -> dict[str, Any]:
    """The curve for metrics.json.

    Returns:
        JSON-able: `n`, `aurc`, `accuracy_at` (share answered to accuracy of the answered; of equal confidences all are
        answered) and `curve` (`confidence`, `share`, `risk`, at most 200 points); nulls for N = 0.
    """
    n, curve = len(confidence), risk_curve(confidence, correct)
    keep = np.unique(np.linspace(0, len(curve.answered) - 1, min(_MAX_ROWS, len(curve.answered))).round().astype(int))
    return {
        "n": n,
        "aurc": aurc(confidence, correct) if n else None,
        "accuracy_at": {f"{share:g}": accuracy_at(curve, share) for share in shares},
        "curve": [
            {
                "confidence": float(curve.threshold[i]),
                "share": float(curve.answered[i] / n),
                "risk": float(curve.errors[i] / curve.answered[i]),
            }
            for i in keep
        ],
    }


def accuracy_at(curve: RiskCurve, share: float) -> float | None:
    """Accuracy of the surest `share` of the objects, or of a little more where confidences are equal."""
    if not len(curve.answered):
        return None
    i = int(np.searchsorted(curve.answered, share * curve.answered[-1] - 1e-9))
    return float(1 - curve.errors[i] / curve.answered[i])
