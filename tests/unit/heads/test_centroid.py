from __future__ import annotations

import numpy as np

from heads_fitting import FEATURES, LABELS, NEW, fitted, standardised


def test_differences_of_logits_are_those_of_squared_distances_to_class_means():
    scores = fitted("centroid", scale=3.0).scores(NEW)
    x, new = standardised(), standardised(NEW)
    distances = np.array([[((row - x[LABELS == c].mean(0)) ** 2).sum() for c in range(6)] for row in new])
    np.testing.assert_allclose(scores - scores[:, :1], -3.0 * (distances - distances[:, :1]), atol=1e-6)


def test_weights_move_the_means():
    weights = np.linspace(0, 1, len(LABELS))
    x, new = standardised(), standardised(NEW)
    means = np.array([np.average(x[LABELS == c], axis=0, weights=weights[LABELS == c]) for c in range(6)])
    distances = ((new[:, None] - means) ** 2).sum(-1)
    scores = fitted("centroid", weights=weights, scale=1.0).scores(NEW)
    np.testing.assert_allclose(scores - scores[:, :1], -(distances - distances[:, :1]), atol=1e-6)


def test_geometry_is_one_more_view():
    head = fitted("centroid", spatial=True)
    moved = NEW.__class__(NEW.blocks, NEW.joint, NEW.spatial + 1, NEW.object_types, NEW.contexts)
    assert np.abs(head.scores(moved) - head.scores(NEW)).max() > 1e-3
    plain = fitted("centroid")
    np.testing.assert_array_equal(plain.scores(moved), plain.scores(NEW))
    assert FEATURES.spatial.shape[1] == head.state()[1]["means"].shape[1] - 47
