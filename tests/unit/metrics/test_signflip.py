from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from clipspect.metrics.signflip import holm, one_sided_p


def wins(*sums, each=10):
    """Groups of `each` objects in which the second is right so many times more often (less, where negative)."""
    first, second, ids = [], [], []
    for g, gain in enumerate(sums):
        first += [i < -gain for i in range(each)]
        second += [i < gain for i in range(each)]
        ids += [g] * each
    return np.array(first), np.array(second), np.array(ids)


def p_of(*sums):
    return one_sided_p(*wins(*sums), np.random.default_rng(0))


def test_eight_groups_that_all_gain_are_as_rare_as_eight_heads():
    assert p_of(1, 2, 3, 4, 5, 6, 7, 8) == 2**-8


def test_it_is_the_share_of_all_sign_patterns_that_reach_what_was_seen():
    sums = (3, -1, 4, 1, -5, 9, 2, -6, 5)
    patterns = [sum(s * x for s, x in zip(signs, sums, strict=True)) for signs in itertools.product((1, -1), repeat=9)]
    assert p_of(*sums) == pytest.approx(np.mean([p >= sum(sums) for p in patterns]))


def test_it_agrees_with_scipys_permutation_test():
    sums = np.array([3, -1, 4, 1, -5, 9, 2, -6, 5, 3, 3])
    scipy = stats.permutation_test(
        (sums,), np.sum, permutation_type="samples", alternative="greater", n_resamples=np.inf
    )
    assert p_of(*sums) == pytest.approx(scipy.pvalue)


def test_one_group_gaining_much_is_no_evidence():
    assert p_of(10, 0, 0, 0, 0, 0, 0, 0, 0) == 0.5


def test_no_difference_or_one_group_is_p_one():
    assert p_of(0, 0, 0) == 1.0 and p_of(8) == 1.0


def test_many_groups_are_drawn_and_come_near_the_exact_share():
    sums = [2, 3, -1, 1, 4, -2, 1, 1, 0, 3, -1, 2, 1, -3, 2, 1, 1]
    exact = np.mean(
        np.array(list(itertools.product((1, -1), repeat=16))) @ np.array([s for s in sums if s]) >= sum(sums)
    )
    assert p_of(*sums) == pytest.approx(exact, abs=0.006)
    assert p_of(*sums) == p_of(*sums)


def test_few_groups_that_agree_can_be_evidence_by_students_t():
    sums = np.array([7, 8, 9, 8, 9])
    assert p_of(*sums) <= 0.01
    assert p_of(*sums) >= stats.ttest_1samp(sums, 0, alternative="greater").pvalue
    assert p_of(5, -4, 6, 1, 2) == pytest.approx(stats.ttest_1samp([5, -4, 6, 1, 2], 0, alternative="greater").pvalue)


def test_equal_small_gains_in_two_groups_are_no_proof():
    assert p_of(1, 1) > 0.1


@pytest.mark.parametrize("n_groups", [4, 6, 9, 12])
def test_where_both_are_equally_good_few_tests_say_otherwise(n_groups):
    rng = np.random.default_rng(n_groups)
    ids = np.repeat(np.arange(n_groups), 12)
    false = 0
    for _ in range(400):
        tilt = rng.normal(0, 0.15, n_groups)[ids]  # groups differ, on average not
        first, second = rng.random(len(ids)) < 0.5 - tilt, rng.random(len(ids)) < 0.5 + tilt
        false += one_sided_p(first, second, ids, rng) <= 0.025
    assert false / 400 <= 0.025 + 3 * np.sqrt(0.025 * 0.975 / 400)


def test_holm_adjusts_step_by_step_and_never_out_of_order():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0] and holm([]) == []
