from __future__ import annotations

import numpy as np

from clipspect.encode.fake import FakeEncoder
from clipspect.prompts.bank import build_prototypes, unit
from clipspect.prompts.templates import Prompt, expand
from made import taxonomy_of, words


def prompt(text, k, where=""):
    return Prompt(text, k, "basic", "basic", where)


def test_a_prototype_is_the_normalised_mean_of_unit_vectors():
    vectors = {"a": [1.0, 0.0], "b": [0.0, 1.0], "c": [-0.6, 0.8]}
    prompts = [prompt("a", 0), prompt("b", 0), prompt("c", 1)]
    made = build_prototypes(prompts, 2, lambda t: np.array([vectors[x] for x in t], np.float32), logit_scale=50.0)
    np.testing.assert_allclose(made.vectors, [[np.sqrt(0.5), np.sqrt(0.5)], [-0.6, 0.8]], atol=1e-6)
    np.testing.assert_allclose(made.prompt_vectors, [[1, 0], [0, 1], [-0.6, 0.8]], atol=1e-7)
    assert made.class_index.tolist() == [0, 0, 1] and made.logit_scale == 50.0 and made.ensemble == "mean"


def test_prompts_that_depend_on_the_object_are_left_out_of_the_mean_where_others_are_there():
    prompts = [prompt("a", 0), prompt("b", 0, "near:x"), prompt("b", 1, "near:x"), prompt("a", 1, "near:y")]
    made = build_prototypes(
        prompts, 2, lambda t: np.eye(2, dtype=np.float32)[["ab".index(x) for x in t]], logit_scale=1.0
    )
    np.testing.assert_allclose(made.vectors, [[1, 0], [np.sqrt(0.5), np.sqrt(0.5)]], atol=1e-6)


def test_every_distinct_text_is_encoded_once():
    asked = []

    def encode(texts):
        asked.append(list(texts))
        return words(texts)

    made = build_prototypes([prompt("a", 0), prompt("b", 0), prompt("a", 1)], 2, encode, logit_scale=1.0)
    assert asked == [["a", "b"]]
    np.testing.assert_array_equal(made.prompt_vectors[0], made.prompt_vectors[2])


def test_all_parts_have_one_entry_a_prompt():
    taxonomy, encoder = taxonomy_of(), FakeEncoder()
    prompts = expand(taxonomy.classes, ["basic", "state", "spatial", "multi-object"])
    made = build_prototypes(prompts, len(taxonomy), encoder.encode_texts, logit_scale=encoder.logit_scale)
    assert made.prompts == tuple(p.text for p in prompts) and made.only_where == tuple(p.only_where for p in prompts)
    assert len(made.prompt_vectors) == len(made.class_index) == len(made.template) == len(prompts)
    np.testing.assert_allclose(np.linalg.norm(made.vectors, axis=1), 1, atol=1e-6)


def test_a_row_of_zeros_stays_one():
    np.testing.assert_array_equal(
        unit(np.array([[0.0, 0.0], [3.0, 4.0]], np.float32)), np.float32([[0, 0], [0.6, 0.8]])
    )
