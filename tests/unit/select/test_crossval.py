from __future__ import annotations

import numpy as np

from clipspect.data.groups import grouped_folds
from clipspect.heads import make_head
from clipspect.select.crossval import out_of_fold
from made import objects_of, prototypes_of, taxonomy_of

LABELS = np.array([0, 1, 2, 3, 4, 5] * 4)
GROUPS = [f"L{i // 6}" for i in range(24)]


class Spy:
    """A head that remembers what it was shown and draws its scores."""

    seen: list[tuple[list[float], list[int], list[float]]] = []

    def fit(self, features, labels, *, prototypes, mask, weights, rng):
        self.noise = rng.standard_normal(mask.shape[1])
        self.fitted_on = features.spatial[:, 0].tolist()
        assert len(labels) == len(mask) == len(features)
        self.labels = labels.tolist()
        return self

    def scores(self, features):
        Spy.seen.append((self.fitted_on, self.labels, features.spatial[:, 0].tolist()))
        return np.tile(self.noise, (len(features), 1))


def numbered():
    features = objects_of(taxonomy_of(), LABELS)
    features.spatial[:, 0] = np.arange(24)
    return features


def run(make, seed=0, folds=None):
    taxonomy = taxonomy_of()
    folds = folds or grouped_folds(GROUPS, LABELS, max_folds=12, rng=np.random.default_rng(0))
    features = numbered()
    return out_of_fold(
        make,
        features,
        LABELS,
        taxonomy.mask(features.object_types),
        folds,
        prototypes=prototypes_of(taxonomy),
        seed=seed,
    )


def test_no_object_is_scored_by_a_head_that_saw_its_group():
    Spy.seen = []
    run(Spy)
    assert len(Spy.seen) == 4
    scored = []
    for fitted_on, labels, rows in Spy.seen:
        assert not {GROUPS[int(r)] for r in fitted_on} & {GROUPS[int(r)] for r in rows}
        assert labels == [LABELS[int(r)] for r in fitted_on]
        scored += rows
    assert sorted(scored) == list(range(24))


def test_logits_stand_in_the_rows_of_their_objects():
    taxonomy, features = taxonomy_of(), numbered()
    folds = grouped_folds(GROUPS, LABELS, max_folds=12, rng=np.random.default_rng(0))
    together = run(lambda: make_head("linear", {}), folds=folds)
    fit_rows, rows = folds[2]
    head = make_head("linear", {}).fit(
        features.take(fit_rows),
        LABELS[fit_rows],
        prototypes=None,
        mask=taxonomy.mask(features.take(fit_rows).object_types),
        weights=None,
        rng=np.random.default_rng([0, 2]),
    )
    np.testing.assert_array_equal(together[rows], head.scores(features.take(rows)))
    assert np.isfinite(together).all()


def test_every_fold_has_its_own_randomness_and_the_seed_decides_it():
    first, second, other = run(Spy, 1), run(Spy, 1), run(Spy, 2)
    np.testing.assert_array_equal(first, second)
    assert not (first == other).any()
    assert len(np.unique(first, axis=0)) == 4
