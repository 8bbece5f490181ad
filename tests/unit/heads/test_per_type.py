from __future__ import annotations

import numpy as np
import pytest

from clipspect.heads.per_type import type_groups
from heads_fitting import LABELS, MASK, NEW, TAXONOMY, fitted, standardised


def softly(logits):
    p = np.exp(logits - logits.max(1, keepdims=True))
    return p / p.sum(1, keepdims=True)


def reference(rows, targets):
    from sklearn.linear_model import LogisticRegression

    counts = np.bincount(targets)
    model = LogisticRegression(max_iter=5000, tol=1e-10)
    model.fit(standardised()[rows], targets, sample_weight=counts.max() / counts[targets])
    return model.predict_proba(standardised(NEW))


def test_probabilities_are_those_of_the_type_times_those_of_the_condition():
    scores = np.exp(fitted("per-type", tol=1e-10).scores(NEW))
    np.testing.assert_allclose(scores.sum(1), 1, atol=1e-9)
    types = np.array([0, 0, 0, 1, 1, 2])
    kinds = reference(np.arange(30), types[LABELS])
    drains, rocks = (
        reference(rows, LABELS[rows] - first) for rows, first in ((LABELS < 3, 0), (np.isin(LABELS, [3, 4]), 3))
    )
    expected = np.column_stack([kinds[:, [0]] * drains, kinds[:, [1]] * rocks, kinds[:, 2]])
    np.testing.assert_allclose(scores, expected, atol=1e-5)


def test_a_types_own_head_sees_no_other_type():
    weights = np.where(LABELS >= 3, 5.0, 1.0)
    mask = TAXONOMY.mask(NEW.object_types)[:, :3]
    plain, heavy = fitted("per-type").scores(NEW), fitted("per-type", weights=weights).scores(NEW)
    within = [softly(s[:, :3])[mask.all(1)] for s in (plain, heavy)]
    np.testing.assert_allclose(*within, atol=1e-4)


def test_classes_of_one_type_are_one_group():
    np.testing.assert_array_equal(type_groups(MASK, LABELS), [0, 0, 0, 1, 1, 2])


def test_without_a_mask_all_classes_are_of_one_type():
    np.testing.assert_array_equal(type_groups(np.ones((3, 4), bool), np.array([0, 1, 2])), 0)


def test_masks_that_overlap_join_their_classes_and_unseen_ones_stand_alone():
    mask = np.array([[1, 1, 0, 0, 0], [0, 1, 1, 0, 0], [0, 0, 0, 1, 0]], dtype=bool)
    np.testing.assert_array_equal(type_groups(mask, np.array([0, 1, 3])), [0, 0, 0, 1, 2])


def test_a_label_outside_its_mask_joins_what_it_can_be():
    mask = np.array([[1, 1, 0], [1, 1, 0]], dtype=bool)
    np.testing.assert_array_equal(type_groups(mask, np.array([0, 2])), [0, 0, 0])


@pytest.mark.parametrize("spatial", [False, True])
def test_geometry_is_read_where_it_is_asked_for(spatial):
    head = fitted("per-type", spatial=spatial)
    moved = NEW.__class__(NEW.blocks, NEW.joint, NEW.spatial + 2, NEW.object_types, NEW.contexts)
    assert (np.abs(head.scores(moved) - head.scores(NEW)).max() > 1e-3) == spatial
