"""Classification figures against scikit-learn, on random labels where classes are absent or never predicted."""

import numpy as np
import pytest
from sklearn import metrics as sk

from clipspect.metrics import classify

CASES = [(seed, k, n) for seed in range(4) for k, n in ((1, 5), (2, 40), (5, 12), (9, 300), (12, 20))]


@pytest.fixture(params=CASES, ids=str)
def case(request):
    seed, k, n = request.param
    rng = np.random.default_rng(seed)
    labels = rng.choice(rng.choice(k, size=max(1, k - 2), replace=False), size=n)  # up to two classes absent
    predictions = np.where(rng.random(n) < 0.5, labels, rng.integers(0, k, n))
    predictions[rng.random(n) < 0.1] = classify.NO_PREDICTION
    return labels, predictions, k


@pytest.mark.filterwarnings("ignore:A single label was found:UserWarning")  # scikit-learn's, for K = 1
def test_confusion_matrix(case):
    labels, predictions, k = case
    ours = classify.confusion_matrices(labels, predictions, k)[0]
    np.testing.assert_array_equal(ours[:, :k], sk.confusion_matrix(labels, predictions, labels=range(k)))
    assert ours.sum() == len(labels)


def test_overall_figures(case):
    labels, predictions, k = case
    ours = classify.overall(classify.confusion_matrices(labels, predictions, k)[0])
    there = np.unique(labels)
    shared = {"labels": there, "zero_division": 0}
    assert ours["accuracy"] == pytest.approx(sk.accuracy_score(labels, predictions))
    assert ours["balanced_accuracy"] == pytest.approx(sk.recall_score(labels, predictions, average="macro", **shared))
    assert ours["macro_f1"] == pytest.approx(sk.f1_score(labels, predictions, average="macro", **shared))
    assert ours["weighted_f1"] == pytest.approx(sk.f1_score(labels, predictions, average="weighted", **shared))


@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true:UserWarning")  # scikit-learn's, expected
@pytest.mark.filterwarnings("ignore:A single label was found:UserWarning")  # scikit-learn's, for K = 1
def test_balanced_accuracy_is_scikit_learns_own(case):
    labels, predictions, k = case
    ours = classify.balanced_accuracy(classify.confusion_matrices(labels, predictions, k)[0])
    assert ours == pytest.approx(sk.balanced_accuracy_score(labels, predictions))


def test_figures_of_each_class(case):
    labels, predictions, k = case
    ours = classify.per_class(classify.confusion_matrices(labels, predictions, k)[0])
    there = np.isin(np.arange(k), labels)
    theirs = sk.precision_recall_fscore_support(labels, predictions, labels=range(k), zero_division=0)
    for name, values in zip(("precision", "recall", "f1"), theirs, strict=False):
        np.testing.assert_allclose(ours[name][there], values[there], err_msg=name)
        assert np.isnan(ours[name][~there]).all()
