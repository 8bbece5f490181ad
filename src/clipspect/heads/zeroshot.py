"""Rung 1: the prompts themselves, no training (Radford et al. 2021). Scores tau x t^T."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from clipspect.errors import HeadError
from clipspect.heads.arrays import check_fit
from clipspect.prompts.ensemble import class_scores, debiased_weights
from clipspect.types import Bool, Float64, Int64, ObjectFeatures, Prototypes


@dataclass(frozen=True, slots=True)
class ZeroShotConfig:
    """Nothing to choose here: prompts and ensemble are chosen where prototypes are made."""


class ZeroShot:
    """Compares each object's joint vector with the prompts that hold for it; labels are never looked at."""

    name = "zeroshot"

    def __init__(self, config: ZeroShotConfig | None = None) -> None:
        self.config = config or ZeroShotConfig()
        self._prototypes: Prototypes | None = None
        self._weights: dict[str, float] = {}

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
        """Keep the prototypes; with `score-weighted`, weigh templates on the unlabelled features."""
        if prototypes is None:
            raise HeadError("zeroshot: expected prototypes, got none: the encoder has no text side")
        if len(features):  # nothing is learnt, so none are needed
            check_fit(features, labels, mask, weights)
        self._prototypes, self._weights = prototypes, {}
        if prototypes.ensemble == "score-weighted" and len(features):
            self._weights = debiased_weights(_joint(features), prototypes)
        return self

    def scores(self, features: ObjectFeatures) -> Float64:
        """(N, K) logits tau * score."""
        assert self._prototypes is not None, "fit first"  # noqa: S101 - a programming error, not an input's
        return class_scores(_joint(features), self._prototypes, features.contexts, template_weights=self._weights)

    def state(self) -> tuple[Mapping[str, Any], Mapping[str, np.ndarray]]:
        """Settings and arrays, see `protocols.Head.state`."""
        p = self._prototypes
        assert p is not None, "fit first"  # noqa: S101 - a programming error, not an input's
        settings = {
            "prompts": list(p.prompts),
            "template": list(p.template),
            "only_where": list(p.only_where),
            "logit_scale": p.logit_scale,
            "ensemble": p.ensemble,
            "template_weights": self._weights,
        }
        return settings, {"vectors": p.vectors, "prompt_vectors": p.prompt_vectors, "class_index": p.class_index}

    @classmethod
    def from_state(cls, settings: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        """The head that gave `state()`."""
        head = cls()
        head._weights = dict(settings["template_weights"])
        head._prototypes = Prototypes(
            vectors=arrays["vectors"],
            prompts=tuple(settings["prompts"]),
            prompt_vectors=arrays["prompt_vectors"],
            class_index=arrays["class_index"],
            template=tuple(settings["template"]),
            only_where=tuple(settings["only_where"]),
            logit_scale=float(settings["logit_scale"]),
            ensemble=str(settings["ensemble"]),
        )
        return head


def _joint(features: ObjectFeatures) -> np.ndarray:
    if features.joint is None:
        raise HeadError("zeroshot: expected features of space 'joint', got none: the encoder has no text side")
    return features.joint
