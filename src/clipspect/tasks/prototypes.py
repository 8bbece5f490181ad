"""Prompts of the settings to text vectors, through the cache."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from clipspect.config import Settings
from clipspect.encode import FeatureCache, require_text, text_key
from clipspect.prompts.bank import build_prototypes
from clipspect.prompts.templates import expand
from clipspect.protocols import Encoder, TextEncoder
from clipspect.taxonomy import Taxonomy
from clipspect.types import Prototypes


def make_prototypes(encoder: Encoder, settings: Settings, taxonomy: Taxonomy, cache: FeatureCache | None) -> Prototypes:
    """Prompts of the settings as text vectors; texts that the cache has are not encoded again."""
    text = require_text(encoder)
    prompts = expand(
        taxonomy.classes,
        settings.prompts.families,
        words=settings.prompts.words,
        templates=settings.prompts.templates,
    )
    return build_prototypes(
        prompts,
        len(taxonomy),
        functools.partial(encode_texts, text, cache),
        logit_scale=text.logit_scale,
        ensemble=settings.prompts.ensemble,
    )


def encode_texts(encoder: TextEncoder, cache: FeatureCache | None, texts: Sequence[str]) -> np.ndarray:
    """(M, D) unit rows, through the cache."""
    if cache is None:
        return encoder.encode_texts(texts)
    keys = [text_key(encoder.text_id, t) for t in texts]
    found = dict(zip(keys, cache.get(keys), strict=True))
    missing = [i for i, key in enumerate(keys) if found[key] is None]
    if missing:
        rows = encoder.encode_texts([texts[i] for i in missing])
        fresh = {keys[i]: rows[j] for j, i in enumerate(missing)}
        cache.put(fresh)
        found |= fresh
    return np.stack([np.asarray(found[key]) for key in keys])
