import itertools

import numpy as np
import pytest

from clipspect.report.palette import ABSTAINED, colour_of, colours_of, contrast
from clipspect.taxonomy import CONDITION_WORDS

# Machado, Oliveira and Fernandes 2009, severity 1.0, for linear RGB.
SIGHT = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}
EIGHT = ("normal", "blocked", "damaged", "leaning", "hard hat", "no hard hat", "no head wear", "open")


def oklab(colour, sight):
    srgb = np.array(colour.fill_rgb) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.asarray(sight) @ linear, 0, 1)
    lms = np.cbrt(
        np.array(
            [
                [0.4122214708, 0.5363325363, 0.0514459929],
                [0.2119034982, 0.6806995451, 0.1073969566],
                [0.0883024619, 0.2817188376, 0.6299787005],
            ]
        )
        @ seen
    )
    to_lab = [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
    return np.array(to_lab) @ lms


@pytest.mark.parametrize("sight", SIGHT)
def test_eight_conditions_are_told_apart_with_every_kind_of_colour_vision(sight):
    colours = colours_of(EIGHT)
    assert len({c.fill for c in colours.values()}) == 8
    for one, other in itertools.combinations(colours.values(), 2):
        distance = 100 * np.linalg.norm(oklab(one, SIGHT[sight]) - oklab(other, SIGHT[sight]))
        assert distance >= 10, (one, other)


def test_text_on_every_colour_is_legible():
    for colour in (ABSTAINED, *colours_of(EIGHT).values()):
        assert contrast(colour.fill, colour.ink) >= 4.5


def test_contrast_of_black_on_white_is_21():
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21.0)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)  # the known near miss of WCAG AA


def test_a_condition_keeps_its_colour_in_any_company():
    for company in (("blocked",), ("damaged", "blocked"), ("clogged", "blocked", "silted", "x", "y")):
        assert colours_of(company)["blocked"] == colour_of("blocked")


def test_the_order_of_the_conditions_does_not_matter():
    assert colours_of(EIGHT) == colours_of(reversed(EIGHT))


def test_words_of_one_family_share_its_colour_when_alone_and_spelling_does_not_matter():
    assert colour_of("clogged") == colour_of("Blocked") == colour_of("moss covered")
    assert colour_of("good") == colour_of("normal")
    assert colour_of("broken") == colour_of("damaged") != colour_of("normal")


def test_every_condition_word_has_a_colour_and_more_than_eight_share_them():
    assert set(colours_of(CONDITION_WORDS)) == set(CONDITION_WORDS)


def test_abstaining_is_grey_and_no_condition_is():
    assert colour_of(None) == ABSTAINED
    assert ABSTAINED.fill not in {c.fill for c in colours_of(EIGHT).values()}
