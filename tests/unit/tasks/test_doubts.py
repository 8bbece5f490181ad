from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from clipspect.metrics.calibrate import fit_temperature, softmax
from clipspect.metrics.conformal import fit_conformal, prediction_sets
from clipspect.tasks.doubts import fit_doubts
from made import taxonomy_of

TAXONOMY = taxonomy_of("drain", "drain blocked", "drain damaged", "vegetation")


def objects_and_logits(n=240, groups=6, seed=0, shift=0.0):
    rng = np.random.default_rng(seed)
    labels = rng.choice(4, n, p=[0.4, 0.3, 0.1, 0.2])
    logits = rng.standard_normal((n, 4)) + 2 * np.eye(4)[labels]
    names = np.repeat(np.arange(groups), n // groups)
    logits[names == 0] += shift * rng.standard_normal((int((names == 0).sum()), 4))
    types = [TAXONOMY.classes[k].object_type for k in labels]
    objects = SimpleNamespace(mask=TAXONOMY.mask(types), labels=labels, groups=[f"L{g}" for g in names])
    folds = [(np.flatnonzero(names != g), np.flatnonzero(names == g)) for g in range(groups)]
    return objects, logits, folds


def fitted(**changes):
    objects, logits, folds = objects_and_logits(**changes)
    temperature = fit_temperature(logits, objects.mask, objects.labels)
    return objects, logits, folds, fit_doubts(logits, objects, folds, TAXONOMY, temperature)


def test_each_group_is_covered_by_thresholds_of_the_others_alone():
    objects, logits, folds, doubts = fitted()
    hits = sizes = total = 0
    for others, rows in folds:
        own = fit_temperature(logits[others], objects.mask[others], objects.labels[others])
        known = softmax(logits[others] / own, objects.mask[others])
        thresholds = fit_conformal(known, objects.mask[others], objects.labels[others])
        sets = prediction_sets(softmax(logits[rows] / own, objects.mask[rows]), objects.mask[rows], thresholds)
        counted = objects.labels[rows] != 3
        hits += sets[np.arange(len(rows)), objects.labels[rows]][counted].sum()
        sizes += sets[counted].sum()
        total += counted.sum()
    assert (doubts.sets["n"], doubts.sets["coverage"]) == (total, hits / total)
    assert doubts.sets["mean_size"] == pytest.approx(sizes / total)
    assert set(doubts.sets["per_class"]) == {"drain", "drain blocked", "drain damaged"}


def test_what_goes_into_the_bundle_is_fitted_on_all_groups_at_its_temperature():
    objects, logits, _, doubts = fitted()
    temperature = fit_temperature(logits, objects.mask, objects.labels)
    expected = fit_conformal(softmax(logits / temperature, objects.mask), objects.mask, objects.labels)
    assert doubts.conformal == expected and doubts.conformal.counts[3] == 0
    assert doubts.risk.n == (objects.labels != 3).sum()


def test_a_group_unlike_the_others_is_seen_in_its_coverage():
    _, _, _, doubts = fitted(shift=6.0)
    by_group = {name: row["coverage"] for name, row in doubts.sets["per_group"].items()}
    assert by_group["L0"] < min(v for k, v in by_group.items() if k != "L0")


def test_coverage_under_the_target_is_a_warning():
    """Most objects are in one group, where the head is surely wrong, and the other groups know nothing of it."""
    objects, logits, _ = objects_and_logits()
    strange = np.arange(240) < 160
    logits[strange] = -8 * np.eye(4)[objects.labels[strange]]
    objects.groups = ["strange" if s else "plain" for s in strange]
    folds = [(np.flatnonzero(strange == s), np.flatnonzero(strange != s)) for s in (True, False)]
    block = fit_doubts(logits, objects, folds, TAXONOMY, 1.0).sets
    assert block["verdict"] == "below" and "unlike those that were calibrated on" in block["warnings"][-1]


def test_a_lower_risk_answers_fewer_and_one_that_cannot_be_had_answers_none():
    _, _, _, doubts = fitted()
    shares = [doubts.risks[r]["share_answered"] for r in ("0.05", "0.1", "0.15", "0.2")]
    assert shares == sorted(shares) and shares[-1] > 0.5
    _, _, _, few = fitted(n=18, groups=3)
    assert few.risks["0.05"] == {"share_answered": 0.0, "risk": None, "n_answered": 0}
    assert any("'drain damaged'" in w for w in few.sets["warnings"])
