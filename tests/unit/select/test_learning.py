from __future__ import annotations

import numpy as np
import pytest

from clipspect.data.groups import grouped_folds
from clipspect.select.candidates import Candidate
from clipspect.select.learning import Curve, curve_points, learning_curve, next_labels, sizes
from clipspect.select.nested import make_parts, nested_search
from unit.select.searching import TAXONOMY, made_task

NAMES = [c.name for c in TAXONOMY.classes]


def parts_of(task):
    folds = grouped_folds(task.groups, task.labels, max_folds=12, rng=np.random.default_rng(0))
    return make_parts(task, folds, inner_folds=3, seed=0)


def told(curve, task, **changed):
    options = {"more": 50, "resamples": 200, "seed": 0} | changed
    return next_labels(curve, task.labels, task.groups, NAMES, **options)


def test_the_curve_ends_where_the_same_head_is_on_all_groups():
    task = made_task(2.0)
    parts = parts_of(task)
    curve = learning_curve(Candidate("linear"), parts[:-1], repeats=2, seed=0)
    last = curve_points(curve)[-1]
    found = nested_search([Candidate("linear")], parts)
    given = np.where(task.mask, found.logits, -np.inf).argmax(axis=1)
    assert last["groups"] == 9 and last["accuracy"] == pytest.approx((given == task.labels).mean())


def test_more_groups_help_where_there_is_something_to_learn():
    points = curve_points(
        learning_curve(Candidate("linear"), parts_of(made_task(2.5, width=20))[:-1], repeats=3, seed=0)
    )
    assert points[-1]["accuracy"] > points[0]["accuracy"] + 0.05
    assert [p["labels"] for p in points] == sorted(p["labels"] for p in points)


@pytest.mark.parametrize(("n", "expected"), [(1, [1]), (2, [2]), (3, [2, 3]), (10, [2, 3, 4, 7, 10])])
def test_sizes_grow_to_the_number_of_groups(n, expected):
    assert sizes(n).tolist() == expected


def straight(slope, n_folds=8, each=100):
    """Recall of class 0 that grows by `slope` for each doubling of its labels."""
    labels = np.array([[25.0] * 4, [50.0] * 4, [100.0] * 4])
    tables = np.zeros((3, n_folds, 4, 5))
    for i in range(3):
        tables[i, :, 0, 0] = each * (0.5 + slope * i)
        tables[i, :, 0, 1] = each - tables[i, :, 0, 0]
    return Curve(np.array([2, 4, 8]), labels, tables)


def test_the_slope_of_a_straight_line_goes_on():
    task = made_task(0.0)
    n = int((task.labels == 0).sum())
    row = told(straight(0.1), task)[NAMES[0]]
    assert row["gain"] == pytest.approx(0.1 * np.log2((n + 50) / n))
    assert row["ci95"] == pytest.approx([row["gain"]] * 2) and row["why"] is None


def test_no_recall_grows_past_one():
    row = told(straight(0.24), made_task(0.0))[NAMES[0]]
    assert row["gain"] == pytest.approx(0.02) and row["ci95"][1] <= 0.02 + 1e-9


def test_nothing_is_said_of_classes_with_few_labels_or_of_far_away():
    task = made_task(0.0)
    task.labels[task.labels == 3] = 2
    rows = told(straight(0.1), task)
    assert rows[NAMES[3]]["gain"] is None and "too few to tell" in rows[NAMES[3]]["why"]
    assert "too far from" in told(straight(0.1), task, more=10_000)[NAMES[0]]["why"]


def test_nothing_is_said_from_two_points():
    curve = straight(0.1)
    rows = told(Curve(curve.n_groups[:2], curve.n_labels[:2], curve.tables[:2]), made_task(0.0))
    assert all(r["gain"] is None and "expected 3 numbers of groups" in r["why"] for r in rows.values())
