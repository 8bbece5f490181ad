from __future__ import annotations

import numpy as np
import pytest

from clipspect.errors import DataError
from clipspect.metrics.suspects import find_suspects

MASK = np.array([[1, 1, 0, 0, 0], [0, 0, 1, 1, 0], [0, 0, 0, 0, 1]], dtype=bool)


def case(*rows):
    """Rows of (type, label, probabilities)."""
    mask = MASK[[t for t, _, _ in rows]]
    probabilities = np.zeros(mask.shape)
    for i, (_, _, p) in enumerate(rows):
        probabilities[i, mask[i]] = p
    return probabilities, np.array([label for _, label, _ in rows]), mask


def test_a_label_that_its_own_class_speaks_against_is_found_and_ranked():
    found = find_suspects(
        *case((0, 0, [0.9, 0.1]), (0, 0, [0.02, 0.98]), (0, 1, [0.1, 0.9]), (0, 1, [0.95, 0.05]), (0, 0, [0.8, 0.2]))
    )
    assert found.is_suspect.tolist() == [False, True, False, True, False]
    assert found.suggested.tolist() == [0, 1, 1, 0, 0]
    assert found.ranked.tolist() == [1, 3]
    assert found.score[1] == pytest.approx((0.02 - 0.98 + 1) / 2)


def test_an_unsure_disagreement_is_no_suspect():
    # Objects labelled 1 get 0.9: 0.6 for 1 is less than what that class is used to.
    found = find_suspects(*case((0, 1, [0.1, 0.9]), (0, 1, [0.1, 0.9]), (0, 0, [0.9, 0.1]), (0, 0, [0.4, 0.6])))
    assert not found.is_suspect.any()


def test_other_types_change_nothing():
    own = [(0, 0, [0.9, 0.1]), (0, 0, [0.1, 0.9]), (0, 1, [0.3, 0.7])]
    alone = find_suspects(*case(*own))
    beside = find_suspects(*case(*own, (1, 2, [0.99, 0.01]), (1, 3, [0.99, 0.01]), (2, 4, [1.0])))
    assert beside.is_suspect[:3].tolist() == alone.is_suspect.tolist() == [False, True, False]
    np.testing.assert_array_equal(beside.score[:3], alone.score)


def test_a_type_with_one_condition_and_a_class_that_the_model_lacks_are_never_suspect():
    probabilities, labels, mask = case((2, 4, [1.0]), (0, 0, [0.0, 1.0]), (0, 1, [0.0, 1.0]))
    labels[1] = 3  # outside what the object's type can have
    found = find_suspects(probabilities, labels, mask)
    assert not found.is_suspect.any() and found.score.tolist() == [1.0, 1.0, 1.0]
    assert found.suggested.tolist() == labels.tolist()


def test_nothing_in_nothing_out_and_other_shapes_are_refused():
    empty = find_suspects(np.zeros((0, 3)), np.zeros(0, dtype=int), np.zeros((0, 3), dtype=bool))
    assert len(empty.ranked) == 0
    with pytest.raises(DataError, match="expected \\(N, K\\)"):
        find_suspects(np.zeros((2, 3)), np.zeros(1, dtype=int), np.zeros((2, 3), dtype=bool))


def test_a_label_that_is_the_likeliest_class_stands_though_it_is_less_sure_than_its_class_is_used_to():
    # Only the other class reaches its threshold, 0.4; the label's is 0.85.
    found = find_suspects(*case((0, 0, [0.55, 0.45]), (0, 0, [1.0, 0.0]), (0, 0, [1.0, 0.0]), (0, 1, [0.6, 0.4])))
    assert not found.is_suspect[0]
