from __future__ import annotations

import numpy as np

from heads_fitting import LABELS, NEW, TAU, X_NEW, T, X, fitted, units


def test_scores_are_cosines_with_the_closed_form():
    lam = 0.7
    mixed = np.array([T[c] + X[LABELS == c].sum(0) * TAU / ((LABELS == c).sum() * lam) for c in range(6)])
    np.testing.assert_allclose(fitted("sstext", lam=lam).scores(NEW), TAU * X_NEW @ units(mixed).T, atol=1e-6)


def test_the_closed_form_is_where_its_objective_has_no_slope():
    lam, c = 0.7, 1
    mu = T[c] + X[LABELS == c].mean(0) * TAU / lam
    np.testing.assert_allclose(-X[LABELS == c].mean(0) * TAU + lam * (mu - T[c]), 0, atol=1e-12)


def test_the_strongest_pull_is_zero_shot():
    np.testing.assert_allclose(fitted("sstext", lam=1e12).scores(NEW), TAU * X_NEW @ T.T, atol=1e-5)
