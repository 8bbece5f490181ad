import dataclasses
import math

import pytest

from clipspect.report.wording import count, interval, is_number, percent, points, shown_label

from .records import abstention


@pytest.mark.parametrize(
    ("value", "decimals", "said"),
    [
        (0.762, 1, "76.2 %"), (0.87, 0, "87 %"), (1.0, 0, "100 %"), (0.0, 0, "0 %"), (None, 0, "–"),
        (math.nan, 1, "–"), (-0.0, 1, "0.0 %"), (0.9996, 0, "99 %"), (0.99996, 1, "99.9 %"), (0.0004, 0, "< 1 %"),
    ],
)  # fmt: skip
def test_percent_never_claims_certainty_that_is_not_there(value, decimals, said):
    assert percent(value, decimals, space=" ") == said


def test_points_carry_their_sign():
    assert [points(v) for v in (0.031, -0.0311, 0.0, None)] == ["+3.1", "−3.1", "+0.0", "–"]


def test_an_interval_is_whole_percents_and_empty_where_there_is_none():
    assert interval((0.701, 0.81)) == "70–81"
    assert interval(None) == ""


def test_counts_agree_with_their_noun():
    assert [count(n, "photo") for n in (1, 0, 1465)] == ["1 photo", "0 photos", "1,465 photos"]
    assert count(2, "box", "boxes") == "2 boxes"


def test_what_is_left_to_choose_from_is_shown_where_nothing_is_said():
    unsure = dataclasses.replace(
        abstention(), abstained="set {blocked, normal} at 90 %", prediction_set=("blocked", "normal")
    )
    assert shown_label(unsure) == "pole blocked or normal?"
    assert shown_label(abstention()) == "pole ?"


def test_only_finite_numbers_are_numbers():
    assert [is_number(v) for v in (1, 0.5, True, None, "1", math.inf)] == [True, True, False, False, False, False]
