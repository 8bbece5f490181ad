from __future__ import annotations

import numpy as np

from clipspect.heads.prolip import projection_loss
from heads_fitting import LABELS, NEW, TAU, X_NEW, T, X, fitted, slope_of, units


def objective(w, x, start, lam, weights, offset):
    logits = TAU * units(x @ w) @ T.T + offset
    log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    return -(weights * log_p[np.arange(len(x)), LABELS]).sum() + lam * ((w - start) ** 2).sum()


def test_the_objective_and_its_gradient_are_the_papers_for_any_projection():
    """Also for one that is not square, as the last projection of an encoder."""
    rng = np.random.default_rng(0)
    x, start = rng.standard_normal((30, 7)), rng.standard_normal((7, 12))
    w, weights, offset = start + 0.1 * rng.standard_normal((7, 12)), rng.uniform(0.5, 2, 30) / 30, rng.normal(size=6)
    value, slope = projection_loss(w, x, start, TAU * T, LABELS, weights, offset, 0.3)
    np.testing.assert_allclose(value, objective(w, x, start, 0.3, weights, offset), atol=1e-9)
    expected = slope_of(lambda v: objective(v, x, start, 0.3, weights, offset), w)
    np.testing.assert_allclose(slope.reshape(7, 12), expected, atol=1e-6)


def test_the_strongest_pull_is_zero_shot():
    np.testing.assert_allclose(fitted("prolip", lam=1e9).scores(NEW), TAU * X_NEW @ T.T, atol=1e-5)


def test_the_pull_is_one_over_the_mean_number_of_objects_a_class():
    np.testing.assert_array_equal(fitted("prolip").scores(NEW), fitted("prolip", lam=1 / 5).scores(NEW))


def test_it_ends_where_the_objective_has_no_slope():
    head = fitted("prolip", class_weight="none", max_iter=2000, tol=1e-9)
    w = head.state()[1]["projection"]
    slope = projection_loss(w, X, np.eye(12), TAU * T, LABELS, np.full(30, 1 / 30), np.zeros(6), 1 / 5)[1]
    assert np.abs(slope).max() < 1e-6
