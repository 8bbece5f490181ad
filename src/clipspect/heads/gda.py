"""Gaussian discriminant analysis with a text prior (Wang et al. 2024).

"A Hard-to-Beat Baseline for Training-free CLIP-based Adaptation", equations 4 to 6: classes share one covariance S and
have one prior, W_c = S^-1 mu_c, b_c = -1/2 mu_c^T S^-1 mu_c, and the scores are tau x t^T + alpha (v W + b), without
the first part where there is no text. v are the views side by side (or, as in the paper, the joint rows). S is the
pooled covariance around the class means, shrunk to a multiple of the identity.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import numpy as np

from clipspect.heads.arrays import (
    Scaling,
    check_fit,
    fit_scaling,
    one_thread,
    rotate,
    scaling_from_state,
    true_width,
    view_names,
    with_absent,
)
from clipspect.heads.centroid import class_means
from clipspect.heads.options import check_positive
from clipspect.heads.rows import Rows
from clipspect.heads.text import Text, read_text, text_from_state
from clipspect.types import Bool, Float64, Int64, ObjectFeatures, Prototypes

Shrinkage = Literal["ledoit-wolf", "oas", "ks"]


@dataclass(frozen=True, slots=True)
class GDAConfig:
    """How the Gaussians are fitted.

    Attributes:
        shrinkage: `ledoit-wolf`: Ledoit and Wolf 2004, as scikit-learn's `ledoit_wolf`. `oas`: Chen et al. 2010, as
            scikit-learn's `oas`. `ks`: the paper's own inverse, D ((N - 1) S + tr(S) I)^-1 (Kubokawa and Srivastava).
        space: `views` side by side, or the `joint` rows of the paper.
        text: Whether zero-shot scores are added where the encoder has text.
        alpha: Weight of the Gaussian part against the text, which the paper picks from 1e-4 to 1e3 on validation. With
            more dimensions than objects Gaussians are surer than they should be, hence less than 1.
        spatial: Whether the geometry of the boxes is one more view.
    """

    shrinkage: Shrinkage = "ledoit-wolf"
    space: Literal["views", "joint"] = "views"
    text: bool = True
    alpha: float = 0.1
    spatial: bool = False

    def __post_init__(self) -> None:
        check_positive(alpha=self.alpha)


class GDA:
    """One shared covariance, solved in closed form; scores with numpy alone."""

    name = "gda"

    def __init__(self, config: GDAConfig | None = None) -> None:
        self.config = config or GDAConfig()
        self._scaling: Scaling | None = None
        self._text: Text | None = None
        self._coef = np.zeros((0, 0))
        self._intercept = np.zeros(0)
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
        """Solve for W and b (see `protocols.Head.fit`)."""
        check_fit(features, labels, mask, weights)
        c = self.config
        self._n_classes = mask.shape[1]
        with_text = c.text and prototypes is not None and features.joint is not None
        self._text = read_text(prototypes, self._n_classes, self.name) if with_text and prototypes is not None else None
        names = view_names(features, spatial=c.spatial) if c.space == "views" else []
        self._scaling = fit_scaling(features, names) if c.space == "views" else None
        x = self._rows(features)
        rotation = rotate(x)
        z = rotation.z
        self._present, means = class_means(z, labels, weights)
        residuals = z - means[np.searchsorted(self._present, labels)]
        width = true_width(features, names) if c.space == "views" else x.shape[1]
        w = _solve(residuals, weights, means.T, width, c.shrinkage)
        self._coef = rotation.lift(w)
        self._intercept = -0.5 * (means.T * w).sum(axis=0)
        return self

    def scores(self, features: ObjectFeatures) -> Float64:
        """(N, K) tau x t^T + alpha (v W + b)."""
        logits = self.config.alpha * (self._rows(features) @ self._coef + self._intercept)
        if self._text is not None:
            logits = logits + self._text.zero_shot(self._text.joint(features, self.name))[:, self._present]
        return with_absent(logits, self._present, self._n_classes)

    def _rows(self, features: ObjectFeatures) -> Float64:
        return self._scaling.apply(features) if self._scaling is not None else Rows(None)(features)

    def state(self) -> tuple[Mapping[str, Any], Mapping[str, np.ndarray]]:
        """Settings and arrays, see `protocols.Head.state`."""
        views = None if self._scaling is None else list(self._scaling.mean)
        arrays = {"coef": self._coef, "intercept": self._intercept, "present": self._present}
        arrays |= {} if self._scaling is None else self._scaling.state()
        arrays |= {} if self._text is None else self._text.state()
        return {**asdict(self.config), "views": views, "n_classes": self._n_classes}, arrays

    @classmethod
    def from_state(cls, settings: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        """The head that gave `state()`."""
        settings = dict(settings)
        views, n_classes = settings.pop("views"), settings.pop("n_classes")
        head = cls(GDAConfig(**settings))
        head._scaling = None if views is None else scaling_from_state(views, arrays)
        head._text, head._n_classes = text_from_state(arrays), int(n_classes)
        head._coef, head._intercept, head._present = arrays["coef"], arrays["intercept"], arrays["present"]
        return head


def _solve(residuals: Float64, weights: Float64 | None, means: Float64, width: int, shrinkage: Shrinkage) -> Float64:
    """S^-1 means (R, P), where S is the shrunk covariance of the residuals in a space of `width` dimensions.

    The residuals may have been rotated into fewer dimensions; outside of them S is its multiple of the identity, where
    the means have nothing, so that only the shrinkage itself has to know the true width.
    """
    if weights is not None:
        residuals = residuals * np.sqrt(weights * len(weights) / weights.sum())[:, None]
    covariance = residuals.T @ residuals / len(residuals)
    if not covariance.any():
        return means.copy()  # one object a class: nothing is known of the spread, which leaves the nearest mean
    keep, ridge = shrunk(residuals, covariance, width, shrinkage)
    with one_thread():
        solved = np.linalg.solve(keep * covariance + ridge * np.eye(len(covariance)), means)
    return np.asarray(solved, dtype=np.float64)


def shrunk(residuals: Float64, covariance: Float64, width: int, shrinkage: Shrinkage) -> tuple[float, float]:
    """(a, r) of the shrunk covariance a S + r I.

    Args:
        residuals: (N, R) around the class means, perhaps rotated into R < `width` dimensions.
        covariance: (R, R) residuals^T residuals / N.
        width: D, dimensions before the rotation.
        shrinkage: Which estimator; formulas as in scikit-learn (`assume_centered`), and of the paper's code for `ks`.
    """
    n, trace, square = len(residuals), float(np.trace(covariance)), float((covariance**2).sum())
    mean = trace / width
    if shrinkage == "ks":
        return (n - 1) / width, trace / width
    if shrinkage == "oas":
        above = square / width**2 + mean**2
        below = (n + 1) * (square / width**2 - mean**2 / width)
        share = 1.0 if below <= 0 else min(above / below, 1.0)
    else:
        fourth = float(((residuals**2).sum(axis=1) ** 2).sum())
        beta = (fourth / n - square) / (width * n)
        delta = (square - 2 * mean * trace + width * mean**2) / width
        share = 0.0 if min(beta, delta) <= 0 else min(beta, delta) / delta
    return 1.0 - share, share * mean
