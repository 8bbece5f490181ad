from __future__ import annotations

import numpy as np
import pytest

from heads_fitting import LABELS, NEW, TAU, X_NEW, T, X, fitted, standardised, units


def soft(logits):
    return np.exp(logits) / np.exp(logits).sum(1, keepdims=True)


def kernel(a, b, beta):
    return np.array([[np.exp(-beta * ((p - q) ** 2).sum() / 2) for q in b] for p in a])


@pytest.mark.parametrize("space", ["joint", "views"])
def test_it_is_kernel_ridge_regression_of_what_zero_shot_leaves(space):
    from sklearn.kernel_ridge import KernelRidge

    keys, new = (X, X_NEW) if space == "joint" else (units(standardised()), units(standardised(NEW)))
    left = np.eye(6)[LABELS] - soft(TAU * X @ T.T)
    ridge = KernelRidge(alpha=0.5, kernel="precomputed").fit(kernel(keys, keys, 2.0), left)
    expected = 10 * (soft(TAU * X_NEW @ T.T) + ridge.predict(kernel(new, keys, 2.0)))
    scores = fitted("proker", beta=2.0, lam=0.5, class_weight="none", space=space).scores(NEW)
    np.testing.assert_allclose(scores, expected, atol=1e-5)


def test_weights_weigh_the_squared_errors():
    from sklearn.kernel_ridge import KernelRidge

    weights = np.linspace(0.5, 2, len(LABELS))
    left = np.eye(6)[LABELS] - soft(TAU * X @ T.T)
    ridge = KernelRidge(alpha=0.5, kernel="precomputed").fit(kernel(X, X, 1.0), left, sample_weight=weights)
    expected = 10 * (soft(TAU * X_NEW @ T.T) + ridge.predict(kernel(X_NEW, X, 1.0)))
    scores = fitted("proker", lam=0.5, class_weight="none", space="joint", weights=weights).scores(NEW)
    np.testing.assert_allclose(scores, expected, atol=1e-5)


def test_the_strongest_pull_is_zero_shot():
    scores = fitted("proker", lam=1e9).scores(NEW)
    np.testing.assert_allclose(scores, 10 * soft(TAU * X_NEW @ T.T), atol=1e-5)
