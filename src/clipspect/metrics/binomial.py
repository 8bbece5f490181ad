"""Exact intervals of a share: what k of n says of the chance behind it, where the n are independent."""

from __future__ import annotations

import math

import numpy as np

_HALVINGS = 50


def clopper_pearson(hits: int, n: int, *, level: float = 0.95) -> tuple[float, float]:
    """The exact binomial interval (Clopper and Pearson 1934): every share p that `hits` of `n` does not contradict.

    Args:
        hits: 0 to n.
        n: Number of trials.
        level: Share of experiments whose interval holds p, at least.

    Returns:
        Lower and upper end, 0 to 1; (0, 1) for n = 0, of which nothing is known.
    """
    tail = (1 - level) / 2
    low = 0.0 if hits == 0 else _share_where(hits, n, tail, upper_tail=True)
    high = 1.0 if hits == n else _share_where(hits, n, tail, upper_tail=False)
    return low, high


def _share_where(hits: int, n: int, tail: float, *, upper_tail: bool) -> float:
    """The p at which P(X >= hits), or P(X <= hits), is `tail`; both are monotone in p."""
    counts = np.arange(hits, n + 1) if upper_tail else np.arange(hits + 1)
    ways = np.array([math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) for k in counts])
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        p = (low + high) / 2
        mass = float(np.exp(ways + counts * math.log(p) + (n - counts) * math.log1p(-p)).sum())
        if (mass < tail) == upper_tail:
            low = p
        else:
            high = p
    return (low + high) / 2
