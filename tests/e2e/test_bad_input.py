"""What is wrong gets one message with place, expected and got, and exit 2; a run goes on past what it can pass over."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from clipspect.errors import BundleError, BundleVersionError
from clipspect.export.bundle import load_bundle
from e2e.shell import FAKE, label_rows, rewrite_labels, strict_json


def refused(ran, *texts: str) -> None:
    """One last line on standard error, for a person."""
    last = ran.err.splitlines()[-1]
    assert last.startswith("clipspect: "), ran.err
    for text in texts:
        assert str(text) in last, (text, last)


@pytest.mark.parametrize(
    "command",
    [
        ["data", "check", "nowhere"], ["data", "stats", "nowhere"], ["data", "split", "nowhere"],
        ["data", "convert", "nowhere", "--to", "coco"], ["fit", "nowhere", *FAKE], ["zeroshot", "nowhere", *FAKE],
        ["info", "nowhere"], ["evaluate", "nowhere", "nowhere"], ["inspect", "nowhere", "nowhere"],
    ],
    ids=lambda c: " ".join(c[:2]),
)  # fmt: skip
def test_what_does_not_exist_is_named(here, tmp_path, command):
    refused(here(*command, code=2), "nowhere: expected ", "got no")
    assert list(tmp_path.iterdir()) == []


def test_photos_and_data_that_do_not_exist_are_named(here, run_folder):
    refused(here("evaluate", run_folder, "nowhere", code=2), "nowhere: expected a data.yaml or a data set's folder")
    refused(here("inspect", run_folder, "nowhere", code=2), "nowhere: expected a photo, a folder or a glob")
    refused(here("inspect", run_folder, "nowhere/*.jpg", code=2), "nowhere/*.jpg: expected")


@pytest.mark.parametrize(
    "command",
    [
        ["data", "check", "empty"], ["data", "stats", "empty"], ["data", "split", "empty"],
        ["data", "convert", "empty", "--to", "coco"], ["fit", "empty", *FAKE], ["zeroshot", "empty", *FAKE],
        ["evaluate", "RUN", "empty", "--split", "train"], ["inspect", "RUN", "empty"],
    ],
    ids=lambda c: " ".join(c[:2]),
)  # fmt: skip
def test_a_folder_of_zero_photos_is_told_as_such_by_every_verb(here, tmp_path, run_folder, command):
    for split in ("train", "valid"):
        (tmp_path / "empty" / split / "images").mkdir(parents=True)
    (tmp_path / "empty/data.yaml").write_text("train: train/images\nval: valid/images\nnames: [toe drain, rock toe]\n")
    ran = here(*[run_folder if word == "RUN" else word for word in command], code=2)
    refused(ran, "empty", "expected", "photo", "got none")


def test_a_folder_that_is_no_data_set_gets_told_what_was_looked_for(here, tmp_path):
    (tmp_path / "bare").mkdir()
    for verb in (["data", "check"], ["fit"], ["zeroshot"]):
        refused(here(*verb, "bare", code=2), "bare: expected a data set", "data.yaml", "COCO", "VOC")


def test_a_class_without_an_example_is_warned_of_and_the_run_goes_on(here, copied, tmp_path, names):
    gone = str(names.index("slope drain damaged"))
    rewrite_labels(copied, lambda row: None if row[0] == gone else row, splits=("train", "valid"))
    ran = here("fit", copied, *FAKE, "--head", "linear", "--out", "r")
    assert "warning: no example of 'slope drain damaged': a fitted head can never say it" in ran.err
    metrics = strict_json(tmp_path / "r/metrics.json")
    assert metrics["per_class"]["slope drain damaged"]["n"] == 0
    here("inspect", "r", copied / "test/images", "--out", "i")
    photos = strict_json(tmp_path / "i/inspections.json")["photos"]
    said = [o for p in photos for o in p["objects"]]
    assert said and all(o["class_name"] != "slope drain damaged" for o in said)


def test_a_split_that_does_not_exist_is_refused_with_those_that_do(here, site, run_folder):
    for command in (("evaluate", run_folder, site), ("zeroshot", site, *FAKE)):
        refused(here(*command, "--split", "holdout", code=2), "expected one of the splits", "'valid'", "got 'holdout'")


def test_fit_without_a_split_to_fit_on_says_so(here, copied):
    yaml = (copied / "data.yaml").read_text()
    kept = [line for line in yaml.splitlines() if not line.startswith(("train:", "val:"))]
    (copied / "data.yaml").write_text("\n".join(kept))
    refused(here("fit", copied, *FAKE, code=2), "expected a split 'train' to fit on, got ['test']")


def test_photos_of_a_single_group_cannot_be_fitted_on(here, site, tmp_path):
    ran = here("fit", site, "--encoder", "fake", "--groups", "^(Site)", "--out", "r", code=2)
    refused(ran, str(site), "at least two groups", "got one group, 'Site'", "--groups")
    assert not (tmp_path / "r").exists()


def test_an_encoder_without_text_is_refused_for_zeroshot_with_those_that_have_it_and_can_be_fitted_on(
    here, site, tmp_path
):
    pytest.importorskip("onnx")
    from tiny_encoders import build_onnx

    encoder = f"onnx:{build_onnx(tmp_path / 'model')}"
    refused(here("zeroshot", site, "--encoder", encoder, code=2), "text", "starter", "hf:")
    here("fit", site, *FAKE, "--encoder", encoder, "--limit", "8", "--out", "r")
    climbed = [r["name"] for r in strict_json(tmp_path / "r/metrics.json")["ladder"]]
    assert climbed == ["majority", "heads"]


@pytest.mark.parametrize(
    ("options", "texts"),
    [
        (["--encoder", "bogus"], ["encoder: expected one of starter", "fake", "got 'bogus'"]),
        (["--encoder", "onnx:nope.onnx"], ["onnx:nope.onnx: expected an ONNX file"]),
        (["--head", "bogus"], ["head: expected 'auto' or one of", "'linear'", "got 'bogus'"]),
        (["--groups", "("], ["groups: expected a regular expression, got '('"]),
        (["--groups-csv", "nope.csv"], ["nope.csv: expected a readable CSV file, got: No such file"]),
        (["--format", "bogus"], ["expected one of the formats", "'coco'", "got 'bogus'"]),
        (["--missing-labels", "bogus"], ["missing_labels: expected one of ['quarantine', 'background'], got 'bogus'"]),
        (["--device", "bogus"], ["device: expected one of", "'cpu'", "got 'bogus'"]),
        (["--seed", "-1"], ["seed: expected 0 or more, got -1"]),
        (["--config", "nope.toml"], ["nope.toml: expected a settings file"]),
    ],
    ids=lambda v: " ".join(v) if v[0].startswith("--") else "",
)
def test_an_option_that_names_nothing_is_refused_with_what_there_is(here, site, tmp_path, options, texts):
    refused(here("fit", site, *FAKE, *options, "--out", "r", code=2), *texts)
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("arguments", [["fit"], ["fit", "x", "--limit", "0"], ["bogus"], ["info", "a", "b"], []])
def test_wrong_usage_leaves_with_2_and_shows_the_way_to_help(here, arguments):
    ran = here(*arguments, code=2)
    assert "Usage: clipspect" in ran.err + ran.out


@pytest.mark.parametrize(
    ("text", "texts"),
    [
        ("sed = 3", ["unknown key 'sed'", "did you mean 'seed'?"]),
        ("[encoder]\nidd = 'fake'", ["encoder: unknown key 'idd'"]),
        ("seed = 'a'", ["seed: expected int, got 'a'"]),
        ("seed = -1", ["seed: expected 0 or more, got -1"]),
        ("views = 3", ["views: expected a table, got 3"]),
        ("[views]\nheads = ['tigt']", ["view 'tigt': expected one of", "'tight'"]),
        ("[views]\nheads = ['tight:sale=2']", ["expected options of ['margin', ", "got 'sale'"]),
        ("[views]\nheads = []", ["heads: expected at least one view"]),
        ("[views]\njoint = 3", ["views: joint: expected str, got 3"]),
        ("[head]\nname = 'bogus'", ["expected 'auto' or one of", "got 'bogus'"]),
        ("[head.bogus]\nx = 1", ["expected 'auto' or one of", "got 'bogus'"]),
        ("[head.linear]\nC = 'x'", ["[head.linear]: C: expected float, got 'x'"]),
        ("[head.linear]\nC = -1.0", ["[head.linear]: C: expected a number above 0, got -1.0"]),
        ("[data]\nmax_pixels = 0", ["data: max_pixels: expected 1 or more, got 0"]),
        ("[evaluation]\nmax_folds = 1", ["evaluation: max_folds: expected 2 or more, got 1"]),
        ("[encoder]\nbatch_size = 0", ["encoder: batch_size: expected 1 or more, got 0"]),
        ("seed = ", ["expected TOML"]),
    ],
)
def test_a_wrong_settings_file_is_refused_with_its_name_and_the_key(here, copied, tmp_path, text, texts):
    (copied / "clipspect.toml").write_text(text)
    refused(here("fit", copied, *FAKE, "--out", "r", code=2), "clipspect.toml: ", *texts)
    assert not (tmp_path / "r").exists()


def test_a_taxonomy_of_classes_that_are_not_there_is_refused(here, copied):
    (copied / "clipspect.toml").write_text('[taxonomy]\nrust = ["sign", "rusty"]\n')
    refused(here("fit", copied, *FAKE, code=2), "[taxonomy]: expected one of the classes", "got 'rust'")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"\xff\xfe\x00\x01", "expected UTF-8 text"),
        (b"train: [a\nnames: {", "data.yaml:2: expected YAML"),
        (b"- 1\n- 2\n", "data.yaml: expected"),
        (b"train: train/images\n", "names"),
        (b"names: !!python/object/apply:os.system ['touch pwned']\n", "expected plain text, numbers, lists"),
    ],
)
def test_a_data_yaml_that_cannot_be_read_is_refused_and_never_run(here, copied, content, text, tmp_path):
    (copied / "data.yaml").write_bytes(content)
    for verb in (["data", "check"], ["fit"]):
        refused(here(*verb, copied, code=2), "data.yaml", text)
    assert not (tmp_path / "pwned").exists()


def test_an_out_that_is_there_is_refused_unless_overwrite_is_given(here, site, tmp_path):
    here("fit", site, *FAKE, "--head", "majority", "--out", "r")
    (tmp_path / "r/notes.txt").write_text("mine")
    before = (tmp_path / "r/metrics.json").stat().st_mtime_ns
    refused(here("fit", site, *FAKE, "--out", "r", code=2), "r: is already there", "--overwrite", "--resume")
    assert (tmp_path / "r/metrics.json").stat().st_mtime_ns == before
    here("fit", site, *FAKE, "--head", "majority", "--out", "r", "--overwrite")
    assert (tmp_path / "r/metrics.json").stat().st_mtime_ns != before
    assert (tmp_path / "r/notes.txt").read_text() == "mine"


def test_an_out_that_is_a_file_is_refused(here, site, run_folder, tmp_path):
    (tmp_path / "file").write_text("mine")
    for command in (
        ("fit", site, *FAKE), ("zeroshot", site, *FAKE), ("evaluate", run_folder, site),
        ("inspect", run_folder, site / "test/images"), ("data", "split", site),
        ("data", "convert", site, "--to", "coco"), ("demo",),
    ):  # fmt: skip
        refused(here(*command, "--out", "file", "--overwrite", code=2), "file: expected")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("how", ["--overwrite", "--resume"])
def test_a_folder_that_clipspect_did_not_make_is_never_written_to(here, copied, run_folder, how):
    (copied / "pictures").mkdir()
    (copied / "pictures/mine.jpg").write_bytes(b"mine")
    before = sorted(copied.rglob("*"))
    for command in (
        ("fit", copied, *FAKE),
        ("zeroshot", copied, *FAKE),
        ("inspect", run_folder, copied / "test/images"),
    ):
        refused(here(*command, "--out", copied, how, code=2), "expected a folder that clipspect made")
    if how == "--overwrite":
        refused(here("evaluate", run_folder, copied, "--out", copied, how, code=2), "expected a folder that clipspect")
        refused(here("data", "convert", copied, "--to", "voc", "--out", copied, how, code=2), "apart from the data set")
        refused(here("demo", "--out", copied, how, code=2), "expected a folder that clipspect made")
    assert sorted(copied.rglob("*")) == before


def test_a_bundle_of_a_newer_version_is_refused_with_both_versions(here, run_folder, site, tmp_path):
    shutil.copytree(run_folder / "model", tmp_path / "model")
    manifest = tmp_path / "model/manifest.json"
    manifest.write_text(manifest.read_text().replace('"schema": 1', '"schema": 2').replace('"0.1.0"', '"7.5.0"'))
    for command in (("info", "model"), ("evaluate", "model", site), ("inspect", "model", site / "test/images")):
        refused(here(*command, code=2), "written by clipspect 7.5.0 with bundle schema 2", "up to 1")
    with pytest.raises(BundleVersionError):
        load_bundle(tmp_path / "model")


def test_a_bundle_with_any_bit_changed_is_refused_with_the_file_and_a_reason(run_folder, tmp_path):
    folder = Path(shutil.copytree(run_folder / "model", tmp_path / "model"))
    load_bundle(folder)
    rng = np.random.default_rng(0)
    files = [folder / "manifest.json", folder / "head.safetensors"]
    contents = [file.read_bytes() for file in files]
    for n in range(200):
        file, content = files[n % 2], contents[n % 2]
        place, bit = int(rng.integers(len(content))), int(rng.integers(8))
        damaged = bytearray(content)
        damaged[place] ^= 1 << bit
        file.write_bytes(damaged)
        with pytest.raises(BundleError) as caught:
            load_bundle(folder)
        assert str(file) in str(caught.value), (place, bit)
        assert len(str(caught.value)) > len(str(file)) + 10
        file.write_bytes(content)
    load_bundle(folder)


@pytest.mark.parametrize("name", ["manifest.json", "head.safetensors"])
def test_a_bundle_that_is_cut_short_or_lacks_a_file_is_refused(here, run_folder, tmp_path, name):
    shutil.copytree(run_folder / "model", tmp_path / "model")
    content = (tmp_path / "model" / name).read_bytes()
    for kept in (0, 1, len(content) // 2, len(content) - 1):
        (tmp_path / "model" / name).write_bytes(content[:kept])
        refused(here("info", "model", code=2), f"{name}: ")
    (tmp_path / "model" / name).unlink()
    refused(here("info", "model", code=2), "model", name)


def test_a_bundle_of_another_encoder_is_refused(here, site, run_folder, tmp_path):
    """The weights behind an id can change: features of another encoder mean nothing to the head."""
    import hashlib

    shutil.copytree(run_folder / "model", tmp_path / "model")
    manifest = tmp_path / "model/manifest.json"
    table = json.loads(manifest.read_text())
    table["encoder_id"] = "fake:64-0@0"
    del table["seal"]
    text = json.dumps(table, indent=1, ensure_ascii=False)
    seal = hashlib.sha256(text.encode()).hexdigest()
    manifest.write_text(text[:-1].rstrip() + f',\n "seal": "{seal}"\n}}\n')
    ran = here("evaluate", "model", site, code=2)
    refused(ran, "expected the weights and preprocessing fake:64-0@0, got fake:64-0@1", "fit it again")


def test_inspect_without_label_files_names_what_could_find_the_objects(here, run_folder, site, tmp_path):
    (tmp_path / "photos").mkdir()
    for photo in sorted((site / "test/images").iterdir())[:2]:
        shutil.copy(photo, tmp_path / "photos")
    ran = here("inspect", run_folder, "photos", "--out", "i", code=2)
    refused(ran, "expected label files beside the photos", "--detector", "labels:DIR")
    refused(here("inspect", run_folder, "photos", "--detector", "yolo9", code=2), "'labels:DIR'", "got 'yolo9'")
    refused(here("inspect", run_folder, "photos", "--detector", "labels:no", code=2), "labels:no: expected a folder")
    assert not (tmp_path / "i").exists()


def test_inspect_goes_on_past_photos_that_cannot_be_used_and_says_why(here, run_folder, copied, tmp_path):
    corrupt, truncated, unlabelled, odd, *_ = sorted((copied / "test/images").iterdir())
    corrupt.write_bytes(b"GIF? no")
    truncated.write_bytes(truncated.read_bytes()[:-3000])
    (copied / "test/labels" / f"{unlabelled.stem}.txt").unlink()
    labels = copied / "test/labels" / f"{odd.stem}.txt"
    labels.write_text(labels.read_text() + "0 0.5 0.5 nan 0.1\n")
    here("inspect", run_folder, copied / "test/images", "--out", "i")
    found = strict_json(tmp_path / "i/inspections.json")
    problems = {p["photo"]: p["problem"] for p in found["photos"]}
    assert len(problems) == 6
    assert found["summary"]["quarantined"] == 3
    for photo in (corrupt, truncated, unlabelled):
        problem = problems[str(photo)]
        assert problem["code"] and photo.name in problem["file"] + problem["reason"]
    assert problems[str(unlabelled)]["code"] == "no-detections"
    assert problems[str(odd)] is None
    for made in ("decisions.csv", "report.html"):
        text = (tmp_path / "i" / made).read_text()
        assert all(photo.name in text for photo in (corrupt, truncated, unlabelled))
    assert "not-finite" in (tmp_path / "i/report.html").read_text()


def test_fit_and_evaluate_go_on_past_bad_rows_and_photos_and_count_them(here, copied, tmp_path):
    for split in ("train", "test"):
        first, second, *_ = sorted((copied / split / "images").iterdir())
        first.write_bytes(b"no photo")
        labels = copied / split / "labels" / f"{second.stem}.txt"
        labels.write_text("99 0.5 0.5 0.1 0.1\n" + labels.read_text())
    here("fit", copied, *FAKE, "--head", "majority", "--out", "r")
    here("evaluate", "r", copied, "--json", "e.json")
    rows = len(label_rows(copied, "train")) + len(label_rows(copied, "valid")) - 1
    unreadable = sorted((copied / "train/images").iterdir())[0].stem
    lost = len((copied / "train/labels" / f"{unreadable}.txt").read_text().splitlines())
    assert strict_json(tmp_path / "r/metrics.json")["n"] == rows - lost
    assert strict_json(tmp_path / "e.json")["quarantined"] >= 2
    assert "class-out-of-range" in (tmp_path / "r/report.html").read_text()


def test_a_photo_whose_name_is_no_utf_8_is_inspected_like_any_other(here, run_folder, copied, tmp_path):
    photo = sorted((copied / "test/images").iterdir())[0]
    labels = copied / "test/labels" / f"{photo.stem}.txt"
    try:
        photo.rename(photo.with_name("x\udcff.jpg"))
        labels.rename(labels.with_name("x\udcff.txt"))
    except (OSError, UnicodeEncodeError):
        pytest.skip("this file system takes only UTF-8 names")
    here("inspect", run_folder, copied / "test/images", "--out", "i\udcff")
    made = next(p for p in tmp_path.iterdir() if p.name.startswith("i"))
    found = strict_json(made / "inspections.json")
    assert found["summary"]["photos"] == 6
    assert [p for p in found["photos"] if p["photo"].endswith("x\udcff.jpg")][0]["objects"]
    here("inspect", run_folder, copied / "test/images", "--out", "i\udcff", "--resume")
