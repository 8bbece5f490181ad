import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clipspect.report.placement import overlap_px2, place_labels, touches

CANVAS = (960.0, 720.0)


@st.composite
def boxes(draw, most):
    found = []
    for _ in range(draw(st.integers(1, most))):
        left, top = draw(st.floats(0, 950)), draw(st.floats(0, 710))
        found.append((left, top, draw(st.floats(left + 1, 960)), draw(st.floats(top + 1, 720))))
    return found


@settings(max_examples=150, deadline=None, derandomize=True)
@given(boxes(most=12))
def test_labels_of_a_dozen_boxes_anywhere_never_cover_each_other_nor_leave_the_photo(found):
    places = place_labels(found, [(180.0, 24.0)] * len(found), CANVAS)
    for one, other in itertools.combinations(places, 2):
        assert overlap_px2(one, other) == 0
    for left, top, right, bottom in places:
        assert 0 <= left < right <= CANVAS[0]
        assert 0 <= top < bottom <= CANVAS[1]
        assert (right - left, bottom - top) == pytest.approx((180.0, 24.0))


def test_a_label_stands_on_top_of_its_box_where_there_is_room():
    assert place_labels([(100, 200, 300, 400)], [(80, 20)], CANVAS) == [(100, 180, 180, 200)]


def test_a_label_of_a_small_box_at_the_top_goes_below_it():
    assert place_labels([(100, 0, 160, 40)], [(80, 20)], CANVAS) == [(100, 40, 180, 60)]


def test_a_label_of_a_box_that_fills_the_photo_goes_inside():
    (place,) = place_labels([(0, 0, 960, 720)], [(80, 20)], CANVAS)
    assert touches(place, (0, 0, 960, 720), 0)
    assert overlap_px2(place, (0, 0, *CANVAS)) == pytest.approx(80 * 20)


def test_twenty_identical_boxes_get_twenty_separate_labels():
    places = place_labels([(400, 300, 500, 400)] * 20, [(120, 20)] * 20, CANVAS)
    assert all(overlap_px2(a, b) == 0 for a, b in itertools.combinations(places, 2))


def test_a_label_larger_than_the_photo_is_cut_to_it():
    assert place_labels([(0, 0, 10, 10)], [(2000, 900)], CANVAS) == [(0, 0, *CANVAS)]


def test_no_boxes_no_labels():
    assert place_labels([], [], CANVAS) == []
