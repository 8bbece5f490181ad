from __future__ import annotations

import numpy as np

from clipspect.heads.lpp import LPPConfig, descend, start
from heads_fitting import LABELS, NEW, X_NEW, T, X, fitted, slope_of


def test_it_begins_where_the_published_code_begins_on_balanced_classes():
    rows = np.concatenate([np.flatnonzero(LABELS == c)[:2] for c in range(6)])
    w, alpha = start(X[rows], LABELS[rows], T, 250.0)
    np.testing.assert_allclose(w, [X[rows][LABELS[rows] == c].sum(0) for c in range(6)], atol=1e-9)
    own = np.mean([(X[rows][LABELS[rows] == c] @ T[c]).mean() for c in range(6)])
    np.testing.assert_allclose(alpha, 250 * own)


def test_the_descent_is_the_published_one_step_by_step():
    """Gradients by differences, steps by the published constants, alpha every third step."""
    n, weights = len(X), np.linspace(0.5, 1.5, len(X))
    weights /= weights.mean()

    def loss(w, alpha):
        logits = X @ w.T + (X @ T.T) * alpha
        log_p = logits - np.log(np.exp(logits - logits.max()).sum(1, keepdims=True)) - logits.max()
        return -(weights * log_p[np.arange(n), LABELS]).mean()

    w, alpha = start(X, LABELS, T, 10.0)
    begin = w.copy(), alpha.copy()
    weighted = X * np.sqrt(weights)[:, None]
    lr_w = 4 * n / np.linalg.eigvalsh(weighted.T @ weighted).max()
    lr_alpha = n / (4 * ((weighted @ T.T) ** 2).sum(0).max())
    velocity = 0
    for step in range(1, 5):
        slope_w, slope_alpha = slope_of(lambda v: loss(v, alpha), w), slope_of(lambda a: loss(w, a), alpha)  # noqa: B023
        velocity = 0.9 * velocity + slope_w
        w = w - lr_w * velocity
        if step % 3 == 0:
            alpha = alpha - lr_alpha * slope_alpha
    config = LPPConfig(steps=4, alpha_every=3)
    got_w, got_alpha = descend(X, LABELS, T, *begin, weights, np.zeros(6), config)
    np.testing.assert_allclose(got_w, w, atol=1e-5)
    np.testing.assert_allclose(got_alpha, alpha, atol=1e-6)


def test_scores_blend_both_vectors_of_a_class():
    head = fitted("lpp", steps=1, alpha_every=5, class_weight="none")
    w, alpha = start(X, LABELS, T, 250.0)
    w, alpha = descend(X, LABELS, T, w, alpha, np.ones(30), np.zeros(6), head.config)
    np.testing.assert_allclose(head.scores(NEW), X_NEW @ (w + alpha[:, None] * T).T, atol=1e-6)
