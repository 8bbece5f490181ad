from __future__ import annotations

import numpy as np
import pytest

from clipspect.heads.imbalance import log_prior, repeats, sample_weights, training_terms
from clipspect.heads.softmax import fit_softmax
from heads_fitting import NEW, fitted

Y = np.array([0] * 8 + [2] * 3 + [3])


def rng():
    return np.random.default_rng(0)


def test_inverse_weights_give_every_class_the_weight_of_the_largest():
    weights = sample_weights(Y, 4, None, balance="inverse", rng=rng())
    np.testing.assert_allclose(np.bincount(Y, weights), [8, 0, 8, 8])


def test_oversampling_draws_whole_objects_until_classes_are_as_large_as_the_largest():
    times = repeats(Y, 4, rng())
    np.testing.assert_array_equal(np.bincount(Y, times), [8, 0, 8, 8])
    assert (times >= 1).all() and (times == np.round(times)).all()
    assert (times[:8] == 1).all(), "the largest class is left as it is"
    np.testing.assert_array_equal(times, repeats(Y, 4, rng()))


def test_an_object_that_stands_twice_counts_as_one_of_twice_the_weight():
    rng = np.random.default_rng(0)
    x, y, twice = rng.standard_normal((12, 3)), np.arange(12) % 3, np.array([*range(12), 4])
    options = {"C": 1.0, "offset": np.zeros(3), "max_iter": 1000, "tol": 1e-11}
    heavy = fit_softmax(x, y, 3, weights=1.0 + (np.arange(12) == 4), **options)
    copied = fit_softmax(x[twice], y[twice], 3, weights=np.ones(13), **options)
    np.testing.assert_allclose(heavy[0], copied[0], atol=1e-7)


def test_callers_weights_and_class_weights_multiply():
    own = np.linspace(1, 2, len(Y))
    both = sample_weights(Y, 4, own, balance="inverse", rng=rng())
    np.testing.assert_allclose(both, own * np.array([1] * 8 + [8 / 3] * 3 + [8]))
    np.testing.assert_array_equal(sample_weights(Y, 4, own, balance="none", rng=rng()), own)


def test_balanced_softmax_shifts_by_the_log_share_and_does_not_weigh_besides():
    weights, offset = training_terms(Y, 4, None, balance="inverse", loss="balanced-softmax", rng=rng())
    np.testing.assert_array_equal(weights, 1)
    np.testing.assert_allclose(offset, np.log([8 / 12, 1, 3 / 12, 1 / 12]))
    np.testing.assert_allclose(log_prior(Y, 4, np.where(Y == 3, 4.0, 1.0)), np.log([8 / 15, 1, 3 / 15, 4 / 15]))


@pytest.mark.parametrize("head", ["linear", "per-type", "prolip"])
def test_balanced_softmax_and_weights_both_raise_the_rare_class(head):
    plain = fitted(head, class_weight="none").scores(NEW)
    for options in ({"loss": "balanced-softmax"}, {"class_weight": "inverse"}, {"class_weight": "oversample"}):
        changed = fitted(head, **options).scores(NEW)
        rare = (changed[:, 2] - changed[:, 0]) - (plain[:, 2] - plain[:, 0])
        assert rare.mean() > 0.01, options
