from __future__ import annotations

import dataclasses
import json
import shutil

import numpy as np
import pytest

from clipspect.errors import BundleError, ConfigError, EmptyDataError, SplitNotFoundError
from clipspect.export.bundle import load_bundle, save_bundle
from clipspect.metrics.summary import predict
from clipspect.tasks.evaluate import align, evaluate
from clipspect.taxonomy import read_taxonomy
from made import site

SCORES = np.array([[2.0, 1.0, 0.0], [0.0, 3.0, 1.0]])


def test_the_same_classes_in_another_order_are_matched_by_type_and_condition():
    model = read_taxonomy(["drain", "drain blocked", "bush"])
    data = read_taxonomy(["Bush", "Blocked_Drain", "Drain"])
    taxonomy, logits, notes = align(SCORES, model, data)
    assert [c.name for c in taxonomy.classes] == ["Drain", "Blocked_Drain", "Bush"] and notes == []
    np.testing.assert_array_equal(logits, SCORES)


def test_a_class_that_the_model_does_not_know_is_never_said():
    model, data = read_taxonomy(["drain", "drain blocked", "bush"]), read_taxonomy(["drain", "drain damaged", "pipe"])
    taxonomy, logits, notes = align(SCORES, model, data)
    assert [c.name for c in taxonomy.classes] == ["drain", "drain blocked", "bush", "drain damaged", "pipe"]
    assert set(predict(logits).tolist()) <= {0, 1, 2} and np.isfinite(logits).all()
    assert len(notes) == 2 and "'drain damaged' (drain damaged) is not known to the model" in notes[0]


def test_one_name_for_two_things_is_told_apart():
    """Read differently, "rust" is a condition of a sign for the model and a type of its own in the data."""
    model = read_taxonomy(["sign", "rust"], {"rust": ("sign", "rusty")})
    taxonomy, _, _ = align(SCORES[:, :2], model, read_taxonomy(["sign", "rust"], {"rust": ("rust",)}))
    assert [c.name for c in taxonomy.classes] == ["sign", "rust (sign rusty)", "rust"]


def test_metrics_are_of_the_split_alone_and_without_warnings(fitted, settings):
    data, run = fitted
    metrics = evaluate(run, data, settings=settings)
    assert metrics["split"] == "test" and metrics["n"] == 6 and metrics["warnings"] == []
    assert metrics["conditional"]["accuracy"] >= 0.8


def test_settings_that_say_nothing_take_the_models_groups(fitted):
    data, run = fitted
    assert evaluate(run, data)["n_groups"] == 1


def test_photos_and_groups_that_were_fitted_on_are_a_leak(fitted, ui, tmp_path):
    data, run = fitted
    metrics = evaluate(run, data, split="train", out=tmp_path / "out", ui=ui)
    assert metrics["warnings"] == ui.warned
    assert "6 photos of this split were fitted on" in ui.warned[0]
    assert "3 groups of this split were fitted on (L0, L1, L2)" in ui.warned[1]
    assert "partly fitted on" in (tmp_path / "out" / "report.html").read_text()


def test_a_photo_that_was_copied_under_another_name_is_a_leak(fitted, tmp_path):
    root = site(tmp_path / "site").parent
    shutil.copy(root / "train" / "images" / "L0_0.png", root / "test" / "images" / "L3_0.png")
    assert ["1 photos of this split" in w for w in evaluate(fitted[1], root)["warnings"]] == [True]


def test_a_class_the_model_does_not_know_is_a_note_and_no_leak(fitted, tmp_path):
    data = site(tmp_path / "site")
    data.write_text(data.read_text().replace("'bush'", "'pole'"))
    metrics = evaluate(fitted[1], data, out=tmp_path / "out")
    assert ["'pole'" in w for w in metrics["warnings"]] == [True]
    assert metrics["per_object_type"]["pole"]["accuracy"] == 0
    assert "partly fitted on" not in (tmp_path / "out" / "report.html").read_text()


def test_the_same_file_names_at_another_site_are_no_leak(tmp_path, changed):
    """Without a rule a photo's group is its path, and paths repeat from site to site."""
    from clipspect.tasks.fit import fit

    alone = changed(data={"groups": None})
    run = fit(site(tmp_path / "a"), out=tmp_path / "run", settings=alone)
    other = site(tmp_path / "b", size_px=(200, 150))
    assert evaluate(run, other, split="train", settings=alone)["warnings"] == []


def test_a_table_of_groups_can_be_given_for_a_model_that_was_fitted_with_a_rule(fitted, tmp_path):
    data, run = fitted
    table = tmp_path / "groups.csv"
    table.write_text("photo,group\nL3_0.png,L1\nL3_1.png,new\n")
    metrics = evaluate(run, data, groups_csv=table)
    assert metrics["n_groups"] == 2
    assert ["1 groups of this split were fitted on (L1)" in w for w in metrics["warnings"]] == [True]


def test_the_format_that_is_given_is_the_one_that_is_read(fitted, tmp_path, changed):
    """The model's own reading of names used to open the data set a second time, without its format."""
    from clipspect.tasks.data import convert
    from clipspect.tasks.fit import fit

    data = site(tmp_path / "site")
    given = changed(taxonomy={"bush": ("plant", "overgrown")})
    run = fit(data, out=tmp_path / "run", settings=given)
    voc = convert(data, out=tmp_path / "voc", to="voc")
    (voc / "data.yaml").write_text("not: a data set\n")
    metrics = evaluate(run, voc, format="voc")
    assert [c["object_type"] for c in metrics["classes"] if c["name"] == "bush"] == ["plant"]


def test_a_limit_is_told(fitted):
    metrics = evaluate(fitted[1], fitted[0], limit=1)
    assert metrics["n"] == 3 and ["only 1 of 2 photos were used" in w for w in metrics["warnings"]] == [True]


def test_figures_are_those_of_the_saved_head_at_its_temperature(fitted, tmp_path):
    data, run = fitted
    bundle = load_bundle(run)
    hot = save_bundle(dataclasses.replace(bundle, temperature=bundle.temperature * 50), tmp_path / "hot")
    first, second = evaluate(run, data), evaluate(hot, data)
    assert first["conditional"]["accuracy"] == second["conditional"]["accuracy"]
    assert second["calibration"]["mean_confidence"] < first["calibration"]["mean_confidence"]


def test_other_weights_than_those_it_was_fitted_with_are_refused(fitted, tmp_path):
    data, run = fitted
    other = save_bundle(dataclasses.replace(load_bundle(run), encoder_id="fake:64-1@1"), tmp_path / "model")
    with pytest.raises(BundleError, match="expected the weights and preprocessing fake:64-1@1, got fake:64-0@1"):
        evaluate(other, data)


def test_a_split_that_is_not_there_or_empty_is_refused(fitted, tmp_path):
    data, run = fitted
    with pytest.raises(SplitNotFoundError, match=r"expected one of the splits \['train', 'test'\], got 'tset'"):
        evaluate(run, data, split="tset")
    empty = site(tmp_path / "site")
    shutil.rmtree(empty.parent / "test")
    (empty.parent / "test" / "images").mkdir(parents=True)
    with pytest.raises(EmptyDataError, match="split 'test': expected photos"):
        evaluate(run, empty)


def test_results_are_written_where_asked(fitted, tmp_path):
    data, run = fitted
    metrics = evaluate(run, data, out=tmp_path / "out", json=tmp_path / "m.json")
    assert json.loads((tmp_path / "m.json").read_text()) == metrics
    assert json.loads((tmp_path / "out" / "metrics.json").read_text()) == metrics


def test_refusing_says_how_many_are_answered_and_how_well(fitted, ui):
    """Six drains of each condition are too few for 90 % sets, so every set holds both, and size=1 leaves the bushes."""
    data, run = fitted
    metrics = evaluate(run, data, abstain="size=1", ui=ui)
    found = metrics["abstention"]
    assert (found["rule"], found["n"], found["n_answered"]) == ("size=1", 6, 2)
    assert found["share_answered"] == pytest.approx(1 / 3) and found["accuracy_answered"] == 1.0
    assert found["with_choice"]["n_answered"] == 0 and found["with_choice"]["accuracy_answered"] is None
    assert any("answered (size=1): 0.333" in line for line in ui.said)
    assert "abstention" not in evaluate(run, data)


def test_a_confidence_that_all_reach_answers_all(fitted):
    data, run = fitted
    plain, found = evaluate(run, data), evaluate(run, data, abstain="confidence=0.01")["abstention"]
    assert found["share_answered"] == 1.0 and found["accuracy_answered"] == plain["conditional"]["accuracy"]


def test_sets_are_those_of_the_bundle(fitted, tmp_path):
    data, run = fitted
    block = evaluate(run, data)["conformal"]
    assert (block["n"], block["coverage"], block["mean_size"]) == (4, 1.0, 2.0)
    assert [w.split(":")[0] for w in block["warnings"]] == ["class 'drain'", "class 'drain blocked'"]
    tight = dataclasses.replace(load_bundle(run).conformal, thresholds=(0.0, 0.0, 0.0))
    narrow = save_bundle(dataclasses.replace(load_bundle(run), conformal=tight), tmp_path / "model")
    assert evaluate(narrow, data)["conformal"]["mean_size"] == 1.0
    older = save_bundle(dataclasses.replace(load_bundle(run), conformal=None), tmp_path / "older")
    assert "conformal" not in evaluate(older, data)


def test_a_condition_that_the_model_does_not_know_is_in_no_set(fitted, tmp_path):
    data = site(tmp_path / "site")
    data.write_text(data.read_text().replace("'bush'", "'drain damaged'"))
    block = evaluate(fitted[1], data)["conformal"]
    assert block["per_class"]["drain damaged"]["coverage"] == 0.0 and block["per_class"]["drain"]["coverage"] == 1.0


def test_a_rule_that_cannot_be_read_is_refused_before_anything_is_encoded(fitted, ui):
    with pytest.raises(ConfigError, match="abstain: expected risk=0.1, size=1 or confidence=0.7, got 'never'"):
        evaluate(*fitted[::-1], abstain="never", ui=ui)
    assert ui.tracked == []
