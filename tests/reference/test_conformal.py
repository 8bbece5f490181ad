"""Sets and p-values against crepes (Bostrom 2022; BSD-3-Clause), where it is installed."""

from __future__ import annotations

import numpy as np
import pytest

from clipspect.metrics.conformal import conformal_scores, fit_conformal, prediction_sets

crepes = pytest.importorskip("crepes", reason="crepes is not installed: pip install crepes")


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
@pytest.mark.parametrize("score", ["lac", "aps"])
def test_sets_with_one_threshold_are_those_of_crepes(coverage, score):
    known, labels, new = drawn(0)
    mask = np.ones((400, 4), dtype=bool)
    fitted = fit_conformal(known, mask, labels, coverage=coverage, score=score, per_class=False)
    ours = prediction_sets(new, mask, fitted, never_empty=False)
    reference = crepes.ConformalClassifier().fit(conformal_scores(known, mask, score)[np.arange(400), labels])
    theirs = reference.predict_set(conformal_scores(new, mask, score), confidence=coverage, smoothing=False)
    np.testing.assert_array_equal(ours, np.asarray(theirs, dtype=bool))


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.95])
def test_sets_with_a_threshold_a_class_are_those_of_crepes(coverage):
    """A label is in the Mondrian set where its p-value among the right classes of its own kind is over alpha."""
    known, labels, new = drawn(1)
    mask = np.ones((400, 4), dtype=bool)
    fitted = fit_conformal(known, mask, labels, coverage=coverage)
    ours = prediction_sets(new, mask, fitted, never_empty=False)
    scores = conformal_scores(new, mask)
    reference = crepes.ConformalClassifier().fit(conformal_scores(known, mask)[np.arange(400), labels], bins=labels)
    for k in range(4):
        p = reference.predict_p(scores[:, [k]], bins=np.full(400, k), smoothing=False)
        np.testing.assert_array_equal(ours[:, k], np.asarray(p)[:, 0] > 1 - coverage + 1e-12)


def drawn(seed):
    rng = np.random.default_rng(seed)
    labels = rng.choice(4, 400, p=[0.5, 0.3, 0.15, 0.05])
    logits = rng.standard_normal((800, 4))
    logits[:400] += 1.5 * np.eye(4)[labels]
    logits[400:] += 1.5 * np.eye(4)[rng.integers(0, 4, 400)]
    powers = np.exp(logits)
    p = powers / powers.sum(axis=1, keepdims=True)
    return p[:400], labels, p[400:]
