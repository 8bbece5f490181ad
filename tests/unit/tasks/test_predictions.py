from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from clipspect.errors import DataError
from clipspect.tasks import predictions, runs


def test_what_a_run_said_is_what_its_metrics_count(fitted):
    _, run = fitted
    said = predictions.load(run)
    metrics = json.loads((run / "metrics.json").read_text())
    assert len(said.objects) == metrics["n"] == 18
    assert said.estimate == "leave-one-group-out over 3 groups"
    right = np.mean([o.true == o.conditional for o in said.objects])
    assert right == metrics["conditional"]["accuracy"]
    assert np.mean([o.true == o.joint for o in said.objects]) == metrics["joint"]["accuracy"]
    assert {o.group for o in said.objects} == {"L0", "L1", "L2"} and {o.split for o in said.objects} == {"train"}
    assert len({(o.content, o.box_xyxy_px) for o in said.objects}) == 18


def test_probabilities_are_of_the_classes_that_the_type_can_have(fitted):
    said = predictions.load(fitted[1])
    probabilities, labels, mask = said.arrays()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert (probabilities[~mask] == 0).all() and mask[np.arange(18), labels].all()
    types = [said.classes[k].object_type for k in labels]
    assert [int(m.sum()) for m in mask] == [2 if t == "drain" else 1 for t in types]
    for row, o in enumerate(said.objects):
        assert o.probability == probabilities[row].max() == o.probabilities[o.conditional]


def test_overwriting_a_run_clears_its_predictions(fitted, tmp_path):
    run = shutil.copytree(fitted[1], tmp_path / "run")
    runs.clear(run)
    assert not (run / predictions.FILE).exists()


def test_a_folder_without_predictions_says_what_makes_them(tmp_path, fitted):
    with pytest.raises(DataError, match="got nothing there"):
        predictions.load(tmp_path / "gone")
    with pytest.raises(DataError, match="expected a finished run folder"):
        predictions.load(fitted[1] / "model")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda rows: [rows[0], "{", *rows[2:]], ":2: damaged"),
        (lambda rows: [rows[0], rows[1].replace('"true": ', '"true": 9'), *rows[2:]], ":2: damaged: .*class indices"),
        (lambda rows: [rows[0].replace('"schema": 1', '"schema": 7'), *rows[1:]], "expected schema 1, got 7"),
        (lambda rows: ["[]", *rows[1:]], ":1: damaged"),
    ],
)
def test_a_damaged_file_is_refused_with_its_line(fitted, tmp_path, change, reason):
    run = shutil.copytree(fitted[1], tmp_path / "run")
    file = run / predictions.FILE
    file.write_text("\n".join(change(file.read_text().splitlines())))
    with pytest.raises(DataError, match=reason):
        predictions.load(run)
