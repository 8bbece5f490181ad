from __future__ import annotations

import pytest

from clipspect.errors import ConfigError
from clipspect.prompts.lexicon import STATE_WORDS, state_words
from clipspect.prompts.templates import FAMILIES, context_of, expand, holds, phrase, with_article
from clipspect.taxonomy import read_taxonomy
from clipspect.types import PromptContext

CLASSES = read_taxonomy(["slope drain", "slope drain blocked", "access gate", "vegetation"]).classes


def texts(*families, classes=CLASSES, **options):
    return [p.text for p in expand(classes, families, **options)]


def test_basic_prompts_say_condition_and_type_and_leave_out_a_condition_that_goes_without_saying():
    assert texts("basic") == [
        "a photo of a normal slope drain",
        "a photo of a blocked slope drain",
        "a photo of an access gate",
        "a photo of a vegetation",
    ]


def test_state_prompts_say_the_condition_in_other_words():
    blocked = [p.text for p in expand(CLASSES, ["state"]) if p.class_index == 1]
    assert blocked == [
        "a photo of a blocked slope drain",
        "a photo of a clogged slope drain",
        "a photo of a slope drain choked with debris",
        "a photo of a slope drain silted up",
        "a photo of a slope drain filled with soil and leaves",
        "a photo of an overgrown slope drain",
    ]
    assert texts("state", classes=CLASSES[3:]) == ["a photo of a vegetation"]


def test_spatial_prompts_hold_where_the_object_is():
    prompts = [p for p in expand(CLASSES, ["spatial"]) if p.class_index == 1]
    assert [(p.text, p.only_where) for p in prompts] == [
        ("a photo of a blocked slope drain at the top of the image", "position:top"),
        ("a photo of a blocked slope drain at the middle of the image", "position:middle"),
        ("a photo of a blocked slope drain at the bottom of the image", "position:bottom"),
    ]


def test_multi_object_prompts_name_every_type_that_can_be_near():
    prompts = [p for p in expand(CLASSES, ["multi-object"]) if p.class_index == 2]
    assert [(p.text, p.only_where) for p in prompts] == [
        ("a photo of an access gate, with a slope drain nearby", "near:slope drain"),
        ("a photo of an access gate, with an access gate nearby", "near:access gate"),
        ("a photo of an access gate, with a vegetation nearby", "near:vegetation"),
    ]


def test_custom_templates_are_the_users_own():
    prompts = expand(CLASSES[:2], ["custom"], templates=["{label} seen by a drone", "close-up: {label}, {label}"])
    assert [(p.text, p.template) for p in prompts] == [
        ("normal slope drain seen by a drone", "custom-0"),
        ("close-up: normal slope drain, normal slope drain", "custom-1"),
        ("blocked slope drain seen by a drone", "custom-0"),
        ("close-up: blocked slope drain, blocked slope drain", "custom-1"),
    ]


def test_prompts_never_depend_on_chance_or_on_earlier_calls():
    families = [f for f in FAMILIES if f != "custom"]
    assert expand(CLASSES, families) == expand(CLASSES, families)
    prompts = expand(CLASSES, families)
    assert [p.class_index for p in prompts] == sorted(p.class_index for p in prompts)
    assert [p.family for p in prompts if p.class_index == 0] == sorted(
        (p.family for p in prompts if p.class_index == 0), key=families.index
    )


def test_every_class_has_the_same_templates_so_that_prompts_compare():
    prompts = expand(CLASSES, ["basic", "spatial", "multi-object"])
    of_class = [{(p.template, p.only_where) for p in prompts if p.class_index == k} for k in range(4)]
    assert all(t == of_class[0] for t in of_class)


@pytest.mark.parametrize(
    ("families", "templates", "match"),
    [
        ([], (), "expected some of"),
        (["basic", "fancy"], (), r"expected some of .*got \['basic', 'fancy'\]"),
        (["custom"], (), "family 'custom': expected `templates`"),
        (["custom"], ("a drain",), "got 'a drain'"),
        (["custom"], ("{label} {other}",), "no other brace"),
        (["custom"], ("{label} {0}",), "no other brace"),
    ],
)
def test_what_cannot_be_expanded_is_refused(families, templates, match):
    with pytest.raises(ConfigError, match=match):
        expand(CLASSES, families, templates=templates)


@pytest.mark.parametrize(
    ("name", "alone", "said"),
    [
        ("drain", False, "normal drain"),
        ("drain", True, "drain"),
        ("drain damaged", True, "damaged drain"),
        ("drain partially blocked", False, "drain partially blocked"),
    ],
)
def test_a_class_is_said_as_people_say_it(name, alone, said):
    (object_class,) = read_taxonomy([name]).classes
    assert phrase(object_class, alone=alone) == said


def test_articles():
    assert [with_article(n) for n in ("drain", "intact toe", "overgrown drain")] == [
        "a drain",
        "an intact toe",
        "an overgrown drain",
    ]


@pytest.mark.parametrize(
    ("top", "bottom", "position"),
    [(0, 0.5, "top"), (0, 2 / 3, "middle"), (0.3, 0.37, "middle"), (2 / 3, 2 / 3, "middle"), (0.6, 0.8, "bottom")],
)
def test_positions_are_thirds_by_the_centre(top, bottom, position):
    assert context_of((0.0, top, 1.0, bottom), []).position == position


def test_neighbours_are_named_once_and_sorted():
    assert context_of((0, 0, 1, 1), ["toe", "drain", "toe"]).others == ("drain", "toe")


def test_a_prompt_holds_for_its_position_and_its_neighbours_only():
    context = PromptContext("top", ("rock toe",))
    held = {w: holds(w, context) for w in ("", "position:top", "position:bottom", "near:rock toe", "near:drain")}
    assert held == {
        "": True,
        "position:top": True,
        "position:bottom": False,
        "near:rock toe": True,
        "near:drain": False,
    }


def test_the_users_own_words_replace_the_built_in_ones():
    assert state_words("blocked", {"blocked": ("stuffed", "blocked")}) == ("blocked", "stuffed")
    assert state_words("flooded", {}) == ("flooded",)
    assert state_words("blocked", {"damaged": ("x",)})[1] == STATE_WORDS["blocked"][0]


def test_no_built_in_word_is_a_negation():
    said = " ".join(w for words in STATE_WORDS.values() for w in words)
    assert not {"no", "without", "never"} & set(said.split())
