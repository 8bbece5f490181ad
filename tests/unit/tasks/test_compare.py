from __future__ import annotations

import csv
import io
import json
import shutil

import pytest

from clipspect.errors import ConfigError, DataError, OutputExistsError
from clipspect.tasks.compare import compare
from clipspect.tasks.evaluate import evaluate
from clipspect.tasks.zeroshot import zeroshot


@pytest.fixture
def words(fitted, tmp_path, settings):
    return zeroshot(fitted[0], out=tmp_path / "words", settings=settings)


def edited(run, to, change):
    """A copy of a run whose objects went through `change`; None leaves one out."""
    shutil.copytree(run, to)
    header, *rows = (to / "predictions.jsonl").read_text().splitlines()
    changed = [change(i, json.loads(row)) for i, row in enumerate(rows)]
    kept = [json.dumps(row) for row in changed if row is not None]
    (to / "predictions.jsonl").write_text("\n".join([header, *kept]) + "\n")
    return to


def test_a_fit_and_words_are_paired_on_all_objects(fitted, words, tmp_path, ui):
    result = compare([words, fitted[1]], out=tmp_path / "c", json=tmp_path / "c.json", resamples=100, ui=ui)
    assert (result["common"], result["groups"], result["warnings"]) == (18, 3, [])
    accuracy = result["differences"][0]
    for key, run in (("reference", words), ("value", fitted[1])):
        metrics = json.loads((run / "metrics.json").read_text())
        assert accuracy[key] == pytest.approx(metrics["conditional"]["accuracy"])
    assert json.loads((tmp_path / "c.json").read_text()) == json.loads((tmp_path / "c/comparison.json").read_text())
    rows = list(csv.DictReader(io.StringIO((tmp_path / "c/comparison.csv").read_text())))
    assert [r["metric"] for r in rows] == [d["metric"] for d in result["differences"]]
    page = (tmp_path / "c/report.html").read_text()
    assert "<svg" in page and "Against words" in page
    assert "18 objects in 3 groups are in all runs; reference: words" in ui.said


def test_a_run_against_its_own_copy_differs_by_nothing(fitted, tmp_path):
    copy = shutil.copytree(fitted[1], tmp_path / "copy")
    result = compare([fitted[1], copy], resamples=50)
    assert all(d["difference"] == 0 and d["ci95"] == [0, 0] for d in result["differences"])


def test_objects_that_only_some_have_are_left_out_and_counted(fitted, tmp_path, ui):
    part = edited(fitted[1], tmp_path / "part", lambda i, row: row if i % 3 else None)
    result = compare([fitted[1], part], resamples=50, ui=ui)
    assert result["common"] == 12 and [r["left_out"] for r in result["runs"]] == [6, 0]
    assert any("6 of 18 objects are not in all runs" in w for w in ui.warned)


def test_a_relabelled_object_is_left_out_and_said(fitted, tmp_path, ui):
    other = edited(
        fitted[1], tmp_path / "other", lambda i, row: {**row, "true": (row["true"] + 1) % 3} if i == 0 else row
    )
    assert compare([fitted[1], other], resamples=50, ui=ui)["common"] == 17
    assert any("1 boxes have another true class" in w for w in ui.warned)


def test_photos_pair_by_content_wherever_they_lie(fitted, tmp_path):
    moved = edited(fitted[1], tmp_path / "moved", lambda i, row: {**row, "photo": f"elsewhere/{i}.png"})
    assert compare([fitted[1], moved], resamples=50)["common"] == 18


def test_other_groups_are_warned_of(fitted, tmp_path, ui):
    other = edited(fitted[1], tmp_path / "other", lambda i, row: {**row, "group": "all"})
    compare([fitted[1], other], resamples=50, ui=ui)
    assert any("group photos differently" in w for w in ui.warned)


def test_runs_of_different_splits_have_nothing_in_common(fitted, tmp_path, settings):
    evaluate(fitted[1], fitted[0], split="test", out=tmp_path / "test", settings=settings)
    with pytest.raises(DataError, match="runs on different data or splits cannot be paired"):
        compare([fitted[1], tmp_path / "test"])


def test_a_run_that_was_measured_on_what_it_was_fitted_on_is_told(fitted, tmp_path, settings, ui):
    evaluate(fitted[1], fitted[0], split="train", out=tmp_path / "leak", settings=settings)
    compare([fitted[1], tmp_path / "leak"], resamples=50, ui=ui)
    assert any("leak: 6 photos of this split were fitted on" in w for w in ui.warned)


def test_one_run_or_one_twice_is_refused_and_so_is_a_folder_that_is_there(fitted, words, tmp_path):
    for runs in ([fitted[1]], [fitted[1], fitted[1] / "."]):
        with pytest.raises(ConfigError, match="two or more different runs"):
            compare(runs)
    compare([words, fitted[1]], out=tmp_path / "c", resamples=20)
    with pytest.raises(OutputExistsError):
        compare([words, fitted[1]], out=tmp_path / "c")
    compare([words, fitted[1]], out=tmp_path / "c", resamples=20, overwrite=True)
