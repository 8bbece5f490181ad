from __future__ import annotations

import dataclasses
import hashlib
import json

import numpy as np
import pytest

from clipspect.errors import BundleError, BundleVersionError
from clipspect.export.bundle import MANIFEST, SCHEMA, WEIGHTS, FittedOn, digest, load_bundle, save_bundle
from clipspect.heads.majority import Majority
from clipspect.metrics.conformal import ConformalThresholds
from clipspect.metrics.selective import RiskTable
from made import bundle_of, objects_of, taxonomy_of

TAXONOMY = taxonomy_of("Drain", "drain blocked", "Ünïcode 🚧")


def bundle(**changed):
    labels = np.array([0, 1, 1, 2])
    features = objects_of(TAXONOMY, labels)
    head = Majority().fit(
        features,
        labels,
        prototypes=None,
        mask=TAXONOMY.mask(features.object_types),
        weights=None,
        rng=np.random.default_rng(0),
    )
    return bundle_of(TAXONOMY, head, **changed)


@pytest.fixture
def saved(tmp_path):
    return save_bundle(bundle(), tmp_path / "model")


def rewrite(folder, change):
    """Change the manifest as somebody could who also renews the seal."""
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest.pop("seal")
    change(manifest)
    text = json.dumps(manifest, indent=1, ensure_ascii=False)
    seal = hashlib.sha256(text.encode()).hexdigest()
    (folder / MANIFEST).write_text(text[:-1].rstrip() + f',\n "seal": "{seal}"\n}}\n')


def assert_equal(first, second):
    for field in dataclasses.fields(first):
        a, b = getattr(first, field.name), getattr(second, field.name)
        if field.name == "arrays":
            assert a.keys() == b.keys()
            assert all(np.array_equal(a[k], b[k]) and a[k].dtype == b[k].dtype for k in a)
        elif field.name == "taxonomy":
            assert (a.classes, a.class_index_of_id) == (b.classes, b.class_index_of_id)
        else:
            assert a == b, field.name


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"views": (), "joint_view": None, "groups": r"^(L\d)", "given_taxonomy": {"rust": ("sign", "rusty")}},
        {"fitted_on": FittedOn(), "metrics": {}, "temperature": 1 / 3},
        {"arrays": {"a/b": np.arange(6, dtype=np.float32).reshape(2, 3), "mask": np.array([True, False])}},
        {"arrays": {"turned": np.asfortranarray(np.arange(6.0).reshape(2, 3))[:, ::-1]}},
    ],
)
def test_what_is_saved_is_loaded(tmp_path, changed):
    given = bundle(**changed)
    assert_equal(load_bundle(save_bundle(given, tmp_path)), given)


def test_a_run_folder_gives_its_bundle(saved):
    assert_equal(load_bundle(saved.parent), load_bundle(saved))


def test_the_same_bundle_gives_the_same_bytes(tmp_path):
    first, second = (save_bundle(bundle(), tmp_path / name) for name in "ab")
    for name in (MANIFEST, WEIGHTS):
        assert (first / name).read_bytes() == (second / name).read_bytes()


def test_the_manifest_can_be_read_by_a_person(saved):
    text = (saved / MANIFEST).read_text("utf-8")
    assert "Ünïcode 🚧" in text and json.loads(text)["schema"] == SCHEMA


def test_names_that_are_no_utf_8_come_back(tmp_path):
    """A photo without a group is its own group, and its file's name may be any bytes."""
    given = bundle(fitted_on=FittedOn(groups=("train/\udcff.jpg",)))
    assert load_bundle(save_bundle(given, tmp_path)).fitted_on.groups == ("train/\udcff.jpg",)


def test_a_bundle_of_a_newer_version_names_both(saved):
    rewrite(saved, lambda m: m.update(schema=SCHEMA + 1, clipspect="9.9", invented="since"))
    with pytest.raises(BundleVersionError, match=rf"clipspect 9\.9 with bundle schema {SCHEMA + 1}.*up to {SCHEMA}"):
        load_bundle(saved)


@pytest.mark.parametrize("schema", [None, "1", 1.0])
def test_a_schema_that_is_no_number_is_refused(saved, schema):
    rewrite(saved, lambda m: m.update(schema=schema))
    with pytest.raises(BundleError, match="schema: expected a whole number"):
        load_bundle(saved)


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.pop("taxonomy"),
        lambda m: m.pop("temperature"),
        lambda m: m.update(surprise=1),
        lambda m: m.update(taxonomy=[]),
        lambda m: m.update(fitted_on={"photos": 3}),
        lambda m: m.update(given_taxonomy=3),
        lambda m: m["taxonomy"]["classes"][0].pop("name"),
    ],
)
def test_a_manifest_with_other_content_is_refused(saved, change):
    rewrite(saved, change)
    with pytest.raises(BundleError, match=r"manifest\.json: expected a clipspect bundle of schema 1, got"):
        load_bundle(saved)


def test_a_changed_number_is_seen(saved):
    file = saved / MANIFEST
    file.write_text(file.read_text().replace('"temperature": 1.5', '"temperature": 1.6'))
    with pytest.raises(BundleError, match="damaged.*seal"):
        load_bundle(saved)


@pytest.mark.parametrize("name", [MANIFEST, WEIGHTS])
def test_no_cut_or_flipped_byte_goes_unseen(saved, name):
    whole = (saved / name).read_bytes()
    for place in range(0, len(whole), max(1, len(whole) // 40)):
        for broken in (whole[:place], whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]):
            (saved / name).write_bytes(broken)
            with pytest.raises(BundleError):
                load_bundle(saved)


@pytest.mark.parametrize("content", [b"", b"[]", b"3", b"\xff\xfe", b"[" * 100_000])
def test_a_manifest_that_is_no_manifest_is_refused(saved, content):
    (saved / MANIFEST).write_bytes(content)
    with pytest.raises(BundleError, match="damaged"):
        load_bundle(saved)


def test_missing_files_are_named(saved, tmp_path):
    (saved / WEIGHTS).unlink()
    with pytest.raises(BundleError, match=rf"{WEIGHTS}: cannot be read: No such file"):
        load_bundle(saved)
    (tmp_path / "empty").mkdir()
    with pytest.raises(BundleError, match="expected a run folder or a bundle"):
        load_bundle(tmp_path / "empty")
    with pytest.raises(BundleError, match="expected a run folder or a bundle"):
        load_bundle(tmp_path / "gone")


def test_a_bundle_that_was_not_finished_has_no_manifest(tmp_path, monkeypatch):
    from clipspect.export import bundle as module

    monkeypatch.setattr(module, "write_text", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        save_bundle(bundle(), tmp_path / "model")
    with pytest.raises(BundleError, match="expected a run folder"):
        load_bundle(tmp_path / "model")


def test_thresholds_and_risks_come_back_as_they_were(tmp_path):
    doubts = {
        "conformal": ConformalThresholds(0.9, "lac", True, (0.25, None, 1.0), (30, 2, 9)),
        "risk": RiskTable(41, ((0.9, 0.5, 0.04), (0.3, 1.0, 0.2))),
    }
    saved = bundle(**doubts)
    assert_equal(load_bundle(save_bundle(saved, tmp_path / "model")), saved)
    assert digest(saved) != digest(bundle())


def test_a_model_from_before_there_were_thresholds_loads_without_them(saved):
    def older(manifest):
        del manifest["conformal"], manifest["risk"]

    rewrite(saved, older)
    loaded = load_bundle(saved)
    assert loaded.conformal is None and loaded.risk is None


def test_thresholds_of_another_shape_are_refused(saved):
    rewrite(saved, lambda m: m.update(conformal={"coverage": 0.9, "score": "best"}))
    with pytest.raises(BundleError, match="conformal: score: expected one of"):
        load_bundle(saved)


def test_thresholds_of_other_classes_are_refused(tmp_path):
    folder = save_bundle(
        bundle(conformal=ConformalThresholds(0.9, "lac", True, (0.5, 0.5), (9, 9))), tmp_path / "model"
    )
    with pytest.raises(BundleError, match="conformal: expected 3 thresholds, one a class, got 2"):
        load_bundle(folder)


def test_a_bundle_from_before_there_were_offsets_has_none(saved):
    rewrite(saved, lambda m: m.pop("offsets"))
    old = load_bundle(saved)
    assert old.offsets == {} and not old.class_offsets.any()


def test_offsets_of_conditions_come_back_as_those_of_classes(tmp_path):
    back = load_bundle(save_bundle(bundle(offsets={"blocked": 1.25}), tmp_path))
    assert back.class_offsets.tolist() == [0.0, 1.25, 0.0]
