from __future__ import annotations

import dataclasses

import pytest

from clipspect.config import (
    DataSettings,
    EncoderSettings,
    EvaluationSettings,
    HeadSettings,
    PromptSettings,
    SelectionSettings,
    Settings,
    ViewSettings,
    parse_settings,
    read_settings,
    settings_toml,
    strict,
)
from clipspect.errors import ConfigError

EVERYTHING = Settings(
    seed=7,
    taxonomy={"Toe drain- Blocked": ("toe drain", "blocked"), "vegetation": ("vegetation",)},
    data=DataSettings(groups=r"^(Lagoon\w+_[BR]\d)", missing_labels="background", max_pixels=1000),
    encoder=EncoderSettings(id="hf:openai/clip", batch_size=4, device="cpu"),
    views=ViewSettings(heads=("tight", "image"), joint="context:scale=3"),
    prompts=PromptSettings(("basic", "custom"), "score-max", {"blocked": ("stuffed", "voll Laub ü")}, ("{label}!",)),
    head=HeadSettings("linear", {"linear": {"C": 0.5}, "majority": {"smoothing": 2}}),
    evaluation=EvaluationSettings(max_folds=5, resamples=50),
    selection=SelectionSettings("macro_f1", inner_folds=3, time_limit_s=20.0, recall={"blocked": 0.8}),
)


def parse(**table):
    return parse_settings(table, "x.toml")


def test_nothing_given_is_the_defaults():
    assert parse() == Settings()


@pytest.mark.parametrize("settings", [Settings(), EVERYTHING], ids=["defaults", "everything"])
def test_written_settings_are_read_back_as_they_were(settings, tmp_path):
    file = tmp_path / "config.toml"
    file.write_text(settings_toml(settings), "utf-8")
    assert read_settings(file) == settings


def test_every_setting_is_in_the_round_trip():
    plain, full = dataclasses.asdict(Settings()), dataclasses.asdict(EVERYTHING)
    for section, value in full.items():
        if isinstance(value, dict) and section != "taxonomy":
            assert all(value[k] != plain[section][k] for k in value), section


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path):
    file = tmp_path / "clipspect.toml"
    file.write_bytes(b"\xef\xbb\xbfseed = 3\n")
    assert read_settings(file).seed == 3


def test_options_of_a_head_stand_under_its_name():
    settings = parse(head={"name": "linear", "linear": {"C": 2}, "options": {"tip": {"alpha": 1}}})
    assert settings.head == HeadSettings("linear", {"linear": {"C": 2}, "tip": {"alpha": 1}})


def test_a_whole_number_is_good_enough_for_a_float():
    @dataclasses.dataclass(frozen=True)
    class Method:
        beta: float = 1.0

    assert strict(Method, {"beta": 3}, "x").beta == 3.0


@pytest.mark.parametrize(
    ("table", "match"),
    [
        ({"sed": 1}, r"x\.toml: unknown key 'sed', expected one of .*did you mean 'seed'\?"),
        ({"data": {"grups": "x"}}, r"x\.toml: data: unknown key 'grups'.*did you mean 'groups'"),
        ({"zzz": 1}, r"unknown key 'zzz', expected one of \[[^?]*\]$"),
        ({"seed": "1"}, r"x\.toml: seed: expected int, got '1'"),
        ({"seed": True}, "seed: expected int, got True"),
        ({"seed": 1.5}, "seed: expected int, got 1.5"),
        ({"seed": -1}, r"x\.toml: seed: expected 0 or more, got -1"),
        ({"data": 3}, "data: expected a table, got 3"),
        ({"data": {"missing_labels": "ignore"}}, r"missing_labels: expected one of \['quarantine', 'background'\]"),
        ({"data": {"max_pixels": 0}}, r"x\.toml: data: max_pixels: expected 1 or more, got 0"),
        ({"encoder": {"batch_size": 0}}, "encoder: batch_size: expected 1 or more, got 0"),
        ({"evaluation": {"max_folds": 1}}, "evaluation: max_folds: expected 2 or more, got 1"),
        ({"evaluation": {"resamples": 0}}, "evaluation: resamples: expected 20 or more, got 0"),
        ({"views": {"heads": "tight"}}, "views: heads: expected a list, got 'tight'"),
        ({"views": {"heads": ["tight", 3]}}, r"heads\[1\]: expected str, got 3"),
        ({"taxonomy": ["a"]}, "taxonomy: expected a table"),
        ({"taxonomy": {"rust": "sign"}}, r"taxonomy\.rust: expected a list, got 'sign'"),
        ({"head": "linear"}, "head: expected a table, got 'linear'"),
        ({"head": {"options": 3}}, "head: options: expected a table, got 3"),
        ({"head": {"linear": 3}}, "head: unknown key 'linear'"),
    ],
)
def test_what_is_wrong_is_refused_with_its_place_and_what_was_expected(table, match):
    with pytest.raises(ConfigError, match=match):
        parse(**table)


def test_a_file_that_is_not_there_or_no_toml_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"gone\.toml: expected a settings file, got: No such file"):
        read_settings(tmp_path / "gone.toml")
    (tmp_path / "bad.toml").write_text("seed = \n")
    with pytest.raises(ConfigError, match=r"bad\.toml: expected TOML, got: .*line 1"):
        read_settings(tmp_path / "bad.toml")
    (tmp_path / "latin.toml").write_bytes(b"a = '\xff'")
    with pytest.raises(ConfigError, match=r"latin\.toml: expected TOML"):
        read_settings(tmp_path / "latin.toml")
    with pytest.raises(ConfigError, match="expected a settings file"):
        read_settings(tmp_path)


def test_settings_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().seed = 1
