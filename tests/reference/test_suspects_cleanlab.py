"""Suspect labels against cleanlab: within one object type the two are the same method."""

import numpy as np
import pytest

from clipspect.metrics.suspects import find_suspects

cleanlab_filter = pytest.importorskip("cleanlab.filter")
cleanlab_rank = pytest.importorskip("cleanlab.rank")

CASES = [(seed, k, n) for seed in range(5) for k, n in ((2, 40), (3, 60), (5, 300))]


@pytest.fixture(params=CASES, ids=str)
def case(request):
    seed, k, n = request.param
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, k, n)
    labels = np.where(rng.random(n) < 0.15, rng.integers(0, k, n), truth)
    labels[:k] = np.arange(k)
    logits = rng.standard_normal((n, k)) + 2.0 * np.eye(k)[truth]
    weights = np.exp(logits)
    return weights / weights.sum(axis=1, keepdims=True), labels


def test_the_suspects_are_those_of_cleanlab(case):
    probabilities, labels = case
    theirs = cleanlab_filter.find_label_issues(labels, probabilities, filter_by="confident_learning", n_jobs=1)
    ours = find_suspects(probabilities, labels, np.ones(probabilities.shape, dtype=bool))
    np.testing.assert_array_equal(ours.is_suspect, theirs)
    assert theirs.any()


def test_scores_are_the_normalised_margin_of_cleanlab(case):
    probabilities, labels = case
    ours = find_suspects(probabilities, labels, np.ones(probabilities.shape, dtype=bool))
    theirs = cleanlab_rank.get_normalized_margin_for_each_label(labels, probabilities)
    np.testing.assert_allclose(ours.score, theirs, atol=1e-12)
