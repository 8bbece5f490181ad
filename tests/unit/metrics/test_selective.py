from __future__ import annotations

import itertools

import numpy as np
import pytest

from clipspect.errors import ConfigError, DataError
from clipspect.metrics.selective import (
    RiskTable,
    accuracy_at,
    aurc,
    confidence_for,
    fit_risk_table,
    risk_curve,
    selective_block,
)

CONFIDENCE = np.array([0.6, 0.9, 0.8, 0.7])
CORRECT = np.array([False, True, True, False])


def brute_aurc(confidence, correct):
    """Mean over every order in which equal confidences may come."""
    orders = [o for o in itertools.permutations(range(len(confidence))) if (np.diff(confidence[list(o)]) <= 0).all()]
    risks = [np.mean([np.mean(~correct[list(o[:k])]) for k in range(1, len(o) + 1)]) for o in orders]
    return np.mean(risks)


def test_the_surest_are_answered_first():
    curve = risk_curve(CONFIDENCE, CORRECT)
    assert curve.threshold.tolist() == [0.9, 0.8, 0.7, 0.6]
    assert curve.answered.tolist() == [1, 2, 3, 4] and curve.errors.tolist() == [0, 0, 1, 2]


def test_objects_of_one_confidence_are_answered_together():
    curve = risk_curve(np.array([0.5, 0.5, 0.9]), np.array([True, False, True]))
    assert curve.answered.tolist() == [1, 3] and curve.errors.tolist() == [0, 1]


def test_the_area_is_worked_by_hand():
    assert aurc(CONFIDENCE, CORRECT) == pytest.approx((0 + 0 + 1 / 3 + 1 / 2) / 4)


@pytest.mark.parametrize("seed", range(8))
def test_the_area_with_ties_is_the_mean_over_all_orders(seed):
    rng = np.random.default_rng(seed)
    confidence, correct = rng.choice([0.5, 0.7, 0.9], 6), rng.random(6) < 0.6
    assert aurc(confidence, correct) == pytest.approx(brute_aurc(confidence, correct))


def test_the_bound_counts_one_error_more_than_there_was():
    table = fit_risk_table(CONFIDENCE, CORRECT)
    assert [r[2] for r in table.rows] == pytest.approx([1 / 2, 1 / 3, 2 / 4, 3 / 5])
    assert [r[1] for r in table.rows] == [0.25, 0.5, 0.75, 1.0]


def test_the_lowest_confidence_that_keeps_the_risk_is_taken():
    table = fit_risk_table(CONFIDENCE, CORRECT)
    assert confidence_for(table, 0.4) == 0.8
    assert confidence_for(table, 0.5) == 0.7
    assert confidence_for(table, 0.6) == 0.0  # all answers keep it, those of lower confidence than ever seen, too


def test_a_risk_that_nobody_can_vouch_for_is_refused_with_the_lowest_one():
    with pytest.raises(ConfigError, match=r"risk=0.1: expected at least 0.333, the lowest that 4 objects"):
        confidence_for(fit_risk_table(CONFIDENCE, CORRECT), 0.1)
    with pytest.raises(ConfigError, match="0 objects"):
        confidence_for(RiskTable(0, ()), 0.1)


def test_a_threshold_keeps_its_risk_on_new_objects():
    """Sure answers are oftener right here; the risk of new answers is the one asked for, give or take chance."""
    rng = np.random.default_rng(0)

    def drawn(n):
        confidence = rng.uniform(0.5, 1, n)
        return confidence, rng.random(n) < confidence

    line = confidence_for(fit_risk_table(*drawn(2000)), 0.15)
    confidence, correct = drawn(20000)
    risk = (~correct[confidence >= line]).mean()
    assert 0.12 < risk < 0.17 and 0.5 < (confidence >= line).mean() < 0.8


def test_a_long_table_is_thinned_and_keeps_its_ends():
    confidence = np.linspace(0, 1, 5000)
    table = fit_risk_table(confidence, np.ones(5000, bool))
    assert len(table.rows) == 200 and table.rows[0][0] == 1.0 and table.rows[-1][:2] == (0.0, 1.0)


def test_the_block_says_accuracy_by_share():
    block = selective_block(CONFIDENCE, CORRECT, shares=(0.5, 0.6, 1.0))
    assert block["accuracy_at"] == pytest.approx({"0.5": 1.0, "0.6": 2 / 3, "1": 0.5})
    assert block["n"] == 4 and block["curve"][1] == {"confidence": 0.8, "share": 0.5, "risk": 0.0}


def test_no_object_gives_nulls():
    empty = np.zeros(0)
    block = selective_block(empty, empty.astype(bool))
    assert block["aurc"] is None and block["curve"] == [] and set(block["accuracy_at"].values()) == {None}
    assert accuracy_at(risk_curve(empty, empty.astype(bool)), 0.5) is None


def test_confidences_that_are_no_numbers_are_refused():
    with pytest.raises(DataError, match="risk curve"):
        risk_curve(np.array([np.nan]), np.array([True]))
