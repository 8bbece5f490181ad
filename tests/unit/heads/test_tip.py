from __future__ import annotations

import numpy as np
import pytest

from clipspect.heads.tip import TipConfig, keys_loss
from heads_fitting import LABELS, NEW, TAU, X_NEW, T, X, fitted, slope_of, standardised, units


def cache(new, keys, values, alpha, beta):
    return np.array(
        [alpha * sum(np.exp(-beta * (1 - x @ k)) * v for k, v in zip(keys, values, strict=True)) for x in new]
    )


def test_scores_are_the_papers_formula():
    scores = fitted("tip", alpha=1.5, beta=4.0, class_weight="none").scores(NEW)
    np.testing.assert_allclose(scores, TAU * X_NEW @ T.T + cache(X_NEW, X, np.eye(6)[LABELS], 1.5, 4.0), atol=1e-5)


def test_without_text_the_views_are_compared_and_rare_classes_weigh_as_much():
    counts = np.bincount(LABELS)
    values = np.eye(6)[LABELS] * (counts.max() / counts[LABELS])[:, None]
    expected = cache(units(standardised(NEW)), units(standardised()), values, 1.0, 5.5)
    np.testing.assert_allclose(fitted("tip", text=False).scores(NEW), expected, atol=1e-5)


def test_the_gradient_of_the_keys_is_that_of_the_loss():
    rng = np.random.default_rng(0)
    targets, weights, zero_shot = LABELS[::5], rng.uniform(0.5, 2, 6), rng.standard_normal((6, 6))
    keys, values, x = X[:4], np.eye(6)[LABELS[:4]], X[::5]
    config = TipConfig(alpha=2.0, beta=1.5)
    _, slope = keys_loss(keys, x, values, zero_shot, targets, weights, config)
    loss = lambda k: keys_loss(k, x, values, zero_shot, targets, weights, config)[0]  # noqa: E731
    np.testing.assert_allclose(slope, slope_of(loss, keys), atol=1e-7)


@pytest.mark.parametrize("space", ["joint", "views"])
def test_training_the_keys_lowers_the_loss_on_the_objects(space):
    from heads_fitting import FEATURES

    def loss(head):
        scores = head.scores(FEATURES)
        return -(scores[np.arange(30), LABELS] - np.log(np.exp(scores).sum(1))).mean()

    options = {"space": space, "class_weight": "none"}
    assert loss(fitted("tip", finetune=True, **options)) < loss(fitted("tip", **options)) - 0.01
