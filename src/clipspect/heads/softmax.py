"""The softmax losses that heads minimise, in numpy with their gradients, by L-BFGS in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from clipspect.heads.arrays import one_thread
from clipspect.types import Float64, Int64


def log_softmax(logits: Float64) -> Float64:
    """(N, P) log probabilities over the columns."""
    above = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(above - np.log(np.exp(above).sum(axis=1, keepdims=True)), dtype=np.float64)


def cross_entropy(logits: Float64, targets: Int64, weights: Float64) -> tuple[float, Float64]:
    """Sum over objects of -w log softmax(logits)[target], and its gradient in the logits (N, P)."""
    rows = np.arange(len(targets))
    log_p = log_softmax(logits)
    gradient = np.exp(log_p)
    gradient[rows, targets] -= 1.0
    return float(-(weights * log_p[rows, targets]).sum()), weights[:, None] * gradient


def fit_softmax(
    x: Float64,
    targets: Int64,
    n_targets: int,
    *,
    weights: Float64,
    C: float,  # noqa: N803 - the name that scikit-learn gave it
    offset: Float64,
    max_iter: int,
    tol: float,
) -> tuple[Float64, Float64]:
    """Multinomial logistic regression: minimise C sum_i w_i CE(x_i W + b + offset, y_i) + |W|^2 / 2.

    The objective is scikit-learn's `LogisticRegression` (which penalises two classes as one difference, so that C
    counts half there); it is written out because that one knows no offset.

    Args:
        x: (N, D).
        targets: (N,) 0 to P - 1.
        n_targets: P.
        weights: (N,).
        C: Inverse of the penalty's strength.
        offset: (P,) added to the logits in training only.
        max_iter: Of L-BFGS.
        tol: Largest entry of the gradient over the sum of weights, at which it stops.

    Returns:
        (W (D, P), b (P,)).
    """
    d = x.shape[1]
    strength = 2 / C if n_targets == 2 else 1 / C

    def loss(theta: Float64) -> tuple[float, Float64]:
        w = theta[: d * n_targets].reshape(d, n_targets)
        value, slope = cross_entropy(x @ w + theta[d * n_targets :] + offset, targets, weights)
        gradient = np.concatenate([(x.T @ slope + strength * w).ravel(), slope.sum(axis=0)])
        return value + strength / 2 * float((w * w).sum()), gradient

    theta = minimise(loss, np.zeros((d + 1) * n_targets), max_iter=max_iter, tol=tol * float(weights.sum()))
    return theta[: d * n_targets].reshape(d, n_targets), theta[d * n_targets :]


def minimise(loss: Callable[[Float64], tuple[float, Float64]], start: Float64, *, max_iter: int, tol: float) -> Float64:
    """Where L-BFGS ends: no entry of the gradient exceeds `tol`, or after `max_iter` steps."""
    from scipy.optimize import minimize

    options: dict[str, Any] = {"maxiter": max_iter, "maxfun": 10 * max_iter, "maxcor": 20, "gtol": tol, "ftol": 0.0}
    with one_thread():
        return np.asarray(minimize(loss, start, jac=True, method="L-BFGS-B", options=options).x, dtype=np.float64)
