from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from clipspect.data.views import View, crop, parse_view, pool, view_boxes
from clipspect.errors import ConfigError

SIZE_PX = (100, 80)
BOX = (20.0, 30.0, 60.0, 40.0)  # 40 wide, 10 high, centre (40, 35)


def gradient(width=100, height=80):
    """Red tells x, green tells y."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    return np.stack([x * 2, y * 2, np.zeros_like(x)], axis=-1).astype(np.uint8)


@pytest.mark.parametrize(
    ("view", "expected"),
    [
        ("tight", [BOX]),
        ("tight:margin=0.5", [(0.0, 25.0, 80.0, 45.0)]),
        ("square:scale=1", [(20.0, 15.0, 60.0, 55.0)]),
        ("square", [(16.0, 11.0, 64.0, 59.0)]),
        ("context", [(0.0, -5.0, 80.0, 75.0)]),
        ("tiles:count=4,scale=1", [(x, 30.0, x + 10, 40.0) for x in (20.0, 30.0, 40.0, 50.0)]),
        ("image", [(0.0, 0.0, 100.0, 80.0)]),
    ],
)
def test_views_show_these_rectangles(view, expected):
    np.testing.assert_allclose(view_boxes(BOX, parse_view(view), SIZE_PX), expected, atol=1e-9)


def test_tiles_follow_the_long_side_and_cover_it():
    tall = (10.0, 0.0, 14.0, 60.0)
    tiles = view_boxes(tall, parse_view("tiles:count=3"), SIZE_PX)
    assert all(b[2] - b[0] == pytest.approx(20.0) and b[3] - b[1] == pytest.approx(20.0) for b in tiles)
    assert tiles[0][1] == pytest.approx(0) and tiles[-1][3] == pytest.approx(60)
    assert {(b[0] + b[2]) / 2 for b in tiles} == {12.0}


def test_a_box_without_width_still_shows_something():
    for name in ("tight", "square", "tiles", "context"):
        for x0, y0, x1, y1 in view_boxes((5.0, 5.0, 5.0, 5.0), parse_view(name), SIZE_PX):
            assert x1 - x0 >= 2 and y1 - y0 >= 2


@pytest.mark.parametrize("view", ["tight", "square", "tiles:count=5", "context", "image"])
def test_crops_are_squares_of_the_asked_side(view):
    crops = crop(gradient(), BOX, parse_view(view), 24)
    assert len(crops) == (5 if view.startswith("tiles") else 1)
    assert all(c.shape == (24, 24, 3) and c.dtype == np.uint8 for c in crops)


def test_a_crop_of_the_same_size_is_the_photos_pixels():
    image = gradient()
    (shown,) = crop(image, (10.0, 20.0, 34.0, 44.0), parse_view("square:scale=1"), 24)
    np.testing.assert_array_equal(shown, image[20:44, 10:34])


def test_a_crop_inside_the_photo_is_resampled_once_by_pillow():
    image = gradient()
    (shown,) = crop(image, BOX, parse_view("tight"), 24)
    expected = Image.fromarray(image).resize((24, 24), Image.Resampling.BICUBIC, box=BOX)
    np.testing.assert_array_equal(shown, np.asarray(expected))


@pytest.mark.parametrize("side", ["left", "top", "right", "bottom"])
def test_what_lies_outside_the_photo_is_mid_grey_and_the_rest_keeps_its_place(side):
    image = gradient()
    box = {
        "left": (-12.0, 20.0, 12.0, 44.0),
        "top": (20.0, -12.0, 44.0, 12.0),
        "right": (88.0, 20.0, 112.0, 44.0),
        "bottom": (20.0, 68.0, 44.0, 92.0),
    }[side]
    (shown,) = crop(image, box, parse_view("square:scale=1"), 24)
    whole = np.full((200, 200, 3), 127, np.uint8)
    whole[50:130, 50:150] = image
    x, y = int(box[0]) + 50, int(box[1]) + 50
    np.testing.assert_array_equal(shown, whole[y : y + 24, x : x + 24])


@pytest.mark.parametrize("box", [(-50.0, -50.0, -20.0, -20.0), (200.0, 10.0, 220.0, 30.0), (100.0, 0.0, 110.0, 10.0)])
def test_a_box_outside_the_photo_shows_nothing_but_grey(box):
    (shown,) = crop(gradient(), box, parse_view("square:scale=1"), 16)
    assert (shown == 127).all()


@pytest.mark.parametrize("box", [(99.9, 79.9, 100.0, 80.0), (0.0, 0.0, 100.0, 0.01), (0.0, 0.0, 1e-6, 80.0)])
@pytest.mark.parametrize("view", ["tight", "square", "tiles", "context:scale=20", "tight:margin=5"])
def test_thin_and_tiny_boxes_can_be_cropped(box, view):
    assert all(c.shape == (16, 16, 3) for c in crop(gradient(), box, parse_view(view), 16))


def test_a_photo_of_one_pixel_can_be_cropped():
    (shown,) = crop(np.full((1, 1, 3), 200, np.uint8), (0.0, 0.0, 1.0, 1.0), parse_view("image"), 8)
    assert (shown == 200).all()


def test_cropping_leaves_the_photo_alone():
    image = gradient()
    image.flags.writeable = False
    crop(image, BOX, parse_view("context"), 16)


def test_only_tiles_are_pooled_and_as_mean_and_maximum():
    rows = np.array([[1.0, 4.0], [3.0, -2.0]], dtype=np.float32)
    np.testing.assert_array_equal(pool(rows, View("tiles", count=2)), [2, 1, 3, 4])
    np.testing.assert_array_equal(pool(rows[:1], View("square")), [1, 4])
    assert pool(rows, View("tiles", count=2)).dtype == np.float32


@pytest.mark.parametrize(
    "name", ["tight:margin=0.15", "square:scale=1.2", "tiles:count=3,scale=1.2", "context:scale=2", "image"]
)
def test_the_name_of_a_view_reads_back(name):
    assert parse_view(name).name == name
    assert parse_view(parse_view(name).name) == parse_view(name)


def test_options_that_are_left_out_take_the_views_default():
    assert parse_view("tiles:count=5") == View("tiles", scale=1.2, count=5)
    assert parse_view("context") == View("context", scale=2.0)
    assert parse_view("tight:") == View("tight")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "expected one of"),
        ("circle", "expected one of .*'square'.*got 'circle'"),
        ("Tight", "expected one of"),
        ("tight:scale=2", r"expected options of \['margin'\], got 'scale'"),
        ("image:scale=2", r"expected options of \[\]"),
        ("square:scale", "scale: expected a number of 0 or more, got ''"),
        ("square:scale=-1", "got '-1'"),
        ("square:scale=nan", "got 'nan'"),
        ("square:scale=1e9", "got '1e9'"),
        ("square:scale=0", "scale 0.1 to 20"),
        ("square:scale=21", "scale 0.1 to 20"),
        ("tight:margin=6", "margin 0 to 5"),
        ("tiles:count=0", "count 1 to 32"),
        ("tiles:count=2.5", "count 1 to 32"),
        ("tiles:count=33", "count 1 to 32"),
    ],
)
def test_views_that_make_no_sense_are_refused(text, match):
    with pytest.raises(ConfigError, match=match):
        parse_view(text)
