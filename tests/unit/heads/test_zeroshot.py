from __future__ import annotations

import numpy as np
import pytest

from clipspect.errors import HeadError
from clipspect.heads.zeroshot import ZeroShot
from made import objects_of, only, prototypes_of, taxonomy_of

ALL = ("basic", "state", "spatial", "multi-object")


def fit(features, prototypes, labels=None):
    taxonomy = taxonomy_of()
    labels = np.zeros(len(features), np.int64) if labels is None else np.asarray(labels)
    return ZeroShot().fit(
        features,
        labels,
        prototypes=prototypes,
        mask=taxonomy.mask(features.object_types),
        weights=None,
        rng=np.random.default_rng(0),
    )


def test_scores_are_tau_times_the_cosine():
    taxonomy = taxonomy_of()
    features, prototypes = objects_of(taxonomy, [0, 1, 5]), prototypes_of(taxonomy)
    expected = 20.0 * features.joint.astype(np.float64) @ prototypes.vectors.T.astype(np.float64)
    np.testing.assert_allclose(fit(features, prototypes).scores(features), expected, atol=1e-5)


@pytest.mark.parametrize("ensemble", ["mean", "score-weighted"])
def test_labels_change_nothing(ensemble):
    taxonomy = taxonomy_of()
    features, prototypes = objects_of(taxonomy, [0, 1, 2, 5]), prototypes_of(taxonomy, *ALL, ensemble=ensemble)
    first, second = (fit(features, prototypes, labels).scores(features) for labels in ([0, 0, 0, 0], [5, 4, 3, 2]))
    np.testing.assert_array_equal(first, second)


def test_it_can_be_made_without_any_object():
    taxonomy = taxonomy_of()
    features = objects_of(taxonomy, [0, 1])
    head = fit(features.take([]), prototypes_of(taxonomy, *ALL, ensemble="score-weighted"))
    assert np.isfinite(head.scores(features)).all()


def test_weights_of_an_earlier_fit_are_forgotten():
    taxonomy = taxonomy_of()
    features = objects_of(taxonomy, [0, 1, 2, 3])
    weighted, plain = (prototypes_of(taxonomy, *ALL, ensemble=e) for e in ("score-weighted", "score-mean"))
    head = fit(features, weighted)
    mask = taxonomy.mask(features.object_types)
    rng = np.random.default_rng(0)
    head.fit(features, np.zeros(4, np.int64), prototypes=plain, mask=mask, weights=None, rng=rng)
    assert head.state()[0]["template_weights"] == {}


def test_features_without_text_are_refused():
    taxonomy = taxonomy_of()
    features = objects_of(taxonomy, [0, 1])
    with pytest.raises(HeadError, match="joint"):
        fit(features, prototypes_of(taxonomy)).scores(only(features, joint=None))
