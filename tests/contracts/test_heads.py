"""What every head must do, over all of `HEADS`: a new head is tested as soon as it is in there."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from clipspect.errors import ConfigError, HeadError
from clipspect.export.bundle import load_bundle, save_bundle
from clipspect.heads import HEADS, load_head, make_head
from made import NAMES, bundle_of, objects_of, only, prototypes_of, taxonomy_of

LEARNS_NOTHING = {"zeroshot"}
"""Heads that never look at labels: they can say classes that no training object has, and need no object at all."""

ORDER_MATTERS = {"ensemble"}
"""Heads whose inner folds are runs of consecutive objects, so that the objects of a photo stay together."""

LABELS = [0, 0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 3, 4, 4, 5, 5, 5, 5]
"""Imbalanced, every class there."""


@pytest.fixture(params=list(HEADS))
def name(request):
    return request.param


def fitted(name, labels=LABELS, *, names=NAMES, features=None, rows=None, weights=None, seed=0, options=None):
    taxonomy = taxonomy_of(*names)
    features = objects_of(taxonomy, labels) if features is None else features
    labels = np.asarray(labels, dtype=np.int64)
    mask = taxonomy.mask(features.object_types)
    if rows is not None:
        features, labels, mask = features.take(rows), labels[rows], mask[rows]
        weights = None if weights is None else weights[rows]
    return make_head(name, options or {}).fit(
        features,
        labels,
        prototypes=prototypes_of(taxonomy) if HEADS[name].needs_text else None,
        mask=mask,
        weights=weights,
        rng=np.random.default_rng(seed),
    )


def new_objects(labels=(0, 1, 2, 3, 4, 5, 1, 4), names=NAMES, seed=7, **options):
    return objects_of(taxonomy_of(*names), list(labels), seed=seed, **options)


def test_the_constructor_only_stores_its_config(name):
    entry = HEADS[name]
    config = entry.config()
    head = entry.head(config)
    assert head.config is config
    assert entry.head().config == config
    assert head.name == name
    assert dataclasses.is_dataclass(config) and config.__dataclass_params__.frozen


def test_an_unknown_option_is_refused_with_its_place(name):
    with pytest.raises(ConfigError, match=rf"x\.toml: \[head\.{name}\]: unknown key 'nonsense'"):
        make_head(name, {"nonsense": 1}, "x.toml")


def test_fit_returns_self(name):
    taxonomy = taxonomy_of()
    features = objects_of(taxonomy, LABELS)
    head = make_head(name, {})
    assert (
        head.fit(
            features,
            np.array(LABELS),
            prototypes=prototypes_of(taxonomy),
            mask=taxonomy.mask(features.object_types),
            weights=None,
            rng=np.random.default_rng(0),
        )
        is head
    )


def test_fitting_changes_none_of_its_inputs(name):
    taxonomy = taxonomy_of()
    features, labels, prototypes = objects_of(taxonomy, LABELS), np.array(LABELS), prototypes_of(taxonomy)
    mask, weights = taxonomy.mask(features.object_types), np.linspace(1, 2, len(LABELS))
    arrays = [*features.blocks.values(), features.joint, features.spatial, labels, mask, weights]
    arrays += [prototypes.vectors, prototypes.prompt_vectors]
    for array in arrays:
        array.flags.writeable = False
    rng = np.random.default_rng(0)
    head = make_head(name, {}).fit(features, labels, prototypes=prototypes, mask=mask, weights=weights, rng=rng)
    head.scores(features)


def test_scores_are_finite_float64_of_every_object_and_class(name):
    scores = fitted(name).scores(new_objects())
    assert scores.shape == (8, len(NAMES)) and scores.dtype == np.float64
    assert np.isfinite(scores).all()


def test_no_object_gives_no_row(name):
    assert fitted(name).scores(new_objects().take([])).shape == (0, len(NAMES))


def test_the_same_seed_gives_the_same_scores(name):
    first, second = (fitted(name, seed=3).scores(new_objects()) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_one_instance_fitted_twice_forgets_the_first_time(name):
    taxonomy, labels = taxonomy_of(), np.array(LABELS)
    head = fitted(name, features=objects_of(taxonomy, LABELS, seed=5))
    features = objects_of(taxonomy, LABELS)
    head.fit(
        features,
        labels,
        prototypes=prototypes_of(taxonomy) if HEADS[name].needs_text else None,
        mask=taxonomy.mask(features.object_types),
        weights=None,
        rng=np.random.default_rng(0),
    )
    np.testing.assert_array_equal(head.scores(new_objects()), fitted(name).scores(new_objects()))


def test_the_order_of_the_training_objects_does_not_matter(name):
    if name in ORDER_MATTERS:
        pytest.skip("takes neighbours in the order of the objects for neighbours in the field")
    rows = np.random.default_rng(1).permutation(len(LABELS))
    straight, shuffled = fitted(name).scores(new_objects()), fitted(name, rows=rows).scores(new_objects())
    np.testing.assert_allclose(shuffled, straight, atol=1e-5)


def test_one_by_one_equals_all_together(name):
    head, objects = fitted(name), new_objects()
    alone = np.vstack([head.scores(objects.take([i])) for i in range(len(objects))])
    np.testing.assert_allclose(alone, head.scores(objects), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("strange", [1.0, 100.0], ids=["like training", "unlike anything in training"])
def test_a_class_without_an_example_is_never_preferred_within_its_type(name, strange):
    if name in LEARNS_NOTHING:
        pytest.skip("needs no example of a class to say it")
    labels = [c for c in LABELS if c not in (2, 4)]
    objects = new_objects([2, 4, 0, 3] * 5)
    blocks = {v: block * np.float32(strange) for v, block in objects.blocks.items()}
    scores = fitted(name, labels).scores(only(objects, blocks=blocks))
    assert (scores[:, 2] < scores[:, [0, 1]].min(axis=1)).all(), "drain damaged was never seen"
    assert (scores[:, 4] < scores[:, 3]).all(), "rock toe damaged was never seen"


def test_a_single_class_can_be_fitted(name):
    scores = fitted(name, [1, 1, 1]).scores(new_objects())
    assert np.isfinite(scores).all()
    if name not in LEARNS_NOTHING:
        assert (scores[:, :3].argmax(axis=1) == 1).all()


def test_a_single_object_can_be_fitted(name):
    assert np.isfinite(fitted(name, [4]).scores(new_objects())).all()


def test_a_model_of_one_class_has_one_column(name):
    scores = fitted(name, [0, 0, 0], names=("vegetation",)).scores(new_objects([0, 0], ("vegetation",)))
    assert scores.shape == (2, 1) and np.isfinite(scores).all()


def test_two_classes_are_enough(name):
    names = ("drain", "drain blocked")
    scores = fitted(name, [0, 0, 0, 1, 1], names=names).scores(new_objects([0, 1], names))
    assert scores.shape == (2, 2) and np.isfinite(scores).all()


def test_objects_that_are_all_alike_can_be_fitted(name):
    features = objects_of(taxonomy_of(), LABELS)
    same = only(
        features,
        blocks={v: np.repeat(block[:1], len(LABELS), axis=0) for v, block in features.blocks.items()},
        joint=np.repeat(features.joint[:1], len(LABELS), axis=0),
        spatial=np.repeat(features.spatial[:1], len(LABELS), axis=0),
    )
    assert np.isfinite(fitted(name, features=same).scores(new_objects())).all()


def test_the_saved_state_gives_the_same_scores_bit_for_bit(name, tmp_path):
    head = fitted(name)
    saved = load_bundle(save_bundle(bundle_of(taxonomy_of(), head), tmp_path / "model"))
    read = load_head(saved.head, saved.head_settings, saved.arrays)
    np.testing.assert_array_equal(read.scores(new_objects()), head.scores(new_objects()))
    assert read.config == head.config


def test_the_options_are_in_the_saved_state(name):
    for field in dataclasses.fields(HEADS[name].config):
        settings, _ = fitted(name).state()
        assert settings[field.name] == getattr(HEADS[name].config(), field.name), field.name


def test_views_that_the_head_was_not_fitted_on_change_nothing(name):
    head, objects = fitted(name), new_objects()
    more = only(objects, blocks={"other": np.ones((len(objects), 3), np.float32), **objects.blocks})
    np.testing.assert_array_equal(head.scores(more), head.scores(objects))


def test_a_view_that_is_missing_or_of_another_width_is_refused(name):
    if not HEADS[name].needs_views:
        pytest.skip("reads no view")
    head, objects = fitted(name), new_objects()
    with pytest.raises(HeadError, match="view0"):
        head.scores(only(objects, blocks={"view1": objects.blocks["view1"]}))
    with pytest.raises(HeadError, match="view1"):
        head.scores(only(objects, blocks={**objects.blocks, "view1": objects.blocks["view0"]}))


def test_features_without_text_are_refused_where_text_is_needed(name):
    if not HEADS[name].needs_text:
        pytest.skip("reads no text")
    with pytest.raises(HeadError, match="joint|text"):
        fitted(name).scores(only(new_objects(), joint=None))
    taxonomy = taxonomy_of()
    features = objects_of(taxonomy, LABELS)
    with pytest.raises(HeadError, match="prototypes"):
        make_head(name, {}).fit(
            features,
            np.array(LABELS),
            prototypes=None,
            mask=taxonomy.mask(features.object_types),
            weights=None,
            rng=np.random.default_rng(0),
        )


def refused(name, match, **changed):
    taxonomy = taxonomy_of()
    features = objects_of(taxonomy, LABELS)
    parts = {
        "features": features,
        "labels": np.array(LABELS),
        "mask": taxonomy.mask(features.object_types),
        "weights": None,
        **changed,
    }
    with pytest.raises(HeadError, match=match):
        make_head(name, {}).fit(
            parts["features"],
            parts["labels"],
            prototypes=prototypes_of(taxonomy),
            mask=parts["mask"],
            weights=parts["weights"],
            rng=np.random.default_rng(0),
        )


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_features_that_are_not_finite_are_refused_with_their_row(name, bad):
    features = objects_of(taxonomy_of(), LABELS)
    features.blocks["view0"][3, 2] = bad
    features.joint[3, 2] = bad
    refused(name, "row 3", features=features)


def test_no_object_at_all_is_refused(name):
    if name in LEARNS_NOTHING:
        pytest.skip("needs no object")
    features = objects_of(taxonomy_of(), LABELS).take([])
    refused(name, "at least one", features=features, labels=np.zeros(0, np.int64), mask=np.zeros((0, 6), bool))


def test_lengths_that_differ_are_refused(name):
    mask = taxonomy_of().mask(objects_of(taxonomy_of(), LABELS).object_types)
    refused(name, "17", labels=np.array(LABELS[:-1]))
    refused(name, "17", mask=mask[:-1])
    refused(name, "17", weights=np.ones(17))


@pytest.mark.parametrize("bad", [-1, 6])
def test_labels_out_of_range_are_refused(name, bad):
    refused(name, f"labels 0 to 5.*{bad}", labels=np.array([*LABELS[:-1], bad]))


@pytest.mark.parametrize("bad", [-1.0, np.nan])
def test_weights_that_are_no_weights_are_refused(name, bad):
    refused(name, "weights", weights=np.array([bad] + [1.0] * (len(LABELS) - 1)))


def test_equal_weights_are_as_good_as_none(name):
    weighted = fitted(name, weights=np.ones(len(LABELS))).scores(new_objects())
    np.testing.assert_allclose(weighted, fitted(name).scores(new_objects()), atol=1e-9)


def test_unequal_weights_are_accepted(name):
    weights = np.random.default_rng(0).uniform(0.1, 3, len(LABELS))
    assert np.isfinite(fitted(name, weights=weights).scores(new_objects())).all()


def test_what_is_easy_to_tell_is_told(name):
    if name == "majority":
        pytest.skip("looks at nothing but the type")
    labels = [0, 1, 2, 3, 4, 5] * 6
    taxonomy = taxonomy_of()
    head = fitted(name, labels, features=objects_of(taxonomy, labels, noise=0.05))
    objects = objects_of(taxonomy, labels, seed=8, noise=0.05)
    scores = np.where(taxonomy.mask(objects.object_types), head.scores(objects), -np.inf)
    assert (scores.argmax(axis=1) == labels).all()
