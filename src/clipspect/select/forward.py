"""Forward selection: from the best single thing, add the one that helps most while the score rises."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """One set on the way: `score` is its own, `tried` how many sets were measured to find it."""

    names: tuple[str, ...]
    score: float
    tried: int


def forward(
    names: Sequence[str],
    score: Callable[[tuple[str, ...]], float],
    *,
    allowed: Callable[[tuple[str, ...]], bool] = lambda _: True,
    most: int = 5,
    keep: int = 8,
) -> tuple[Step, ...]:
    """Greedy forward selection (Efroymson 1960, without removals).

    The score of the last step is the largest of many that were measured on the same objects, so it flatters: use it
    to choose, and measure the choice elsewhere.

    Args:
        names: Candidates; the earlier of equally good ones wins.
        score: Of a set, larger is better; names come in the order in which they were added.
        allowed: Sets that may be had at all (their cost).
        most: Largest set.
        keep: After the first pairs, go on with so many candidates: those whose pair scored best.

    Returns:
        The best single one, then each set that scored higher than the one before; empty where nothing is allowed.
    """
    steps: list[Step] = []
    left = list(names)
    chosen: tuple[str, ...] = ()
    while len(chosen) < most:
        scores = {name: score((*chosen, name)) for name in left if allowed((*chosen, name))}
        if not scores:
            break
        best = max(scores, key=lambda name: scores[name])
        if steps and scores[best] <= steps[-1].score:
            break
        chosen = (*chosen, best)
        steps.append(Step(chosen, scores[best], len(scores)))
        left = [name for name in left if name != best]
        if len(chosen) == 2:
            ranked = sorted(scores, key=lambda name: -scores[name])[: keep + 1]
            left = [name for name in left if name in ranked]
    return tuple(steps)
