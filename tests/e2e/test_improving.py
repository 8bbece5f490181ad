"""Comparing runs, doubting labels and choosing what to label next, through the real command line."""

import csv
import io
import shutil

from e2e.shell import FAKE, fingerprint, rewrite_labels, strict_json


def rows_of(file):
    return list(csv.DictReader(io.StringIO(file.read_text("utf-8"))))


def test_compare_pairs_words_and_a_fitted_head(here, run_folder, site, tmp_path):
    here("zeroshot", site, *FAKE, "--out", "words")
    made = here("compare", "words", run_folder, "--out", "c", "--json", "c.json")
    assert made.last == "c"
    assert {p.name for p in (tmp_path / "c").iterdir()} == {
        ".clipspect", "comparison.json", "comparison.csv", "report.html",
    }  # fmt: skip
    result = strict_json(tmp_path / "c.json")
    metrics = [strict_json(run / "metrics.json") for run in (tmp_path / "words", run_folder)]
    assert result["common"] == metrics[0]["n"] == metrics[1]["n"] and result["warnings"] == []
    accuracy = next(d for d in result["differences"] if d["metric"] == "conditional accuracy")
    assert [accuracy["reference"], accuracy["value"]] == [m["conditional"]["accuracy"] for m in metrics]
    assert accuracy["ci95"][0] <= accuracy["difference"] <= accuracy["ci95"][1]
    assert "conditional accuracy" in made.out and 'src="http' not in (tmp_path / "c/report.html").read_text()
    assert here("compare", "words", run_folder, "--out", "c", code=2).err.count("--overwrite") == 1
    again = here("compare", "words", run_folder, "--out", "c", "--overwrite", "--quiet")
    assert again.out == "c\n" and strict_json(tmp_path / "c/comparison.json") == result


def test_compare_takes_evaluations_and_refuses_what_shares_no_object(here, run_folder, site, tmp_path):
    here("zeroshot", site, *FAKE, "--out", "words")
    for name, model in (("a", "words"), ("b", run_folder)):
        here("evaluate", model, site, "--split", "test", "--out", name)
    assert here("compare", "a", "b").last == "runs/compare-1"
    refused = here("compare", run_folder, "b", code=2)
    assert "runs on different data or splits cannot be paired" in refused.err
    assert "two or more different runs" in here("compare", "a", code=2).err


def test_suspects_of_a_run_are_listed_and_shown_and_nothing_is_changed(here, run_folder, site, tmp_path):
    before = fingerprint(site)
    made = here("data", "suspects", site, "--groups", FAKE[-1], "--model", run_folder, "--out", "s.csv")
    assert made.last == "s.csv" and fingerprint(site) == before
    rows = rows_of(tmp_path / "s.csv")
    metrics = strict_json(run_folder / "metrics.json")
    assert len(rows) == metrics["label_quality"]["suspects"]
    assert [float(r["score"]) for r in rows] == sorted(float(r["score"]) for r in rows)
    assert "<html" in (tmp_path / "s.html").read_text()
    assert "Labels to look at" in (run_folder / "report.html").read_text()


def test_a_label_turned_round_is_among_the_suspects_without_a_run_too(here, copied, tmp_path):
    turned = []

    def turn(fields):
        names = {"0": "1"}  # the first two classes are conditions of one type
        if not turned and fields[0] in names:
            turned.append(fields[1:])
            return [names[fields[0]], *fields[1:]]
        return fields

    rewrite_labels(copied, turn, splits=("train",))
    made = here("data", "suspects", copied, *FAKE, "--head", "linear", "--out", "s.csv", "--json", "s.json")
    assert made.last == "s.csv"
    result = strict_json(tmp_path / "s.json")
    assert result["listed"] == len(rows_of(tmp_path / "s.csv")) == len(result["objects"])
    assert {o["split"] for o in result["objects"]} <= {"train", "valid"}


def test_suggest_writes_a_list_for_annotation_tools_and_the_same_one_again(here, run_folder, site, tmp_path):
    photos = site / "test/images"
    made = here("suggest", run_folder, photos, "--budget", "4", "--out", "next.txt", "--prelabels", "pre")
    assert made.last == "next.txt"
    listed = (tmp_path / "next.txt").read_text().splitlines()
    assert len(listed) == 4 and set(listed) <= {str(p) for p in photos.iterdir()}
    assert [r["photo"] for r in rows_of(tmp_path / "next.csv")] == listed
    assert len(list((tmp_path / "pre/labels").iterdir())) == 4
    here("suggest", run_folder, photos, "--budget", "4", "--out", "again.txt")
    assert (tmp_path / "again.txt").read_bytes() == (tmp_path / "next.txt").read_bytes()


def test_suggest_asks_for_a_detector_where_there_are_no_boxes(here, run_folder, site, tmp_path):
    bare = shutil.copytree(site / "test/images", tmp_path / "bare")
    assert "--detector" in here("suggest", run_folder, bare, "--out", "next.txt", code=2).err
    here("suggest", run_folder, bare, "--detector", f"labels:{site / 'test/labels'}", "--out", "next.txt")
    assert len((tmp_path / "next.txt").read_text().splitlines()) == 6
