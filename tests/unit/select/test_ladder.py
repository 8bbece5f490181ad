from __future__ import annotations

import numpy as np
import pytest

from clipspect.select.ladder import climb

N_GROUPS, EACH = 10, 20
GROUPS = [f"g{i // EACH}" for i in range(N_GROUPS * EACH)]
LABELS = np.random.default_rng(0).integers(0, 2, N_GROUPS * EACH)
MASK = np.ones((len(LABELS), 2), dtype=bool)


def logits(accuracy, seed=1):
    """Right on a share of the objects of every group."""
    right = np.random.default_rng(seed).random(len(LABELS)) < accuracy
    return np.eye(2)[np.where(right, LABELS, 1 - LABELS)]


def go(groups=GROUPS, mask=MASK, **rungs):
    return climb(rungs, LABELS, mask, groups, resamples=300, seed=0)


def test_a_rung_that_is_clearly_better_is_taken():
    best, (floor, up) = go(floor=logits(0.5), up=logits(0.9))
    assert best == "up" and up.accepted and up.against == "floor"
    assert up.ci95[0] > 0 and up.difference == pytest.approx(up.accuracy - floor.accuracy)
    assert "accepted" in up.reason and floor.against is None and floor.accepted


def test_a_rung_that_is_no_better_or_worse_is_refused_and_the_lower_one_stays():
    same = logits(0.8)
    best, (_, equal, worse) = go(floor=same, equal=same, worse=logits(0.3))
    assert best == "floor" and not equal.accepted and not worse.accepted
    assert equal.difference == 0 and equal.ci95 == (0, 0) and "may be chance" in equal.reason


def test_a_rung_is_held_against_the_highest_accepted_one():
    best, rungs = go(floor=logits(0.4), better=logits(0.9), worse=logits(0.6, 3), last=logits(0.91, 4))
    assert best == "better"
    assert [r.against for r in rungs] == [None, "floor", "better", "better"]
    assert [r.accepted for r in rungs] == [True, True, False, False]


def test_a_gain_in_a_single_group_is_no_evidence():
    """Plain objects would call 20 of 200 significant; one group of ten is chance."""
    floor = np.eye(2)[1 - LABELS]
    up = floor.copy()
    up[:EACH] = np.eye(2)[LABELS[:EACH]]
    _, (_, rung) = go(floor=floor, up=up)
    assert rung.difference == pytest.approx(0.1) and not rung.accepted
    assert go([str(i) for i in range(len(LABELS))], floor=floor, up=up)[0] == "up"


def test_with_one_group_nothing_is_accepted():
    best, (_, rung) = go(["only"] * len(LABELS), floor=logits(0.1), up=logits(1.0))
    assert best == "floor" and rung.ci95 is None and rung.reason == "refused: one group is no evidence"


def test_only_classes_that_an_object_can_have_count():
    mask = np.eye(2, dtype=bool)[LABELS]
    _, (floor, _) = go(mask=mask, floor=logits(0.0), up=logits(0.5))
    assert floor.accuracy == 1.0


def test_the_same_seed_gives_the_same_intervals():
    rungs = {"floor": logits(0.5), "up": logits(0.6)}
    assert go(**rungs) == go(**rungs)


def test_p_values_are_adjusted_for_all_pairs_of_rungs():
    _, (_, alone) = go(floor=logits(0.5), up=logits(0.62))
    _, (_, among, *_) = go(floor=logits(0.5), up=logits(0.62), other=logits(0.5, 8), more=logits(0.5, 9))
    assert alone.p < among.p <= 6 * alone.p


def test_an_interval_above_zero_is_not_enough_where_the_sign_flips_disagree():
    """Four of ten groups gain: the bootstrap's interval leaves zero out, but four heads in a row are no wonder."""
    floor = np.eye(2)[1 - LABELS]
    up = floor.copy()
    up[: 4 * EACH] = np.eye(2)[LABELS[: 4 * EACH]]
    _, (_, rung) = go(floor=floor, up=up)
    assert rung.ci95[0] > 0 and rung.p == 2**-4 and not rung.accepted and "may be chance" in rung.reason
