"""Multinomial logistic regression on the views side by side.

Minimises C sum_i w_i CE(x_i W + b, y_i) + |W|^2 / 2; classes weigh n_max / n_c, or balanced softmax adds the log class
shares in training only. Views are standardised and scaled so that each has the same weight (METHODS, Linear).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from clipspect.heads.arrays import (
    Scaling,
    check_fit,
    fit_scaling,
    rotate,
    scaling_from_state,
    view_names,
    with_absent,
)
from clipspect.heads.imbalance import Balance, Loss, training_terms
from clipspect.heads.options import check_at_least, check_positive
from clipspect.heads.softmax import fit_softmax
from clipspect.types import Bool, Float64, Int64, ObjectFeatures, Prototypes


@dataclass(frozen=True, slots=True)
class LinearConfig:
    """How the linear head is fitted.

    Attributes:
        C: Inverse of the L2 penalty's strength, as in scikit-learn.
        class_weight: `inverse`: n_max / n_c; `oversample`: rare classes are drawn again; `none`.
        loss: `softmax`, or `balanced-softmax`, which takes the place of `class_weight`.
        spatial: Whether the geometry of the boxes is one more view.
        max_iter: Of L-BFGS.
        tol: Of the gradient, a share of the sum of weights.
    """

    C: float = 1.0
    class_weight: Balance = "inverse"
    loss: Loss = "softmax"
    spatial: bool = False
    max_iter: int = 500
    tol: float = 1e-6

    def __post_init__(self) -> None:
        check_positive(C=self.C, tol=self.tol)
        check_at_least(1, max_iter=self.max_iter)


class Linear:
    """One linear map for all classes; scores with numpy alone."""

    name = "linear"

    def __init__(self, config: LinearConfig | None = None) -> None:
        self.config = config or LinearConfig()
        self._scaling = Scaling({}, {})
        self._coef = np.zeros((0, 0))
        self._intercept = np.zeros(0)
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
        """Fit by L-BFGS in float64 (see `protocols.Head.fit`)."""
        check_fit(features, labels, mask, weights)
        c, n_classes = self.config, mask.shape[1]
        sample, offset = training_terms(labels, n_classes, weights, balance=c.class_weight, loss=c.loss, rng=rng)
        self._scaling = fit_scaling(features, view_names(features, spatial=c.spatial))
        rotation = rotate(self._scaling.apply(features))
        self._present, targets = np.unique(labels, return_inverse=True)
        coef, intercept = fit_softmax(
            rotation.z,
            targets,
            len(self._present),
            weights=sample,
            C=c.C,
            offset=offset[self._present],
            max_iter=c.max_iter,
            tol=c.tol,
        )
        self._coef = np.zeros((rotation.rows.shape[1], n_classes))
        self._coef[:, self._present] = rotation.lift(coef)
        self._intercept = np.zeros(n_classes)
        self._intercept[self._present] = intercept
        return self

    def scores(self, features: ObjectFeatures) -> Float64:
        """(N, K) logits."""
        logits = self._scaling.apply(features) @ self._coef + self._intercept
        return with_absent(logits[:, self._present], self._present, len(self._intercept))

    def state(self) -> tuple[Mapping[str, Any], Mapping[str, np.ndarray]]:
        """Settings and arrays, see `protocols.Head.state`."""
        arrays = {"coef": self._coef, "intercept": self._intercept, "present": self._present}
        return {**asdict(self.config), "views": list(self._scaling.mean)}, arrays | self._scaling.state()

    @classmethod
    def from_state(cls, settings: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        """The head that gave `state()`."""
        settings = dict(settings)
        views = settings.pop("views")
        head = cls(LinearConfig(**settings))
        head._scaling = scaling_from_state(views, arrays)
        head._coef, head._intercept, head._present = arrays["coef"], arrays["intercept"], arrays["present"]
        return head
