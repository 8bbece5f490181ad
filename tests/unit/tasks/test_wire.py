from __future__ import annotations

import pytest

from clipspect.config import Settings
from clipspect.encode.fake import FakeEncoder
from clipspect.errors import BundleError, ConfigError, DataError
from clipspect.export.bundle import load_bundle
from clipspect.tasks import wire
from made import site


def test_settings_come_from_the_option_then_from_beside_the_data_then_from_nowhere(tmp_path):
    data = site(tmp_path / "site")
    assert wire.load_settings(data, None) == Settings()
    (tmp_path / "site" / "clipspect.toml").write_text("seed = 5\n")
    assert wire.load_settings(data, None).seed == wire.load_settings(data.parent, None).seed == 5
    (tmp_path / "own.toml").write_text("seed = 6\n")
    assert wire.load_settings(data, tmp_path / "own.toml").seed == 6


def test_options_that_are_not_given_change_nothing(settings):
    assert wire.override(settings, data={"groups": None}, encoder={}, head=None) == settings
    changed = wire.override(settings, data={"groups": "x"}, encoder={"id": "starter", "batch_size": None})
    assert changed.data.groups == "x" and changed.encoder.id == "starter" and changed.head == settings.head


def test_options_are_held_to_the_rules_of_the_file(settings):
    assert wire.checked(settings) == settings
    with pytest.raises(ConfigError, match="options.*device: expected one of"):
        wire.checked(wire.override(settings, encoder={"device": "tpu"}))


def test_without_a_rule_every_photo_is_its_own_group(tmp_path):
    opened = wire.open_dataset(site(tmp_path / "site"), Settings())
    assert [p.group for p in opened.index.photos] == [p.key for p in opened.index.photos]


def test_a_table_of_groups_stands_in_place_of_the_rule(tmp_path, settings):
    table = tmp_path / "g.csv"
    table.write_text("photo,group\nL0_0.png,mine\n")
    opened = wire.open_dataset(site(tmp_path / "site"), settings, groups_csv=table)
    assert {p.group for p in opened.index.photos if p.path.name == "L0_0.png"} == {"mine"}
    assert not any(p.group.startswith("L") and p.group[2:] == "" for p in opened.index.photos)


def test_the_users_reading_of_names_counts(tmp_path, changed):
    opened = wire.open_dataset(site(tmp_path / "site"), changed(taxonomy={"bush": ("plant", "overgrown")}))
    assert opened.taxonomy.classes[2].label == "plant overgrown"


def test_data_that_is_not_there_is_named(tmp_path, settings):
    with pytest.raises(DataError, match=r"gone: expected a data\.yaml or a data set's folder, got nothing there"):
        wire.open_dataset(tmp_path / "gone", settings)


def test_a_model_is_put_together_as_it_was_fitted(fitted):
    two_stage = wire.make_two_stage(load_bundle(fitted[1]))
    bundle = load_bundle(fitted[1])
    assert two_stage.temperature == bundle.temperature and two_stage.taxonomy.classes == bundle.taxonomy.classes
    assert two_stage.extractor.max_pixels == bundle.max_pixels and two_stage.extractor.joint_view is None
    assert len(two_stage.extractor.views) == len(bundle.views) == 4


def test_features_of_another_encoder_are_refused(fitted):
    with pytest.raises(BundleError, match="expected the weights and preprocessing fake:64-0@1, got fake:64-3@1"):
        wire.bundle_extractor(load_bundle(fitted[1]), FakeEncoder(seed=3), None)
