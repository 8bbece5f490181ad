"""When to say nothing: a rule of the user's, and the words that say why. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from clipspect.errors import ConfigError
from clipspect.metrics.conformal import ConformalThresholds
from clipspect.metrics.selective import RiskTable, confidence_for
from clipspect.types import Bool, Float64, Int64

_RULE = re.compile(r"\s*(risk|size|confidence)\s*=\s*(\d*\.?\d+)\s*")
_EXPECTED = "risk=0.1, size=1 or confidence=0.7"


@dataclass(frozen=True, slots=True)
class Abstain:
    """What an answer has to be for it to be given.

    Attributes:
        text: The rule as it was given.
        min_confidence: Lowest probability of the likeliest condition.
        max_size: Most conditions in the conformal set, or None for any number.
    """

    text: str
    min_confidence: float = 0.0
    max_size: int | None = None

    def answers(self, confidence: Float64, sizes: Int64) -> Bool:
        """(N,) which objects are answered, by confidence (N,) and size of the conformal set (N,)."""
        kept = confidence >= self.min_confidence
        if self.max_size is not None:
            kept = kept & (sizes <= self.max_size)
        return np.asarray(kept, dtype=np.bool_)

    def why_not(self, confidence: float, conditions: Sequence[str], coverage: float | None) -> str | None:
        """Why an object with a choice is not answered, or None where it is.

        Args:
            confidence: Probability of its likeliest condition.
            conditions: Its conformal set, in the order it is to be read.
            coverage: Share of such sets that hold the right condition.
        """
        if self.max_size is not None and len(conditions) > self.max_size and coverage is not None:
            return f"set {{{', '.join(conditions)}}} at {100 * coverage:g} %"
        if confidence < self.min_confidence:
            said = f"confidence {_told_apart(confidence, self.min_confidence)}"
            return said if self.text.startswith("confidence") else f"{said} ({self.text})"
        return None


def read_abstain(text: str, conformal: ConformalThresholds | None, risk: RiskTable | None) -> Abstain:
    """A rule in words: `risk=0.1`, `size=1` or `confidence=0.7`.

    Args:
        text: The rule.
        conformal: What the model has fitted for sets.
        risk: What the model has fitted for risks.

    Raises:
        ConfigError: It cannot be read, its number is out of range, or the model was fitted without what it needs.
    """
    match = _RULE.fullmatch(text)
    if match is None:
        raise ConfigError(f"abstain: expected {_EXPECTED}, got {text!r}")
    kind, number = match[1], float(match[2])
    rule = f"{kind}={number:g}"
    if kind == "size":
        if number != int(number) or number < 1:
            raise ConfigError(f"abstain: {rule}: expected a whole number of conditions from 1")
        if conformal is None:
            raise ConfigError(f"abstain: {rule}: {_missing('conformal thresholds')}")
        return Abstain(rule, max_size=int(number))
    if not 0 < number < 1:
        raise ConfigError(f"abstain: {rule}: expected a number between 0 and 1")
    if kind == "confidence":
        return Abstain(rule, min_confidence=number)
    if risk is None:
        raise ConfigError(f"abstain: {rule}: {_missing('a table of risks')}")
    return Abstain(rule, min_confidence=confidence_for(risk, number))


def _missing(what: str) -> str:
    return f"expected a model that was fitted with {what}, got one without: fit it again, or give confidence=0.7"


def _told_apart(low: float, high: float) -> str:
    """Both numbers with as many decimals as tell them apart."""
    for decimals in range(2, 10):
        if round(low, decimals) < round(high, decimals):
            break
    return f"{low:.{decimals}f} under {high:.{decimals}f}"
