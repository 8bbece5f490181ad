"""What heads that compare objects with each other read: one unit row an object, of the joint space or of the views."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from clipspect.errors import HeadError
from clipspect.heads.arrays import Scaling, fit_scaling, scaling_from_state, view_names
from clipspect.types import Float64, ObjectFeatures

Space = Literal["auto", "joint", "views"]
"""`joint`: the rows that text is compared with, as in the papers. `views`: the view blocks, each standardised and
weighing the same, side by side. `auto`: `joint` where there is text, else `views`."""


@dataclass(frozen=True, slots=True)
class Rows:
    """How an object becomes one row.

    Attributes:
        scaling: Of the views; None for the joint space.
    """

    scaling: Scaling | None

    def __call__(self, features: ObjectFeatures) -> Float64:
        """(N, D) float64 unit rows."""
        if self.scaling is not None:
            return unit_rows(self.scaling.apply(features))
        if features.joint is None:
            raise HeadError("features: expected rows of space 'joint', got none: the encoder has no text side")
        return unit_rows(features.joint.astype(np.float64))

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Settings and arrays for a head's state; `rows_from_state` reads them back."""
        if self.scaling is None:
            return {"views": None}, {}
        return {"views": list(self.scaling.mean)}, self.scaling.state()


def fit_rows(features: ObjectFeatures, space: Space, *, text: bool) -> Rows:
    """Rows of the chosen space; `text` says whether there are prototypes.

    Raises:
        HeadError: The space has no features.
    """
    if space == "joint" or (space == "auto" and text):
        if features.joint is None:
            raise HeadError("fit: expected features of space 'joint', got none: the encoder has no text side")
        return Rows(None)
    return Rows(fit_scaling(features, view_names(features)))


def rows_from_state(settings: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Rows:
    """The rows that gave `Rows.state()`; takes its key out of `settings`."""
    views = settings.pop("views")
    return Rows(None if views is None else scaling_from_state(views, arrays))


def unit_rows(x: Float64) -> Float64:
    """Rows divided by their length; a row of zeros stays one."""
    return np.asarray(x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12), dtype=np.float64)
