"""ProKeR (Bendou et al. 2025, "ProKeR: A Kernel Perspective on Few-Shot Adaptation of Large Vision-Language Models").

Kernel ridge regression that is pulled to the zero-shot classifier f instead of to zero: the minimum over g of
sum_i w_i |g(x_i) - y_i|^2 + lambda |g - f|^2 in the kernel's space is

    g(x) = f(x) + k(x, X) (K + lambda D^-1)^-1 (Y - f(X)),    D = diag(w),

with k(x, x') = exp(-beta |x - x'|^2 / 2) = exp(-beta (1 - x x'^T)) on unit rows. Y is one-hot, so f are the zero-shot
*probabilities* softmax(tau x t^T), on the same scale.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from clipspect.errors import HeadError
from clipspect.heads.arrays import check_fit, one_thread, with_absent
from clipspect.heads.imbalance import Balance, sample_weights
from clipspect.heads.options import check_positive
from clipspect.heads.rows import Rows, Space, fit_rows, rows_from_state
from clipspect.heads.softmax import log_softmax
from clipspect.heads.text import Text, require_text, text_from_state
from clipspect.types import Bool, Float32, Float64, Int64, ObjectFeatures, Prototypes


@dataclass(frozen=True, slots=True)
class ProKeRConfig:
    """The kernel and the pull; the paper picks beta and lambda on validation, these are plain middle values.

    Attributes:
        beta: Sharpness of the kernel.
        lam: lambda, the pull to zero-shot.
        class_weight: Against imbalance, through D.
        space: What the kernel compares: `joint` (or `auto`) is the paper's; the views see more of an object.
        scale: Of the scores; changes no decision, and calibration scales it anyway.
    """

    beta: float = 1.0
    lam: float = 1.0
    class_weight: Balance = "inverse"
    space: Space = "views"
    scale: float = 10.0

    def __post_init__(self) -> None:
        check_positive(beta=self.beta, lam=self.lam, scale=self.scale)


class ProKeR:
    """One dual vector a class; scores with numpy alone."""

    name = "proker"

    def __init__(self, config: ProKeRConfig | None = None) -> None:
        self.config = config or ProKeRConfig()
        self._rows = Rows(None)
        self._text = Text(np.zeros((0, 0)), 1.0)
        self._keys = np.zeros((0, 0), dtype=np.float32)
        self._dual = np.zeros((0, 0))
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
        """Solve in closed form (see `protocols.Head.fit`)."""
        check_fit(features, labels, mask, weights)
        c, n_classes = self.config, mask.shape[1]
        self._text = require_text(prototypes, n_classes, self.name)
        self._present = np.unique(labels)
        self._rows = fit_rows(features, c.space, text=True)
        self._keys = self._rows(features).astype(np.float32)
        own = sample_weights(labels, n_classes, weights, balance=c.class_weight, rng=rng)
        residuals = np.eye(n_classes)[labels][:, self._present] - self._zero_shot(features)
        kernel = affinity(self._keys.astype(np.float64), self._keys, c.beta)
        ridge = c.lam * np.diag(1 / np.maximum(own, 1e-9))
        with one_thread():
            self._dual = np.asarray(np.linalg.solve(kernel + ridge, residuals), dtype=np.float64)
        return self

    def scores(self, features: ObjectFeatures) -> Float64:
        """(N, K) scale g(x)."""
        kernel = affinity(self._rows(features), self._keys, self.config.beta)
        fitted = self._zero_shot(features) + kernel @ self._dual
        return with_absent(self.config.scale * fitted, self._present, len(self._text.vectors))

    def _zero_shot(self, features: ObjectFeatures) -> Float64:
        logits = self._text.zero_shot(self._text.joint(features, self.name))
        return np.exp(log_softmax(logits[:, self._present]))

    def state(self) -> tuple[Mapping[str, Any], Mapping[str, np.ndarray]]:
        """Settings and arrays, see `protocols.Head.state`."""
        settings, arrays = self._rows.state()
        arrays |= {"keys": self._keys, "dual": self._dual, "present": self._present, **self._text.state()}
        return {**asdict(self.config), **settings}, arrays

    @classmethod
    def from_state(cls, settings: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        """The head that gave `state()`."""
        settings = dict(settings)
        rows = rows_from_state(settings, arrays)
        head = cls(ProKeRConfig(**settings))
        text = text_from_state(arrays)
        if text is None:
            raise HeadError("proker: expected the array 'text' in the saved head, got none")
        head._rows, head._text = rows, text
        head._keys, head._dual, head._present = arrays["keys"], arrays["dual"], arrays["present"]
        return head


def affinity(rows: Float64, keys: Float32 | Float64, beta: float) -> Float64:
    """(N, M) exp(-beta (1 - x k^T)) of unit rows."""
    return np.asarray(np.exp(-beta * (1.0 - rows @ keys.T)), dtype=np.float64)
