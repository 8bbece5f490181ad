from __future__ import annotations

import numpy as np
import pytest

from clipspect.metrics.bootstrap import paired_difference
from clipspect.select.compare import Answers, compare_answers
from made import taxonomy_of

CLASSES = taxonomy_of().classes


def case(seed=0, n=120):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 6, n)
    groups = [f"L{g}" for g in rng.integers(0, 6, n)]
    weak = np.where(rng.random(n) < 0.5, labels, rng.integers(-1, 6, n))
    good = np.where(rng.random(n) < 0.9, labels, rng.integers(0, 6, n))
    return labels, groups, Answers(weak, weak), Answers(good, good)


def by_metric(found):
    return {d.metric: d for d in found}


def test_every_figure_is_the_difference_of_the_two():
    labels, groups, weak, good = case()
    found = by_metric(compare_answers([weak, good], labels, CLASSES, groups, seed=0, n_resamples=200))
    assert list(found)[:4] == ["conditional accuracy", "balanced accuracy", "joint accuracy", "normal against not"]
    for d in found.values():
        assert d.difference == pytest.approx(d.value - d.reference) and d.ci95[0] <= d.difference <= d.ci95[1]
    accuracy = found["conditional accuracy"]
    assert accuracy.value == np.mean(good.conditional == labels) and accuracy.ci95[0] > 0
    normal = np.array([c.is_normal for c in CLASSES])
    right = [normal[g] == normal[t] for g, t in zip(good.conditional, labels, strict=True)]
    assert found["normal against not"].value == np.mean(right)
    conditions = np.array([c.condition for c in CLASSES])
    blocked = conditions[labels] == "blocked"
    assert found["recall blocked"].n == blocked.sum()
    assert found["recall blocked"].value == np.mean(conditions[good.conditional[blocked]] == "blocked")


def test_no_answer_is_wrong_everywhere():
    labels = np.array([0, 1, 5, 0])
    none = Answers(np.full(4, -1), labels)
    found = by_metric(compare_answers([none, Answers(labels, labels)], labels, CLASSES, list("abab"), seed=0))
    assert found["conditional accuracy"].reference == found["normal against not"].reference == 0
    assert found["joint accuracy"].difference == 0


def test_intervals_are_those_of_the_paired_bootstrap_and_seeded():
    labels, groups, weak, good = case(1)
    found = by_metric(compare_answers([weak, good], labels, CLASSES, groups, seed=3, n_resamples=300))
    expected = paired_difference(
        weak.conditional, good.conditional, labels, groups, n_classes=6, rng=np.random.default_rng(3), n_resamples=300
    )
    assert found["conditional accuracy"].ci95 == expected.ci95


def test_several_runs_are_each_held_against_the_first():
    labels, groups, weak, good = case(2)
    found = compare_answers([good, weak, good], labels, CLASSES, groups, seed=0, n_resamples=100)
    first = [d for d in found if d.metric == "conditional accuracy"]
    assert [d.run for d in first] == [1, 2] and first[0].ci95[1] < 0 and first[1].ci95 == (0.0, 0.0)


def test_one_group_gives_no_interval():
    labels, _, weak, good = case(3)
    found = compare_answers([weak, good], labels, CLASSES, ["L0"] * len(labels), seed=0)
    assert all(d.ci95 is None and d.share_not_better is None for d in found)
