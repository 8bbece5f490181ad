import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipspect.errors import DataError
from clipspect.spatial.relations import INVERSE, relate
from clipspect.types import Relation

numbers = st.integers(0, 12).map(float) | st.floats(0, 4000)
boxes = st.lists(
    st.tuples(numbers, numbers, numbers, numbers).map(
        lambda b: (min(b[0], b[2]), min(b[1], b[3]), max(b[0], b[2]), max(b[1], b[3]))
    ),
    max_size=6,
).map(lambda rows: np.array(rows, dtype=float).reshape(-1, 4))


def only(first, second):
    (found,) = relate(np.array([first, second], dtype=float))
    return found


@pytest.mark.parametrize(
    ("second", "relation"),
    [
        ((5, 5, 15, 15), "overlapping"),
        ((2, 2, 4, 4), "overlapping"),
        ((0, 20, 10, 30), "above"),
        ((0, -30, 10, -20), "below"),
        ((20, 0, 30, 10), "left of"),
        ((-30, 0, -20, 10), "right of"),
        ((10, 0, 20, 10), "left of"),  # touching edges share no area
        ((10, 10, 20, 20), "above"),  # touching corners, as far down as across: vertical
        ((30, -30, 40, -20), "below"),  # as far up as across
    ],
)
def test_the_first_object_is_the_subject(second, relation):
    assert only((0, 0, 10, 10), second).relation == relation


def test_near_is_a_gap_under_half_the_mean_diagonal():
    # Diagonals 5 and 15: half their mean is 5.
    first, across = (0, 0, 3, 4), lambda gap: (3 + gap, 0, 12 + gap, 12)
    assert only(first, across(4.99)).near
    assert not only(first, across(5.0)).near
    assert only((0, 0, 10, 10), (5, 5, 15, 15)).near


def test_the_gap_of_boxes_apart_in_both_directions_is_the_distance_of_their_corners():
    # Corner to corner (3, 4) = 5; half the mean diagonal is sqrt(2) / 2 * 10 = 7.07. With (6, 8) = 10 it is too far.
    assert only((0, 0, 10, 10), (13, 14, 23, 24)).near
    assert not only((0, 0, 10, 10), (16, 18, 26, 28)).near


def test_pairs_come_in_order_with_plain_python_values():
    found = relate(np.array([[0, 0, 1, 1], [0, 50, 1, 51], [50, 0, 51, 1]]))
    assert found == (
        Relation(0, "above", 1, False),
        Relation(0, "left of", 2, False),
        Relation(1, "below", 2, False),
    )
    assert type(found[0].subject) is int and type(found[0].near) is bool and type(found[0].relation) is str


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_objects_have_no_relation(n):
    assert relate(np.zeros((n, 4))) == ()


@given(boxes)
def test_every_unordered_pair_has_one_relation_and_turned_round_its_inverse(rows):
    n = len(rows)
    found = {(r.subject, r.object): r for r in relate(rows)}
    assert len(found) == n * (n - 1) // 2
    for r in relate(rows[::-1]):
        same = found[n - 1 - r.object, n - 1 - r.subject]
        assert same.relation == INVERSE[r.relation]
        assert same.near == r.near


@given(boxes)
def test_overlapping_is_a_positive_area_of_intersection(rows):
    for r in relate(rows):
        a, b = rows[r.subject], rows[r.object]
        width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
        same_centre = a[0] + a[2] == b[0] + b[2] and a[1] + a[3] == b[1] + b[3]
        assert (r.relation == "overlapping") == ((width > 0 and height > 0) or same_centre)


@pytest.mark.parametrize("bad", [[0, 0, np.nan, 1], [0, 0, np.inf, 1], [5, 0, 4, 1], [0, 0, 1e300, 1]])
def test_boxes_that_are_no_boxes_are_refused_by_row(bad):
    with pytest.raises(DataError, match="row 1"):
        relate(np.array([[0, 0, 1, 1], bad]))


def test_another_shape_is_refused():
    with pytest.raises(DataError, match=r"\(N, 4\)"):
        relate(np.zeros((2, 5)))


def test_two_hundred_objects_take_milliseconds():
    corner = np.random.default_rng(0).uniform(0, 4000, (200, 2))
    start = time.perf_counter()
    assert len(relate(np.concatenate([corner, corner + 50], axis=1))) == 19_900
    assert time.perf_counter() - start < 1  # 15 ms alone; the machine may be busy
