from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from clipspect.errors import ConfigError
from clipspect.export.bundle import save_bundle
from clipspect.heads import head_entry, make_head
from clipspect.heads.linear import Linear, LinearConfig
from made import bundle_of, objects_of, taxonomy_of

LABELS = np.array([0] * 12 + [1] * 6 + [2] * 3 + [3] * 9 + [4] * 4 + [5] * 10)


def fit(labels=LABELS, config=None, *, widths=(7, 200), weights=None, noise=1.5):
    taxonomy = taxonomy_of()
    features = objects_of(taxonomy, labels, widths=widths, noise=noise)
    head = Linear(config).fit(
        features,
        labels,
        prototypes=None,
        mask=taxonomy.mask(features.object_types),
        weights=weights,
        rng=np.random.default_rng(0),
    )
    return head, features


def sklearn_logits(features, labels, sample, new, *, C=1.0):
    """scikit-learn on the unreduced features, scaled by hand."""
    from sklearn.linear_model import LogisticRegression

    def scaled(x):
        columns = []
        for name in x.blocks:
            train = features.blocks[name].astype(np.float64)
            columns.append((x.blocks[name] - train.mean(0)) / train.std(0) / np.sqrt(train.shape[1]))
        return np.hstack(columns)

    model = LogisticRegression(C=C, max_iter=5000, tol=1e-9).fit(scaled(features), labels, sample_weight=sample)
    return model, model.decision_function(scaled(new))


def centred(logits):
    return logits - logits.mean(axis=1, keepdims=True)


@pytest.mark.parametrize("widths", [(7, 200), (5, 8)], ids=["wider than long", "longer than wide"])
@pytest.mark.parametrize("class_weight", ["inverse", "none"])
def test_it_equals_scikit_learn_on_the_unreduced_features(widths, class_weight):
    head, features = fit(config=LinearConfig(class_weight=class_weight), widths=widths)
    counts = np.bincount(LABELS)
    sample = counts.max() / counts[LABELS] if class_weight == "inverse" else np.ones(len(LABELS))
    new = objects_of(taxonomy_of(), LABELS, seed=9, widths=widths, noise=1.5)
    _, expected = sklearn_logits(features, LABELS, sample, new)
    np.testing.assert_allclose(centred(head.scores(new)), centred(expected), atol=1e-4)


def test_sample_weights_multiply_class_weights():
    weights = np.random.default_rng(2).uniform(0.2, 4, len(LABELS))
    head, features = fit(weights=weights)
    counts = np.bincount(LABELS)
    new = objects_of(taxonomy_of(), LABELS, seed=9, widths=(7, 200), noise=1.5)
    _, expected = sklearn_logits(features, LABELS, weights * counts.max() / counts[LABELS], new)
    np.testing.assert_allclose(centred(head.scores(new)), centred(expected), atol=1e-4)


def test_class_weights_help_the_rare_class():
    labels = np.array([0] * 60 + [1] * 3)
    new = objects_of(taxonomy_of(), [1] * 200, seed=5, widths=(7,), noise=2.5)
    given = []
    for class_weight in ("none", "inverse"):
        head, _ = fit(labels, LinearConfig(class_weight=class_weight), widths=(7,), noise=2.5)
        given.append((head.scores(new).argmax(axis=1) == 1).mean())
    assert given[1] > given[0] + 0.1


def test_two_present_classes_equal_scikit_learns_log_odds():
    labels = np.array([0] * 8 + [1] * 5)
    head, features = fit(labels, LinearConfig(class_weight="none"))
    new = objects_of(taxonomy_of(), [0, 1, 0, 1], seed=3, widths=(7, 200), noise=1.5)
    scores = head.scores(new)
    _, log_odds = sklearn_logits(features, labels, np.ones(13), new)
    np.testing.assert_allclose(scores[:, 1] - scores[:, 0], log_odds, atol=1e-4)
    np.testing.assert_allclose(scores[:, 1] + scores[:, 0], 0, atol=1e-9)
    assert (scores[:, 2:] < scores[:, :2].min(axis=1, keepdims=True) - 29).all()


def test_one_present_class_is_the_only_one_ever_said():
    head, _ = fit(np.array([3, 3, 3]))
    scores = head.scores(objects_of(taxonomy_of(), [0, 1, 2, 3], seed=3, widths=(7, 200)))
    assert (scores.argmax(axis=1) == 3).all()


def test_a_smaller_c_pulls_the_classes_together():
    spread = []
    for c in (0.01, 1.0):
        head, features = fit(config=LinearConfig(C=c))
        spread.append(np.ptp(head.scores(features), axis=1).mean())
    assert spread[0] < spread[1] / 5


@pytest.mark.parametrize(
    "options", [{"C": 0.0}, {"C": -1.0}, {"C": float("nan")}, {"C": float("inf")}, {"max_iter": 0}]
)
def test_options_out_of_range_are_refused_with_their_place(options):
    with pytest.raises(ConfigError, match=rf"x\.toml: \[head\.linear\]: {next(iter(options))}: expected"):
        make_head("linear", options, "x.toml")


def test_an_unknown_head_names_those_that_exist():
    with pytest.raises(ConfigError, match="expected 'auto' or one of .*'linear'.*got 'lineal'"):
        head_entry("lineal")


def test_loading_and_scoring_import_neither_scikit_learn_nor_torch(tmp_path):
    head, features = fit()
    save_bundle(bundle_of(taxonomy_of(), head), tmp_path / "model")
    np.savez(tmp_path / "blocks.npz", expected=head.scores(features), **features.blocks)
    code = """
import sys
import numpy as np
from pathlib import Path
from clipspect.export.bundle import load_bundle
from clipspect.heads import load_head
from clipspect.types import ObjectFeatures
folder = Path(sys.argv[1])
bundle = load_bundle(folder / "model")
head = load_head(bundle.head, bundle.head_settings, bundle.arrays)
blocks = dict(np.load(folder / "blocks.npz"))
expected = blocks.pop("expected")
n = len(expected)
scores = head.scores(ObjectFeatures(blocks, None, np.zeros((n, 1), np.float32), ("x",) * n, ()))
assert np.array_equal(scores, expected)
heavy = {"sklearn", "scipy", "torch", "transformers", "pandas", "matplotlib"} & set(sys.modules)
assert not heavy, heavy
"""
    source = Path(__file__).parents[3] / "src"
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], env={"PYTHONPATH": str(source)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
