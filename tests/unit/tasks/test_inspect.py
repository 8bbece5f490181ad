from __future__ import annotations

import csv
import io
import json
from pathlib import Path

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
