"""Worked cases and properties; torchmetrics, netcal and scipy stand against it in tests/reference."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipspect.errors import DataError
from clipspect.metrics import calibrate

confidences = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60)


def split(rows):
    return np.array([c for c, _ in rows], dtype=float), np.array([right for _, right in rows], dtype=bool)


def test_the_worked_case_gives_the_ece_computed_by_hand():
    confidence = np.array([0.95, 0.85, 0.35, 0.15])
    correct = np.array([True, False, True, False])
    # Two bins: (0, 0.5] holds confidence 0.25 and accuracy 0.5, (0.5, 1] holds 0.9 and 0.5.
    assert calibrate.ece(confidence, correct, n_bins=2) == pytest.approx(0.5 * 0.25 + 0.5 * 0.4)


def test_bins_are_closed_on_the_right_and_0_is_in_the_first():
    bins = calibrate.reliability_bins(np.array([0.0, 0.25, 0.5, 0.500001, 1.0]), np.ones(5, dtype=bool), n_bins=4)
    assert bins.n.tolist() == [2, 1, 1, 1]
    assert bins.low.tolist() == [0, 0.25, 0.5, 0.75] and bins.high.tolist() == [0.25, 0.5, 0.75, 1]
    np.testing.assert_allclose(bins.confidence, [0.125, 0.5, 0.500001, 1.0])


def test_an_empty_bin_has_no_mean_and_no_object_no_ece():
    bins = calibrate.reliability_bins(np.array([0.9]), np.array([True]), n_bins=2)
    assert math.isnan(bins.confidence[0]) and math.isnan(bins.accuracy[0]) and bins.accuracy[1] == 1
    nothing = np.array([]), np.array([], dtype=bool)
    assert math.isnan(calibrate.ece(*nothing)) and math.isnan(calibrate.debiased_ece(*nothing))


@given(confidences, st.integers(1, 20))
def test_ece_lies_between_the_overall_gap_and_1(rows, n_bins):
    confidence, correct = split(rows)
    value = calibrate.ece(confidence, correct, n_bins=n_bins)
    assert abs(confidence.mean() - correct.mean()) - 1e-9 <= value <= 1 + 1e-9


@given(confidences, st.integers(1, 20))
def test_debiasing_only_lowers_the_root_mean_square_gap(rows, n_bins):
    bins = calibrate.reliability_bins(*split(rows), n_bins=n_bins)
    several = bins.n > 1
    value = calibrate.debiased_ece(*split(rows), n_bins=n_bins)
    if not several.any():
        assert math.isnan(value)
        return
    gaps = (bins.accuracy - bins.confidence)[several]
    assert 0 <= value <= math.sqrt(np.average(gaps**2, weights=bins.n[several])) + 1e-9


@given(confidences, st.randoms(use_true_random=False))
def test_the_order_of_the_objects_changes_no_ece(rows, random):
    mixed = random.sample(rows, len(rows))
    assert calibrate.ece(*split(mixed)) == pytest.approx(calibrate.ece(*split(rows)))


def test_sums_by_part_add_up_to_those_of_all():
    rng = np.random.default_rng(0)
    confidence, correct, parts = rng.random(100), rng.random(100) < 0.5, rng.integers(0, 4, 100)
    apart = calibrate.bin_sums(confidence, correct, parts=parts, n_parts=4)
    np.testing.assert_allclose(apart.sum(axis=0), calibrate.bin_sums(confidence, correct)[0])
    assert calibrate.ece_of_sums(apart)[2] == pytest.approx(calibrate.ece(confidence[parts == 2], correct[parts == 2]))


def test_the_debiased_worked_case_gives_the_figure_computed_by_hand():
    confidence, correct = np.array([0.9, 0.8, 0.7, 0.1]), np.array([True, False, False, True])
    # (0.5, 1] has three objects, gap 0.8 - 1/3 and variance 1/3 * 2/3; (0, 0.5] has a single one.
    expected = math.sqrt((0.8 - 1 / 3) ** 2 - (2 / 9) / 2)
    assert calibrate.debiased_ece(confidence, correct, n_bins=2) == pytest.approx(expected)


def test_debiasing_takes_most_of_the_excess_from_a_calibrated_model_and_keeps_a_real_gap():
    rng = np.random.default_rng(0)
    plain, honest, too_sure = [], [], []
    for _ in range(100):
        confidence, draw = rng.uniform(0.3, 1, 300), rng.random(300)
        plain.append(calibrate.ece(confidence, draw < confidence))
        honest.append(calibrate.debiased_ece(confidence, draw < confidence))
        too_sure.append(calibrate.debiased_ece(confidence, draw < confidence - 0.2))
    assert np.mean(plain) > 0.05
    assert np.mean(honest) < 0.4 * np.mean(plain)
    assert np.mean(too_sure) == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize("bad", [np.nan, -0.01, 1.01])
def test_a_confidence_that_is_no_probability_is_refused(bad):
    with pytest.raises(DataError, match="within 0 and 1"):
        calibrate.ece(np.array([0.5, bad]), np.array([True, True]))


def test_unequal_lengths_and_no_bins_are_refused():
    with pytest.raises(DataError, match="one length"):
        calibrate.ece(np.array([0.5]), np.array([True, True]))
    with pytest.raises(DataError, match="at least one bin"):
        calibrate.ece(np.array([0.5]), np.array([True]), n_bins=0)


def test_softmax_gives_exactly_0_outside_the_mask_and_survives_large_logits():
    logits = np.array([[1e4, 1e4 + 1, 9e4], [-1e4, -1e4, -1e5], [1, 2, 3]])
    mask = np.array([[True, True, False], [True, True, True], [False, False, False]])
    found = calibrate.softmax(logits, mask)
    np.testing.assert_allclose(found[0], [1 / (1 + math.e), math.e / (1 + math.e), 0])
    np.testing.assert_allclose(found[1], [0.5, 0.5, 0])
    assert found[0, 2] == 0 and found[2].tolist() == [0, 0, 0] and found.dtype == np.float64


def test_softmax_without_a_mask_takes_all_classes_and_keeps_no_rows():
    np.testing.assert_allclose(calibrate.softmax(np.zeros((2, 4))), 0.25)
    assert calibrate.softmax(np.zeros((0, 4))).shape == (0, 4)


def overconfident(n=2000, k=4, factor=3.0, seed=0):
    rng = np.random.default_rng(seed)
    honest = rng.normal(scale=2, size=(n, k))
    labels = (honest + rng.gumbel(size=(n, k))).argmax(axis=1)  # drawn from softmax(honest)
    return honest * factor, np.ones((n, k), dtype=bool), labels


@pytest.mark.parametrize("factor", [0.25, 1.0, 3.0])
def test_the_temperature_that_spoilt_calibration_is_found_again(factor):
    assert calibrate.fit_temperature(*overconfident(factor=factor)) == pytest.approx(factor, rel=0.08)


def test_the_temperature_lowers_the_ece_and_keeps_the_answer():
    logits, mask, labels = overconfident()
    cooled = logits / calibrate.fit_temperature(logits, mask, labels)
    correct = logits.argmax(axis=1) == labels
    assert (cooled.argmax(axis=1) == logits.argmax(axis=1)).all()
    before, after = (calibrate.ece(calibrate.softmax(z).max(axis=1), correct) for z in (logits, cooled))
    assert after < before / 3


def test_objects_with_one_possible_class_say_nothing_about_the_temperature():
    logits, mask, labels = overconfident(n=300)
    more = np.concatenate([logits, np.full((200, 4), 5.0)]), np.concatenate([mask, np.eye(4, dtype=bool)[[1] * 200]])
    more_labels = np.concatenate([labels, np.full(200, 1)])
    assert calibrate.fit_temperature(*more, more_labels) == calibrate.fit_temperature(logits, mask, labels)
    assert (
        calibrate.fit_temperature(np.arange(6.0).reshape(3, 2), np.eye(2, dtype=bool)[[0, 1, 0]], np.array([0, 1, 0]))
        == 1.0
    )


def test_labels_outside_their_mask_are_passed_over():
    logits, mask, labels = overconfident(n=300)
    expected = calibrate.fit_temperature(logits[1:], mask[1:], labels[1:])
    mask[0, labels[0]] = False
    assert calibrate.fit_temperature(logits, mask, labels) == expected


def test_classes_outside_the_mask_have_no_say():
    logits, mask, labels = overconfident(n=300)
    wider = np.concatenate([logits, np.full((300, 1), 1e6)], axis=1)
    narrow = np.concatenate([mask, np.zeros((300, 1), dtype=bool)], axis=1)
    assert calibrate.fit_temperature(wider, narrow, labels) == calibrate.fit_temperature(logits, mask, labels)


def test_a_perfect_or_hopeless_validation_set_ends_at_the_bounds():
    logits, mask = np.eye(3)[[0, 1, 2] * 5], np.ones((15, 3), dtype=bool)
    low, high = calibrate.TEMPERATURE_RANGE
    assert calibrate.fit_temperature(logits, mask, np.array([0, 1, 2] * 5)) == pytest.approx(low)
    assert calibrate.fit_temperature(logits, mask, np.array([1, 2, 0] * 5)) == pytest.approx(high)
    assert calibrate.fit_temperature(np.zeros((15, 3)), mask, np.array([0, 1, 2] * 5)) == 1.0


@pytest.mark.parametrize(
    ("logits", "labels", "message"),
    [([[np.nan, 1.0]], [0], "finite"), ([[0.0, 1.0]], [2], "labels 0 to 1"), ([[0.0, 1.0]], [0, 0], "labels")],
)
def test_logits_and_labels_that_make_no_sense_are_refused(logits, labels, message):
    with pytest.raises(DataError, match=message):
        calibrate.fit_temperature(np.array(logits), np.ones((1, 2), dtype=bool), np.array(labels))
