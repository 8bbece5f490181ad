import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clipspect.errors import DataError
from clipspect.spatial.features import box_features, feature_names

SIZE = (400, 300)  # a diagonal of 500
BOXES = np.array([[0, 0, 40, 60], [100, 0, 140, 60], [20, 20, 60, 80], [340, 260, 400, 300]], dtype=float)
TYPES = ["drain", "drain", "toe", "sign"]
KNOWN = ["drain", "toe", "rock"]

photos = st.lists(
    st.tuples(*[st.floats(0, 300)] * 2, *[st.floats(0, 100)] * 2, st.sampled_from(["drain", "toe", "sign"])), max_size=6
)


def row(i, boxes=BOXES, types=TYPES):
    values, names = box_features(boxes, SIZE, types, KNOWN)
    return dict(zip(names, values[i].tolist(), strict=True))


def test_the_object_itself_is_measured_in_shares_of_the_photo():
    found = row(0)
    assert found["centre_x"] == pytest.approx(20 / 400) and found["centre_y"] == pytest.approx(30 / 300)
    assert found["width"] == pytest.approx(0.1) and found["height"] == pytest.approx(0.2)
    assert found["log_aspect"] == pytest.approx(math.log(40 / 60))
    assert found["log_area"] == pytest.approx(math.log(0.02))
    assert found["objects"] == 4


def test_others_are_counted_and_the_nearest_is_located():
    found = row(0)
    assert found["count:drain"] == 1  # itself is no other
    assert found["distance:drain"] == pytest.approx(100 / 500)
    assert found["dx:drain"] == pytest.approx(0.25) and found["dy:drain"] == 0 and found["overlaps:drain"] == 0
    assert found["count:toe"] == 1 and found["overlaps:toe"] == 1
    assert found["dx:toe"] == pytest.approx(20 / 400) and found["dy:toe"] == pytest.approx(20 / 300)


def test_a_type_that_is_not_there_has_fixed_values():
    found = row(0)
    assert [found[f"{what}:rock"] for what in ("count", "distance", "dx", "dy", "overlaps")] == [0, 1, 0, 0, 0]
    assert [row(2)[f"{what}:toe"] for what in ("count", "distance", "dx", "dy", "overlaps")] == [0, 1, 0, 0, 0]


def test_distances_are_capped_at_the_diagonal():
    far = np.array([[0, 0, 10, 10], [4000, 3000, 4010, 3010]], dtype=float)
    found = row(0, far, ["drain", "drain"])
    assert (found["distance:drain"], found["dx:drain"], found["dy:drain"]) == (1, 1, 1)


def test_of_equally_near_ones_the_leftmost_is_taken_in_any_order():
    three = np.array([[100, 0, 110, 10], [50, 0, 60, 10], [150, 0, 160, 10]], dtype=float)
    assert row(0, three, ["toe", "drain", "drain"])["dx:drain"] == pytest.approx(-50 / 400)
    assert row(0, three[[0, 2, 1]], ["toe", "drain", "drain"])["dx:drain"] == pytest.approx(-50 / 400)


def test_the_number_of_features_depends_on_the_known_types_alone():
    for boxes, types in ((np.zeros((0, 4)), []), (BOXES[:1], TYPES[:1]), (BOXES, TYPES)):
        values, names = box_features(boxes, SIZE, types, KNOWN)
        assert values.shape == (len(boxes), 7 + 5 * 3) and values.dtype == np.float32
        assert names == feature_names(KNOWN) and len(set(names)) == len(names)


@given(photos, st.randoms(use_true_random=False))
def test_permuting_the_objects_permutes_the_rows(objects, random):
    boxes = np.array([(x, y, x + w, y + h) for x, y, w, h, _ in objects]).reshape(-1, 4)
    types = [o[-1] for o in objects]
    order = random.sample(range(len(objects)), len(objects))
    values, _ = box_features(boxes, SIZE, types, KNOWN)
    mixed, _ = box_features(boxes[order].reshape(-1, 4), SIZE, [types[i] for i in order], KNOWN)
    np.testing.assert_array_equal(mixed, values[order])
    assert np.isfinite(values).all()


def test_a_photo_without_area_and_a_missing_type_are_refused():
    with pytest.raises(DataError, match="width and height"):
        box_features(BOXES, (0, 300), TYPES, KNOWN)
    with pytest.raises(DataError, match="expected 4 object types"):
        box_features(BOXES, SIZE, TYPES[:3], KNOWN)
