from __future__ import annotations

import itertools

import numpy as np
import pytest

from clipspect.data.views import parse_view
from clipspect.encode.fake import FakeEncoder
from clipspect.pipeline.cost import Speed, measure_speed, seconds_a_photo

SPEED = Speed(crop_s=0.01, map_s=0.02)


@pytest.mark.parametrize(
    ("views", "seconds"),
    [
        (["square"], 0.05),
        (["tiles:count=3"], 0.15),
        (["tiles:count=3,flip=1"], 0.30),
        (["square:shift=0.1,flip=1"], 0.50),
        (["image"], 0.01),
        (["dense"], 0.02),
        (["dense:windows=2"], 0.08),
        (["dense", "dense:margin=0.2"], 0.02),
        (["square", "square", "context"], 0.10),
        ([], 0.0),
    ],
)
def test_five_objects_cost_their_crops_and_the_photo_its_maps(views, seconds):
    assert seconds_a_photo([parse_view(v) for v in views], 5.0, SPEED) == pytest.approx(seconds)


def test_dense_views_cost_the_same_however_many_objects_there_are():
    views = [parse_view("dense")]
    assert seconds_a_photo(views, 1, SPEED) == seconds_a_photo(views, 50, SPEED)


def test_the_time_of_maps_has_to_be_known_for_dense_views():
    with pytest.raises(ValueError, match="time of a map"):
        seconds_a_photo([parse_view("dense")], 5.0, Speed(0.01))


def test_the_speed_is_the_median_round_by_the_crop():
    # each round takes one tick more than the one before: 1, 2, 3 for crops, 4, 5, 6 for maps
    ticks = itertools.accumulate(x for r in range(1, 7) for x in (0, r))
    speed = measure_speed(FakeEncoder(), np.zeros((20, 30, 3), np.uint8), lambda: float(next(ticks)), dense=True)
    assert speed == Speed(2 / 8, 5.0)


def test_maps_are_timed_only_where_they_are_asked_for():
    assert measure_speed(FakeEncoder(), np.zeros((20, 30, 3), np.uint8), iter(range(99)).__next__).map_s is None
