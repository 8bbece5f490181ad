"""`fit --head auto` and `--recall` on small sites."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from clipspect.errors import ConfigError
from clipspect.export.bundle import load_bundle, save_bundle
from clipspect.tasks.evaluate import evaluate
from clipspect.tasks.fit import fit
from made import site

FEW = {"inner_folds": 2}


def metrics_of(run):
    return json.loads((run / "metrics.json").read_text())


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """(data, settings, run folder) of a nested search that wins."""
    from unit.tasks.conftest import SETTINGS

    root = tmp_path_factory.mktemp("searched")
    data = site(root / "site", lines=11, photos=2)
    selection = dataclasses.replace(SETTINGS.selection, **FEW)
    settings = dataclasses.replace(SETTINGS, head=dataclasses.replace(SETTINGS.head, name="auto"), selection=selection)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLIPSPECT_CACHE", str(root / "cache"))
        return data, settings, fit(data, out=root / "run", settings=settings)


def test_the_searched_rung_is_refitted_and_the_estimate_says_that_it_is_nested(searched):
    metrics = metrics_of(searched[2])
    assert metrics["estimate"].startswith("nested: leave-one-group-out over ")
    assert metrics["ladder"][-1]["name"] == "heads" and metrics["ladder"][-1]["accepted"]
    selection = metrics["selection"]
    names = [c["name"] for c in selection["candidates"]]
    assert selection["chosen"] in names and selection["untried"] == []
    assert len(selection["chosen_per_fold"]) == metrics["n_groups"] and set(selection["chosen_per_fold"]) <= set(names)
    assert load_bundle(searched[2]).head == metrics["head"] == selection["chosen"].split()[0]


def test_the_leaking_estimate_and_the_learning_curve_stand_beside_the_honest_one(searched):
    metrics, page = metrics_of(searched[2]), (searched[2] / "report.html").read_text()
    assert 0 <= metrics["naive"]["accuracy"] <= 1 and "folds of photos" in metrics["naive"]["what"]
    assert "folds of photos" in page
    curve = metrics["learning_curve"]
    assert curve[-1]["groups"] == metrics["n_groups"] - 1 and curve[0]["groups"] == 2
    assert set(metrics["next_labels"]["per_class"]) == set(load_bundle(searched[2]).class_names)


def test_the_searched_model_can_be_evaluated(searched, ui):
    done = evaluate(searched[2], searched[0], settings=searched[1], ui=ui)
    assert done["n"] > 0 and done["conditional"]["accuracy"] > 0.5


def test_what_the_time_did_not_suffice_for_is_said(searched, tmp_path, ui):
    data, settings, _ = searched
    selection = dataclasses.replace(settings.selection, time_limit_s=1e-6)
    run = fit(data, out=tmp_path / "run", settings=dataclasses.replace(settings, selection=selection), ui=ui)
    untried = metrics_of(run)["selection"]["untried"]
    assert len(untried) >= 8 and len(metrics_of(run)["selection"]["candidates"]) == 1
    assert any("were not tried" in w and untried[0] in w for w in ui.warned)


def test_a_recall_that_is_asked_for_is_stored_told_and_applied(fitted, tmp_path, changed, ui):
    plain = metrics_of(fitted[1])
    run = fit(fitted[0], out=tmp_path / "run", settings=changed(selection={"recall": {"blocked": 1.0}}), ui=ui)
    metrics, bundle = metrics_of(run), load_bundle(run)
    row = metrics["recall_targets"]["blocked"]
    assert row["before"] == plain["per_condition"]["blocked"]["recall"]
    assert row["reached"] == metrics["per_condition"]["blocked"]["recall"]
    assert bundle.offsets == {"blocked": row["offset"]}
    assert metrics["recall_cost"]["accuracy_before"] == plain["conditional"]["accuracy"]
    assert any(text.startswith("recall of blocked:") for text in ui.said)
    assert "the recall asked for costs" in (run / "report.html").read_text()


def test_evaluate_and_inspect_apply_the_offsets_of_the_bundle(fitted, tmp_path, settings):
    from clipspect.tasks import wire

    bundle = dataclasses.replace(load_bundle(fitted[1]), offsets={"blocked": 500.0})
    model = save_bundle(bundle, tmp_path / "model")
    recall = evaluate(model, fitted[0], settings=settings)["per_condition"]["blocked"]["recall"]
    assert recall == 1.0
    np.testing.assert_array_equal(wire.make_two_stage(load_bundle(model)).offsets, bundle.class_offsets)


def test_a_recall_of_a_condition_that_is_not_there_is_refused(fitted, tmp_path, changed):
    with pytest.raises(ConfigError, match="rusty"):
        fit(fitted[0], out=tmp_path / "run", settings=changed(selection={"recall": {"rusty": 0.5}}))
    assert not (tmp_path / "run").exists()
