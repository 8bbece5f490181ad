"""One linear head for each object type's conditions, under one that tells the types apart.

The logits are log P(type | x) + log P(condition | type, x), so they are log probabilities of the classes and stay
comparable across types: with the mask the first part cancels and each type's own head decides; without it (joint) the
types compete by the first part. Both parts are `linear`'s regression, on the same views.
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
from clipspect.heads.softmax import fit_softmax, log_softmax
from clipspect.types import Bool, Float64, Int64, ObjectFeatures, Prototypes


@dataclass(frozen=True, slots=True)
class PerTypeConfig:
    """How the heads are fitted; as in `LinearConfig`, inside each type.

    Attributes:
        C: Inverse of the L2 penalty's strength of every head.
        class_weight: Against imbalance of a type's conditions, and of the types.
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


class PerType:
    """A linear map a type and one over the types; scores with numpy alone."""

    name = "per-type"

    def __init__(self, config: PerTypeConfig | None = None) -> None:
        self.config = config or PerTypeConfig()
        self._scaling = Scaling({}, {})
        self._group = np.zeros(0, dtype=np.int64)
        self._present = np.zeros(0, dtype=np.int64)
        self._coef = np.zeros((0, 0))
        self._intercept = np.zeros(0)
        self._type_coef = np.zeros((0, 0))
        self._type_intercept = np.zeros(0)

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
        """Fit the types' head and each type's own (see `protocols.Head.fit`); types are read from the mask."""
        check_fit(features, labels, mask, weights)
        self._group = type_groups(mask, labels)
        self._present = np.unique(labels)
        self._scaling = fit_scaling(features, view_names(features, spatial=self.config.spatial))
        rotation = rotate(self._scaling.apply(features))
        z, types = rotation.z, self._group[labels]
        type_coef, self._type_intercept = self._head(z, types, self._group.max() + 1, weights, rng)
        class_coef, self._intercept = np.zeros((z.shape[1], len(self._group))), np.zeros(len(self._group))
        for group in np.unique(types):
            rows = np.flatnonzero(types == group)
            own = None if weights is None else weights[rows]
            coef, intercept = self._head(z[rows], labels[rows], len(self._group), own, rng)
            class_coef += coef
            self._intercept += intercept
        self._type_coef, self._coef = rotation.lift(type_coef), rotation.lift(class_coef)
        return self

    def _head(
        self,
        z: Float64,
        targets: Int64,
        n_targets: int,
        weights: Float64 | None,
        rng: np.random.Generator,
    ) -> tuple[Float64, Float64]:
        """(R, T) and (T,), zero for targets that do not occur."""
        c = self.config
        coef, intercept = np.zeros((z.shape[1], n_targets)), np.zeros(n_targets)
        present, positions = np.unique(targets, return_inverse=True)
        if len(present) > 1:
            sample, offset = training_terms(targets, n_targets, weights, balance=c.class_weight, loss=c.loss, rng=rng)
            coef[:, present], intercept[present] = fit_softmax(
                z,
                positions,
                len(present),
                weights=sample,
                C=c.C,
                offset=offset[present],
                max_iter=c.max_iter,
                tol=c.tol,
            )
        return coef, intercept

    def scores(self, features: ObjectFeatures) -> Float64:
        """(N, K) log P(type | x) + log P(condition | type, x)."""
        x = self._scaling.apply(features)
        group = self._group[self._present]
        known, column = np.unique(group, return_inverse=True)
        logits = log_softmax((x @ self._type_coef + self._type_intercept)[:, known])[:, column]
        conditions = (x @ self._coef + self._intercept)[:, self._present]
        for g in known:
            logits[:, group == g] += log_softmax(conditions[:, group == g])
        return with_absent(logits, self._present, len(self._group))

    def state(self) -> tuple[Mapping[str, Any], Mapping[str, np.ndarray]]:
        """Settings and arrays, see `protocols.Head.state`."""
        arrays = {
            "group": self._group,
            "present": self._present,
            "coef": self._coef,
            "intercept": self._intercept,
            "type_coef": self._type_coef,
            "type_intercept": self._type_intercept,
        }
        return {**asdict(self.config), "views": list(self._scaling.mean)}, arrays | self._scaling.state()

    @classmethod
    def from_state(cls, settings: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        """The head that gave `state()`."""
        settings = dict(settings)
        views = settings.pop("views")
        head = cls(PerTypeConfig(**settings))
        head._scaling = scaling_from_state(views, arrays)
        head._group, head._present = arrays["group"], arrays["present"]
        head._coef, head._intercept = arrays["coef"], arrays["intercept"]
        head._type_coef, head._type_intercept = arrays["type_coef"], arrays["type_intercept"]
        return head


def type_groups(mask: Bool, labels: Int64) -> Int64:
    """(K,) which group of classes each class is in, 0 to G - 1: classes that some object can both have are together.

    An object's own label counts as one that it can have. Classes that no object can have are alone.
    """
    possible = mask.copy()
    possible[np.arange(len(labels)), labels] = True
    group = np.arange(mask.shape[1])
    for row in np.unique(possible, axis=0):
        together = np.unique(group[row])
        group[np.isin(group, together)] = together[0]
    return np.asarray(np.unique(group, return_inverse=True)[1], dtype=np.int64)
