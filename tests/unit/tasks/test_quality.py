from __future__ import annotations

import numpy as np
import pytest

from clipspect.tasks.quality import look, sentence


def drawn(n=600, seed=0, flips=0.0):
    """Calibrated probabilities of three classes, and labels that are draws from them, some of them turned."""
    rng = np.random.default_rng(seed)
    weights = np.exp(2.5 * rng.standard_normal((n, 3)))
    p = weights / weights.sum(axis=1, keepdims=True)
    labels = np.array([rng.choice(3, p=row) for row in p])
    turned = rng.random(n) < flips
    return p, np.where(turned, (labels + 1) % 3, labels)


def looked(p, labels):
    return look(p, p.argmax(axis=1), labels, np.ones(p.shape, dtype=bool)).figures


@pytest.mark.parametrize("seed", range(3))
def test_right_labels_give_no_more_suspects_than_expected_and_turned_ones_do(seed):
    right, turned = looked(*drawn(seed=seed)), looked(*drawn(seed=seed, flips=0.25))
    expected = right["suspects_if_labels_were_right"]
    assert right["suspects"] > 10 and expected["low"] - 5 <= right["suspects"] <= expected["high"] + 5
    assert turned["suspects"] > turned["suspects_if_labels_were_right"]["high"]
    assert "some labels are likely wrong" in sentence(turned)


def test_figures_by_hand_and_every_suspect_is_wrong():
    p, labels = drawn(seed=7)
    figures = looked(p, labels)
    wrong = p.argmax(axis=1) != labels
    assert figures["wrong"] == wrong.sum() and figures["wrong_and_suspect"] == figures["suspects"]
    assert figures["share_of_wrong"] == figures["suspects"] / wrong.sum()
    right = len(p) - wrong.sum()
    assert figures["accuracy_without_suspects"] == pytest.approx(right / (len(p) - figures["suspects"]))
    assert "an optimistic bound" in sentence(figures)


def test_where_nothing_is_wrong_nothing_is_suspect():
    p = np.eye(3)[[0, 1, 2, 0]] * 0.9 + 0.1 / 3
    figures = looked(p, np.array([0, 1, 2, 0]))
    assert figures["suspects"] == 0 and figures["share_of_wrong"] is None
    assert sentence(figures).startswith("No label is suspect")
