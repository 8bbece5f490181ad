"""Small made objects to search on: two types, each with two conditions, in groups."""

from __future__ import annotations

import numpy as np

from clipspect.select.nested import Task
from clipspect.types import ObjectFeatures, PromptContext
from made import taxonomy_of

TAXONOMY = taxonomy_of("drain", "drain blocked", "toe", "toe damaged")
N_GROUPS, EACH = 10, 14


def made_task(signal, *, seed=0, width=6, n_groups=N_GROUPS, leak=0.0):
    """Labels that the features carry with strength `signal`; `leak` marks every group by a direction of its own."""
    rng = np.random.default_rng(seed)
    n = n_groups * EACH
    groups = np.repeat(np.arange(n_groups), EACH)
    types = rng.integers(0, 2, n)
    labels = 2 * types + (rng.random(n) < 0.35)
    block = rng.normal(size=(n, width)) + leak * rng.normal(size=(n_groups, width))[groups]
    block[:, 0] += signal * (labels % 2)
    names = np.array(["drain", "toe"])[types]
    features = ObjectFeatures(
        {"a": block.astype(np.float32), "b": rng.normal(size=(n, width)).astype(np.float32)},
        None,
        rng.normal(size=(n, 3)).astype(np.float32),
        tuple(names),
        (PromptContext("middle"),) * n,
    )
    return Task(features, labels, TAXONOMY.mask(tuple(names)), [f"g{g}" for g in groups], None)
