"""Whether a paired difference is more than chance, with few groups: flip the signs of whole groups.

Were the two predictors equally good, each group's difference would be as likely to have the other sign. The share of
sign patterns whose sum is at least the one that was seen is a p-value that is exact for any number of groups (Fisher
1935; for clustered data Winkler et al. 2014, "Permutation inference for the general linear model"). The percentile
bootstrap over fewer than some 15 groups is anti-conservative (Cameron, Gelbach and Miller 2008, "Bootstrap-Based
Improvements for Inference with Clustered Errors"), so it gives the interval that is shown, and not the verdict alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from clipspect.types import Bool, Float64

FEW = 8
"""With fewer groups the smallest p that sign patterns can give, 2^-G, is above what a ladder asks for."""

_EXACT = 14  # groups up to which all patterns are looked at
_DRAWS = 20_000


def one_sided_p(first: Bool, second: Bool, group_ids: Sequence[int] | np.ndarray, rng: np.random.Generator) -> float:
    """P-value of "second is right more often than first", groups being the unit of chance.

    Under `FEW` groups it is that of Student's t over the groups' differences (Donald and Lang 2007), which can be small
    where few groups agree closely, though their spread counts as no less than independent objects would give; from
    there on of sign flips, all of them up to 14 groups and 20,000 drawn beyond.

    Args:
        first: (N,) where the first is right.
        second: (N,) where the second is right.
        group_ids: (N,) group of each object, 0 to G - 1.
        rng: Draws patterns where there are too many.

    Returns:
        0 to 1; 1 with fewer than two groups, or where no group differs.
    """
    differences = second.astype(np.float64) - first.astype(np.float64)
    sums = np.bincount(np.asarray(group_ids), weights=differences).astype(np.float64)
    if len(sums) < 2 or not sums.any():
        return 1.0
    return _student(sums, int((first != second).sum())) if len(sums) < FEW else _flips(sums, rng)


def _student(sums: Float64, n_differ: int) -> float:
    from scipy.stats import t

    variance = max(float(sums.var(ddof=1)) * len(sums), float(n_differ))  # of the sum; the latter is McNemar's
    return float(t.sf(sums.sum() / np.sqrt(variance), df=len(sums) - 1))


def _flips(sums: Float64, rng: np.random.Generator) -> float:
    seen = sums.sum() - 1e-9  # sums are whole numbers
    moving = sums[sums != 0]  # a group without a difference is the same either way
    if len(moving) <= _EXACT:
        signs = np.array(list(itertools.product((1.0, -1.0), repeat=len(moving))))
        return float((signs @ moving >= seen).mean())
    signs = rng.choice((1.0, -1.0), size=(_DRAWS, len(moving)))
    return float((1 + (signs @ moving >= seen).sum()) / (1 + _DRAWS))


def holm(p: Sequence[float]) -> list[float]:
    """P-values adjusted for their number, in the order given (Holm 1979); at most 1."""
    order = np.argsort(p, kind="stable")
    adjusted, highest = [0.0] * len(p), 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, (len(p) - rank) * p[i]))
        adjusted[i] = highest
    return adjusted
