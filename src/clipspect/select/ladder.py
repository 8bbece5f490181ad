"""The ladder: a rung is taken only where it beats the one below it on held-out groups by more than chance.

More than chance is two things at once: the paired bootstrap's 95 % interval lies above zero, and so does a sign-flip
test over groups, adjusted by Holm's procedure for all pairs of rungs (see `metrics.signflip` for why both). All pairs,
as which rung is held against which depends on what was accepted: so the chance that anything at all is accepted where
nothing is better is at most 2.5 %, whatever the path.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from clipspect.metrics.bootstrap import group_ids, paired_difference
from clipspect.metrics.signflip import holm, one_sided_p
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
        p: One-sided, of the difference, adjusted for the number of comparisons; None for the lowest.
    """

    name: str
    accuracy: float
    against: str | None
    difference: float
    ci95: tuple[float, float] | None
    accepted: bool
    reason: str
    p: float | None = None


LEVEL = 0.025
"""Of the one-sided test: what the 95 % interval leaves on either side."""


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
    adjusted = _adjusted({name: p == labels for name, p in given.items()}, groups, seed)
    rungs: list[Rung] = []
    best = ""
    for name, predicted in given.items():
        accuracy = float((predicted == labels).mean())
        if not rungs:
            rungs.append(Rung(name, accuracy, None, 0.0, None, True, "the floor"))
            best = name
            continue
        paired = paired_difference(
            given[best],
            predicted,
            labels,
            groups,
            n_classes=mask.shape[1],
            n_resamples=resamples,
            rng=np.random.default_rng(seed),
        )
        accepted, reason = _verdict(paired.difference, paired.ci95, adjusted[best, name], best)
        rungs.append(Rung(name, accuracy, best, paired.difference, paired.ci95, accepted, reason, adjusted[best, name]))
        best = name if accepted else best
    return best, tuple(rungs)


def _adjusted(right: Mapping[str, Bool], groups: Sequence[str], seed: int) -> dict[tuple[str, str], float]:
    """(lower, upper) to its p-value, Holm-adjusted over all pairs."""
    ids, _ = group_ids(groups)
    pairs = list(itertools.combinations(right, 2))
    p = [one_sided_p(right[low], right[up], ids, np.random.default_rng(seed)) for low, up in pairs]
    return dict(zip(pairs, holm(p), strict=True))


def _verdict(difference: float, ci95: tuple[float, float] | None, p: float, below: str) -> tuple[bool, str]:
    if ci95 is None:
        return False, "refused: one group is no evidence"
    text = f"{difference:+.3f} [{ci95[0]:+.3f}, {ci95[1]:+.3f}] against {below}, p = {p:.2g}"
    if ci95[0] > 0 and p <= LEVEL:
        return True, f"accepted: {text}"
    why = "is worse" if ci95[1] < 0 else "may be chance"
    return False, f"refused: {text}: {why}"
