from __future__ import annotations

import numpy as np
import pytest

from clipspect.select.acquire import Value, choose, rare_classes, value_of, worth
from made import NAMES, taxonomy_of


def test_rare_is_less_than_a_third_of_the_commonest_among_types_with_a_choice():
    # drain 30, blocked 9, damaged 10, rock toe 12, rock toe damaged 0; vegetation has no condition to tell
    found = rare_classes(taxonomy_of(), (30, 9, 10, 12, 0, 900))
    assert found == {1: pytest.approx(0.1), 4: 1.0}


def test_without_counts_every_condition_but_normal_is_looked_for():
    assert rare_classes(taxonomy_of(), ()) == {1: 1.0, 2: 1.0, 4: 1.0}
    assert rare_classes(taxonomy_of(), (0, 0, 0, 0, 0, 5)) == {1: 1.0, 2: 1.0, 4: 1.0}


def test_the_value_of_a_photo_by_hand():
    v = value_of([{0: 0.5, 1: 0.5, 2: 0.0}, {3: 0.9, 4: 0.1}, {5: 1.0}, {}], {1: 0.1, 4: 1.0}, NAMES)
    expected = np.log(2) / np.log(3) + -(0.9 * np.log(0.9) + 0.1 * np.log(0.1)) / np.log(2)
    assert v.uncertainty == pytest.approx(expected)
    assert v.rarity == pytest.approx(0.5 * 0.1 + 0.1) and v.margin == 0.0
    assert [name for name, _ in v.rare] == ["rock toe damaged", "drain blocked"]


def test_a_photo_without_objects_is_worth_nothing():
    v = value_of([], {1: 1.0}, NAMES)
    assert (v.uncertainty, v.rarity, v.margin, v.rare) == (0.0, 0.0, 1.0, ())
    assert worth([v, v]).tolist() == [0.0, 0.0] and worth([]).tolist() == []


def test_uncertainty_and_rarity_count_alike_each_as_a_share_of_the_most():
    values = [Value(4.0, 0.0, 0.1, ()), Value(2.0, 0.5, 0.1, ()), Value(0.0, 0.5, 0.1, ())]
    assert worth(values).tolist() == [0.5, 0.75, 0.5]


def test_near_copies_of_what_was_taken_come_last():
    features = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [-1.0, 0.1]])
    order, distances = choose(features, np.array([1.0, 0.99, 0.3, 0.3]), 4)
    assert order.tolist() == [0, 3, 2, 1]
    assert distances[0] == 1.0 and distances[-1] == 0.0
    assert distances[1] == pytest.approx(1.0, abs=0.01)


def test_equal_ones_are_taken_in_order_and_no_more_than_the_budget():
    order, _ = choose(np.zeros((5, 3)), np.ones(5), 3)
    assert order.tolist() == [0, 1, 2]
    assert len(choose(np.ones((2, 3)), np.zeros(2), 9)[0]) == 2
    assert len(choose(np.ones((0, 3)), np.zeros(0), 9)[0]) == 0


def test_every_greedy_step_is_the_best_that_brute_force_finds():
    rng = np.random.default_rng(0)
    x, value = rng.standard_normal((12, 4)), rng.random(12)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    order, distances = choose(x, value, 12)
    for step, row in enumerate(order):
        taken = order[:step]
        gain = {
            r: value[r] * min([1.0, *((1 - unit[t] @ unit[r]) / 2 for t in taken)]) for r in range(12) if r not in taken
        }
        assert gain[row] == pytest.approx(max(gain.values()))
        assert distances[step] * value[row] == pytest.approx(gain[row])
