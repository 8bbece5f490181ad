from __future__ import annotations

import csv
import io
import json
import shutil

import pytest

from clipspect.errors import ConfigError, EmptyDataError, OutputExistsError
from clipspect.export.bundle import load_bundle, save_bundle
from clipspect.tasks.suggest import suggest
from made import site


def rows_of(file):
    return list(csv.DictReader(io.StringIO(file.read_text())))


@pytest.fixture
def fresh(tmp_path):
    """Photos of lines that the model has not seen, with boxes."""
    return site(tmp_path / "fresh", lines=7, photos=2, size_px=(180, 120)).parent / "train/images"


def test_a_list_of_paths_and_a_table_with_reasons_are_written(fitted, fresh, tmp_path, ui):
    out = suggest(fitted[1], [fresh], out=tmp_path / "next.txt", budget=5, json=tmp_path / "next.json", ui=ui)
    listed = out.read_text().splitlines()
    rows = rows_of(tmp_path / "next.csv")
    assert len(listed) == 5 == len(set(listed)) and set(listed) <= {str(p) for p in fresh.iterdir()}
    assert [r["photo"] for r in rows] == listed and [r["rank"] for r in rows] == list("12345")
    assert float(rows[0]["worth"]) == max(float(r["worth"]) for r in rows) and all(r["reason"] for r in rows)
    assert [r["photo"] for r in json.loads((tmp_path / "next.json").read_text())["photos"]] == listed


def test_the_same_photos_give_the_same_list(fitted, fresh, tmp_path):
    first = suggest(fitted[1], [fresh], out=tmp_path / "a.txt").read_text()
    turned = sorted(fresh.iterdir(), reverse=True)
    assert suggest(fitted[1], turned, out=tmp_path / "b.txt").read_text() == first
    assert len(first.splitlines()) == 12


def test_a_copy_of_a_photo_is_suggested_after_all_that_differ(fitted, fresh, tmp_path):
    best = suggest(fitted[1], [fresh], out=tmp_path / "a.txt", budget=1).read_text().strip().rsplit("/", 1)[1]
    shutil.copy(fresh / best, fresh / "copy.png")
    labels = fresh.parent / "labels"
    shutil.copy(labels / best.replace(".png", ".txt"), labels / "copy.txt")
    suggest(fitted[1], [fresh], out=tmp_path / "b.txt")
    last = rows_of(tmp_path / "b.csv")[-1]
    assert last["photo"].endswith(("copy.png", best)) and float(last["distance"]) < 1e-6
    assert "much like one above" in last["reason"]


def test_photos_that_were_fitted_on_are_passed_over(fitted, tmp_path, ui):
    data, run = fitted
    images = [data.parent / "train/images", data.parent / "test/images"]
    out = suggest(run, images, out=tmp_path / "next.txt", ui=ui)
    assert all("/test/images/" in line for line in out.read_text().splitlines())
    assert "6 of 8 photos were fitted on and are passed over" in ui.said
    with pytest.raises(EmptyDataError, match="expected photos that the model was not fitted on"):
        suggest(run, images[:1], out=tmp_path / "none.txt")


def test_prelabels_are_yolo_files_beside_whose_names_the_classes_stand(fitted, fresh, tmp_path):
    suggest(fitted[1], [fresh], out=tmp_path / "next.txt", budget=3, prelabels=tmp_path / "pre")
    files = sorted((tmp_path / "pre/labels").rglob("*.txt"))
    assert {f.stem for f in files} == {
        line.rsplit("/", 1)[1][:-4] for line in (tmp_path / "next.txt").read_text().split()
    }
    assert (tmp_path / "pre/classes.txt").read_text().splitlines() == ["drain", "drain blocked", "bush"]
    for file in files:
        given = [line.split() for line in (fresh.parent / "labels" / file.name).read_text().splitlines()]
        said = [line.split() for line in file.read_text().splitlines()]
        assert [[float(v) for v in row[1:]] for row in said] == [
            pytest.approx([float(v) for v in row[1:]], abs=1e-5) for row in given
        ]
        assert [row[0] == "2" for row in said] == [row[0] == "2" for row in given]  # the type is given, not guessed


def test_the_bundle_counts_its_classes_and_one_without_counts_still_works(fitted, fresh, tmp_path, ui):
    bundle = load_bundle(fitted[1])
    assert sum(bundle.fitted_on.class_counts) == 18 and len(bundle.fitted_on.class_counts) == 3
    save_bundle(bundle, tmp_path / "older")
    manifest = json.loads((tmp_path / "older/manifest.json").read_text())
    del manifest["fitted_on"]["class_counts"], manifest["seal"]
    text = json.dumps(manifest, indent=1)
    import hashlib

    seal = hashlib.sha256(text.encode()).hexdigest()
    (tmp_path / "older/manifest.json").write_text(text[:-1].rstrip() + f',\n "seal": "{seal}"\n}}\n')
    assert load_bundle(tmp_path / "older").fitted_on.class_counts == ()
    suggest(tmp_path / "older", [fresh], out=tmp_path / "next.txt", ui=ui)
    assert "looking for: drain blocked" in ui.said and "every condition but normal counts as rare" in ui.warned[0]


def test_a_photo_that_cannot_be_read_is_left_out_and_said(fitted, fresh, tmp_path, ui):
    (fresh / "L0_0.png").write_bytes(b"no photo")
    out = suggest(fitted[1], [fresh], out=tmp_path / "next.txt", ui=ui)
    assert len(out.read_text().splitlines()) == 11 and "1 photos are left out" in ui.warned[0]


def test_what_is_there_is_kept_and_a_csv_for_the_list_is_refused(fitted, fresh, tmp_path):
    (tmp_path / "next.csv").write_text("mine")
    with pytest.raises(OutputExistsError, match="next.csv: is already there"):
        suggest(fitted[1], [fresh], out=tmp_path / "next.txt")
    with pytest.raises(ConfigError, match="expected the name of a text file"):
        suggest(fitted[1], [fresh], out=tmp_path / "next.csv", overwrite=True)
