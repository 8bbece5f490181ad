"""Calibration figures against torchmetrics and netcal, softmax and temperature against scipy."""

import warnings

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from scipy.special import softmax as scipy_softmax

from clipspect.metrics import calibrate

CASES = [(seed, n) for seed in range(3) for n in (30, 1000)]


def probabilities(seed, n, k=5):
    rng = np.random.default_rng(seed)
    found = scipy_softmax(rng.normal(scale=2, size=(n, k)), axis=1)
    return found, rng.integers(0, k, n)


def top(found, labels):
    return found.max(axis=1), found.argmax(axis=1) == labels


@pytest.mark.parametrize(("seed", "n"), CASES)
@pytest.mark.parametrize("n_bins", [10, 15])
def test_ece_equals_torchmetrics(seed, n, n_bins):
    torch = pytest.importorskip("torch")
    functional = pytest.importorskip("torchmetrics.functional.classification")
    found, labels = probabilities(seed, n)
    theirs = functional.multiclass_calibration_error(
        torch.from_numpy(found), torch.from_numpy(labels), num_classes=5, n_bins=n_bins, norm="l1"
    )
    assert calibrate.ece(*top(found, labels), n_bins=n_bins) == pytest.approx(float(theirs), abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_debiased_ece_equals_torchmetrics(seed):
    torch = pytest.importorskip("torch")
    # Their public functions switch the debiasing off; the formula behind them is the one of Kumar et al. 2019.
    module = pytest.importorskip("torchmetrics.functional.classification.calibration_error")
    confidence, correct = top(*probabilities(seed, 1000))
    assert calibrate.reliability_bins(confidence, correct, n_bins=10).n.min() != 1
    theirs = module._ce_compute(
        torch.from_numpy(confidence), torch.from_numpy(correct.astype(float)), 10, norm="l2", debias=True
    )
    assert calibrate.debiased_ece(confidence, correct, n_bins=10) == pytest.approx(float(theirs), abs=1e-6)


@pytest.mark.parametrize(("seed", "n"), CASES)
def test_ece_equals_netcal(seed, n):
    with warnings.catch_warnings():
        # Importing netcal pulls in half of scientific Python; what those packages deprecate is not ours to test.
        warnings.simplefilter("ignore")
        netcal_metrics = pytest.importorskip("netcal.metrics")
    found, labels = probabilities(seed, n)
    theirs = netcal_metrics.ECE(bins=15).measure(found, labels)
    assert calibrate.ece(*top(found, labels)) == pytest.approx(theirs, abs=1e-9)


def test_softmax_equals_scipy_and_over_a_mask_that_of_the_classes_left():
    logits = np.random.default_rng(0).normal(scale=30, size=(50, 6))
    np.testing.assert_allclose(calibrate.softmax(logits), scipy_softmax(logits, axis=1), rtol=1e-12)
    mask = np.zeros(logits.shape, dtype=bool)
    mask[:, [1, 4, 5]] = True
    np.testing.assert_allclose(
        calibrate.softmax(logits, mask)[:, [1, 4, 5]], scipy_softmax(logits[:, [1, 4, 5]], axis=1), rtol=1e-12
    )


@pytest.mark.parametrize("seed", range(5))
def test_the_temperature_equals_scipys_minimum_of_the_loss(seed):
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=rng.uniform(0.5, 20), size=(200, 5))
    labels = np.where(rng.random(200) < 0.6, logits.argmax(axis=1), rng.integers(0, 5, 200))
    mask = rng.random((200, 5)) < 0.7
    mask[np.arange(200), labels] = True

    def loss(log_t):
        scores = log_softmax(np.where(mask, logits / np.exp(log_t), -np.inf), axis=1)
        return -scores[np.arange(200), labels].mean()

    theirs = minimize_scalar(
        loss, bounds=np.log(calibrate.TEMPERATURE_RANGE), method="bounded", options={"xatol": 1e-9}
    )
    ours = calibrate.fit_temperature(logits, mask, labels)
    assert ours == pytest.approx(np.exp(theirs.x), rel=1e-5)
