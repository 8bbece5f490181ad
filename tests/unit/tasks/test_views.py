from __future__ import annotations

import itertools
import json

import pytest

from clipspect.config import DataSettings, EncoderSettings, EvaluationSettings, Settings, ViewSettings
from clipspect.errors import ConfigError, OutputExistsError
from clipspect.tasks.views import measure_views
from made import site

HEADS = ("tight:margin=0.15", "context:scale=2")
VIEWS = ("tight:margin=0.15", "square:scale=1", "image", "dense")


class Steady:
    """A clock: every look takes a tenth of a second."""

    def __init__(self) -> None:
        self._ticks = itertools.count()

    def __call__(self) -> float:
        return next(self._ticks) * 0.1


def measured(tmp_path, **options):
    data = site(tmp_path / "site", lines=4)
    settings = Settings(
        data=DataSettings(groups=r"^(L\d)"),
        views=ViewSettings(heads=HEADS),
        encoder=EncoderSettings(id="fake"),
        evaluation=EvaluationSettings(resamples=50),
    )
    out = measure_views(
        data, out=tmp_path / "out", settings=settings, views=options.pop("views", VIEWS), clock=Steady(), **options
    )
    return json.loads((out / "metrics.json").read_text()), (out / "report.html").read_text()


def test_every_view_the_set_in_force_its_parts_and_spatial_context_stand_in_the_table(tmp_path):
    result, report = measured(tmp_path)
    singles = [r["views"] for r in result["rows"] if r["kind"] == "single"]
    assert singles == [["tight:margin=0.15"], ["square:scale=1"], ["image"], ["dense:margin=0"]]
    (default,) = [r for r in result["rows"] if r["kind"] == "default"]
    assert default["views"] == list(HEADS) and default["difference"] is None
    assert [r["views"] for r in result["rows"] if r["kind"] == "default without"] == [[HEADS[1]], [HEADS[0]]]
    spatial = [r for r in result["rows"] if r["spatial"]]
    assert [r["views"] for r in spatial] == [list(HEADS), result["best"]]
    assert result["n_groups"] == 3 and result["split"] == "train"  # line 3 is test, and is not read
    assert result["n"] == 18 and result["objects_a_photo"] == 3.0
    for name in ("square:scale=1", "image", "dense:margin=0", *HEADS):
        assert f'alt="{name}"' in report
    assert "flatter" in report


def test_differences_are_against_the_set_in_force_on_the_same_objects(tmp_path):
    result, _ = measured(tmp_path)
    rows = {(r["kind"], *r["views"]): r for r in result["rows"]}
    default, image = rows["default", *HEADS], rows["single", "image"]
    assert image["accuracy"] < default["accuracy"]  # all objects of a photo share it: colours cannot be told
    assert image["difference"] == pytest.approx(image["accuracy"] - default["accuracy"])
    assert image["difference_ci95"][0] <= image["difference"] <= image["difference_ci95"][1]
    assert image["recall"].keys() == default["recall"].keys() == {"normal", "blocked"}


def test_seconds_a_photo_follow_from_crops_objects_and_maps(tmp_path):
    result, _ = measured(tmp_path)
    seconds = {r["views"][0]: r["seconds_a_photo"] for r in result["rows"] if r["kind"] == "single"}
    assert result["seconds_a_crop"] == pytest.approx(0.1 / 8) and result["seconds_a_map"] == pytest.approx(0.1)
    assert seconds == pytest.approx(
        {"tight:margin=0.15": 0.3 / 8, "square:scale=1": 0.3 / 8, "image": 0.1 / 8, "dense:margin=0": 0.1}
    )


def test_what_takes_too_long_is_neither_encoded_nor_chosen(tmp_path):
    result, report = measured(tmp_path, max_latency_s=0.05)
    assert [r["views"] for r in result["rows"] if r["kind"] == "single"] == [
        ["tight:margin=0.15"],
        ["square:scale=1"],
        ["image"],
    ]
    assert any("dense:margin=0 was left out: it alone takes longer than 0.05 s" in n for n in result["notes"])
    chosen = [r for r in result["rows"] if r["kind"] == "selected" or r["views"] == result["best"]]
    assert all(r["seconds_a_photo"] <= 0.05 for r in chosen)
    assert "left out" in report


def test_a_limit_that_nothing_keeps_leaves_the_set_in_force(tmp_path):
    result, _ = measured(tmp_path, max_latency_s=0.0)
    assert result["best"] == [] and {r["kind"] for r in result["rows"]} >= {"default", "with spatial context"}


def test_the_same_view_written_twice_is_measured_once(tmp_path):
    result, _ = measured(tmp_path, views=("tight", "tight:margin=0", "tight:margin=0.0"))
    assert [r["views"] for r in result["rows"] if r["kind"] == "single"] == [["tight:margin=0"]]


def test_a_view_that_makes_no_sense_is_refused_before_anything_is_read(tmp_path):
    with pytest.raises(ConfigError, match="circle"):
        measured(tmp_path, views=("circle",))


def test_what_is_there_is_not_replaced_unasked(tmp_path):
    measured(tmp_path)
    with pytest.raises(OutputExistsError, match="--overwrite"):
        measured(tmp_path)
    measured(tmp_path, overwrite=True)
