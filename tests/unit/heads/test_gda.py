from __future__ import annotations

import numpy as np
import pytest

from clipspect.heads.gda import shrunk
from heads_fitting import FEATURES, LABELS, NEW, TAU, X_NEW, T, fitted, standardised

MEANS = np.array([standardised()[LABELS == c].mean(0) for c in range(6)])
RESIDUALS = standardised() - MEANS[LABELS]


def covariance_of(name):
    from sklearn.covariance import ledoit_wolf, oas

    if name == "ks":  # of the published code: inverse = D ((N - 1) S + tr(S) I)^-1
        n, d = RESIDUALS.shape
        s = RESIDUALS.T @ RESIDUALS / n
        return ((n - 1) * s + np.trace(s) * np.eye(d)) / d
    return {"ledoit-wolf": ledoit_wolf, "oas": oas}[name](RESIDUALS, assume_centered=True)[0]


@pytest.mark.parametrize("name", ["ledoit-wolf", "oas", "ks"])
def test_scores_are_the_papers_with_the_covariance_of_scikit_learn(name):
    inverse = np.linalg.inv(covariance_of(name))
    w = inverse @ MEANS.T
    b = -0.5 * np.einsum("kd,de,ke->k", MEANS, inverse, MEANS)
    expected = 0.1 * (standardised(NEW) @ w + b)
    visual = fitted("gda", shrinkage=name, text=False).scores(NEW)
    np.testing.assert_allclose(visual, expected, atol=1e-6)
    with_text = fitted("gda", shrinkage=name).scores(NEW)
    np.testing.assert_allclose(with_text, TAU * X_NEW @ T.T + expected, atol=1e-5)


@pytest.mark.parametrize("name", ["ledoit-wolf", "oas", "ks"])
def test_shrinkage_of_rotated_rows_is_that_of_the_wide_ones(name):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((8, 30)) @ np.diag(np.linspace(0.1, 3, 30))
    q = np.linalg.svd(x, full_matrices=False)[2].T
    z = x @ q
    wide = shrunk(x, x.T @ x / 8, 30, name)
    np.testing.assert_allclose(shrunk(z, z.T @ z / 8, 30, name), wide, rtol=1e-9)


def test_in_the_joint_space_it_reads_no_view():
    head = fitted("gda", space="joint")
    other = NEW.__class__({}, NEW.joint, NEW.spatial, NEW.object_types, NEW.contexts)
    np.testing.assert_array_equal(head.scores(other), head.scores(NEW))


def test_without_spread_inside_classes_it_is_the_nearest_mean():
    one_each = [int(np.flatnonzero(LABELS == c)[0]) for c in range(6)]
    head = fitted("gda", text=False, features=FEATURES.take(one_each), labels=np.arange(6))
    assert (head.scores(FEATURES.take(one_each)).argmax(1) == np.arange(6)).all()
