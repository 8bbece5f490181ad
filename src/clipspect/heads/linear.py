"""Multinomial logistic regression on the views side by side.

Classes weigh n_max / n_c; views are standardised and scaled so that each has the same weight (METHODS, Linear).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import numpy as np

from clipspect.config import at_least
from clipspect.errors import ConfigError
from clipspect.heads.arrays import Scaling, below_present, check_fit, class_weights, fit_scaling, reduce_exactly
from clipspect.types import Bool, Float64, Int64, ObjectFeatures, Prototypes

_TOLERANCE = 1e-8


@dataclass(frozen=True, slots=True)
class LinearConfig:
    """How the linear head is fitted.

    Attributes:
        C: Inverse of the L2 penalty's strength, as in scikit-learn.
        class_weight: `inverse`: n_max / n_c; `none`: every object weighs the same.
        max_iter: Of L-BFGS.
    """

    C: float = 1.0
    class_weight: Literal["inverse", "none"] = "inverse"
    max_iter: int = 500

    def __post_init__(self) -> None:
        if not 0 < self.C < math.inf:
            raise ConfigError(f"C: expected a number above 0, got {self.C}")
        at_least(1, "max_iter", self.max_iter)


class Linear:
    """One linear map for all classes; scores with numpy alone."""

    name = "linear"

    def __init__(self, config: LinearConfig | None = None) -> None:
        self.config = config or LinearConfig()
        self._scaling = Scaling({}, {})
        self._coef = np.zeros((0, 0))
        self._intercept = np.zeros(0)
        self._present = np.zeros(0, dtype=bool)

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
        """Fit by L-BFGS in float64 (see `protocols.Head.fit`); deterministic."""
        check_fit(features, labels, mask, weights)
        n_classes = mask.shape[1]
        self._scaling = fit_scaling(features, list(features.blocks))
        z, basis = reduce_exactly(self._scaling.apply(features))
        sample = np.ones(len(labels)) if weights is None else weights.astype(np.float64)
        if self.config.class_weight == "inverse":
            sample = sample * class_weights(labels, n_classes)
        present, coef, intercept = _logistic(z, labels, sample, self.config)
        self._coef = np.zeros((basis.shape[0], n_classes))
        self._coef[:, present] = basis @ coef.T
        self._intercept = np.zeros(n_classes)
        self._intercept[present] = intercept
        self._present = np.isin(np.arange(n_classes), present)
        return self

    def scores(self, features: ObjectFeatures) -> Float64:
        """(N, K) logits."""
        return below_present(self._scaling.apply(features) @ self._coef + self._intercept, self._present)

    def state(self) -> tuple[Mapping[str, Any], Mapping[str, np.ndarray]]:
        """Settings and arrays, see `protocols.Head.state`."""
        arrays = {"coef": self._coef, "intercept": self._intercept, "present": self._present}
        for view in self._scaling.mean:
            arrays[f"mean/{view}"] = self._scaling.mean[view]
            arrays[f"spread/{view}"] = self._scaling.spread[view]
        return {**asdict(self.config), "views": list(self._scaling.mean)}, arrays

    @classmethod
    def from_state(cls, settings: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        """The head that gave `state()`."""
        settings = dict(settings)
        views = settings.pop("views")
        head = cls(LinearConfig(**settings))
        head._scaling = Scaling({v: arrays[f"mean/{v}"] for v in views}, {v: arrays[f"spread/{v}"] for v in views})
        head._coef, head._intercept, head._present = arrays["coef"], arrays["intercept"], arrays["present"]
        return head


def _logistic(z: Float64, labels: Int64, sample: Float64, config: LinearConfig) -> tuple[Int64, Float64, Float64]:
    """Classes that occur (P,), their weights (P, R) and intercepts (P,)."""
    present = np.unique(labels)
    if len(present) == 1:  # scikit-learn refuses one class; then there is nothing to tell apart
        return present, np.zeros((1, z.shape[1])), np.zeros(1)
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    # At the default tolerance logits are off by 0.02, and depend on the order of the objects; this costs 15 ms.
    model = LogisticRegression(C=config.C, max_iter=config.max_iter, tol=_TOLERANCE)
    # The products of one step are so small that waking a second BLAS thread takes longer than the step.
    with threadpool_limits(1, user_api="blas"):
        model.fit(z, labels, sample_weight=sample)
    coef, intercept = np.asarray(model.coef_), np.asarray(model.intercept_)
    if len(present) == 2:  # one column there: the log odds of the second class
        coef, intercept = np.vstack([-coef / 2, coef / 2]), np.array([-intercept[0] / 2, intercept[0] / 2])
    return present, coef, intercept
