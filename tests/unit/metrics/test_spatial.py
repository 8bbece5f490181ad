import numpy as np
import pytest

from clipspect.errors import DataError
from clipspect.metrics.bootstrap import group_ids, group_weights
from clipspect.metrics.spatial import pairs_correct, relation_accuracy

CORRECT = np.array([True, True, False, True])
PAIRS = np.array([[0, 1], [0, 2], [1, 3], [2, 3]])
NAMES = ["above", "above", "left of", "overlapping"]


def test_a_pair_counts_when_both_classes_are_right():
    assert pairs_correct(CORRECT, PAIRS).tolist() == [True, False, True, False]
    found = relation_accuracy(CORRECT, PAIRS, NAMES)
    assert found.overall.value == 0.5 and found.n == 4
    assert found.per_relation == {"above": (0.5, 2), "left of": (1.0, 1), "overlapping": (0.0, 1)}


def test_without_pairs_there_is_no_accuracy():
    found = relation_accuracy(CORRECT, np.zeros((0, 2), dtype=np.int64), [])
    assert np.isnan(found.overall.value) and found.n == 0 and found.per_relation == {}


def test_the_interval_draws_pairs_with_the_group_of_their_first_object():
    groups = ["b", "a", "c", "a"]
    ids, _ = group_ids(groups)
    weights = group_weights(groups, 200, np.random.default_rng(0))
    found = relation_accuracy(CORRECT, PAIRS, NAMES, group_ids=ids, weights=weights)
    hits, n = weights @ [1, 1, 0], weights @ [1, 2, 1]  # a: (1, 3); b: (0, 1), (0, 2); c: (2, 3)
    np.testing.assert_allclose([found.overall.low, found.overall.high], np.quantile(hits / n, [0.025, 0.975]))


@pytest.mark.parametrize(
    ("pairs", "names", "message"),
    [
        ([[0, 4]], ["above"], "objects 0 to 3, got 0 to 4"),
        ([[0, 1, 2]], ["above"], "shape"),
        ([[0, 1]], [], "1 relation"),
    ],
)
def test_pairs_that_point_nowhere_or_have_no_name_are_refused(pairs, names, message):
    with pytest.raises(DataError, match=message):
        relation_accuracy(CORRECT, np.array(pairs), names)
