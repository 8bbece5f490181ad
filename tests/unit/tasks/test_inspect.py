from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from clipspect.errors import ConfigError, OutputExistsError
from clipspect.tasks.evaluate import evaluate
from clipspect.tasks.inspect import _picture_names, inspect


def test_what_is_inspected_is_what_was_measured(fitted, tmp_path, ui):
    """Training, evaluation and inspection take the same way: the same photos give the same decisions."""
    data, run = fitted
    metrics = evaluate(run, data)
    out = inspect(run, [data.parent / "test" / "images"], out=tmp_path / "out", ui=ui)
    rows = list(csv.DictReader(io.StringIO((out / "decisions.csv").read_text("utf-8"))))
    answers = []
    for photo in dict.fromkeys(row["photo"] for row in rows):
        label = Path(photo.replace("/images/", "/labels/")).with_suffix(".txt")
        answers += [int(line.split()[0]) for line in label.read_text().splitlines()]
    names = [c["name"] for c in metrics["classes"]]
    right = [names[k] == row["class_name"] for k, row in zip(answers, rows, strict=True)]
    assert sum(right) / len(right) == metrics["conditional"]["accuracy"]
    confidence = [float(row["probability"]) for row in rows]
    assert abs(sum(confidence) / len(confidence) - metrics["calibration"]["mean_confidence"]) < 1e-4
    assert ui.tracked == [["inspecting", 2, 2]]


def test_every_photo_has_a_picture_and_its_relations(fitted, tmp_path):
    data, run = fitted
    out = inspect(run, [data.parent / "test" / "images"], out=tmp_path / "out")
    record = json.loads((out / "inspections.json").read_text())
    assert len(record["photos"]) == 2 and all(len(p["relations"]) == 3 for p in record["photos"])
    assert sorted(p.name for p in (out / "pictures").iterdir()) == ["L3_0.jpg", "L3_1.jpg"]


def test_pictures_of_photos_with_one_name_do_not_overwrite_each_other():
    found = [Path("a/x.jpg"), Path("b/X.png"), Path("c/x-2.jpg"), Path("d/x.jpg")]
    names = [n.lower() for n in _picture_names(found).values()]
    assert len(set(names)) == 4


def test_what_is_too_unsure_is_not_said_and_why_stands_in_every_file(fitted, tmp_path, ui):
    data, run = fitted
    out = inspect(run, [data.parent / "test" / "images"], out=tmp_path / "out", abstain="size=1", ui=ui)
    objects = [o for p in json.loads((out / "inspections.json").read_text())["photos"] for o in p["objects"]]
    drains = [o for o in objects if o["object_type"] == "drain"]
    assert len(drains) == 4 and all(o["condition"] is None and len(o["prediction_set"]) == 2 for o in drains)
    first, second = drains[0]["prediction_set"]
    assert drains[0]["abstained"] == f"set {{{first}, {second}}} at 90 %"
    assert drains[0]["probabilities"][first] > drains[0]["probabilities"][second]
    rows = list(csv.DictReader(io.StringIO((out / "decisions.csv").read_text("utf-8"))))
    assert {r["prediction_set"] for r in rows if not r["condition"]} <= {"normal | blocked", "blocked | normal"}
    report = (out / "report.html").read_text()
    assert "at 90 %" in report and "abstaining by size=1" in report
    assert any("(nothing said)" in line and line.endswith(" 4") for line in ui.said)


def test_an_inspection_is_not_gone_on_with_under_another_rule(fitted, tmp_path):
    data, run = fitted
    photos = [data.parent / "test" / "images"]
    out = inspect(run, photos, out=tmp_path / "out", abstain="size=1")
    (out / "inspections.json").unlink()
    with pytest.raises(OutputExistsError, match="abstaining by size=1; expected the same"):
        inspect(run, photos, out=out, resume=True)
    inspect(run, photos, out=out, resume=True, abstain=" size = 1")
    record = json.loads((out / "inspections.json").read_text())
    assert record["summary"]["abstained"] == 4
    assert len(record["photos"][0]["objects"][0]["prediction_set"]) in (1, 2)


def test_the_python_interface_takes_the_same_rule(fitted):
    from clipspect import Inspector

    data, run = fitted
    photo = sorted((data.parent / "test" / "images").iterdir())[0]
    said = Inspector(run, abstain="size=1")(photo).decisions
    assert [d.condition is None for d in said] == [d.detection.object_type == "drain" for d in said]
    assert all(d.condition for d in Inspector(run, abstain="risk=0.9")(photo).decisions)
    with pytest.raises(ConfigError, match="risk=0.001: expected at least"):
        Inspector(run, abstain="risk=0.001")
