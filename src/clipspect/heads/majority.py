"""Rung 0: every object gets the commonest class of its type. What a model has to beat to be worth anything."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from clipspect.errors import ConfigError
from clipspect.heads.arrays import check_fit
from clipspect.types import Bool, Float64, Int64, ObjectFeatures, Prototypes


@dataclass(frozen=True, slots=True)
class MajorityConfig:
    """Attributes: smoothing: added to every class's count, so that no probability is zero."""

    smoothing: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.smoothing < math.inf:
            raise ConfigError(f"smoothing: expected a number above 0, got {self.smoothing}")


class Majority:
    """Log of the smoothed class shares, the same for every object; the mask does the rest."""

    name = "majority"

    def __init__(self, config: MajorityConfig | None = None) -> None:
        self.config = config or MajorityConfig()
        self._logits: Float64 | None = None

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
        """Count classes (see `protocols.Head.fit`)."""
        check_fit(features, labels, mask, weights)
        counts = np.bincount(labels, weights=weights, minlength=mask.shape[1]) + self.config.smoothing
        self._logits = np.log(counts / counts.sum())
        return self

    def scores(self, features: ObjectFeatures) -> Float64:
        """(N, K) log class shares."""
        assert self._logits is not None, "fit first"  # noqa: S101 - a programming error, not an input's
        return np.tile(self._logits, (len(features), 1))

    def state(self) -> tuple[Mapping[str, Any], Mapping[str, np.ndarray]]:
        """Settings and arrays, see `protocols.Head.state`."""
        return asdict(self.config), {"logits": np.asarray(self._logits)}

    @classmethod
    def from_state(cls, settings: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        """The head that gave `state()`."""
        head = cls(MajorityConfig(**settings))
        head._logits = np.asarray(arrays["logits"], dtype=np.float64)
        return head
