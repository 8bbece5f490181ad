from __future__ import annotations

import numpy as np
import pytest

from clipspect.errors import ConfigError
from clipspect.heads import make_head
from clipspect.metrics.calibrate import fit_temperature, softmax
from heads_fitting import FEATURES, LABELS, MASK, NEW, TAXONOMY, fitted

NEW_MASK = TAXONOMY.mask(NEW.object_types)


def test_conditional_probabilities_are_the_mean_of_the_members():
    scores = fitted("ensemble", heads=["linear", "centroid"], inner_folds=0).scores(NEW)
    members = [softmax(fitted(name).scores(NEW), NEW_MASK) for name in ("linear", "centroid")]
    np.testing.assert_allclose(softmax(scores, NEW_MASK), np.mean(members, axis=0), atol=1e-9)


def test_type_probabilities_are_the_mean_of_the_members():
    scores = fitted("ensemble", heads=["linear", "centroid"], inner_folds=0).scores(NEW)
    types = np.array([[1, 0, 0], [1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 1]])
    members = [softmax(fitted(name).scores(NEW)) @ types for name in ("linear", "centroid")]
    np.testing.assert_allclose(np.exp(scores) @ types, np.mean(members, axis=0), atol=1e-9)


def test_temperatures_come_from_runs_of_objects_that_the_member_did_not_see():
    order = np.random.default_rng(0).permutation(30)
    features, labels, mask = FEATURES.take(order), LABELS[order], MASK[order]
    head = fitted("ensemble", heads=["centroid"], inner_folds=3, features=features, labels=labels)
    logits = np.zeros((30, 6))
    for rows in (np.arange(10), np.arange(10, 20), np.arange(20, 30)):
        rest = np.setdiff1d(np.arange(30), rows)
        logits[rows] = fitted("centroid", features=features.take(rest), labels=labels[rest]).scores(features.take(rows))
    expected = fit_temperature(logits, mask, labels)
    np.testing.assert_allclose(head.state()[1]["temperatures"], [expected], rtol=1e-9)


def test_fitted_weights_leave_out_a_member_that_knows_nothing():
    order = np.random.default_rng(0).permutation(30)
    options = {"heads": ["linear", "majority"], "mixture": "fitted", "options": {"linear": {"C": 100.0}}}
    easy = dict(FEATURES.blocks)
    easy["view0"] = np.eye(6, dtype=np.float32)[LABELS] * 5
    features = FEATURES.__class__(easy, FEATURES.joint, FEATURES.spatial, FEATURES.object_types, FEATURES.contexts)
    head = fitted("ensemble", features=features.take(order), labels=LABELS[order], **options)
    linear, majority = head.state()[1]["mixture"]
    assert linear > 0.9 and linear + majority == pytest.approx(1)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"heads": []}, "heads"),
        ({"heads": ["linear", "linear"]}, "heads"),
        ({"heads": ["ensemble"]}, "heads"),
        ({"options": {"tip": {}}}, "options.*tip"),
        ({"inner_folds": 1}, "inner_folds"),
        ({"inner_folds": 0, "mixture": "fitted"}, "inner_folds"),
    ],
)
def test_members_that_make_no_sense_are_refused(options, match):
    with pytest.raises(ConfigError, match=match):
        make_head("ensemble", options)


def test_an_option_that_a_member_does_not_know_is_refused_with_its_place():
    with pytest.raises(ConfigError, match=r"ensemble: \[head\.linear\]: unknown key 'nonsense'"):
        fitted("ensemble", options={"linear": {"nonsense": 1}})
