"""Tip-Adapter and Tip-Adapter-F (Zhang et al. 2022, "Tip-Adapter: Training-free Adaption of CLIP", equations 4 to 6).

The fitted objects are keys F, their classes one-hot values L: A = exp(-beta (1 - x F^T)), and the scores are
tau x t^T + alpha A L, without the first part where there is no text. Tip-Adapter-F then trains the keys by
cross-entropy, values and text frozen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from clipspect.heads.arrays import check_fit, one_thread, rotate, with_absent
from clipspect.heads.imbalance import Balance, sample_weights
from clipspect.heads.options import check_at_least, check_positive
from clipspect.heads.proker import affinity
from clipspect.heads.rows import Rows, Space, fit_rows, rows_from_state
from clipspect.heads.softmax import cross_entropy
from clipspect.heads.text import Text, read_text, text_from_state
from clipspect.types import Bool, Float64, Int64, ObjectFeatures, Prototypes

_BETA1, _BETA2 = 0.9, 0.999  # of Adam; its epsilon is the 1e-4 of the published code


@dataclass(frozen=True, slots=True)
class TipConfig:
    """The paper's values.

    Attributes:
        alpha: Weight of the cache against the text.
        beta: Sharpness of the affinity.
        finetune: Whether the keys are trained (Tip-Adapter-F).
        class_weight: Of the values; the paper's sets are balanced, where every choice is the same.
        space: What is compared: `auto` is the paper's joint space where there is text, and the views without.
        epochs: Of Tip-Adapter-F.
        batch: Objects a step.
        lr: Learning rate at the start; it falls to 0 along a cosine.
        weight_decay: Of AdamW.
    """

    alpha: float = 1.0
    beta: float = 5.5
    finetune: bool = False
    class_weight: Balance = "inverse"
    space: Space = "auto"
    epochs: int = 20
    batch: int = 256
    lr: float = 1e-3
    weight_decay: float = 0.01

    def __post_init__(self) -> None:
        check_positive(alpha=self.alpha, beta=self.beta, lr=self.lr)
        check_at_least(1, epochs=self.epochs, batch=self.batch)
        check_at_least(0, weight_decay=self.weight_decay)


class Tip:
    """N keys and values; scores with numpy alone."""

    name = "tip"

    def __init__(self, config: TipConfig | None = None) -> None:
        self.config = config or TipConfig()
        self._rows = Rows(None)
        self._text: Text | None = None
        self._keys = np.zeros((0, 0), dtype=np.float32)
        self._values = np.zeros((0, 0))
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
        """Keep the objects as keys; with `finetune`, train them (see `protocols.Head.fit`)."""
        check_fit(features, labels, mask, weights)
        c, self._n_classes = self.config, mask.shape[1]
        has_text = prototypes is not None and features.joint is not None
        self._text = read_text(prototypes, self._n_classes, self.name) if has_text and prototypes is not None else None
        self._rows = fit_rows(features, c.space, text=has_text)
        self._present, targets = np.unique(labels, return_inverse=True)
        x = self._rows(features)
        own = sample_weights(labels, self._n_classes, weights, balance=c.class_weight, rng=rng)
        self._values = np.eye(len(self._present))[targets] * own[:, None]
        keys = self._tuned(x, self._zero_shot(features), targets, own, rng) if c.finetune else x
        self._keys = keys.astype(np.float32)  # the largest part of a saved model by far
        return self

    def _tuned(self, x: Float64, zero_shot: Float64, targets: Int64, own: Float64, rng: np.random.Generator) -> Float64:
        rotation = rotate(x)  # every key starts among the objects; a step never leaves their span
        with one_thread():
            keys = tune_keys(rotation.z, self._values, zero_shot, targets, own / own.mean(), self.config, rng)
        return np.ascontiguousarray(rotation.lift(keys.T).T)

    def scores(self, features: ObjectFeatures) -> Float64:
        """(N, K) tau x t^T + alpha A L."""
        c = self.config
        cache = c.alpha * affinity(self._rows(features), self._keys, c.beta) @ self._values
        return with_absent(self._zero_shot(features) + cache, self._present, self._n_classes)

    def _zero_shot(self, features: ObjectFeatures) -> Float64:
        if self._text is None:
            return np.zeros((len(features), len(self._present)))
        return self._text.zero_shot(self._text.joint(features, self.name))[:, self._present]

    def state(self) -> tuple[Mapping[str, Any], Mapping[str, np.ndarray]]:
        """Settings and arrays, see `protocols.Head.state`."""
        settings, arrays = self._rows.state()
        arrays |= {"keys": self._keys, "values": self._values, "present": self._present}
        arrays |= {} if self._text is None else self._text.state()
        return {**asdict(self.config), **settings, "n_classes": self._n_classes}, arrays

    @classmethod
    def from_state(cls, settings: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        """The head that gave `state()`."""
        settings = dict(settings)
        rows, n_classes = rows_from_state(settings, arrays), settings.pop("n_classes")
        head = cls(TipConfig(**settings))
        head._rows, head._text, head._n_classes = rows, text_from_state(arrays), int(n_classes)
        head._keys, head._values, head._present = arrays["keys"], arrays["values"], arrays["present"]
        return head


def tune_keys(
    x: Float64,
    values: Float64,
    zero_shot: Float64,
    targets: Int64,
    weights: Float64,
    config: TipConfig,
    rng: np.random.Generator,
) -> Float64:
    """Keys (N, D) after AdamW on the weighted mean cross-entropy, learning rate along a cosine."""
    c, n = config, len(x)
    keys, first, second = x.copy(), np.zeros_like(x), np.zeros_like(x)
    steps = c.epochs * -(-n // c.batch)
    step = 0
    for _ in range(c.epochs):
        order = rng.permutation(n)
        for start in range(0, n, c.batch):
            rows = order[start : start + c.batch]
            _, slope = keys_loss(keys, x[rows], values, zero_shot[rows], targets[rows], weights[rows], c)
            lr = c.lr * 0.5 * (1 + np.cos(np.pi * step / steps))
            step += 1
            first = _BETA1 * first + (1 - _BETA1) * slope
            second = _BETA2 * second + (1 - _BETA2) * slope**2
            ahead = first / (1 - _BETA1**step) / (np.sqrt(second / (1 - _BETA2**step)) + 1e-4)
            keys -= lr * (ahead + c.weight_decay * keys)
    return keys


def keys_loss(
    keys: Float64,
    x: Float64,
    values: Float64,
    zero_shot: Float64,
    targets: Int64,
    weights: Float64,
    config: TipConfig,
) -> tuple[float, Float64]:
    """Weighted mean cross-entropy of a batch and its gradient in the keys (N, D)."""
    a = affinity(x, keys, config.beta)
    loss, slope = cross_entropy(zero_shot + config.alpha * a @ values, targets, weights / len(x))
    inner = config.alpha * config.beta * a * (slope @ values.T)
    return loss, np.asarray(inner.T @ x, dtype=np.float64)
