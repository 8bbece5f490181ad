"""One score a class from several prompts.

`mean`: cosine with the normalised mean vector. `score-mean`, `score-max`: mean or maximum of the prompts' own cosines.
`score-weighted`: weighted mean, the weights label-free and debiased (zero-shot prompt ensembling, Allingham et al.
2023): a template whose highest class score, less its mean over the images, is high is trusted more.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from clipspect.errors import ConfigError
from clipspect.prompts.bank import unit
from clipspect.prompts.templates import holds
from clipspect.types import Bool, Float32, Float64, PromptContext, Prototypes

ENSEMBLES = ("mean", "score-mean", "score-max", "score-weighted")


def class_scores(
    joint: Float32,
    prototypes: Prototypes,
    contexts: Sequence[PromptContext],
    *,
    template_weights: dict[str, float] | None = None,
) -> Float64:
    """(N, K) logits tau * score; each object is compared with the prompts that hold for it.

    Args:
        joint: (N, D) unit rows.
        prototypes: Prompts of the K classes, and which ensemble.
        contexts: N contexts.
        template_weights: For `score-weighted`, as `debiased_weights` gives them; None for equal ones.
    """
    if prototypes.ensemble not in ENSEMBLES:
        raise ConfigError(f"prompts: ensemble: expected one of {list(ENSEMBLES)}, got {prototypes.ensemble!r}")
    logits = np.zeros((len(joint), len(prototypes.vectors)))
    for context in dict.fromkeys(contexts):
        rows = [i for i, c in enumerate(contexts) if c == context]
        usable = _usable(prototypes, context)
        logits[rows] = _scores(joint[rows], prototypes, usable, template_weights or {})
    return logits * prototypes.logit_scale


def debiased_weights(joint: Float32, prototypes: Prototypes) -> dict[str, float]:
    """Template to weight, summing to 1, from unlabelled images (Allingham et al. 2023, ZPE with logit debiasing).

    The score of a template is the mean over images of its highest class logit, after each class logit has had its
    mean over the images taken away; weights are the softmax of those scores.
    """
    names = sorted(set(prototypes.template))
    cosines = joint.astype(np.float64) @ prototypes.prompt_vectors.T.astype(np.float64) * prototypes.logit_scale
    debiased = cosines - cosines.mean(axis=0, keepdims=True)
    owners = np.array(prototypes.template)
    score = np.array([debiased[:, owners == name].max(axis=1).mean() for name in names])
    weight = np.exp(score - score.max())
    return dict(zip(names, (weight / weight.sum()).tolist(), strict=True))


def _usable(prototypes: Prototypes, context: PromptContext) -> Bool:
    usable = np.array([holds(where, context) for where in prototypes.only_where], dtype=bool)
    for k in range(len(prototypes.vectors)):
        mine = prototypes.class_index == k
        # An object without neighbours has no multi-object prompt: then all prompts of the class stand in.
        if not (usable & mine).any():
            usable |= mine
    return usable


def _scores(joint: Float32, prototypes: Prototypes, usable: Bool, weights: dict[str, float]) -> Float64:
    columns = []
    for k in range(len(prototypes.vectors)):
        chosen = np.flatnonzero(usable & (prototypes.class_index == k))
        vectors = prototypes.prompt_vectors[chosen]
        if prototypes.ensemble == "mean":
            columns.append((joint @ unit(vectors.mean(axis=0))).astype(np.float64))
            continue
        cosines = (joint @ vectors.T).astype(np.float64)
        if prototypes.ensemble == "score-max":
            columns.append(cosines.max(axis=1))
            continue
        w = np.array([weights.get(prototypes.template[i], 1.0) for i in chosen])
        if prototypes.ensemble == "score-mean":
            w = np.ones(len(chosen))
        columns.append(cosines @ (w / w.sum()))
    return np.stack(columns, axis=1)
