from __future__ import annotations

import json
import math

import numpy as np
import pytest

from clipspect.errors import DataError
from clipspect.metrics.conformal import (
    ConformalThresholds,
    conformal_quantile,
    conformal_scores,
    coverage_block,
    fit_conformal,
    prediction_sets,
    too_few,
)

NAMES = ["drain", "drain blocked", "vegetation"]


def two(p):
    """Probabilities over drain and drain blocked, and their mask; vegetation is another type."""
    p = np.asarray(p, dtype=float)
    return np.column_stack([p, 1 - p, np.zeros(len(p))]), np.tile([True, True, False], (len(p), 1))


def simulated(seed, n_groups=20, each=30, k=4):
    """Exchangeable groups: every group is drawn alike, and the probabilities are wrong on purpose."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, k, n_groups * each)
    logits = 1.5 * np.eye(k)[labels] + rng.standard_normal((len(labels), k))
    logits[:, 0] += 1.0  # a bias that no calibration knows of
    powers = np.exp(3 * logits)
    return powers / powers.sum(1, keepdims=True), labels, np.repeat(np.arange(n_groups), each)


def test_the_case_worked_by_hand():
    """Nine right classes with scores 0.1 to 0.9: at 80 % the ceil(10 * 0.8) = 8th, at 90 % the 9th."""
    p, mask = two(1 - np.arange(1, 10) / 10)
    labels = np.zeros(9, dtype=np.int64)
    assert fit_conformal(p, mask, labels, coverage=0.8).thresholds[0] == pytest.approx(0.8)
    fitted = fit_conformal(p, mask, labels, coverage=0.9)
    assert fitted.thresholds[0] == pytest.approx(0.9) and fitted.counts == (9, 0, 0)
    new, mask = two([0.1, 0.05])
    sets = prediction_sets(new, mask, fitted)
    # A score of exactly the threshold belongs to the set; blocked has no example, so it belongs to every set.
    assert sets.tolist() == [[True, True, False], [False, True, False]]


@pytest.mark.parametrize(("n", "infinite"), [(8, True), (9, False), (10, False)])
def test_fewer_than_one_over_alpha_less_one_examples_give_an_infinite_threshold(n, infinite):
    assert math.isinf(conformal_quantile(np.linspace(0, 1, n), 0.9)) is infinite


def test_the_quantile_is_the_one_of_the_ceiling_of_n_plus_one():
    scores = np.random.default_rng(0).permutation(np.arange(1, 20) / 20)
    assert conformal_quantile(scores, 0.9) == 18 / 20  # ceil(20 * 0.9) = 18
    assert conformal_quantile(scores, 0.91) == 19 / 20  # ceil(18.2) = 19
    assert math.isinf(conformal_quantile(scores, 0.96))  # ceil(19.2) = 20 of 19


def test_a_class_with_too_few_examples_is_warned_of_by_name_and_is_in_every_set_of_its_type():
    p, mask = two(np.r_[np.full(9, 0.99), np.full(3, 0.01)])
    fitted = fit_conformal(p, mask, np.array([0] * 9 + [1] * 3))
    assert fitted.thresholds[0] is not None and fitted.thresholds[1:] == (None, None)
    warnings = too_few(fitted, NAMES, np.array([True, True, False]))
    assert [w.split(":")[0] for w in warnings] == ["class 'drain blocked'"]
    assert "3 objects to calibrate 90 % sets on, 9 are needed" in warnings[0]
    assert prediction_sets(*two([0.999]), fitted).tolist() == [[True, True, False]]


def test_one_threshold_for_all_takes_all_classes_together():
    p, mask = two([0.9, 0.8, 0.7, 0.6, 0.1])
    fitted = fit_conformal(p, mask, np.array([0, 0, 0, 0, 1]), coverage=0.5, per_class=False)
    assert fitted.thresholds == pytest.approx((0.2, 0.2, 0.2))  # the third of 0.1 0.1 0.2 0.3 0.4
    assert too_few(fitted, NAMES, np.ones(3, bool)) == []
    short = fit_conformal(p, mask, np.array([0, 0, 0, 0, 1]), per_class=False)
    assert "5 objects" in too_few(short, NAMES, np.ones(3, bool))[0]


def test_objects_with_a_single_condition_are_left_out():
    p, mask = two([0.9] * 9)
    plain = fit_conformal(p, mask, np.zeros(9, dtype=np.int64))
    p = np.vstack([p, np.tile([0.0, 0.0, 1.0], (50, 1))])
    mask = np.vstack([mask, np.tile([False, False, True], (50, 1))])
    more = fit_conformal(p, mask, np.array([0] * 9 + [2] * 50))
    assert more == plain
    sets = prediction_sets(p, mask, more)
    block = coverage_block(sets, mask, np.array([0] * 9 + [2] * 50), NAMES, ["a"] * 59, 0.9)
    assert sets[-1].tolist() == [False, False, True] and block["n"] == 9 and list(block["per_class"]) == ["drain"]


def test_no_set_is_empty_unless_asked_and_none_leaves_the_type():
    fitted = ConformalThresholds(0.9, "lac", True, (0.1, 0.1, 0.1), (9, 9, 9))
    p, mask = two([0.6, 0.3])
    assert prediction_sets(p, mask, fitted, never_empty=False).sum() == 0
    assert prediction_sets(p, mask, fitted).tolist() == [[True, False, False], [False, True, False]]
    unknown = np.zeros((1, 3), dtype=bool)
    assert not prediction_sets(np.zeros((1, 3)), unknown, fitted).any()


def test_aps_sums_the_likelier_classes_and_half_of_its_own():
    scores = conformal_scores(np.array([[0.2, 0.5, 0.3]]), np.ones((1, 3), bool), "aps")
    assert scores[0] == pytest.approx([0.9, 0.25, 0.65])


@pytest.mark.parametrize("score", ["lac", "aps"])
@pytest.mark.parametrize("per_class", [True, False])
def test_sets_cover_as_promised_on_exchangeable_groups_they_were_not_calibrated_on(score, per_class):
    """The figure is judged as the report judges it; over 20 draws the exact interval misses about once."""
    verdicts, covered = [], []
    for seed in range(20):
        p, labels, groups = simulated(seed)
        mask = np.ones(p.shape, dtype=bool)
        sets = np.zeros(p.shape, dtype=bool)
        for g in range(20):
            fitted = fit_conformal(
                p[groups != g], mask[groups != g], labels[groups != g], score=score, per_class=per_class
            )
            sets[groups == g] = prediction_sets(p[groups == g], mask[groups == g], fitted, never_empty=False)
        block = coverage_block(sets, mask, labels, list("abcd"), groups.astype(str).tolist(), 0.9)
        verdicts.append(block["verdict"])
        covered.append([row["coverage"] for row in block["per_class"].values()])
    assert verdicts.count("consistent") >= 17
    by_class = np.mean(covered, axis=0)
    if per_class:
        assert (abs(by_class - 0.9) < 0.02).all()
    else:
        assert by_class.min() < 0.88  # what one threshold for all does not promise


def test_the_block_is_counted_by_class_and_group_and_is_json():
    mask = np.tile([True, True, False], (4, 1))
    sets = np.array([[1, 1, 0], [1, 0, 0], [1, 0, 0], [0, 1, 0]], dtype=bool)
    block = coverage_block(sets, mask, np.array([0, 0, 1, 1]), NAMES, ["x", "x", "x", "y"], 0.9)
    assert (block["n"], block["coverage"], block["mean_size"], block["single"]) == (4, 0.75, 1.25, 0.75)
    assert block["sizes"] == {"1": 3, "2": 1} and block["verdict"] == "consistent"
    assert {k: v["coverage"] for k, v in block["per_class"].items()} == {"drain": 1.0, "drain blocked": 0.5}
    assert {k: (v["n"], v["mean_size"]) for k, v in block["per_group"].items()} == {"x": (3, 4 / 3), "y": (1, 1.0)}
    assert json.loads(json.dumps(block, allow_nan=False)) == block


@pytest.mark.parametrize(("hits", "verdict"), [(60, "below"), (90, "consistent"), (100, "above")])
def test_the_verdict_is_whether_the_interval_holds_the_target(hits, verdict):
    mask = np.tile([True, True, False], (100, 1))
    sets = np.zeros((100, 3), bool)
    sets[:hits, 0] = True
    assert coverage_block(sets, mask, np.zeros(100, int), NAMES, ["a"] * 100, 0.9)["verdict"] == verdict


def test_no_object_with_a_choice_is_no_figure():
    mask = np.array([[False, False, True]])
    block = coverage_block(mask, mask, np.array([2]), NAMES, ["a"], 0.9)
    assert block["n"] == 0 and block["coverage"] is None and block["verdict"] is None


def test_what_cannot_be_calibrated_is_refused():
    p, mask = two([0.5])
    with pytest.raises(DataError, match="expected a coverage between 0 and 1, got 1"):
        fit_conformal(p, mask, np.array([0]), coverage=1.0)
    with pytest.raises(DataError, match="expected probabilities"):
        fit_conformal(p, mask[:, :2], np.array([0]))
