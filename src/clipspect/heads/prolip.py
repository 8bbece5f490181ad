"""ProLIP (Fahes et al. 2024, "CLIP's Visual Embedding Projector is a Few-shot Cornucopia", equation 4).

Fine-tunes only the last linear map in front of the joint space: minimises the mean cross-entropy of
tau unit(x W) t^T plus lambda |W - W_0|^2, lambda = 1 / shots. The same minimum is sought here by L-BFGS instead of 300
steps of Adam. Heads see the joint rows, which are past the encoder's own projection, so W_0 is the identity of the
joint space: a map of the projected features, which every encoder with text can have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from clipspect.errors import HeadError
from clipspect.heads.arrays import check_fit, with_absent
from clipspect.heads.imbalance import Balance, Loss, training_terms
from clipspect.heads.options import check_at_least, check_positive
from clipspect.heads.rows import unit_rows
from clipspect.heads.softmax import cross_entropy, minimise
from clipspect.heads.text import Text, require_text, text_from_state
from clipspect.types import Bool, Float64, Int64, ObjectFeatures, Prototypes


@dataclass(frozen=True, slots=True)
class ProLIPConfig:
    """How far the map may move.

    Attributes:
        lam: lambda; None for the paper's 1 / shots, where shots is the mean number of objects a class.
        class_weight: Against imbalance.
        loss: `softmax`, or `balanced-softmax`, which takes the place of `class_weight`.
        max_iter: Of L-BFGS; stopping early keeps the map near its start, as the paper's small steps do.
        tol: Largest entry of the gradient at which it stops.
    """

    lam: float | None = None
    class_weight: Balance = "inverse"
    loss: Loss = "softmax"
    max_iter: int = 20
    tol: float = 1e-5

    def __post_init__(self) -> None:
        check_at_least(0, lam=0.0 if self.lam is None else self.lam)
        check_at_least(1, max_iter=self.max_iter)
        check_positive(tol=self.tol)


class ProLIP:
    """One square matrix in front of the prototypes; scores with numpy alone."""

    name = "prolip"

    def __init__(self, config: ProLIPConfig | None = None) -> None:
        self.config = config or ProLIPConfig()
        self._text = Text(np.zeros((0, 0)), 1.0)
        self._projection = np.zeros((0, 0))
        self._present = np.zeros(0, dtype=np.int64)

    def fit(
        self,
        features: ObjectFeatures,
        labels: Int64,
        *,
        prototypes: Prototypes | None,
        mask: Bool,
        weights: Float64 | None,
        rng: np.random.Generator,
    ) -> Self:
        """Minimise from the identity (see `protocols.Head.fit`)."""
        check_fit(features, labels, mask, weights)
        c, n_classes = self.config, mask.shape[1]
        self._text = require_text(prototypes, n_classes, self.name)
        x = self._text.joint(features, self.name)
        sample, offset = training_terms(labels, n_classes, weights, balance=c.class_weight, loss=c.loss, rng=rng)
        self._present, targets = np.unique(labels, return_inverse=True)
        lam = len(self._present) / len(x) if c.lam is None else c.lam
        self._projection = fit_projection(
            x,
            np.eye(x.shape[1]),
            self._text.logit_scale * self._text.vectors[self._present],
            targets,
            weights=sample / sample.sum(),
            offset=offset[self._present],
            lam=lam,
            max_iter=c.max_iter,
            tol=c.tol,
        )
        return self

    def scores(self, features: ObjectFeatures) -> Float64:
        """(N, K) tau unit(x W) t^T."""
        x = unit_rows(self._text.joint(features, self.name) @ self._projection)
        return with_absent(self._text.zero_shot(x)[:, self._present], self._present, len(self._text.vectors))

    def state(self) -> tuple[Mapping[str, Any], Mapping[str, np.ndarray]]:
        """Settings and arrays, see `protocols.Head.state`."""
        arrays = {"projection": self._projection, "present": self._present, **self._text.state()}
        return asdict(self.config), arrays

    @classmethod
    def from_state(cls, settings: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        """The head that gave `state()`."""
        head = cls(ProLIPConfig(**settings))
        text = text_from_state(arrays)
        if text is None:
            raise HeadError("prolip: expected the array 'text' in the saved head, got none")
        head._text, head._projection, head._present = text, arrays["projection"], arrays["present"]
        return head


def fit_projection(
    x: Float64,
    start: Float64,
    vectors: Float64,
    targets: Int64,
    *,
    weights: Float64,
    offset: Float64,
    lam: float,
    max_iter: int,
    tol: float,
) -> Float64:
    """W (D_in, D_out) from W_0 = `start`; `vectors` (P, D_out) are the prototypes times tau."""

    def loss(flat: Float64) -> tuple[float, Float64]:
        return projection_loss(flat.reshape(start.shape), x, start, vectors, targets, weights, offset, lam)

    return minimise(loss, start.ravel(), max_iter=max_iter, tol=tol).reshape(start.shape)


def projection_loss(
    w: Float64,
    x: Float64,
    start: Float64,
    vectors: Float64,
    targets: Int64,
    weights: Float64,
    offset: Float64,
    lam: float,
) -> tuple[float, Float64]:
    """The objective and its gradient in W, flat."""
    h = x @ w
    length = np.maximum(np.linalg.norm(h, axis=1, keepdims=True), 1e-12)
    u = h / length
    value, slope = cross_entropy(u @ vectors.T + offset, targets, weights)
    g = slope @ vectors
    g = (g - (g * u).sum(axis=1, keepdims=True) * u) / length
    moved = w - start
    return value + lam * float((moved * moved).sum()), (x.T @ g + 2 * lam * moved).ravel()
