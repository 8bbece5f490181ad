from __future__ import annotations

import hashlib

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
    "name",
    [
        "tight:margin=0.15",
        "square:scale=1.2",
        "tiles:count=3,scale=1.2",
        "context:scale=2",
        "image",
        "tight:margin=0,aspect=pad,background=blur,turn=1,flip=1,shift=0.05",
        "tight:margin=0.1,aspect=square",
        "square:scale=1,background=dim,flip=1",
        "tiles:count=5,scale=1.5,pool=attention,turn=1,flip=1",
        "context:scale=3,background=grey,shift=0.1",
        "image:flip=1",
        "dense:margin=0.1,windows=2,pool=max",
        "dense:margin=0",
    ],
)
def test_the_name_of_a_view_reads_back(name):
    assert parse_view(name).name == name
    assert parse_view(parse_view(name).name) == parse_view(name)


def test_options_that_are_left_out_take_the_views_default():
    assert parse_view("tiles:count=5") == View("tiles", scale=1.2, count=5)
    assert parse_view("context") == View("context", scale=2.0)
    assert parse_view("tight:") == View("tight")
    assert parse_view("dense").name == "dense:margin=0"


def test_options_at_their_default_leave_the_name_as_it_was_before_they_existed():
    assert parse_view("square:scale=1.2,background=keep,flip=0,shift=0").name == "square:scale=1.2"
    assert parse_view("tiles:count=3,pool=mean+max,turn=0").name == "tiles:count=3,scale=1.2"


# What these names have always shown, by the code before views had further options.
OLD_PIXELS = {
    "tight:margin=0.15": "fc203054214fd3fc",
    "square:scale=1.2": "c6d2a0151240733c",
    "tiles:count=3,scale=1.2": "4a819835d8cc42fc",
    "context:scale=2": "2e99d136363dd8f1",
    "image": "76d37e81ffca1e56",
}


@pytest.mark.parametrize("name", OLD_PIXELS)
def test_old_names_show_the_same_pixels_for_ever(name):
    digest = hashlib.sha256()
    for box in (BOX, (70.0, -10.0, 110.0, 33.3)):
        for shown in crop(gradient(), box, parse_view(name), 24):
            digest.update(shown.tobytes())
    assert digest.hexdigest()[:16] == OLD_PIXELS[name]


def crop_one(image, box, name, side_px):
    shown = crop(image, box, parse_view(name), side_px)
    assert len(shown) == parse_view(name).crops
    return shown[0]


def test_padding_keeps_the_shape_and_fills_up_with_grey():
    image = gradient()
    shown = crop_one(image, (10.0, 20.0, 34.0, 28.0), "tight:aspect=pad", 24)  # 24 wide, 8 high
    np.testing.assert_array_equal(shown[8:16], image[20:28, 10:34])
    assert (shown[:8] == 127).all() and (shown[16:] == 127).all()
    tall = crop_one(image, (10.0, 20.0, 18.0, 44.0), "tight:aspect=pad", 24)
    np.testing.assert_array_equal(tall[:, 8:16], image[20:44, 10:18])
    assert (tall[:, :8] == 127).all() and (tall[:, 16:] == 127).all()


def test_a_tight_square_shows_the_photo_around_a_thin_box():
    image = gradient()
    shown = crop_one(image, (10.0, 30.0, 34.0, 38.0), "tight:aspect=square", 24)
    np.testing.assert_array_equal(shown, image[22:46, 10:34])


def test_a_padded_box_across_the_border_is_grey_outside_the_photo_too():
    image = gradient()
    shown = crop_one(image, (-12.0, 20.0, 12.0, 28.0), "tight:aspect=pad", 24)
    assert (shown[:, :12] == 127).all()
    np.testing.assert_array_equal(shown[8:16, 12:], image[20:28, :12])


def test_a_grey_background_leaves_the_box_and_falls_off_over_a_soft_margin():
    image = np.full((200, 200, 3), 227, np.uint8)
    shown = crop_one(image, (75.0, 75.0, 125.0, 125.0), "square:scale=2,background=grey", 100)  # 1 px is 1 px
    assert (shown[25:75, 25:75] == 227).all()
    # 4 % of 100 px: a pixel whose centre is half a pixel away keeps 7/8, then 5/8, 3/8, 1/8, nothing.
    assert shown[50, 75:80, 0].tolist() == [214, 190, 164, 140, 127]
    assert shown[50, 20:25, 0].tolist() == [127, 140, 164, 190, 214]
    assert shown[75:80, 50, 0].tolist() == [214, 190, 164, 140, 127]
    assert (shown[:20] == 127).all() and (shown[:, 80:] == 127).all()


def test_a_dimmed_background_keeps_three_tenths_of_its_contrast():
    image = np.full((200, 200, 3), 227, np.uint8)
    shown = crop_one(image, (75.0, 75.0, 125.0, 125.0), "square:scale=2,background=dim", 100)
    assert (shown[25:75, 25:75] == 227).all() and (shown[:20] == 127 + 30).all()


def test_a_blurred_background_loses_its_detail_and_the_box_keeps_it():
    board = (np.indices((100, 100)).sum(axis=0) % 2 * 200).astype(np.uint8)
    image = np.repeat(board[..., None], 3, axis=2)
    shown = crop_one(image, (40.0, 40.0, 60.0, 60.0), "square:scale=5,background=blur", 100)
    np.testing.assert_array_equal(shown[40:60, 40:60], image[40:60, 40:60])
    assert np.abs(shown[12:30, 12:30].astype(int) - 100).max() <= 3


@pytest.mark.parametrize("background", ["dim", "grey"])
def test_outside_the_photo_is_mid_grey_under_every_treatment(background):
    shown = crop_one(gradient(), (90.0, 30.0, 100.0, 40.0), f"context:scale=4,background={background}", 40)
    assert (shown[:, 27:] == 127).all()


def test_flipping_adds_the_mirror_image():
    image = gradient()
    plain, mirrored = crop(image, (10.0, 20.0, 34.0, 44.0), parse_view("square:scale=1,flip=1"), 24)
    np.testing.assert_array_equal(plain, image[20:44, 10:34])
    np.testing.assert_array_equal(mirrored, image[20:44, 33:9:-1])


def test_flipped_tiles_come_after_all_tiles_in_the_same_order():
    image = gradient()
    shown = crop(image, BOX, parse_view("tiles:count=4,scale=1,flip=1"), 10)
    assert len(shown) == 8
    for i, x in enumerate((20, 30, 40, 50)):
        np.testing.assert_array_equal(shown[i], image[30:40, x : x + 10])
        np.testing.assert_array_equal(shown[4 + i], image[30:40, x : x + 10][:, ::-1])


def test_shifts_move_the_crop_left_right_up_and_down_by_a_share_of_its_side():
    image = gradient()
    shown = crop(image, (20.0, 20.0, 40.0, 40.0), parse_view("square:scale=1,shift=0.1"), 20)
    corners = [(20, 20), (18, 20), (22, 20), (20, 18), (20, 22)]
    assert len(shown) == 5 == parse_view("square:scale=1,shift=0.1").crops
    for pixels, (x, y) in zip(shown, corners, strict=True):
        np.testing.assert_array_equal(pixels, image[y : y + 20, x : x + 20])


def test_turning_lays_a_tall_box_down_and_leaves_a_wide_one():
    image = gradient()
    tall = crop_one(image, (10.0, 20.0, 18.0, 44.0), "tight:aspect=pad,turn=1", 24)
    np.testing.assert_array_equal(tall[8:16, :, :], image[20:44, 17:9:-1].transpose(1, 0, 2))
    wide = (10.0, 20.0, 34.0, 28.0)
    np.testing.assert_array_equal(crop_one(image, wide, "tight:turn=1", 24), crop_one(image, wide, "tight", 24))


@pytest.mark.parametrize(
    ("pool_by", "expected"),
    [("mean", [2, 1]), ("max", [3, 4]), ("mean+max", [2, 1, 3, 4])],
)
def test_tiles_are_pooled_as_asked(pool_by, expected):
    rows = np.array([[1.0, 4.0], [3.0, -2.0]], dtype=np.float32)
    np.testing.assert_array_equal(pool(rows, View("tiles", count=2, pool=pool_by)), expected)


def test_attention_weighs_tiles_by_the_softmax_of_their_likeness_to_the_mean():
    rows = np.array([[2.0, 0.0, 0.0, 0.0], [0.0, 4.0, 0.0, 0.0]], dtype=np.float32)
    # mean (1, 2, 0, 0); products 2 and 8, over sqrt(4): 1 and 4
    odds = np.exp([1.0, 4.0]) / np.exp([1.0, 4.0]).sum()
    expected = [2 * odds[0], 4 * odds[1], 0, 0]
    np.testing.assert_allclose(pool(rows, View("tiles", count=2, pool="attention")), expected, rtol=1e-6)


def test_mirrored_and_shifted_crops_are_averaged_place_by_place_before_tiles_are_pooled():
    rows = np.array([[1.0], [5.0], [3.0], [-1.0]], dtype=np.float32)  # two tiles, then their mirror images
    np.testing.assert_array_equal(pool(rows, parse_view("tiles:count=2,flip=1")), [2, 2])  # mean and max of 2 and 2
    np.testing.assert_array_equal(pool(rows[:2], parse_view("square:flip=1")), [3])


@pytest.mark.parametrize("box", [(99.9, 79.9, 100.0, 80.0), (0.0, 0.0, 1e-6, 80.0), (200.0, 10.0, 220.0, 30.0)])
@pytest.mark.parametrize(
    "name", ["tight:aspect=pad,turn=1", "tight:aspect=square,background=blur", "context:background=dim,shift=0.5"]
)
def test_thin_tiny_and_lost_boxes_can_be_cropped_by_every_treatment(box, name):
    assert all(c.shape == (16, 16, 3) and c.dtype == np.uint8 for c in crop(gradient(), box, parse_view(name), 16))


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "expected one of"),
        ("circle", "expected one of .*'square'.*got 'circle'"),
        ("Tight", "expected one of"),
        ("tight:scale=2", r"expected options of \['margin', .*\], got 'scale'"),
        ("image:scale=2", r"expected options of \['flip', 'shift'\], got 'scale'"),
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
        ("tight:aspect=oval", r"aspect: expected one of \['squash', 'pad', 'square'\], got 'oval'"),
        ("square:background=red", "background: expected one of .*'dim'.*got 'red'"),
        ("tiles:background=dim", "expected options of"),
        ("tiles:pool=median", "pool: expected one of .*'attention'.*got 'median'"),
        ("dense:pool=attention", "pool: expected one of .*got 'attention'"),
        ("dense:windows=1.5", "windows 1 to 4"),
        ("dense:windows=0", "windows 1 to 4"),
        ("dense:flip=1", "expected options of"),
        ("square:flip=yes", r"flip: expected one of \['0', '1'\], got 'yes'"),
        ("square:shift=0.6", "shift 0 to 0.5"),
        ("square:shift=-0.1", "got '-0.1'"),
    ],
)
def test_views_that_make_no_sense_are_refused(text, match):
    with pytest.raises(ConfigError, match=match):
        parse_view(text)
