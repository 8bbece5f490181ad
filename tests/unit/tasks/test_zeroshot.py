from __future__ import annotations

import json

import pytest

from clipspect.errors import ConfigError
from clipspect.export.bundle import load_bundle
from clipspect.tasks.evaluate import evaluate
from clipspect.tasks.zeroshot import zeroshot, zeroshot_photos


def metrics_of(run):
    return json.loads((run / "metrics.json").read_text())


def test_test_is_not_read_unless_it_is_asked_for(fitted, tmp_path, settings):
    data, _ = fitted
    assert metrics_of(zeroshot(data, out=tmp_path / "a", settings=settings))["split"] == "train"
    assert metrics_of(zeroshot(data, out=tmp_path / "b", split="test", settings=settings))["n"] == 6


@pytest.mark.parametrize("ensemble", ["mean", "score-max"])
def test_its_model_gives_the_same_figures_when_it_is_evaluated(fitted, tmp_path, changed, ensemble):
    data, _ = fitted
    given = changed(prompts={"families": ("basic", "spatial", "multi-object"), "ensemble": ensemble})
    run = zeroshot(data, out=tmp_path / "run", split="test", settings=given)
    again = evaluate(run, data, settings=given)
    assert load_bundle(run).fitted_on.objects == 0 and again["warnings"] == []
    assert metrics_of(run)["conditional"] == again["conditional"]
    assert metrics_of(run)["calibration"] == again["calibration"]


def put(tmp_path, text):
    (tmp_path / "classes.txt").write_text(text)
    return tmp_path / "classes.txt"


def test_whole_photos_are_classified_among_all_classes(fitted, tmp_path, settings):
    photos = [fitted[0].parent / "test" / "images"]
    classes = put(tmp_path, "a clean drain\n\nblocked drain\nvegetation\n")
    out = zeroshot_photos(photos, classes, out=tmp_path / "out", settings=settings)
    for photo in json.loads((out / "inspections.json").read_text())["photos"]:
        (found,) = photo["objects"]
        assert len(found["probabilities"]) == 3 and sum(found["probabilities"].values()) == pytest.approx(1)


def test_overwriting_with_other_classes_keeps_nothing_of_the_first(fitted, tmp_path, settings):
    photos = [fitted[0].parent / "test" / "images"]
    zeroshot_photos(photos, put(tmp_path, "cat\ndog\n"), out=tmp_path / "out", settings=settings)
    out = zeroshot_photos(
        photos, put(tmp_path, "drain\nbush\n"), out=tmp_path / "out", settings=settings, overwrite=True
    )
    found = json.loads((out / "inspections.json").read_text())["photos"]
    assert {o["class_name"] for p in found for o in p["objects"]} <= {"drain", "bush"}


@pytest.mark.parametrize("text", ["drain\n", "drain\ndrain\n", "blocked drain\ndrain blocked\n", "a-b\na b\n", ""])
def test_classes_that_cannot_be_told_apart_are_refused(fitted, tmp_path, settings, text):
    with pytest.raises(ConfigError, match=r"classes\.txt: expected"):
        zeroshot_photos(
            [fitted[0].parent / "test" / "images"], put(tmp_path, text), out=tmp_path / "out", settings=settings
        )
