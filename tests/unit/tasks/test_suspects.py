from __future__ import annotations

import csv
import io
import json
import shutil

import pytest

from clipspect.errors import DataError, OutputExistsError
from clipspect.tasks.fit import fit
from clipspect.tasks.suspects import suspects
from made import COLOURS, site


def rows_of(file):
    return list(csv.DictReader(io.StringIO(file.read_text())))


@pytest.fixture(scope="module")
def mislabelled(tmp_path_factory):
    """A site where one drain of L1 is labelled as the other kind; (data.yaml, photo, line)."""
    data = site(tmp_path_factory.mktemp("mislabelled") / "site", lines=7, photos=3)
    label = data.parent / "train/labels/L1_0.txt"
    lines = label.read_text().splitlines()
    place = next(i for i, line in enumerate(lines) if line.startswith("0 "))
    lines[place] = "1" + lines[place][1:]
    label.write_text("\n".join(lines) + "\n")
    return data, "train/images/L1_0.png", place + 1


def test_a_wrong_label_is_found_with_its_file_and_line(mislabelled, tmp_path, settings, ui):
    data, photo, line = mislabelled
    before = {p: p.read_bytes() for p in data.parent.rglob("*") if p.is_file()}
    out = suspects(data, out=tmp_path / "s.csv", settings=settings, json=tmp_path / "s.json", ui=ui)
    first = rows_of(out)[0]
    assert (first["photo"], first["line"]) == (photo, str(line))
    assert first["label_file"].endswith("train/labels/L1_0.txt")
    assert (first["given"], first["suggested"]) == ("drain blocked", "drain")
    assert float(first["score"]) < 0.5 and float(first["probability_suggested"]) > float(first["probability_given"])
    page = (tmp_path / "s.html").read_text()
    assert "looks like <b>drain</b>" in page and "data:image/jpeg" in page
    figures = json.loads((tmp_path / "s.json").read_text())
    assert figures["listed"] == figures["suspects"] == len(rows_of(out))
    assert any("optimistic bound" in said for said in ui.said)
    assert {p: p.read_bytes() for p in data.parent.rglob("*") if p.is_file()} == before


def test_a_runs_own_predictions_give_the_same_list_and_its_report_shows_it(mislabelled, tmp_path, settings):
    data, photo, _ = mislabelled
    run = fit(data, out=tmp_path / "run", settings=settings)
    out = suspects(data, out=tmp_path / "a.csv", model=run, settings=settings)
    again = suspects(data, out=tmp_path / "b.csv", settings=settings)
    assert out.read_text() == again.read_text()
    quality = json.loads((run / "metrics.json").read_text())["label_quality"]
    assert quality["suspects"] == len(rows_of(out)) and 0 < quality["share_of_wrong"] <= 1
    page = (run / "report.html").read_text()
    assert "Labels to look at" in page and "optimistic bound" in page and f"in {photo}" in page


def test_what_was_relabelled_or_removed_since_is_not_listed(mislabelled, tmp_path, settings, ui):
    data, photo, line = mislabelled
    run = fit(data, out=tmp_path / "run", settings=settings)
    n = len(rows_of(suspects(data, out=tmp_path / "all.csv", model=run, settings=settings)))
    copy = shutil.copytree(data.parent, tmp_path / "copy")
    label = copy / "train/labels/L1_0.txt"
    lines = label.read_text().splitlines()
    lines[line - 1] = "0" + lines[line - 1][1:]
    label.write_text("\n".join(lines) + "\n")
    assert len(rows_of(suspects(copy, out=tmp_path / "r.csv", model=run, settings=settings, ui=ui))) == n - 1
    assert any("1 suspects have another label since" in said for said in ui.said)


def test_a_run_on_other_photos_is_refused(fitted, tmp_path, settings):
    other = site(tmp_path / "other", lines=3, size_px=(200, 120))
    with pytest.raises(DataError, match="expected the photos and boxes that"):
        suspects(other, out=tmp_path / "s.csv", model=fitted[1], settings=settings)


def test_clean_labels_give_an_empty_list_that_says_so(tmp_path, settings, ui):
    data = site(tmp_path / "clean", lines=9, photos=3)
    out = suspects(data, out=tmp_path / "s.csv", settings=settings, ui=ui)
    assert len(rows_of(out)) <= 1 and len(COLOURS) == 3


def test_files_that_are_there_are_kept(fitted, tmp_path, settings):
    (tmp_path / "s.html").write_text("mine")
    with pytest.raises(OutputExistsError, match="s.html: is already there"):
        suspects(fitted[0], out=tmp_path / "s.csv", model=fitted[1], settings=settings)
    suspects(fitted[0], out=tmp_path / "s.csv", model=fitted[1], settings=settings, overwrite=True)
