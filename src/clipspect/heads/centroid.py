"""Nearest class mean (Mensink et al. 2013; the prototypes of Snell et al. 2017) on the views side by side.

Scores -s |x - mu_c|^2, which orders classes as x mu_c^T - |mu_c|^2 / 2 does; nothing is learnt but K means, and a rare
class weighs as much as any.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from clipspect.heads.arrays import Scaling, check_fit, fit_scaling, scaling_from_state, view_names, with_absent
from clipspect.heads.options import check_positive
from clipspect.types import Bool, Float64, Int64, ObjectFeatures, Prototypes


@dataclass(frozen=True, slots=True)
class CentroidConfig:
    """How distances become logits.

    Attributes:
        scale: s; changes no decision, and calibration scales it anyway.
        spatial: Whether the geometry of the boxes is one more view.
    """

    scale: float = 10.0
    spatial: bool = False

    def __post_init__(self) -> None:
        check_positive(scale=self.scale)


class Centroid:
    """K class means; scores with numpy alone."""

    name = "centroid"

    def __init__(self, config: CentroidConfig | None = None) -> None:
        self.config = config or CentroidConfig()
        self._scaling = Scaling({}, {})
        self._means = np.zeros((0, 0))
        self._present = np.zeros(0, dtype=np.int64)
        self._n_classes = 0

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
        """Average each class's objects (see `protocols.Head.fit`)."""
        check_fit(features, labels, mask, weights)
        self._scaling = fit_scaling(features, view_names(features, spatial=self.config.spatial))
        self._present, self._means = class_means(self._scaling.apply(features), labels, weights)
        self._n_classes = mask.shape[1]
        return self

    def scores(self, features: ObjectFeatures) -> Float64:
        """(N, K) logits -s |x - mu_c|^2, less -s |x|^2, which is the same for all classes."""
        x = self._scaling.apply(features)
        closeness = 2 * x @ self._means.T - (self._means**2).sum(axis=1)
        return with_absent(self.config.scale * closeness, self._present, self._n_classes)

    def state(self) -> tuple[Mapping[str, Any], Mapping[str, np.ndarray]]:
        """Settings and arrays, see `protocols.Head.state`."""
        settings = {**asdict(self.config), "views": list(self._scaling.mean), "n_classes": self._n_classes}
        return settings, {"means": self._means, "present": self._present, **self._scaling.state()}

    @classmethod
    def from_state(cls, settings: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        """The head that gave `state()`."""
        settings = dict(settings)
        views, n_classes = settings.pop("views"), settings.pop("n_classes")
        head = cls(CentroidConfig(**settings))
        head._scaling, head._n_classes = scaling_from_state(views, arrays), int(n_classes)
        head._means, head._present = arrays["means"], arrays["present"]
        return head


def class_means(x: Float64, labels: Int64, weights: Float64 | None) -> tuple[Int64, Float64]:
    """Classes that occur (P,) and their weighted means (P, D)."""
    present, targets = np.unique(labels, return_inverse=True)
    share = np.zeros((len(labels), len(present)))
    share[np.arange(len(labels)), targets] = 1.0 if weights is None else weights
    return present, (share / np.maximum(share.sum(axis=0), 1e-12)).T @ x
