from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from sklearn import metrics as sk

from clipspect.data.groups import grouped_folds
from clipspect.heads import make_head
from clipspect.metrics.summary import predict
from clipspect.select.candidates import CANDIDATES, Candidate, with_user_options
from clipspect.select.crossval import out_of_fold
from clipspect.select.ladder import climb
from clipspect.select.nested import criterion, make_parts, nested_search
from unit.select.searching import made_task

WEAK, GOOD = Candidate("linear", {"C": 1e-6, "class_weight": "none"}), Candidate("linear")


def folds_of(task, max_folds=12):
    return grouped_folds(task.groups, task.labels, max_folds=max_folds, rng=np.random.default_rng(0))


def search(task, candidates, **options):
    folds = folds_of(task)
    return nested_search(candidates, make_parts(task, folds, inner_folds=3, seed=0), **options)


def accuracy(task, logits):
    return float((predict(logits, task.mask) == task.labels).mean())


def test_the_candidate_that_reads_the_signal_is_chosen_in_every_fold():
    task = made_task(4.0)
    found = search(task, [WEAK, GOOD])
    assert found.chosen == (1,) * 10 and found.final == 1 and found.winner is GOOD
    assert accuracy(task, found.logits) > 0.85
    assert found.scores.shape == (11, 2) and (found.scores[:, 1] > found.scores[:, 0]).all()


@pytest.mark.parametrize("candidate", [*CANDIDATES, Candidate("linear", {}, ("a",))], ids=lambda c: c.name)
def test_outer_logits_are_those_of_the_head_on_the_views_as_they_are(candidate):
    """The shared rotation is a matter of speed alone."""
    task = made_task(1.5, width=120)  # wider than the objects are many, so that something is rotated
    folds = folds_of(task, max_folds=3)
    found = nested_search([candidate], make_parts(task, folds, inner_folds=2, seed=0))
    plain = out_of_fold(
        candidate.make,
        candidate.select(task.features),
        task.labels,
        task.mask,
        folds,
        prototypes=None,
        seed=0,
    )
    np.testing.assert_allclose(found.logits, plain, atol=5e-3)


def test_no_held_out_object_changes_what_is_chosen_or_scored_without_it():
    task = made_task(1.0)
    held_out = np.flatnonzero(np.array(task.groups) == "g0")
    labels, block = task.labels.copy(), task.features.blocks["a"].copy()
    labels[held_out] = 3 - labels[held_out]
    block[held_out[1:]] *= 100
    features = dataclasses.replace(task.features, blocks={**task.features.blocks, "a": block})
    other = dataclasses.replace(task, labels=labels, features=features)
    candidates = [GOOD, WEAK, Candidate("per-type")]
    first, second = (search(t, candidates) for t in (task, other))
    assert first.chosen[0] == second.chosen[0]
    np.testing.assert_array_equal(first.scores[0], second.scores[0])
    np.testing.assert_allclose(first.logits[held_out[0]], second.logits[held_out[0]], rtol=1e-9)


def test_with_one_training_group_nothing_can_be_told_and_the_first_candidate_is_taken():
    task = made_task(3.0, n_groups=2)
    found = search(task, [GOOD, WEAK])
    assert found.chosen == (0, 0) and np.isnan(found.scores[:2]).all()
    assert np.isfinite(found.logits).all() and np.isfinite(found.scores[2]).all()


def test_the_time_limit_leaves_out_candidates_in_order_and_names_them():
    now = iter(range(1000))
    found = search(made_task(1.0), [GOOD, WEAK, Candidate("gda")], time_limit_s=4.0, clock=lambda: float(next(now)))
    assert found.candidates == (GOOD, WEAK) and found.untried == (Candidate("gda"),)
    least = search(made_task(1.0), [GOOD, WEAK], time_limit_s=1e-9)
    assert least.candidates == (GOOD,) and least.untried == (WEAK,)


def test_ties_go_to_the_candidate_that_comes_first():
    found = search(made_task(1.0), [GOOD, Candidate("linear", {"max_iter": 500})])
    assert set(found.chosen) == {0} and found.final == 0


def test_it_gives_the_same_numbers_again():
    task = made_task(1.0)
    first, second = (search(task, [CANDIDATES[1], CANDIDATES[3]]) for _ in range(2))
    np.testing.assert_array_equal(first.logits, second.logits)
    assert first.chosen == second.chosen


@pytest.mark.parametrize("by", ["accuracy", "balanced_accuracy", "macro_f1", "worst_recall"])
def test_criteria_are_those_of_scikit_learn(by):
    rng = np.random.default_rng(3)
    labels, given = rng.integers(0, 3, 200), rng.integers(0, 3, 200)
    expected = {
        "accuracy": sk.accuracy_score(labels, given),
        "balanced_accuracy": sk.balanced_accuracy_score(labels, given),
        "macro_f1": sk.f1_score(labels, given, average="macro"),
        "worst_recall": sk.recall_score(labels, given, average=None).min(),
    }
    assert criterion(given, labels, 4, by) == pytest.approx(expected[by])  # class 3 has no object


def test_what_is_chosen_follows_the_criterion():
    """Without class weights rare conditions are given up, which accuracy forgives and the worst recall does not."""
    task = made_task(0.8)
    plain, weighted = Candidate("linear", {"class_weight": "none"}), Candidate("linear")
    assert search(task, [weighted, plain], by="accuracy").winner == plain
    assert search(task, [weighted, plain], by="worst_recall").winner == weighted


def test_options_of_the_user_hold_in_every_candidate_and_equal_ones_stand_once():
    merged = with_user_options(CANDIDATES, {"linear": {"C": 3.0}})
    assert all(c.options["C"] == 3.0 for c in merged if c.head == "linear")
    names = [c.name for c in merged]
    assert len(names) == len(set(names)) < len(CANDIDATES)


def test_every_candidate_is_named_apart_and_can_be_made():
    assert len({c.name for c in CANDIDATES}) == len(CANDIDATES) <= 12
    assert all(c.make().name == c.head for c in CANDIDATES)


def test_on_twenty_label_sets_without_signal_at_most_one_accepts_a_rung():
    """Groups are marked in the features and differ in their shares, as flight lines do; the types carry everything."""
    accepted = 0
    for seed in range(20):
        task = made_task(0.0, seed=seed, leak=1.0)
        folds = folds_of(task, max_folds=5)
        floor = out_of_fold(
            lambda: make_head("majority", {}), task.features, task.labels, task.mask, folds, prototypes=None, seed=0
        )
        parts = make_parts(task, folds, inner_folds=3, seed=seed)
        found = nested_search([CANDIDATES[0], CANDIDATES[3]], parts)
        best, _ = climb(
            {"majority": floor, "heads": found.logits}, task.labels, task.mask, task.groups, resamples=200, seed=0
        )
        accepted += best != "majority"
    assert accepted <= 1
