from __future__ import annotations

import numpy as np
import pytest

from clipspect.errors import ConfigError
from clipspect.select.recall import check_targets, condition_recall, offsets_for_recall, shift
from unit.select.searching import TAXONOMY

CLASSES = TAXONOMY.classes
CONDITIONS = [c.condition for c in CLASSES]


def scored(n=200, seed=0):
    """Scores that lean to what is right, and more to normal."""
    rng = np.random.default_rng(seed)
    labels = 2 * rng.integers(0, 2, n) + (rng.random(n) < 0.3)
    mask = np.repeat(np.kron(np.eye(2, dtype=bool), np.ones((1, 2), dtype=bool))[labels // 2], 1, axis=0)
    logits = rng.normal(size=(n, 4)) + 1.5 * np.eye(4)[labels]
    logits[:, [0, 2]] += 1.5
    return logits, mask, labels


def recall_after(offsets, condition, seed=0):
    logits, mask, labels = scored(seed=seed)
    return condition_recall(shift(logits, CONDITIONS, offsets), mask, labels, CLASSES, condition)


@pytest.mark.parametrize("target", [0.3, 0.8, 0.95, 1.0])
def test_the_recall_asked_for_is_reached_with_the_least_offset(target):
    logits, mask, labels = scored()
    offsets = offsets_for_recall(logits, mask, labels, CLASSES, {"blocked": target})
    assert recall_after(offsets, "blocked") >= target
    if offsets["blocked"]:
        assert recall_after({"blocked": offsets["blocked"] - 1e-3}, "blocked") < target


def test_a_recall_that_is_there_already_costs_nothing():
    logits, mask, labels = scored()
    assert offsets_for_recall(logits, mask, labels, CLASSES, {"blocked": 0.01}) == {"blocked": 0.0}


def test_other_types_conditions_are_left_as_they_are():
    logits, mask, labels = scored()
    offsets = offsets_for_recall(logits, mask, labels, CLASSES, {"blocked": 1.0})
    moved = shift(logits, CONDITIONS, offsets) != logits
    assert moved[:, 1].all() and not moved[:, [0, 2, 3]].any()


def test_two_conditions_of_two_types_are_both_had():
    logits, mask, labels = scored()
    offsets = offsets_for_recall(logits, mask, labels, CLASSES, {"blocked": 0.9, "damaged": 0.9})
    assert recall_after(offsets, "blocked") >= 0.9 and recall_after(offsets, "damaged") >= 0.9


def test_two_conditions_that_pull_against_each_other_come_to_an_end():
    logits, mask, labels = scored()
    offsets = offsets_for_recall(logits, mask, labels, CLASSES, {"blocked": 1.0, "normal": 1.0})
    assert all(np.isfinite(v) for v in offsets.values())
    assert max(recall_after(offsets, c) for c in offsets) == 1.0


def test_what_cannot_be_reached_is_taken_as_far_as_it_goes():
    logits, mask, labels = scored()
    blocked = np.flatnonzero(labels == 1)
    mask[blocked[:5]] = False  # a type the condition is not known of: no offset helps
    offsets = offsets_for_recall(logits, mask, labels, CLASSES, {"blocked": 1.0})
    after = condition_recall(shift(logits, CONDITIONS, offsets), mask, labels, CLASSES, "blocked")
    assert after == pytest.approx(1 - 5 / len(blocked))


def test_a_condition_without_an_object_gets_no_offset():
    logits, mask, _ = scored()
    labels = np.zeros(len(logits), dtype=np.int64)
    assert offsets_for_recall(logits, mask, labels, CLASSES, {"damaged": 0.9}) == {"damaged": 0.0}
    assert condition_recall(logits, mask, labels, CLASSES, "damaged") is None


def test_a_condition_that_no_class_has_is_refused_by_name():
    with pytest.raises(
        ConfigError, match=r"expected conditions among \['blocked', 'damaged', 'normal'\], got \['rusty'\]"
    ):
        check_targets({"rusty": 0.8}, CLASSES)
