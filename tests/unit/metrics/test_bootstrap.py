"""Resamples against drawing the objects themselves."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from clipspect.errors import DataError
from clipspect.metrics import bootstrap, classify


def drawn(n, k, n_groups, seed=0):
    rng = np.random.default_rng(seed)
    labels, predictions = rng.integers(0, k, (2, n))
    return labels, predictions, [f"flight {g}" for g in rng.integers(0, n_groups, n)]


def test_each_resample_draws_as_many_groups_as_there_are():
    weights = bootstrap.group_weights(["a", "b", "a", "c"], 500, np.random.default_rng(0))
    assert weights.shape == (500, 3)
    assert (weights.sum(axis=1) == 3).all()
    np.testing.assert_allclose(weights.mean(axis=0), 1, atol=0.15)
    assert weights.min() == 0 and weights.max() == 3


def test_the_order_of_the_objects_changes_nothing_in_the_draws():
    one = bootstrap.group_weights(["a", "b", "a", "c"], 9, np.random.default_rng(0))
    other = bootstrap.group_weights(["c", "b", "a"], 9, np.random.default_rng(0))
    np.testing.assert_array_equal(one, other)
    assert bootstrap.group_ids(["c", "a", "c"])[0].tolist() == [1, 0, 1]


@pytest.mark.parametrize("groups", [["only"] * 5, []])
def test_fewer_than_two_groups_give_no_resample_and_no_interval(groups):
    weights = bootstrap.group_weights(groups, 100, np.random.default_rng(0))
    assert len(weights) == 0
    low, high = bootstrap.interval(np.empty((0, 4)))
    assert np.isnan(low).all() and np.isnan(high).all() and low.shape == (4,)


def test_weighted_sums_equal_drawing_the_objects_of_the_groups():
    labels, predictions, groups = drawn(200, 4, 6)
    weights = bootstrap.group_weights(groups, 25, np.random.default_rng(1))
    ids, n_groups = bootstrap.group_ids(groups)
    parts = classify.confusion_matrices(labels, predictions, 4, parts=ids, n_parts=n_groups)
    fast = bootstrap.resampled(weights, parts, lambda c: classify.overall(c) | classify.per_class(c))
    for b, counts in enumerate(weights):
        rows = np.concatenate([np.tile(np.flatnonzero(ids == g), times) for g, times in enumerate(counts)])
        slow = classify.confusion_matrices(labels[rows], predictions[rows], 4)[0]
        for name, value in (classify.overall(slow) | classify.per_class(slow)).items():
            np.testing.assert_allclose(fast[name][b], value, err_msg=name)


def test_many_classes_are_resampled_in_chunks_with_the_same_result(monkeypatch):
    labels, predictions, groups = drawn(200, 4, 6)
    ids, n_groups = bootstrap.group_ids(groups)
    parts = classify.confusion_matrices(labels, predictions, 4, parts=ids, n_parts=n_groups)
    weights = bootstrap.group_weights(groups, 25, np.random.default_rng(1))
    whole = bootstrap.resampled(weights, parts, classify.overall)
    monkeypatch.setattr(bootstrap, "_MAX_CELLS", 60)  # three resamples a chunk
    chunked = bootstrap.resampled(weights, parts, classify.overall)
    for name, value in whole.items():
        np.testing.assert_array_equal(chunked[name], value)


@given(
    hnp.arrays(
        np.float64, st.tuples(st.integers(1, 30), st.integers(1, 3)), elements=st.floats(-5, 5) | st.just(np.nan)
    ),
    st.floats(0.1, 0.99),
)
def test_the_interval_is_that_of_the_samples_which_exist(samples, level):
    low, high = bootstrap.interval(samples, level)
    for column in range(samples.shape[1]):
        there = samples[~np.isnan(samples[:, column]), column]
        expected = np.quantile(there, [(1 - level) / 2, (1 + level) / 2]) if len(there) else [np.nan, np.nan]
        np.testing.assert_allclose([low[column], high[column]], expected, atol=1e-12)


def test_a_figure_about_objects_of_one_group_has_no_interval():
    parts = np.array([[4.0, 5.0], [0.0, 7.0]])
    weights = bootstrap.group_weights(["a", "b"], 50, np.random.default_rng(0))
    found = bootstrap.estimate(parts, weights, lambda s: {"mean": s}, support=parts > 0)["mean"]
    assert found.value.tolist() == [4, 12]
    assert np.isnan(found.low[0]) and found.low[1] == 10 and found.high[1] == 14


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        hits = rng.binomial(20, rng.beta(8, 2, size=40))  # 40 groups of 20 objects, 0.8 on average, groups unlike
        parts = np.stack([hits, np.full(40, 20)], axis=1)
        weights = bootstrap.group_weights([str(g) for g in range(40)], 300, rng)
        found = bootstrap.estimate(parts, weights, lambda s: {"share": s[..., 0] / s[..., 1]})["share"]
        covered += bool(found.low <= 0.8 <= found.high)
    assert 0.88 <= covered / 200 <= 0.99


def test_the_same_predictions_twice_differ_by_nothing():
    labels, predictions, groups = drawn(100, 3, 5)
    found = bootstrap.paired_difference(
        predictions, predictions, labels, groups, n_classes=3, rng=np.random.default_rng(0)
    )
    assert found == bootstrap.PairedDifference(0.0, (0.0, 0.0), 1.0)


def test_predictions_better_in_every_group_are_better_in_every_resample():
    labels, predictions, groups = drawn(100, 3, 5)
    found = bootstrap.paired_difference(predictions, labels, labels, groups, n_classes=3, rng=np.random.default_rng(0))
    assert found.difference == pytest.approx((predictions != labels).mean())
    assert found.ci95 is not None and found.ci95[0] > 0 and found.share_not_better == 0


def test_the_paired_interval_equals_drawing_the_objects_and_swapping_turns_its_sign():
    labels, first, groups = drawn(120, 3, 6)
    second = np.where(np.random.default_rng(3).random(120) < 0.3, labels, first)
    ids, _ = bootstrap.group_ids(groups)

    def compare(a, b, metric=classify.macro_f1):
        return bootstrap.paired_difference(
            a, b, labels, groups, n_classes=3, rng=np.random.default_rng(1), metric=metric, n_resamples=80
        )

    samples = []
    for counts in bootstrap.group_weights(groups, 80, np.random.default_rng(1)):
        rows = np.concatenate([np.tile(np.flatnonzero(ids == g), times) for g, times in enumerate(counts)])
        one, two = (
            classify.macro_f1(classify.confusion_matrices(labels[rows], p[rows], 3)[0]) for p in (first, second)
        )
        samples.append(two - one)
    found, swapped = compare(first, second), compare(second, first)
    np.testing.assert_allclose(found.ci95, np.quantile(samples, [0.025, 0.975]))
    assert found.share_not_better == np.mean(np.array(samples) <= 0)
    assert swapped.difference == -found.difference
    np.testing.assert_allclose(swapped.ci95, [-found.ci95[1], -found.ci95[0]])


def test_one_group_gives_a_difference_without_an_interval():
    found = bootstrap.paired_difference(
        np.array([0, 0]), np.array([0, 1]), np.array([0, 1]), ["g", "g"], n_classes=2, rng=np.random.default_rng(0)
    )
    assert found == bootstrap.PairedDifference(0.5, None, None)


def test_a_wrong_number_of_groups_is_refused():
    two = np.array([0, 1])
    with pytest.raises(DataError, match="expected 2 groups"):
        bootstrap.paired_difference(two, two, two, ["g"], n_classes=2, rng=np.random.default_rng(0))
