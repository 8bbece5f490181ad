"""LP++ (Huang et al. 2024, "LP++: A Surprisingly Strong Linear Probe for Few-Shot CLIP", equation 4).

Scores x (w_c + alpha_c t_c)^T on the joint rows, fitted by block descent on the mean cross-entropy. As in the published
code: w_c starts at the class's sum (here shots times its mean, the same where classes are balanced), every alpha at 250
times the mean over classes of mean x t_c^T; steps are the inverse Lipschitz constants of the blocks, 4 N / lambda_max
(X^T X) for w (with momentum) and N / (4 max_c |X t_c|^2) for alpha, which moves every tenth step. There is no penalty:
the number of steps is what regularises, so no faster minimiser may take its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from clipspect.heads.arrays import check_fit, one_thread, with_absent
from clipspect.heads.centroid import class_means
from clipspect.heads.imbalance import Balance, Loss, training_terms
from clipspect.heads.options import check_at_least
from clipspect.heads.softmax import cross_entropy
from clipspect.heads.text import Text, require_text
from clipspect.types import Bool, Float64, Int64, ObjectFeatures, Prototypes


@dataclass(frozen=True, slots=True)
class LPPConfig:
    """The published values.

    Attributes:
        steps: Of gradient descent on w.
        momentum: Of w.
        alpha_every: Steps of w for one of alpha.
        alpha_start: Factor of alpha's start.
        class_weight: Against imbalance.
        loss: `softmax`, or `balanced-softmax`, which takes the place of `class_weight`.
    """

    steps: int = 300
    momentum: float = 0.9
    alpha_every: int = 10
    alpha_start: float = 250.0
    class_weight: Balance = "inverse"
    loss: Loss = "softmax"

    def __post_init__(self) -> None:
        check_at_least(1, steps=self.steps, alpha_every=self.alpha_every)
        check_at_least(0, momentum=self.momentum, alpha_start=self.alpha_start)


class LPP:
    """One vector of the joint space a class; scores with numpy alone."""

    name = "lpp"

    def __init__(self, config: LPPConfig | None = None) -> None:
        self.config = config or LPPConfig()
        self._coef = np.zeros((0, 0))
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
        """Descend on w and alpha in turn (see `protocols.Head.fit`)."""
        check_fit(features, labels, mask, weights)
        c, n_classes = self.config, mask.shape[1]
        text = require_text(prototypes, n_classes, self.name)
        x = text.joint(features, self.name)
        sample, offset = training_terms(labels, n_classes, weights, balance=c.class_weight, loss=c.loss, rng=rng)
        self._present, targets = np.unique(labels, return_inverse=True)
        vectors = text.vectors[self._present]
        w, alpha = start(x, targets, vectors, c.alpha_start)
        with one_thread():
            w, alpha = descend(x, targets, vectors, w, alpha, sample / sample.mean(), offset[self._present], c)
        self._coef = np.zeros((n_classes, x.shape[1]))
        self._coef[self._present] = w + alpha[:, None] * vectors
        return self

    def scores(self, features: ObjectFeatures) -> Float64:
        """(N, K) x (w_c + alpha_c t_c)^T."""
        logits = Text(self._coef, 1.0).zero_shot(Text(self._coef, 1.0).joint(features, self.name))
        return with_absent(logits[:, self._present], self._present, len(self._coef))

    def state(self) -> tuple[Mapping[str, Any], Mapping[str, np.ndarray]]:
        """Settings and arrays, see `protocols.Head.state`."""
        return asdict(self.config), {"coef": self._coef, "present": self._present}

    @classmethod
    def from_state(cls, settings: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        """The head that gave `state()`."""
        head = cls(LPPConfig(**settings))
        head._coef, head._present = arrays["coef"], arrays["present"]
        return head


def start(x: Float64, targets: Int64, vectors: Float64, alpha_start: float) -> tuple[Float64, Float64]:
    """Where w (P, D) and alpha (P,) begin."""
    means = class_means(x, targets, None)[1]
    shots = len(x) / len(means)
    alpha = alpha_start * float((means * vectors).sum(axis=1).mean())
    return shots * means, np.full(len(means), alpha)


def descend(
    x: Float64,
    targets: Int64,
    vectors: Float64,
    w: Float64,
    alpha: Float64,
    weights: Float64,
    offset: Float64,
    config: LPPConfig,
) -> tuple[Float64, Float64]:
    """Where w and alpha are after `config.steps` steps; weights have mean 1."""
    n, similarity = len(x), x @ vectors.T
    scaled = x * np.sqrt(weights)[:, None]
    lr_w = 4 * n / max(float(np.linalg.norm(scaled, 2)) ** 2, 1e-12)
    lr_alpha = n / (4 * max(float((weights[:, None] * similarity**2).sum(axis=0).max()), 1e-12))
    velocity = np.zeros_like(w)
    for step in range(1, config.steps + 1):
        _, slope = cross_entropy(x @ w.T + similarity * alpha + offset, targets, weights / n)
        velocity = config.momentum * velocity + slope.T @ x
        w = w - lr_w * velocity
        if step % config.alpha_every == 0:
            alpha = alpha - lr_alpha * (slope * similarity).sum(axis=0)
    return w, alpha
