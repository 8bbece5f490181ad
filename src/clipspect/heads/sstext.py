"""SS-Text+ (Silva-Rodriguez et al. 2025): class means of the joint rows, pulled to the text.

"Few-Shot, Now for Real: Medical VLMs Adaptation without Balanced Sets or Validation": closed form, no validation.

mu_c = t_c + sum over the class of x / (n_c lambda T), the minimum of -mean x mu_c / T + lambda |mu_c - t_c|^2 / 2; the
scores are tau x mu_c^T / |mu_c|. T is the *temperature* 1 / tau of the paper, so text weighs less as tau grows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from clipspect.errors import HeadError
from clipspect.heads.arrays import check_fit, with_absent
from clipspect.heads.centroid import class_means
from clipspect.heads.options import check_positive
from clipspect.heads.rows import unit_rows
from clipspect.heads.text import Text, require_text, text_from_state
from clipspect.types import Bool, Float64, Int64, ObjectFeatures, Prototypes


@dataclass(frozen=True, slots=True)
class SSTextConfig:
    """Attributes: lam: lambda, the pull of the text; the published code's fixed value, larger means more text."""

    lam: float = 0.1

    def __post_init__(self) -> None:
        check_positive(lam=self.lam)


class SSText:
    """K vectors of the joint space; scores with numpy alone."""

    name = "sstext"

    def __init__(self, config: SSTextConfig | None = None) -> None:
        self.config = config or SSTextConfig()
        self._text = Text(np.zeros((0, 0)), 1.0)
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
        text = require_text(prototypes, mask.shape[1], self.name)
        self._present, means = class_means(text.joint(features, self.name), labels, weights)
        mixed = text.vectors.copy()
        mixed[self._present] += means * text.logit_scale / self.config.lam
        self._text = Text(unit_rows(mixed), text.logit_scale)
        return self

    def scores(self, features: ObjectFeatures) -> Float64:
        """(N, K) tau x mu_c^T / |mu_c|."""
        logits = self._text.zero_shot(self._text.joint(features, self.name))
        return with_absent(logits[:, self._present], self._present, logits.shape[1])

    def state(self) -> tuple[Mapping[str, Any], Mapping[str, np.ndarray]]:
        """Settings and arrays, see `protocols.Head.state`."""
        return asdict(self.config), {"present": self._present, **self._text.state()}

    @classmethod
    def from_state(cls, settings: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        """The head that gave `state()`."""
        head = cls(SSTextConfig(**settings))
        text = text_from_state(arrays)
        if text is None:
            raise HeadError("sstext: expected the array 'text' in the saved head, got none")
        head._text, head._present = text, arrays["present"]
        return head
