"""Figures mean what they say: leaks are told, classes match by name, formats agree, no answer leaks into a decision."""

import re
import shutil
from pathlib import Path

import pytest
from PIL import Image

from e2e.shell import FAKE, figures, label_rows, rewrite_labels, strict_json, without


def decisions(folder: Path) -> list[tuple]:
    """What is said of each object, and how surely, without the path of its photo."""
    return [
        (Path(p["photo"]).name, o["box_xyxy_px"], o["object_type"], o["class_name"], o["probabilities"])
        for p in strict_json(folder / "inspections.json")["photos"]
        for o in p["objects"]
    ]


def test_evaluating_on_what_was_fitted_on_is_warned_of(here, run_folder, site, tmp_path):
    ran = here("evaluate", run_folder, site, "--split", "train", "--json", "e.json")
    photos, groups = strict_json(tmp_path / "e.json")["warnings"]
    n_photos = len(list((site / "train/images").iterdir()))
    assert photos.startswith(f"leak: {n_photos} photos of this split were fitted on")
    assert groups.startswith("leak: 6 groups of this split were fitted on (SiteA_L0")
    assert f"warning: {photos}" in ran.err and f"warning: {groups}" in ran.err


def test_photos_of_a_known_group_are_a_leak_even_where_no_photo_is_the_same(here, run_folder, copied, tmp_path):
    for photo in (copied / "train/images").iterdir():
        with Image.open(photo) as image:
            image.load()
        image.save(photo, quality=70)
    here("evaluate", run_folder, copied, "--split", "train", "--json", "e.json")
    (warning,) = strict_json(tmp_path / "e.json")["warnings"]
    assert warning.startswith("leak: 6 groups")


def test_a_renamed_photo_is_still_a_photo_that_was_fitted_on(here, run_folder, copied, tmp_path):
    photo = sorted((copied / "train/images").iterdir())[0]
    shutil.copy(photo, copied / "test/images/new.jpg")
    shutil.copy(copied / "train/labels" / f"{photo.stem}.txt", copied / "test/labels/new.txt")
    here("evaluate", run_folder, copied, "--json", "e.json")
    (warning,) = strict_json(tmp_path / "e.json")["warnings"]
    assert warning.startswith("leak: 1 photos")


def permuted(site: Path, names: tuple[str, ...]) -> None:
    """The same data set with its classes listed the other way round."""
    yaml = (site / "data.yaml").read_text()
    head = yaml[: yaml.index("names:")]
    (site / "data.yaml").write_text(head + "names: [" + ", ".join(reversed(names)) + "]\n")
    rewrite_labels(site, lambda row: [str(len(names) - 1 - int(row[0])), *row[1:]])


def test_classes_are_matched_by_name_where_the_data_list_them_in_another_order(
    here, run_folder, copied, evaluated, tmp_path, names
):
    permuted(copied, names)
    here("evaluate", run_folder, copied, "--json", "e.json")
    got = strict_json(tmp_path / "e.json")
    assert got["warnings"] == []
    assert figures(got) == pytest.approx(figures(evaluated), abs=1e-9)


def test_inspect_reads_object_types_by_name_where_the_data_list_them_in_another_order(
    here, run_folder, copied, inspected, tmp_path, names
):
    permuted(copied, names)
    here("inspect", run_folder, copied / "test/images", "--out", "i")
    assert decisions(tmp_path / "i") == decisions(inspected)


def test_a_class_that_the_model_does_not_know_counts_as_wrong_with_a_note(
    here, run_folder, copied, evaluated, tmp_path, names
):
    old, new = "slope drain damaged", "slope drain cracked"
    n = sum(row[0] == str(names.index(old)) for row in label_rows(copied, "test"))
    assert n > 0, "the site has no such object in test"
    (copied / "data.yaml").write_text((copied / "data.yaml").read_text().replace(f"- {old}\n", f"- {new}\n"))
    ran = here("evaluate", run_folder, copied, "--json", "e.json")
    got = strict_json(tmp_path / "e.json")
    assert got["n"] == evaluated["n"]
    assert got["per_class"][new]["recall"] == 0
    assert got["per_class"][new]["n"] == n
    joint = got["joint_confusion"]
    column = joint["classes"].index(new)
    assert sum(row[column] for row in joint["matrix"]) == 0, "the model said what it does not know"
    (note,) = got["warnings"]
    assert new in note and "count as wrong" in note and note in ran.err
    right = evaluated["conditional"]["accuracy"] * evaluated["n"]
    lost = evaluated["per_class"][old]["recall"] * n
    assert got["conditional"]["accuracy"] * got["n"] == pytest.approx(right - lost)


def test_an_object_type_that_the_model_does_not_know_counts_as_wrong_and_is_abstained_from(
    here, run_folder, copied, tmp_path
):
    text = (copied / "data.yaml").read_text()
    (copied / "data.yaml").write_text(text.replace("- vegetation\n", "- gully\n"))
    here("evaluate", run_folder, copied, "--json", "e.json")
    assert strict_json(tmp_path / "e.json")["per_object_type"]["gully"]["accuracy"] == 0
    here("inspect", run_folder, copied / "test/images", "--out", "i")
    objects = [o for p in strict_json(tmp_path / "i/inspections.json")["photos"] for o in p["objects"]]
    unknown = [o for o in objects if o["object_type"] == "gully"]
    assert unknown and all(o["condition"] is None and "not known to the model" in o["abstained"] for o in unknown)
    assert all(o["condition"] for o in objects if o["object_type"] != "gully")


def test_decisions_do_not_depend_on_the_conditions_in_the_label_files(
    here, run_folder, copied, inspected, tmp_path, names
):
    """Object types come from the labels, conditions never: turning them round within each type changes nothing."""
    types = [re.sub(" (blocked|damaged)$", "", name) for name in names]
    turned = {}
    for kind in set(types):
        of_kind = [i for i, t in enumerate(types) if t == kind]
        turned |= dict(zip(of_kind, of_kind[1:] + of_kind[:1], strict=True))
    before = label_rows(copied, "test")
    rewrite_labels(copied, lambda row: [str(turned[int(row[0])]), *row[1:]])
    assert sum(a != b for a, b in zip(before, label_rows(copied, "test"), strict=True)) > 5
    here("inspect", run_folder, copied / "test/images", "--out", "i")
    assert decisions(tmp_path / "i") == decisions(inspected)


def test_inspect_decides_what_evaluate_measures(inspected, evaluated, site, names):
    """One way of every photo: decisions and figures come from the same functions."""
    answers = [names[int(row[0])] for row in label_rows(site, "test")]
    said = [d[3] for d in decisions(inspected)]
    hits = sum(a == b for a, b in zip(answers, said, strict=True))
    assert hits / len(answers) == pytest.approx(evaluated["conditional"]["accuracy"])


@pytest.mark.parametrize("to", ["coco", "voc"])
def test_fit_and_evaluate_give_the_same_figures_on_every_format(here, site, run_folder, evaluated, tmp_path, to):
    here("data", "convert", site, "--to", to, "--out", to)
    here("fit", to, *FAKE, "--head", "linear", "--out", "r")
    got, expected = strict_json(tmp_path / "r/metrics.json"), strict_json(run_folder / "metrics.json")
    assert got["n"] == expected["n"]
    # The simulation of right labels draws an object after the other, and the formats order photos differently.
    drop = ("seconds", "encoded_crops", "label_quality")
    assert figures(without(got, *drop)) == pytest.approx(figures(without(expected, *drop)), abs=1e-6)
    here("evaluate", "r", to, "--json", "e.json")
    got = strict_json(tmp_path / "e.json")
    assert got["warnings"] == []
    assert figures(without(got, "model")) == pytest.approx(figures(without(evaluated, "model")), abs=1e-6)


def test_a_model_with_a_taxonomy_of_its_own_is_evaluated_on_the_format_that_is_named(here, copied, tmp_path):
    """`evaluate` reads the data twice where the model brings its own taxonomy: both times in the same format."""
    (copied / "clipspect.toml").write_text('[taxonomy]\n"toe drain" = ["toe drain", "clear"]\n')
    here("fit", copied, *FAKE, "--head", "majority", "--out", "r")
    here("data", "convert", copied, "--to", "voc", "--out", "v")
    (tmp_path / "v/annotations").mkdir()
    (tmp_path / "v/annotations/notes.json").write_text("{}")
    here("evaluate", "r", "v", "--format", "voc", "--json", "e.json")
    assert strict_json(tmp_path / "e.json")["warnings"] == []


def test_predictions_keep_the_detectors_confidence_and_its_condition_as_a_second_opinion(
    here, run_folder, site, inspected, tmp_path, names
):
    (tmp_path / "predictions").mkdir()
    confidences = {}
    for i, labels in enumerate(sorted((site / "test/labels").glob("*.txt"))[:-1]):
        rows = [line.split() for line in labels.read_text().splitlines()]
        confidences[f"{labels.stem}.jpg"] = [round(0.31 + i / 10 + j / 100, 6) for j in range(len(rows))]
        text = "".join(f"{' '.join(r)} {c}\n" for r, c in zip(rows, confidences[f"{labels.stem}.jpg"], strict=True))
        (tmp_path / "predictions" / labels.name).write_text(text)
    here("inspect", run_folder, site / "test/images", "--detector", "labels:predictions", "--out", "i")
    *found, empty = strict_json(tmp_path / "i/inspections.json")["photos"]
    # A detector writes no file where it finds nothing.
    assert empty["objects"] == [] and empty["problem"] is None
    answers = iter(label_rows(site, "test"))
    for photo in found:
        objects = photo["objects"]
        assert [o["confidence"] for o in objects] == pytest.approx(confidences[Path(photo["photo"]).name])
        for item in objects:
            name = names[int(next(answers)[0])]
            condition = re.sub(f"^{item['object_type']} ?", "", name) or "normal"
            assert item["detector_condition"] == condition
    assert decisions(tmp_path / "i") == [d for d in decisions(inspected) if d[0] != Path(empty["photo"]).name]
    without_opinion = strict_json(inspected / "inspections.json")["photos"][0]["objects"]
    assert all((o["confidence"], o["detector_condition"]) == (1.0, None) for o in without_opinion)


def test_a_predictions_folder_may_hold_a_list_of_classes(here, run_folder, site, inspected, tmp_path, names):
    """Labelling tools write `classes.txt` beside the label files, first in the alphabet or not."""
    for kind in ("images", "labels"):
        (tmp_path / kind).mkdir()
        for file in (site / "test" / kind).iterdir():
            shutil.copy(file, tmp_path / kind / file.name.lower())
    (tmp_path / "labels/classes.txt").write_text("\n".join(names) + "\n")
    here("inspect", run_folder, "images", "--detector", "labels:labels", "--out", "i")
    assert decisions(tmp_path / "i") == [(d[0].lower(), *d[1:]) for d in decisions(inspected)]


def test_a_folder_of_labels_for_other_photos_is_warned_of(here, run_folder, site, tmp_path):
    (tmp_path / "others").mkdir()
    (tmp_path / "others/x.txt").write_text("0 0.5 0.5 0.1 0.1 0.9\n")
    ran = here("inspect", run_folder, site / "test/images", "--detector", "labels:others", "--out", "i")
    assert "warning: no object in any photo: are the boxes (labels:others) those of these photos?" in ran.err
