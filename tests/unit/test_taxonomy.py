"""Class names to (object type, condition)."""

import numpy as np
import pytest

from clipspect.errors import TaxonomyError
from clipspect.taxonomy import NORMAL, normalise, read_taxonomy

EMBANKMENT = (
    "Toe drain",
    "Toe drain- Blocked",
    "Toe drain- Damaged",
    "rock toe",
    "rock toe damaged",
    "slope drain",
    "slope drain blocked",
    "slope drain damaged",
    "vegetation",
)
HARD_HATS = ("hard_hat", "no_hard_hat", "no_head_wear", "person")
HEADS = {
    "hard_hat": ["head", "hard hat"],
    "no_hard_hat": ["head", "no hard hat"],
    "no_head_wear": ["head", "no head wear"],
}


def pairs(taxonomy):
    return [(c.object_type, c.condition) for c in taxonomy.classes]


def test_the_three_spellings_of_the_embankment_are_read():
    taxonomy = read_taxonomy(EMBANKMENT)
    assert pairs(taxonomy) == [
        ("toe drain", "normal"),
        ("toe drain", "blocked"),
        ("toe drain", "damaged"),
        ("rock toe", "normal"),
        ("rock toe", "damaged"),
        ("slope drain", "normal"),
        ("slope drain", "blocked"),
        ("slope drain", "damaged"),
        ("vegetation", "normal"),
    ]
    assert taxonomy.notes == ()
    assert taxonomy.class_index_of_id == tuple(range(9))
    assert taxonomy.object_types == ("toe drain", "rock toe", "slope drain", "vegetation")
    assert taxonomy.conditions == ("normal", "blocked", "damaged")
    assert [c.name for c in taxonomy.classes] == list(EMBANKMENT)
    assert taxonomy.classes[1].label == "toe drain blocked"


@pytest.mark.parametrize(
    "name",
    [
        "toe drain blocked", "Toe_Drain_Blocked", "toeDrainBlocked", "blocked toe drain", "toe-drain/blocked",
        "  TOE DRAIN : (blocked) ", "toe drain, blocked", "Toe drain- Blocked", "[blocked] toe.drain",
    ],
)  # fmt: skip
def test_a_condition_is_found_in_front_and_behind_in_every_spelling(name):
    assert pairs(read_taxonomy([name])) == [("toe drain", "blocked")]


def test_the_longest_condition_wins():
    names = ("drain partially blocked", "drain washed-out", "drain washed out 2", "culvert silted up")
    assert pairs(read_taxonomy(names)) == [
        ("drain", "partially blocked"),
        ("drain", "washed out"),
        ("drain washed out 2", "normal"),
        ("culvert", "silted up"),
    ]


def test_a_condition_inside_a_word_or_a_name_is_none():
    assert pairs(read_taxonomy(["unbrokenness", "loose rock toe wall", "drain blocked gate"])) == [
        ("unbrokenness", "normal"),
        ("rock toe wall", "loose"),
        ("drain blocked gate", "normal"),
    ]


def test_a_type_without_conditions_has_one_normal_class():
    taxonomy = read_taxonomy(["vegetation"])
    assert pairs(taxonomy) == [("vegetation", NORMAL)]
    assert taxonomy.classes[0].is_normal
    assert taxonomy.of_type("vegetation") == (0,)


def test_hard_hats_are_read_as_the_user_says():
    taxonomy = read_taxonomy(HARD_HATS, HEADS)
    assert pairs(taxonomy) == [
        ("head", "hard hat"),
        ("head", "no hard hat"),
        ("head", "no head wear"),
        ("person", "normal"),
    ]
    assert taxonomy.of_type("head") == (0, 1, 2)
    assert taxonomy.conditions == ("normal", "hard hat", "no hard hat", "no head wear")
    assert taxonomy.notes == ()


def test_what_the_user_gives_wins_over_the_lexicon_and_one_part_is_a_type():
    given = {"slope drain blocked": ["slope drain blocked"], "vegetation": ("Ground", "Over Grown")}
    assert pairs(read_taxonomy(["slope drain blocked", "vegetation"], given)) == [
        ("slope drain blocked", "normal"),
        ("ground", "over grown"),
    ]


def test_names_that_mean_the_same_are_counted_as_one_with_a_note():
    taxonomy = read_taxonomy(["Toe drain", "toe_drain", "toe drain blocked", "blocked toe drain", "drain"])
    assert pairs(taxonomy) == [("toe drain", "normal"), ("toe drain", "blocked"), ("drain", "normal")]
    assert taxonomy.class_index_of_id == (0, 0, 1, 1, 2)
    assert taxonomy.classes[0].name == "Toe drain"
    assert ["'toe_drain'" in taxonomy.notes[0], "'blocked toe drain'" in taxonomy.notes[1]] == [True, True]


def test_a_good_and_a_plain_name_stay_two_normal_conditions():
    taxonomy = read_taxonomy(["sign", "sign good", "sign rusty"])
    assert [c.is_normal for c in taxonomy.classes] == [True, True, False]
    assert taxonomy.conditions == ("normal", "good", "rusty")


@pytest.mark.parametrize("name", ["rust", "Blocked", "corrosion", "worn"])
def test_a_condition_without_a_type_is_noted_and_not_when_the_user_gave_it(name):
    (note,) = read_taxonomy([name, "sign"]).notes
    assert repr(name) in note
    assert read_taxonomy([name, "sign"], {name: ["sign", name]}).notes == ()


def test_further_condition_words_are_taken_in_any_spelling():
    names = ["valve half-open", "valve"]
    assert pairs(read_taxonomy(names, conditions=["Half_Open"])) == [("valve", "half open"), ("valve", "normal")]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"toe drian": ["toe drain"]}, "expected one of the classes"),
        ({"sign": []}, "expected"),
        ({"sign": ["a", "b", "c"]}, "got"),
        ({"sign": "sign"}, "got 'sign'"),
        ({"sign": [""]}, "got"),
        ({"sign": ["sign", " - "]}, "got"),
    ],
)
def test_a_bad_mapping_is_an_error_with_its_place(given, says):
    with pytest.raises(TaxonomyError, match=r"^clipspect\.toml \[taxonomy\]: ") as caught:
        read_taxonomy(["sign"], given, where="clipspect.toml [taxonomy]")
    assert says in str(caught.value)


@pytest.mark.parametrize("name", ["", "  ", "--", "()"])
def test_a_name_without_a_letter_is_an_error(name):
    with pytest.raises(TaxonomyError, match="with a letter or digit"):
        read_taxonomy(["sign", name])


def test_the_mask_allows_the_classes_of_the_type_and_none_of_an_unknown_one():
    taxonomy = read_taxonomy(EMBANKMENT)
    mask = taxonomy.mask(["rock toe", "vegetation", "toe drian", "rock toe"])
    assert mask.dtype == bool
    assert [list(np.flatnonzero(row)) for row in mask] == [[3, 4], [8], [], [3, 4]]
    assert taxonomy.mask([]).shape == (0, 9)


def test_index_finds_each_class_and_normalise_changes_nothing_twice():
    taxonomy = read_taxonomy(EMBANKMENT)
    assert [taxonomy.index[c.object_type, c.condition] for c in taxonomy.classes] == list(range(len(taxonomy)))
    for name in (*EMBANKMENT, *HARD_HATS):
        assert normalise(normalise(name)) == normalise(name)
