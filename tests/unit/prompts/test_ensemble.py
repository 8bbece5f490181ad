"""Every ensemble against a formula worked out with plain loops."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from clipspect.encode.fake import FakeEncoder
from clipspect.errors import ConfigError
from clipspect.prompts.bank import build_prototypes
from clipspect.prompts.ensemble import ENSEMBLES, class_scores, debiased_weights
from clipspect.prompts.templates import expand
from clipspect.types import PromptContext, Prototypes
from made import objects_of, taxonomy_of

PLAIN = PromptContext("middle")


def tiny(ensemble, only_where=("", "", "", "")):
    """Two classes, two templates, vectors that can be worked out by hand; tau is 10."""
    vectors = np.array([[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [-0.8, 0.6]], dtype=np.float32)
    return Prototypes(
        vectors=vectors[[0, 2]],
        prompts=("a", "b", "c", "d"),
        prompt_vectors=vectors,
        class_index=np.array([0, 0, 1, 1]),
        template=("t0", "t1", "t0", "t1"),
        only_where=only_where,
        logit_scale=10.0,
        ensemble=ensemble,
    )


IMAGE = np.array([[0.8, 0.6]], dtype=np.float32)
# Its cosines with the four prompts: 0.8, 0.96, 0.6, -0.28.


@pytest.mark.parametrize(
    ("ensemble", "expected"),
    [
        # Means of the vectors: (1.6, 0.8) / sqrt(3.2) and (-0.8, 1.6) / sqrt(3.2).
        ("mean", [17.6 / math.sqrt(3.2), 3.2 / math.sqrt(3.2)]),
        ("score-mean", [8.8, 1.6]),
        ("score-max", [9.6, 6.0]),
        ("score-weighted", [0.25 * 8.0 + 0.75 * 9.6, 0.25 * 6.0 - 0.75 * 2.8]),
    ],
)
def test_ensembles_of_two_classes_by_hand(ensemble, expected):
    weights = {"t0": 0.25, "t1": 0.75}
    np.testing.assert_allclose(
        class_scores(IMAGE, tiny(ensemble), [PLAIN], template_weights=weights), [expected], atol=1e-6
    )


def test_without_weights_all_templates_weigh_the_same():
    np.testing.assert_allclose(
        class_scores(IMAGE, tiny("score-weighted"), [PLAIN]), class_scores(IMAGE, tiny("score-mean"), [PLAIN])
    )


def test_prompts_that_do_not_hold_for_the_object_are_not_asked():
    prototypes = tiny("score-max", ("", "near:toe", "", "position:top"))
    contexts = [PLAIN, PromptContext("middle", ("toe",)), PromptContext("top")]
    scores = class_scores(IMAGE.repeat(3, axis=0), prototypes, contexts)
    np.testing.assert_allclose(scores, [[8.0, 6.0], [9.6, 6.0], [8.0, 6.0]], atol=1e-6)


def test_a_class_of_which_no_prompt_holds_is_asked_with_all_of_them():
    prototypes = tiny("score-mean", ("near:toe", "near:toe", "", "near:toe"))
    np.testing.assert_allclose(class_scores(IMAGE, prototypes, [PLAIN]), [[8.8, 6.0]], atol=1e-6)


def brute_force(joint, p, contexts, weights):
    """One object, one class, one prompt at a time."""
    scores = np.zeros((len(joint), len(p.vectors)))
    for i, (x, context) in enumerate(zip(joint.astype(np.float64), contexts, strict=True)):
        for k in range(len(p.vectors)):
            mine = [j for j in range(len(p.prompts)) if p.class_index[j] == k]
            held = [
                j
                for j in mine
                if p.only_where[j] in ("", f"position:{context.position}")
                or (p.only_where[j].startswith("near:") and p.only_where[j][5:] in context.others)
            ]
            vectors = [p.prompt_vectors[j].astype(np.float64) for j in held or mine]
            cosines = [float(x @ v) for v in vectors]
            if p.ensemble == "mean":
                total = sum(vectors)
                scores[i, k] = x @ total / math.sqrt(total @ total)
            elif p.ensemble == "score-max":
                scores[i, k] = max(cosines)
            else:
                w = [weights[p.template[j]] if p.ensemble == "score-weighted" else 1.0 for j in held or mine]
                scores[i, k] = sum(a * b for a, b in zip(w, cosines, strict=True)) / sum(w)
    return scores * p.logit_scale


@pytest.mark.parametrize("ensemble", ENSEMBLES)
@pytest.mark.parametrize("families", [("basic",), ("spatial", "multi-object"), ("basic", "state", "spatial")])
def test_ensembles_on_the_fake_encoder_equal_plain_loops(ensemble, families):
    taxonomy, encoder = taxonomy_of(), FakeEncoder()
    prototypes = build_prototypes(
        expand(taxonomy.classes, families), len(taxonomy), encoder.encode_texts, logit_scale=10.0, ensemble=ensemble
    )
    pictures = list(np.random.default_rng(0).integers(0, 256, (9, 16, 16, 3)).astype(np.uint8))
    joint = encoder.encode_images(pictures, "joint")
    contexts = objects_of(taxonomy, [0, 1, 2, 3, 4, 5, 0, 1, 2]).contexts
    weights = debiased_weights(joint, prototypes)
    np.testing.assert_allclose(
        class_scores(joint, prototypes, contexts, template_weights=weights),
        brute_force(joint, prototypes, contexts, weights),
        atol=1e-5,  # tau times 1e-6
    )


def test_weights_are_the_softmax_of_the_mean_highest_debiased_logit():
    """Allingham et al. 2023, algorithm 1 without a second set of images: sums written out for two images."""
    joint = np.array([[1.0, 0.0], [0.6, 0.8]], dtype=np.float32)
    # tau * cosines with a, b, c, d: image 0: 10, 6, 0, -8; image 1: 6, 10, 8, 0. Means: 8, 8, 4, -4.
    # Debiased, image 0: 2, -2, -4, -4; image 1 the negative of that.
    # t0 is a (class 0) and c (class 1): highest 2 and 4, mean 3. t1 is b and d: highest -2 and 4, mean 1.
    expected = math.exp(3) / (math.exp(3) + math.exp(1))
    weights = debiased_weights(joint, tiny("score-weighted"))
    assert weights == pytest.approx({"t0": expected, "t1": 1 - expected}, abs=1e-5)


def test_weights_equal_a_brute_force_over_images_templates_and_classes():
    taxonomy, encoder = taxonomy_of(), FakeEncoder()
    prompts = expand(taxonomy.classes, ["basic", "custom"], templates=["{label}", "drone view of {label}"])
    p = build_prototypes(prompts, len(taxonomy), encoder.encode_texts, logit_scale=30.0, ensemble="score-weighted")
    pictures = list(np.random.default_rng(0).integers(0, 256, (7, 16, 16, 3)).astype(np.uint8))
    joint = encoder.encode_images(pictures, "joint").astype(np.float64)
    score = {}
    for name in ("basic", "custom-0", "custom-1"):
        table = np.array(
            [[30.0 * x @ p.prompt_vectors[j] for j in range(len(p.prompts)) if p.template[j] == name] for x in joint]
        )
        assert table.shape == (7, len(taxonomy))
        table = table - sum(table) / 7
        score[name] = sum(max(row) for row in table) / 7
    total = sum(math.exp(s) for s in score.values())
    weights = debiased_weights(joint.astype(np.float32), p)
    assert weights == pytest.approx({n: math.exp(s) / total for n, s in score.items()}, abs=1e-6)


def test_a_template_that_tells_images_apart_is_trusted_more():
    rng = np.random.default_rng(0)
    flat, telling = np.array([0.0, 0.0, 1.0]), np.eye(3)[:2]
    p = dataclasses.replace(
        tiny("score-weighted"), prompt_vectors=np.array([telling[0], flat, telling[1], flat], dtype=np.float32)
    )
    joint = np.abs(rng.standard_normal((20, 3))) * [1, 1, 0] + [0, 0, 1]
    weights = debiased_weights((joint / np.linalg.norm(joint, axis=1)[:, None]).astype(np.float32), p)
    assert weights["t0"] > weights["t1"]


def test_an_unknown_ensemble_is_refused():
    with pytest.raises(ConfigError, match="'median'"):
        class_scores(IMAGE, tiny("median"), [PLAIN])
