import io

import numpy as np
import pytest
from PIL import Image

from clipspect.report.fonts import fit_text, font_for
from clipspect.report.palette import ABSTAINED, colour_of
from clipspect.report.pictures import draw_inspection, encode_jpeg, shrink, thumbnail
from clipspect.types import Decision

from .records import abstention, broken, decision, grass, inspection, vegetation


def share_of(picture, rgb):
    return float((picture == np.array(rgb, dtype=np.uint8)).all(axis=2).mean())


def test_a_small_photo_is_enlarged_to_960_px_and_drawn_in_the_colour_of_the_condition():
    picture = draw_inspection(grass(), inspection(decision()))
    assert picture.shape == (720, 960, 3)
    assert picture.dtype == np.uint8
    assert share_of(picture, colour_of("blocked").fill_rgb) > 0.003


def test_a_large_photo_keeps_its_size_and_its_label_grows_with_it():
    small = draw_inspection(grass(1000, 750), inspection(decision(), size_px=(312, 234)))
    large = draw_inspection(grass(4000, 3000), inspection(decision(), size_px=(312, 234)))
    assert large.shape == (3000, 4000, 3)
    assert share_of(large, colour_of("blocked").fill_rgb) == pytest.approx(
        share_of(small, colour_of("blocked").fill_rgb), rel=0.2
    )


@pytest.mark.parametrize("shape", [(40, 30), (20, 3000), (3000, 20), (1, 1)])
def test_photos_of_odd_shapes_are_drawn(shape):
    width, height = shape
    box = (0.0, 0.0, float(width), float(height))
    picture = draw_inspection(grass(width, height), inspection(decision(box), size_px=shape))
    assert max(picture.shape) <= 3000


def test_the_input_is_left_as_it_was():
    image = grass(1200, 900)
    before = image.copy()
    draw_inspection(image, inspection(decision(), size_px=(1200, 900)))
    assert (image == before).all()


def test_an_abstention_is_grey_with_gaps_in_its_outline():
    plain = draw_inspection(grass(), inspection())
    box = (100.0, 100.0, 200.0, 200.0)
    solid = draw_inspection(grass(), inspection(decision(box)))
    dashed = draw_inspection(grass(), inspection(abstention(box)))
    assert share_of(dashed, ABSTAINED.fill_rgb) > share_of(plain, ABSTAINED.fill_rgb) + 0.001
    row = round(200 * 960 / 312)
    changed_by = [(p[row - 1, 320:600] != plain[row - 1, 320:600]).any(axis=1).mean() for p in (solid, dashed)]
    assert changed_by[0] == 1.0
    assert 0.3 < changed_by[1] < 0.9


def test_a_photo_that_was_not_inspected_is_drawn_without_boxes():
    assert (draw_inspection(grass(1000, 800), broken()) == grass(1000, 800)).all()


def test_names_with_accents_other_scripts_control_characters_or_of_great_length_are_drawn():
    names = ("égout à débris", "водосток", "排水溝", "new\nline\x00", "x" * 500, "")
    decisions = [decision((5.0, 5.0 + 35 * i, 90.0, 30.0 + 35 * i), object_type=n) for i, n in enumerate(names)]
    assert draw_inspection(grass(), inspection(*decisions)).shape == (720, 960, 3)


def test_a_crowded_photo_says_less_on_each_label_but_is_drawn():
    decisions = [decision((10.0 + i, 10.0 + i, 20.0 + i, 20.0 + i)) for i in range(120)]
    assert draw_inspection(grass(), inspection(*decisions)).shape == (720, 960, 3)


def test_given_colours_win_over_the_ones_by_name():
    picture = draw_inspection(grass(), inspection(decision()), {"blocked": colour_of("damaged")})
    assert share_of(picture, colour_of("damaged").fill_rgb) > 0.003
    assert share_of(picture, colour_of("blocked").fill_rgb) == 0


def test_the_same_input_gives_the_same_picture_and_bytes():
    one, other = (draw_inspection(grass(), inspection(decision(), abstention(), vegetation())) for _ in range(2))
    assert encode_jpeg(one) == encode_jpeg(other)


def test_a_jpeg_is_close_to_the_picture():
    picture = draw_inspection(grass(), inspection(decision()))
    read = np.asarray(Image.open(io.BytesIO(encode_jpeg(picture, 95))).convert("RGB"))
    assert read.shape == picture.shape
    assert np.abs(read.astype(int) - picture).mean() < 8


@pytest.mark.parametrize("box", [(0, 0, 10, 200), (300, 220, 312, 234), (0, 0, 312, 234), (100, 100, 100, 100)])
def test_a_thumbnail_is_a_square_of_the_size_asked_for_wherever_the_box_is(box):
    assert thumbnail(grass(), tuple(map(float, box)), size_px=120, margin_frac=0.25).shape == (120, 120, 3)


def test_a_thumbnail_shows_the_object_and_its_outline():
    image = grass()
    image[100:120, 100:120] = (255, 0, 0)
    picture = thumbnail(image, (100.0, 100.0, 120.0, 120.0), size_px=150, margin_frac=0.25)
    assert picture[75, 75, 0] > 240
    assert picture[75, 75, 1] < 15
    assert (picture[75, 24:28] == 255).all(axis=1).any()  # a quarter of 20 px margin, scaled by 150 / 30


def test_a_thumbnail_of_a_box_as_wide_as_a_wide_photo_is_padded_not_cut():
    picture = thumbnail(np.zeros((50, 400, 3), np.uint8), (0.0, 10.0, 400.0, 40.0), size_px=100, margin_frac=0.1)
    assert share_of(picture, (222, 226, 225)) > 0.5


def test_shrinking_keeps_the_shape_and_never_enlarges():
    assert shrink(grass(1000, 500), 400).shape == (200, 400, 3)
    assert shrink(grass(100, 50), 400).shape == (50, 100, 3)


def test_a_font_covers_the_text_it_is_asked_for_or_there_is_none():
    assert font_for("slope drain 87 %", 20).getname()[0] == "Aileron"
    assert font_for("égout", 20).getname()[0] == "DejaVu Sans"
    assert font_for("排水溝", 20) is None


def test_long_text_is_cut_before_the_part_that_has_to_stay():
    font = font_for("x", 20)
    text = fit_text(font, "a very long object type", " blocked 87 %", 200)
    assert text.endswith("… blocked 87 %")
    assert font.getlength(text) <= 200
    assert fit_text(font, "drain", " blocked", 400) == "drain blocked"


def test_a_type_without_a_choice_is_labelled_without_condition_and_probability():
    alone = vegetation()
    choice = Decision(alone.detection, "normal", "vegetation", 1.0, {"normal": 1.0, "dry": 0.0})
    pictures = [draw_inspection(grass(), inspection(d)) for d in (alone, choice)]
    shares = [share_of(picture, colour_of("normal").fill_rgb) for picture in pictures]
    assert shares[0] < shares[1]
