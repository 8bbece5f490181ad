"""Prompts to prototypes: every text is encoded once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from clipspect.prompts.templates import Prompt
from clipspect.types import Float32, Prototypes


def build_prototypes(
    prompts: Sequence[Prompt],
    n_classes: int,
    encode_texts: Callable[[Sequence[str]], Float32],
    *,
    logit_scale: float,
    ensemble: str = "mean",
) -> Prototypes:
    """Encode the prompts and average them by class.

    A class's vector is the normalised mean over its unit prompt vectors (text-space ensemble, Radford et al. 2021,
    section 3.1.4). Where a class has only prompts that depend on the object, all of them are averaged.

    Args:
        prompts: As `templates.expand` gives them.
        n_classes: K.
        encode_texts: (M texts) to (M, D) unit rows; called once, with every distinct text.
        logit_scale: tau of the encoder.
        ensemble: Kept in the result for scoring.
    """
    texts = list(dict.fromkeys(p.text for p in prompts))
    encoded = encode_texts(texts)
    row_of = {text: i for i, text in enumerate(texts)}
    vectors = encoded[[row_of[p.text] for p in prompts]].astype(np.float32)
    class_index = np.array([p.class_index for p in prompts], dtype=np.int64)
    always = np.array([not p.only_where for p in prompts], dtype=bool)
    means = np.stack([_class_mean(vectors, class_index == k, always) for k in range(n_classes)])
    return Prototypes(
        vectors=means,
        prompts=tuple(p.text for p in prompts),
        prompt_vectors=vectors,
        class_index=class_index,
        template=tuple(p.template for p in prompts),
        only_where=tuple(p.only_where for p in prompts),
        logit_scale=float(logit_scale),
        ensemble=ensemble,
    )


def unit(vectors: Float32) -> Float32:
    """Rows divided by their length; a zero row stays zero."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.where(length > 0, length, 1.0), dtype=np.float32)


def _class_mean(vectors: Float32, mine: np.ndarray, always: np.ndarray) -> Float32:
    chosen = mine & always if (mine & always).any() else mine
    return unit(vectors[chosen].mean(axis=0))
