from __future__ import annotations

import numpy as np
import pytest

from clipspect.data.dense import pool_maps, window_crops, windows
from clipspect.data.views import parse_view

SIZE_PX = (80, 40)  # a map of 4 x 4 cells has cells of 20 x 10 px


def numbered(*, size=4):
    """Cell (i, j) says 10 i + j, and its opposite."""
    i, j = np.indices((size, size))
    return np.stack([10 * i + j, -(10 * i + j)], axis=-1).astype(np.float32)


def test_one_window_is_the_whole_photo():
    assert windows(parse_view("dense"), SIZE_PX) == [(0.0, 0.0, 80.0, 40.0)]


def test_windows_cover_the_photo_row_by_row_and_share_a_quarter():
    found = windows(parse_view("dense:windows=2"), (70, 35))
    expected = [(0, 0, 40, 20), (30, 0, 70, 20), (0, 15, 40, 35), (30, 15, 70, 35)]
    np.testing.assert_allclose(found, expected, atol=1e-9)
    assert len(windows(parse_view("dense:windows=3"), (70, 35))) == 9


def test_window_crops_show_the_windows_left_to_right_and_top_to_bottom():
    image = np.zeros((35, 70, 3), np.uint8)
    image[:15, :30] = 50
    image[:15, 40:] = 100
    image[20:, :30] = 150
    shown = window_crops(image, parse_view("dense:windows=2"), 8)
    assert [c.shape for c in shown] == [(8, 8, 3)] * 4
    assert [int(c[y, x, 0]) for c, (y, x) in zip(shown, [(1, 1), (1, 6), (6, 1), (6, 6)], strict=True)] == [
        50, 100, 150, 0,
    ]  # fmt: skip


def test_a_box_on_whole_cells_takes_exactly_these():
    pooled = pool_maps([numbered()], (20.0, 10.0, 60.0, 30.0), parse_view("dense"), SIZE_PX)
    # cells 11 12 21 22: mean 16.5, largest 22 and -11
    np.testing.assert_allclose(pooled, [16.5, -16.5, 22, -11])


@pytest.mark.parametrize(("how", "expected"), [("mean", [16.5, -16.5]), ("max", [22, -11])])
def test_mean_and_maximum_can_be_had_alone(how, expected):
    view = parse_view(f"dense:pool={how}")
    np.testing.assert_allclose(pool_maps([numbered()], (20.0, 10.0, 60.0, 30.0), view, SIZE_PX), expected)


def test_cells_weigh_as_much_as_they_share_with_the_box():
    # all of cell 0 and a quarter of cell 1, in the first row
    pooled = pool_maps([numbered()], (0.0, 0.0, 25.0, 10.0), parse_view("dense"), SIZE_PX)
    np.testing.assert_allclose(pooled, [0.2, -0.2, 1, 0], atol=1e-6)


def test_a_margin_reaches_further_cells():
    box = (20.0, 10.0, 40.0, 20.0)
    np.testing.assert_allclose(pool_maps([numbered()], box, parse_view("dense:pool=max"), SIZE_PX), [11, -11])
    wide = pool_maps([numbered()], box, parse_view("dense:margin=0.5,pool=max"), SIZE_PX)
    np.testing.assert_allclose(wide, [22, 0])


@pytest.mark.parametrize(
    ("box", "cell"),
    [
        ((-50.0, -50.0, -20.0, -20.0), 0),
        ((200.0, 90.0, 220.0, 99.0), 33),
        ((80.0, 0.0, 90.0, 5.0), 3),
        ((79.9, 39.9, 80.0, 40.0), 33),
        ((30.0, 15.0, 30.0, 15.0), 11),
    ],
)
def test_tiny_boxes_and_boxes_outside_the_photo_take_the_nearest_cell(box, cell):
    pooled = pool_maps([numbered()], box, parse_view("dense:pool=mean"), SIZE_PX)
    np.testing.assert_allclose(pooled, [cell, -cell], atol=1e-4)


def test_a_box_in_one_window_does_not_see_the_others():
    maps = [np.full((4, 4, 1), float(k), np.float32) for k in range(4)]
    view = parse_view("dense:windows=2,pool=mean")
    assert pool_maps(maps, (0.0, 0.0, 20.0, 10.0), view, (70, 35)).tolist() == [0.0]
    assert pool_maps(maps, (50.0, 25.0, 70.0, 35.0), view, (70, 35)).tolist() == [3.0]
    assert pool_maps(maps, (32.0, 0.0, 38.0, 10.0), view, (70, 35)).tolist() == [0.5]  # both upper ones
