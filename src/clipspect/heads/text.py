"""What heads read of the text side: prototypes, and joint vectors to compare with them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from clipspect.errors import HeadError
from clipspect.types import Float64, ObjectFeatures, Prototypes


@dataclass(frozen=True, slots=True)
class Text:
    """One vector a class.

    Heads that learn take the class's mean vector alone: prompts that hold for some objects only (position,
    neighbours) and score-space ensembles are for `zeroshot`.

    Attributes:
        vectors: (K, D) unit rows.
        logit_scale: tau, from cosine to logits.
    """

    vectors: Float64
    logit_scale: float

    def zero_shot(self, joint: Float64) -> Float64:
        """(N, K) tau x t^T."""
        return np.asarray(self.logit_scale * (joint @ self.vectors.T), dtype=np.float64)

    def joint(self, features: ObjectFeatures, head: str) -> Float64:
        """(N, D) joint rows of the objects.

        Raises:
            HeadError: There are none, or they are not as wide as the prototypes.
        """
        if features.joint is None:
            raise HeadError(f"{head}: expected features of space 'joint', got none: the encoder has no text side")
        if features.joint.shape[1] != self.vectors.shape[1]:
            raise HeadError(
                f"{head}: expected joint rows of {self.vectors.shape[1]} numbers, got {features.joint.shape[1]}"
            )
        return features.joint.astype(np.float64)

    def state(self) -> dict[str, np.ndarray]:
        """Arrays of a head's state; `text_from_state` reads them back."""
        return {"text": self.vectors, "logit_scale": np.array([self.logit_scale])}


def text_from_state(arrays: Mapping[str, np.ndarray]) -> Text | None:
    """The text that gave `Text.state()`, or None where the head was fitted without."""
    if "text" not in arrays:
        return None
    return Text(np.asarray(arrays["text"], dtype=np.float64), float(arrays["logit_scale"][0]))


def read_text(prototypes: Prototypes, n_classes: int, head: str) -> Text:
    """The prototypes of all classes.

    Raises:
        HeadError: Their number is not that of the classes.
    """
    if len(prototypes.vectors) != n_classes:
        raise HeadError(f"{head}: expected prototypes of {n_classes} classes, got {len(prototypes.vectors)}")
    return Text(prototypes.vectors.astype(np.float64), float(prototypes.logit_scale))


def require_text(prototypes: Prototypes | None, n_classes: int, head: str) -> Text:
    """As `read_text`, for heads that are nothing without text.

    Raises:
        HeadError: There are no prototypes.
    """
    if prototypes is None:
        raise HeadError(f"{head}: expected prototypes, got none: the encoder has no text side")
    return read_text(prototypes, n_classes, head)
