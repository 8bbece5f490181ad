from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from clipspect.config import read_settings
from clipspect.errors import EmptyDataError, MissingAbilityError, OutputExistsError, SplitNotFoundError
from clipspect.export.bundle import load_bundle
from clipspect.tasks.fit import fit
from made import COLOURS, site, taxonomy_of


def metrics_of(run):
    return json.loads((run / "metrics.json").read_text())


def tree(folder):
    return {p.relative_to(folder): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_a_run_holds_everything_and_the_bundle_knows_what_it_saw(fitted, settings):
    data, run = fitted
    assert {"config.toml", "metrics.json", "results.csv", "report.html", "model"} <= {p.name for p in run.iterdir()}
    assert read_settings(run / "config.toml") == settings
    bundle = load_bundle(run)
    assert bundle.fitted_on.groups == ("L0", "L1", "L2") and bundle.fitted_on.objects == 18
    assert len(bundle.fitted_on.photos) == 6 and bundle.class_names == tuple(COLOURS)
    metrics = metrics_of(run)
    assert metrics["n"] == 18 and metrics["n_groups"] == 3 and metrics["head"] == "linear"
    assert metrics["estimate"] == "leave-one-group-out over 3 groups"
    assert bundle.metrics["conditional"] == metrics["conditional"]


def test_what_the_fake_encoder_sees_can_be_learnt(fitted):
    assert metrics_of(fitted[1])["conditional"]["accuracy"] >= 0.8


def test_neither_a_pixel_nor_a_label_of_test_changes_anything_but_the_data_set(fitted, tmp_path, settings):
    _, run = fitted
    data = site(tmp_path / "site")
    for photo in (tmp_path / "site" / "test" / "images").iterdir():
        photo.write_bytes((tmp_path / "site" / "train" / "images" / "L0_0.png").read_bytes())
    for label in (tmp_path / "site" / "test" / "labels").iterdir():
        label.write_text("0 0.5 0.5 0.1 0.1\n")
    other = fit(data, out=tmp_path / "run", settings=settings)
    first, second = metrics_of(run), metrics_of(other)
    for metrics in (first, second):
        metrics.pop("seconds"), metrics.pop("encoded_crops")
    assert first == second
    assert (run / "model" / "manifest.json").read_bytes() == (other / "model" / "manifest.json").read_bytes()


def test_the_inputs_are_as_they_were(fitted, tmp_path, settings):
    data = site(tmp_path / "site")
    before = tree(tmp_path / "site")
    fit(data, out=tmp_path / "run", settings=settings)
    assert tree(tmp_path / "site") == before


def test_a_second_fit_encodes_nothing_and_gives_the_same(fitted, tmp_path, settings, monkeypatch):
    data = site(tmp_path / "site")
    first = fit(data, out=tmp_path / "a", settings=settings)
    second = fit(data, out=tmp_path / "b", settings=settings)
    assert metrics_of(first)["encoded_crops"] > 0 and metrics_of(second)["encoded_crops"] == 0
    for name in ("manifest.json", "head.safetensors"):
        assert (first / "model" / name).read_bytes() == (second / "model" / name).read_bytes()


def test_without_a_rule_every_photo_is_its_own_group_and_the_user_is_told(fitted, tmp_path, changed, ui):
    fit(fitted[0], out=tmp_path / "run", settings=changed(data={"groups": None}), ui=ui)
    assert any("every photo counts as its own group" in w for w in ui.warned)


def test_many_groups_are_packed_into_folds_and_the_estimate_says_so(tmp_path, changed):
    data = site(tmp_path / "site", lines=6)
    run = fit(data, out=tmp_path / "run", settings=changed(evaluation={"max_folds": 3}))
    assert metrics_of(run)["estimate"] == "cross-validation over 3 folds of 5 groups, none of them cut"


def test_a_table_of_groups_stands_in_place_of_the_rule(fitted, tmp_path, settings, ui):
    table = tmp_path / "groups.csv"
    with table.open("w", newline="") as stream:
        csv.writer(stream).writerows(
            [["photo", "group"], *([f"L{i}_{n}.png", f"day{n}"] for i in range(3) for n in "01")]
        )
    run = fit(fitted[0], out=tmp_path / "run", settings=settings, groups_csv=table, ui=ui)
    assert load_bundle(run).fitted_on.groups == ("day0", "day1")
    assert any("2 photos match no group" in w for w in ui.warned), "those of test are not in the table"


def test_a_head_that_wins_by_chance_at_most_is_saved_as_asked_for_with_a_warning(fitted, tmp_path, changed, ui):
    run = fit(fitted[0], out=tmp_path / "run", settings=changed(head={"name": "zeroshot"}), ui=ui)
    assert load_bundle(run).head == "zeroshot"
    assert any("does not beat majority" in w for w in ui.warned)


def test_auto_saves_the_lower_rung_where_none_wins(tmp_path, changed):
    data = site(tmp_path / "site", lines=3, photos=1)
    for photo in (tmp_path / "site").rglob("*.png"):
        from PIL import Image

        Image.new("RGB", (160, 120), (128, 128, 128)).save(photo)
    run = fit(data, out=tmp_path / "run", settings=changed(head={"name": "auto"}))
    metrics = metrics_of(run)
    assert metrics["head"] == "majority" == load_bundle(run).head
    assert [r["accepted"] for r in metrics["ladder"]][1:] == [False] * (len(metrics["ladder"]) - 1)


def test_a_limit_is_told_in_the_report(fitted, tmp_path, settings):
    run = fit(fitted[0], out=tmp_path / "run", settings=settings, limit=3)
    assert metrics_of(run)["n"] == 9 and metrics_of(run)["n_groups"] == 3
    assert "only 3 of 6 photos were used (--limit)" in (run / "report.html").read_text()


def test_a_head_that_needs_text_is_refused_before_a_photo_is_opened(fitted, tmp_path, changed, monkeypatch):
    from clipspect.encode.fake import FakeEncoder
    from clipspect.tasks import wire

    class Dumb:
        id, input_px, spaces = "dumb@1", 64, ("visual",)
        encode_images = FakeEncoder().encode_images

    monkeypatch.setattr(wire, "make_encoder", lambda *_, **__: Dumb())
    monkeypatch.setattr("clipspect.tasks.fit.label", lambda *_: pytest.fail("photos were opened"))
    with pytest.raises(MissingAbilityError):
        fit(fitted[0], out=tmp_path / "run", settings=changed(head={"name": "zeroshot"}))


def test_one_group_is_not_enough(tmp_path, settings):
    data = site(tmp_path / "site", lines=2)
    with pytest.raises(EmptyDataError, match="at least two groups"):
        fit(data, out=tmp_path / "run", settings=settings)
    assert not (tmp_path / "run" / "metrics.json").exists()


def test_a_data_set_without_train_is_refused(fitted, tmp_path, settings):
    data = site(tmp_path / "site")
    data.write_text(data.read_text().replace("train: train/images\n", ""))
    with pytest.raises(SplitNotFoundError, match="expected a split 'train'"):
        fit(data, out=tmp_path / "run", settings=settings)


def test_an_existing_run_is_refused_kept_or_replaced(tmp_path, settings):
    data = site(tmp_path / "site")
    out = tmp_path / "run"
    fit(data, out=out, settings=settings)
    stamp = (out / "metrics.json").stat().st_mtime_ns
    with pytest.raises(OutputExistsError, match="--overwrite"):
        fit(data, out=out, settings=settings)
    fit(data, out=out, settings=settings, resume=True)
    assert (out / "metrics.json").stat().st_mtime_ns == stamp
    fit(data, out=out, settings=settings, overwrite=True)
    assert (out / "metrics.json").stat().st_mtime_ns > stamp


def test_a_folder_that_clipspect_did_not_make_is_never_cleared(tmp_path, settings):
    data = site(tmp_path / "site")
    mine = tmp_path / "work" / "model" / "thesis.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("years of work")
    for options in ({"overwrite": True}, {"resume": True}):
        with pytest.raises(OutputExistsError, match="made"):
            fit(data, out=tmp_path / "work", settings=settings, **options)
    assert mine.read_text() == "years of work"


def test_no_fold_is_scaled_by_a_temperature_that_it_took_part_in_fitting():
    from types import SimpleNamespace

    from clipspect.config import Settings
    from clipspect.metrics.calibrate import fit_temperature
    from clipspect.tasks import estimate

    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 40)
    logits = 2 * np.eye(3)[labels] + rng.standard_normal((40, 3))
    logits[20:] *= 3  # the second half is surer of itself than the first
    mask, halves = np.ones((40, 3), bool), (np.arange(20), np.arange(20, 40))
    objects = SimpleNamespace(mask=mask, labels=labels, groups=["a"] * 20 + ["b"] * 20)
    taxonomy = taxonomy_of("drain", "drain blocked", "drain damaged")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(estimate, "measure", lambda *_: {"selective": {}})
        done = estimate.measure_out_of_fold(logits, objects, [halves, halves[::-1]], taxonomy, Settings())
    for others, rows in (halves, halves[::-1]):
        own = fit_temperature(logits[others], mask[others], labels[others])
        np.testing.assert_allclose(done.logits[rows], logits[rows] / own)
    assert done.temperature == fit_temperature(logits, mask, labels)


def test_a_run_says_what_its_sets_and_refusals_are_worth_and_its_bundle_keeps_them(fitted):
    metrics = json.loads((fitted[1] / "metrics.json").read_text())
    sets, selective = metrics["conformal"], metrics["selective"]
    assert (sets["coverage_target"], sets["n"], sets["coverage"], sets["mean_size"]) == (0.9, 12, 1.0, 2.0)
    assert set(sets["per_group"]) == {"L0", "L1", "L2"} and len(sets["warnings"]) == 2
    assert selective["n"] == 12 and set(selective["risks"]) == {"0.05", "0.1", "0.15", "0.2"}
    bundle = load_bundle(fitted[1])
    assert bundle.conformal.counts == (6, 6, 0) and bundle.risk.n == 12
    report = (fitted[1] / "report.html").read_text()
    assert "Sets of conditions that hold the right one" in report and 'class="chart risk"' in report
    assert "conformal,12,coverage,1.0" in (fitted[1] / "results.csv").read_text()
