"""Worked cases and properties; scikit-learn stands against it in tests/reference."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from clipspect.errors import DataError
from clipspect.metrics import classify

# Three classes: 3 of 4 of the first right, 0 of 2 of the second (never predicted), none of the third there.
WORKED = np.array([[3, 0, 1], [2, 0, 0], [0, 0, 0]])

matrices = st.integers(1, 5).flatmap(
    lambda k: hnp.arrays(
        np.int64, st.tuples(st.integers(1, 3), st.just(k), st.integers(k, k + 1)), elements=st.integers(0, 9)
    )
)


def test_the_worked_case_gives_the_figures_computed_by_hand():
    np.testing.assert_allclose(classify.recall(WORKED), [3 / 4, 0, np.nan])
    np.testing.assert_allclose(classify.precision(WORKED), [3 / 5, 0, np.nan])
    np.testing.assert_allclose(classify.f1(WORKED), [2 / 3, 0, np.nan])
    assert classify.accuracy(WORKED) == 3 / 6
    assert classify.balanced_accuracy(WORKED) == (3 / 4 + 0) / 2
    assert classify.macro_f1(WORKED) == pytest.approx((2 / 3 + 0) / 2)
    assert classify.weighted_f1(WORKED) == pytest.approx((4 * 2 / 3 + 0) / 6)


def test_a_column_beyond_the_classes_is_wrong_for_all_of_them():
    unanswered = np.concatenate([WORKED, [[0], [2], [0]]], axis=1)
    assert classify.accuracy(unanswered) == 3 / 8
    np.testing.assert_allclose(classify.precision(unanswered), classify.precision(WORKED))


def test_a_matrix_without_objects_has_no_figures():
    for name, value in classify.overall(np.zeros((2, 2), dtype=np.int64)).items():
        assert np.isnan(value), name


def test_confusion_matrices_count_by_part_and_put_missing_predictions_last():
    labels, predictions = np.array([0, 0, 1, 1]), np.array([0, -1, 0, 1])
    counted = classify.confusion_matrices(labels, predictions, 2, parts=np.array([0, 1, 1, 1]), n_parts=3)
    assert counted.tolist() == [[[1, 0, 0], [0, 0, 0]], [[0, 0, 1], [1, 1, 0]], [[0, 0, 0], [0, 0, 0]]]


@pytest.mark.parametrize(
    ("labels", "predictions", "message"),
    [([0, 2], [0, 0], "labels: expected 0 to 1, got 0 to 2"), ([0], [-2], "predictions"), ([0], [0, 1], "one length")],
)
def test_classes_out_of_range_and_unequal_lengths_are_refused(labels, predictions, message):
    with pytest.raises(DataError, match=message):
        classify.confusion_matrices(np.array(labels), np.array(predictions), 2)


def test_fewer_columns_than_rows_are_refused():
    with pytest.raises(DataError, match="columns"):
        classify.accuracy(np.ones((3, 2)))


@given(matrices)
def test_figures_lie_between_0_and_1_or_do_not_exist(confusion):
    for name, value in (classify.overall(confusion) | classify.per_class(confusion)).items():
        assert (np.isnan(value) | ((value >= 0) & (value <= 1 + 1e-12))).all(), name


@given(matrices)
def test_a_batch_gives_what_its_matrices_give_one_by_one(confusion):
    for name, value in (classify.overall(confusion) | classify.per_class(confusion)).items():
        single = [(classify.overall(c) | classify.per_class(c))[name] for c in confusion]
        np.testing.assert_array_equal(value, np.stack(single), err_msg=name)


@given(matrices, st.randoms(use_true_random=False))
def test_renaming_the_classes_changes_no_mean(confusion, random):
    k = confusion.shape[1]
    order = random.sample(range(k), k)
    columns = order + list(range(k, confusion.shape[2]))
    renamed = confusion[:, order][:, :, columns]
    for name, value in classify.overall(confusion).items():
        np.testing.assert_allclose(classify.overall(renamed)[name], value, err_msg=name)
