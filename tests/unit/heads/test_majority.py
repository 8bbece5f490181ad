from __future__ import annotations

import numpy as np
import pytest

from clipspect.errors import ConfigError
from clipspect.heads.majority import Majority, MajorityConfig
from made import objects_of, taxonomy_of


def fit(labels, *, weights=None, config=None):
    taxonomy = taxonomy_of()
    features = objects_of(taxonomy, labels)
    return Majority(config).fit(
        features,
        np.asarray(labels),
        prototypes=None,
        mask=taxonomy.mask(features.object_types),
        weights=weights,
        rng=np.random.default_rng(0),
    )


def test_scores_are_logs_of_the_smoothed_shares():
    scores = fit([0, 0, 0, 1, 5]).scores(objects_of(taxonomy_of(), [2, 4]))
    shares = np.array([3.5, 1.5, 0.5, 0.5, 0.5, 1.5]) / 8
    np.testing.assert_allclose(scores, np.log([shares, shares]), atol=1e-12)


def test_weights_count_instead_of_objects():
    head = fit([0, 0, 1], weights=np.array([1.0, 1.0, 4.0]), config=MajorityConfig(smoothing=1.0))
    shares = np.exp(head.scores(objects_of(taxonomy_of(), [0])))[0]
    np.testing.assert_allclose(shares, np.array([3, 5, 1, 1, 1, 1]) / 12, atol=1e-12)


@pytest.mark.parametrize("smoothing", [0.0, -1.0, float("nan")])
def test_smoothing_that_would_give_no_logarithm_is_refused(smoothing):
    with pytest.raises(ConfigError, match="smoothing: expected a number above 0"):
        MajorityConfig(smoothing=smoothing)
