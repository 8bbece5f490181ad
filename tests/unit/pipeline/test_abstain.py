from __future__ import annotations

import numpy as np
import pytest

from clipspect.errors import ConfigError
from clipspect.metrics.conformal import ConformalThresholds
from clipspect.metrics.selective import RiskTable
from clipspect.pipeline.abstain import Abstain, read_abstain

CONFORMAL = ConformalThresholds(0.9, "lac", True, (0.5, 0.5), (20, 20))
RISK = RiskTable(100, ((0.9, 0.3, 0.05), (0.62, 0.7, 0.1), (0.4, 1.0, 0.3)))


def read(text, conformal=CONFORMAL, risk=RISK):
    return read_abstain(text, conformal, risk)


def test_each_rule_becomes_a_limit():
    assert read("confidence=0.7") == Abstain("confidence=0.7", min_confidence=0.7)
    assert read(" size = 2 ") == Abstain("size=2", max_size=2)
    assert read("risk=.1") == Abstain("risk=0.1", min_confidence=0.62)
    assert read("risk=0.5") == Abstain("risk=0.5", min_confidence=0.0)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("often", "expected risk=0.1, size=1 or confidence=0.7, got 'often'"),
        ("risk=", "got 'risk='"),
        ("confidence=-1", "got 'confidence=-1'"),
        ("confidence=1.5", "confidence=1.5: expected a number between 0 and 1"),
        ("risk=0", "risk=0: expected a number between 0 and 1"),
        ("risk=0.01", "risk=0.01: expected at least 0.050"),
        ("size=0", "size=0: expected a whole number of conditions from 1"),
        ("size=1.5", "size=1.5: expected a whole number of conditions from 1"),
    ],
)
def test_a_rule_that_cannot_be_kept_is_refused_with_what_was_expected(text, says):
    with pytest.raises(ConfigError) as error:
        read(text)
    assert says in str(error.value) and str(error.value).startswith("abstain: ")


@pytest.mark.parametrize(("text", "what"), [("size=1", "conformal thresholds"), ("risk=0.1", "a table of risks")])
def test_a_model_that_was_fitted_before_there_were_thresholds_says_so(text, what):
    with pytest.raises(ConfigError, match=f"expected a model that was fitted with {what}, got one without"):
        read(text, None, None)
    assert read("confidence=0.7", None, None).min_confidence == 0.7


def test_the_reason_names_the_set_or_the_confidence():
    assert read("size=1").why_not(0.9, ["blocked", "normal"], 0.9) == "set {blocked, normal} at 90 %"
    assert read("confidence=0.7").why_not(0.54, ["normal"], 0.9) == "confidence 0.54 under 0.70"
    assert read("risk=0.1").why_not(0.54, ["normal"], 0.9) == "confidence 0.54 under 0.62 (risk=0.1)"
    assert read("confidence=0.7").why_not(0.6999, [], None) == "confidence 0.6999 under 0.7000"


def test_what_is_answered_in_bulk_is_what_is_answered_one_by_one():
    rng = np.random.default_rng(0)
    confidence, sizes = rng.random(300), rng.integers(1, 4, 300)
    for rule in (read("size=1"), read("size=2"), read("risk=0.1"), read("confidence=0.7")):
        single = [rule.why_not(c, "abc"[:s], 0.9) is None for c, s in zip(confidence, sizes, strict=True)]
        assert rule.answers(confidence, sizes).tolist() == single and 0 < sum(single) < 300
