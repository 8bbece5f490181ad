"""The ladder: a rung is taken only where it beats the one below it on held-out groups by more than chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from clipspect.metrics.bootstrap import paired_difference
from clipspect.metrics.summary import predict
from clipspect.types import Bool, Float64, Int64


@dataclass(frozen=True, slots=True)
class Rung:
    """How one rung did.

    Attributes:
        name: Of the head.
        accuracy: Conditional, out of fold.
        against: The rung that it was held against, or None for the lowest.
        difference: Accuracy less that of `against`; 0 for the lowest.
        ci95: Paired bootstrap interval of the difference over groups, or None with fewer than two groups.
        accepted: Whether it was taken.
        reason: One sentence.
    """

    name: str
    accuracy: float
    against: str | None
    difference: float
    ci95: tuple[float, float] | None
    accepted: bool
    reason: str


def climb(
    out_of_fold: Mapping[str, Float64],
    labels: Int64,
    mask: Bool,
    groups: Sequence[str],
    *,
    resamples: int,
    seed: int,
) -> tuple[str, tuple[Rung, ...]]:
    """Climb in the order given; the first rung is the floor.

    Args:
        out_of_fold: Rung name to (N, K) logits.
        labels: (N,) class indices.
        mask: (N, K) classes that each object can have.
        groups: N groups, the unit of chance.
        resamples: Bootstrap resamples.
        seed: Of the bootstrap.

    Returns:
        (name of the highest accepted rung, all rungs).
    """
    given = {name: predict(logits, mask) for name, logits in out_of_fold.items()}
    rungs: list[Rung] = []
    best = ""
    for name in out_of_fold:
        if not rungs:
            rungs.append(Rung(name, float((given[name] == labels).mean()), None, 0.0, None, True, "the floor"))
            best = name
            continue
        rung = _compare(name, best, given, labels, groups, resamples=resamples, seed=seed, n_classes=mask.shape[1])
        rungs.append(rung)
        best = name if rung.accepted else best
    return best, tuple(rungs)


def _compare(
    name: str,
    below: str,
    given: Mapping[str, Int64],
    labels: Int64,
    groups: Sequence[str],
    *,
    resamples: int,
    seed: int,
    n_classes: int,
) -> Rung:
    paired = paired_difference(
        given[below],
        given[name],
        labels,
        groups,
        n_classes=n_classes,
        n_resamples=resamples,
        rng=np.random.default_rng(seed),
    )
    accuracy, interval = float((given[name] == labels).mean()), paired.ci95
    if interval is None:
        return Rung(name, accuracy, below, paired.difference, None, False, "refused: one group is no evidence")
    text = f"{paired.difference:+.3f} [{interval[0]:+.3f}, {interval[1]:+.3f}] against {below}"
    if interval[0] > 0:
        return Rung(name, accuracy, below, paired.difference, interval, True, f"accepted: {text}")
    why = "is worse" if interval[1] < 0 else "may be chance"
    return Rung(name, accuracy, below, paired.difference, interval, False, f"refused: {text} {why}")
