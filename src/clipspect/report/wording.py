"""How numbers are written for people; None and NaN are an en dash, never a zero."""

from __future__ import annotations

import math
from typing import TypeGuard

from clipspect.taxonomy import NORMAL_WORDS
from clipspect.types import Decision

MISSING = "–"
_THIN = "\u202f"  # narrow no-break space, so that "87 %" stays on one line


def is_number(value: object) -> TypeGuard[float]:
    """Whether `value` is a finite int or float (a bool is not)."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def percent(value: float | None, decimals: int = 1, *, space: str = _THIN) -> str:
    """A fraction as "76.2 %". A probability short of 1 is never written as 100 %, nor one above 0 as 0 %."""
    if not is_number(value):
        return MISSING
    step = 10.0**-decimals
    shown = round(100.0 * value, decimals)
    if shown >= 100.0 > 100.0 * value:
        shown = 100.0 - step
    elif shown <= 0.0 < value:
        return f"<{space}{step:.{decimals}f}{space}%"
    return f"{shown + 0.0:.{decimals}f}{space}%"


def interval(bounds: tuple[float, float] | None, decimals: int = 0) -> str:
    """Two fractions as "70–81", in percent; empty where there is no interval."""
    if bounds is None:
        return ""
    return f"{100 * bounds[0]:.{decimals}f}–{100 * bounds[1]:.{decimals}f}"


def points(value: float | None, decimals: int = 1) -> str:
    """A difference of fractions in percentage points, with its sign: "+3.1"."""
    if not is_number(value):
        return MISSING
    return f"{round(100 * value, decimals) + 0.0:+.{decimals}f}".replace("-", "\u2212")


def count(number: int, one: str, many: str | None = None) -> str:
    """A number with its noun: "1 photo", "1,465 photos"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def had_a_choice(decision: Decision) -> bool:
    """Whether the probability says anything: of a type with a single condition it is 1 without a look at the pixels."""
    return decision.condition is not None and len(decision.probabilities) != 1


def shown_label(decision: Decision) -> str:
    """`Decision.label` for people.

    Without the condition where the type has none but `normal` ("vegetation"); with what is left to choose from where
    nothing is said ("slope drain blocked or normal?").
    """
    if decision.condition is None and len(decision.prediction_set) > 1:
        return f"{decision.detection.object_type} {' or '.join(decision.prediction_set)}?"
    if decision.condition in NORMAL_WORDS and len(decision.probabilities) == 1:
        return decision.detection.object_type
    return decision.label
