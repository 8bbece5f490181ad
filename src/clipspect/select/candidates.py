"""What the nested search chooses among: a short list, in the order in which it is tried."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clipspect.heads import make_head
from clipspect.heads.arrays import SPATIAL
from clipspect.protocols import Head
from clipspect.types import ObjectFeatures


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to classify frozen features.

    Attributes:
        head: Name in `HEADS`.
        options: Of its config; imbalance handling and `spatial` are among them.
        views: Names of the views that it reads, or None for all.
    """

    head: str
    options: Mapping[str, Any] = field(default_factory=dict)
    views: tuple[str, ...] | None = None

    @property
    def name(self) -> str:
        """Head, options and views in one line."""
        options = [f"{k}={_shown(v)}" for k, v in self.options.items()]
        views = [] if self.views is None else [f"views={'+'.join(self.views)}"]
        return " ".join([self.head, *options, *views])

    def blocks(self, features: ObjectFeatures) -> tuple[str, ...]:
        """Names of the blocks that it reads."""
        views = tuple(features.blocks) if self.views is None else self.views
        return (*views, SPATIAL) if self.options.get("spatial") else views

    def select(self, features: ObjectFeatures) -> ObjectFeatures:
        """The features with its views alone."""
        if self.views is None:
            return features
        return dataclasses.replace(features, blocks={v: features.blocks[v] for v in self.views})

    def make(self) -> Head:
        """The unfitted head, for the views as they are."""
        return make_head(self.head, self.options)

    def make_rotated(self, **quick: object) -> Head:
        """The unfitted head for features of `rotated_once`, where the geometry of the boxes is inside the one block."""
        options = {k: v for k, v in self.options.items() if k != "spatial"}
        return make_head(self.head, options | (quick if self.head in _ITERATIVE else {}))


_ITERATIVE = ("linear", "per-type")


def _shown(value: object) -> str:
    return "+".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


CANDIDATES: tuple[Candidate, ...] = (
    Candidate("linear"),
    Candidate("per-type"),
    Candidate("ensemble", {"heads": ["linear", "per-type"], "inner_folds": 0}),
    Candidate("gda"),
    Candidate("linear", {"C": 0.1}),
    Candidate("linear", {"C": 10.0}),
    Candidate("linear", {"loss": "balanced-softmax"}),
    Candidate("linear", {"class_weight": "none"}),
    Candidate("linear", {"spatial": True}),
    Candidate("per-type", {"C": 0.1}),
    Candidate("per-type", {"spatial": True}),
)
"""The heads that did best on their own defaults, the strength of their penalty, what is done about rare classes, and
the geometry of the boxes. The first is what is taken where nothing can be told."""


def with_user_options(
    candidates: Sequence[Candidate], options: Mapping[str, Mapping[str, Any]]
) -> tuple[Candidate, ...]:
    """The candidates with the settings' `[head.NAME]` tables in force; those that become equal stand once."""
    kept: dict[str, Candidate] = {}
    for c in candidates:
        merged = Candidate(c.head, {**c.options, **options.get(c.head, {})}, c.views)
        kept.setdefault(repr((merged.head, sorted(merged.options.items()), merged.views)), merged)
    return tuple(kept.values())
