from __future__ import annotations

import numpy as np
import pytest

from clipspect.heads.softmax import cross_entropy, fit_softmax, log_softmax
from heads_fitting import slope_of

RNG = np.random.default_rng(0)
X = RNG.standard_normal((30, 5))
Y = RNG.integers(0, 3, 30)
W = RNG.uniform(0.5, 3, 30)


def sums(logits):
    return -sum(w * (row[y] - np.log(np.exp(row).sum())) for row, y, w in zip(logits, Y, W, strict=True))


def test_cross_entropy_and_its_gradient_are_those_of_the_formula():
    logits = 3 * RNG.standard_normal((30, 3))
    value, slope = cross_entropy(logits, Y, W)
    assert value == pytest.approx(sums(logits), abs=1e-9)
    np.testing.assert_allclose(slope, slope_of(sums, logits), atol=1e-6)


def test_log_softmax_bears_large_logits():
    np.testing.assert_allclose(log_softmax(np.array([[1e4, 0.0], [-1e4, -1e4]])), [[0, -1e4], [-np.log(2)] * 2])


def fit(**changed):
    options = {"weights": W, "C": 2.0, "offset": np.zeros(3), "max_iter": 2000, "tol": 1e-11}
    return fit_softmax(X, Y, 3, **{**options, **changed})


def test_it_is_scikit_learns_logistic_regression():
    from sklearn.linear_model import LogisticRegression

    w, b = fit()
    theirs = LogisticRegression(C=2.0, max_iter=5000, tol=1e-12).fit(X, Y, sample_weight=W)
    np.testing.assert_allclose(w.T, theirs.coef_, atol=1e-6)
    np.testing.assert_allclose(b - b.mean(), theirs.intercept_ - theirs.intercept_.mean(), atol=1e-6)


def test_with_an_offset_the_objective_with_the_offset_is_smallest():
    offset = np.array([1.0, -2.0, 0.5])

    def objective(theta):
        return 2.0 * sums(X @ theta[:5] + theta[5] + offset) + (theta[:5] ** 2).sum() / 2

    w, b = fit(offset=offset)
    np.testing.assert_allclose(slope_of(objective, np.vstack([w, b])), 0, atol=1e-6)


def test_an_offset_in_training_is_what_the_intercept_lacks():
    offset = np.array([1.0, -2.0, 0.5])
    (w, b), (w0, b0) = fit(offset=offset), fit()
    np.testing.assert_allclose(w, w0, atol=1e-6)
    np.testing.assert_allclose(b + offset - (b + offset).mean(), b0 - b0.mean(), atol=1e-6)
