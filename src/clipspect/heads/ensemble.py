"""Several heads as one: the mean of their calibrated probabilities.

Each member's logits are divided by a temperature and the probabilities averaged, P(type) and P(condition | type) apart:
score_c = log sum_h w_h P_h(type of c) + log sum_h w_h P_h(c | type of c). With the mask that is the mean of the
members' conditional probabilities; averaging class probabilities outright would let the member that is surest of the
*type* decide the condition. Temperatures, and weights where they are fitted, come from inner folds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import numpy as np

from clipspect.errors import ConfigError
from clipspect.heads.arrays import check_fit, with_absent
from clipspect.heads.per_type import type_groups
from clipspect.metrics.calibrate import fit_temperature
from clipspect.protocols import Head
from clipspect.types import Bool, Float64, Int64, ObjectFeatures, Prototypes

_EM_STEPS = 200
_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class EnsembleConfig:
    """Which heads, and how they are weighed.

    Attributes:
        heads: Names of the members, each at most once.
        options: Member name to its own settings.
        mixture: Weights of the members: `equal`, or `fitted`: those that make the inner folds' answers likeliest.
        inner_folds: For temperatures and weights. Folds are runs of consecutive objects: objects come photo by photo
            and photos in the order of their names, so that neighbours stay together; 0 takes members as they are.
    """

    heads: tuple[str, ...] = ("linear", "gda")
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    mixture: Literal["equal", "fitted"] = "equal"
    inner_folds: int = 3

    def __post_init__(self) -> None:
        if not self.heads or len(set(self.heads)) < len(self.heads) or "ensemble" in self.heads:
            raise ConfigError(f"heads: expected different heads other than 'ensemble', got {list(self.heads)}")
        if unknown := sorted(set(self.options) - set(self.heads)):
            raise ConfigError(f"options: expected names of the heads {list(self.heads)}, got {unknown}")
        if self.inner_folds < 0 or self.inner_folds == 1 or (self.mixture == "fitted" and not self.inner_folds):
            raise ConfigError(f"inner_folds: expected 2 or more, or 0 with an equal mixture, got {self.inner_folds}")


class Ensemble:
    """A mixture of fitted heads; scores with numpy alone, as they do."""

    name = "ensemble"

    def __init__(self, config: EnsembleConfig | None = None) -> None:
        self.config = config or EnsembleConfig()
        self._members: list[Head] = []
        self._temperatures = np.zeros(0)
        self._weights = np.zeros(0)
        self._group = np.zeros(0, dtype=np.int64)
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
        """Calibrate and weigh members on inner folds, then fit each on all objects (see `protocols.Head.fit`)."""
        check_fit(features, labels, mask, weights)
        names = self.config.heads
        self._group, self._present = type_groups(mask, labels), np.unique(labels)
        inner = self._inner(names, features, labels, prototypes, mask, weights, rng)
        self._temperatures = np.array([_temperature(logits, mask, labels) for logits in inner])
        self._weights = np.full(len(names), 1 / len(names))
        if self.config.mixture == "fitted" and len(inner[0]):
            self._weights = self._mixture(inner, labels, weights)
        self._members = [
            self._make(n).fit(features, labels, prototypes=prototypes, mask=mask, weights=weights, rng=rng)
            for n in names
        ]
        return self

    def _make(self, name: str) -> Head:
        from clipspect.heads import make_head  # the registry holds this head too, so it cannot be read before it

        return make_head(name, self.config.options.get(name, {}), "ensemble")

    def _inner(
        self,
        names: Sequence[str],
        features: ObjectFeatures,
        labels: Int64,
        prototypes: Prototypes | None,
        mask: Bool,
        weights: Float64 | None,
        rng: np.random.Generator,
    ) -> list[Float64]:
        """Per member, (N, K) logits by members that were fitted without the object; empty where there are no folds."""
        n, folds = len(labels), min(self.config.inner_folds, len(labels))
        if folds < 2:
            return [np.zeros((0, mask.shape[1])) for _ in names]
        logits = [np.zeros(mask.shape) for _ in names]
        for rows in np.array_split(np.arange(n), folds):
            rest = np.setdiff1d(np.arange(n), rows)
            own, away = features.take(rest), features.take(rows)
            part = None if weights is None else weights[rest]
            for member, name in enumerate(names):
                head = self._make(name).fit(
                    own, labels[rest], prototypes=prototypes, mask=mask[rest], weights=part, rng=rng
                )
                logits[member][rows] = head.scores(away)
        return logits

    def _mixture(self, inner: Sequence[Float64], labels: Int64, weights: Float64 | None) -> Float64:
        """Weights that make the labels likeliest, by expectation maximisation; each step raises the likelihood."""
        rows = np.arange(len(labels))
        group = self._group[labels]
        likelihood = np.empty((len(labels), len(inner)))
        for h, logits in enumerate(inner):
            same = (self._group[None, :] == group[:, None]).astype(np.float64)
            likelihood[:, h] = np.maximum(_shares(logits / self._temperatures[h], same)[rows, labels], _TINY)
        share = np.ones(len(labels)) if weights is None else weights
        mixture = np.full(len(inner), 1 / len(inner))
        for _ in range(_EM_STEPS):
            owed = likelihood * mixture
            mixture = (share[:, None] * owed / owed.sum(axis=1, keepdims=True)).sum(axis=0) / share.sum()
        return np.asarray(mixture, dtype=np.float64)

    def scores(self, features: ObjectFeatures) -> Float64:
        """(N, K) log of the mean probabilities."""
        group = self._group[self._present]
        known, column = np.unique(group, return_inverse=True)
        in_type = (np.arange(len(known))[:, None] == column[None, :]).astype(np.float64)
        types = np.zeros((len(features), len(known)))
        conditions = np.zeros((len(features), len(self._present)))
        for head, temperature, weight in zip(self._members, self._temperatures, self._weights, strict=True):
            logits = head.scores(features)[:, self._present] / temperature
            types += weight * _shares(logits, np.ones((1, len(group)))) @ in_type.T
            for row in in_type:
                conditions += weight * _shares(logits, row[None, :])
        logits = np.log(np.maximum(types, _TINY))[:, column] + np.log(np.maximum(conditions, _TINY))
        return with_absent(logits, self._present, len(self._group))

    def state(self) -> tuple[Mapping[str, Any], Mapping[str, np.ndarray]]:
        """Settings and arrays, see `protocols.Head.state`; a member's arrays begin with its name."""
        c = self.config
        arrays: dict[str, np.ndarray] = {
            "temperatures": self._temperatures,
            "mixture": self._weights,
            "group": self._group,
            "present": self._present,
        }
        members = {}
        for name, head in zip(c.heads, self._members, strict=True):
            members[name], own = head.state()
            arrays |= {f"{name}/{key}": array for key, array in own.items()}
        settings = {
            "heads": c.heads,
            "options": {name: dict(options) for name, options in c.options.items()},
            "mixture": c.mixture,
            "inner_folds": c.inner_folds,
            "members": members,
        }
        return settings, arrays

    @classmethod
    def from_state(cls, settings: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        """The head that gave `state()`."""
        from clipspect.heads import load_head

        settings = dict(settings)
        members = settings.pop("members")
        head = cls(EnsembleConfig(**{**settings, "heads": tuple(settings["heads"])}))
        head._temperatures, head._weights = arrays["temperatures"], arrays["mixture"]
        head._group, head._present = arrays["group"], arrays["present"]
        for name in head.config.heads:
            own = {key.removeprefix(f"{name}/"): a for key, a in arrays.items() if key.startswith(f"{name}/")}
            head._members.append(load_head(name, members[name], own))
        return head


def _temperature(logits: Float64, mask: Bool, labels: Int64) -> float:
    return fit_temperature(logits, mask, labels) if len(logits) else 1.0


def _shares(logits: Float64, among: Float64) -> Float64:
    """(N, P) softmax over the columns that `among`, (N, P) or (1, P), marks; 0 elsewhere."""
    best = np.where(among > 0, logits, -np.inf).max(axis=1, keepdims=True)
    powers = among * np.exp(np.minimum(logits - best, 0.0))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float64)
