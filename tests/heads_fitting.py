"""One way to fit a head on made objects, for the tests of single heads."""

from __future__ import annotations

import numpy as np

from clipspect.heads import make_head
from made import objects_of, prototypes_of, taxonomy_of

LABELS = np.array([0] * 9 + [1] * 4 + [2] * 3 + [3] * 7 + [4] * 2 + [5] * 5)
TAXONOMY = taxonomy_of()
FEATURES = objects_of(TAXONOMY, LABELS, noise=1.0)
NEW = objects_of(TAXONOMY, [0, 1, 2, 3, 4, 5, 0, 3], seed=4, noise=1.0)
MASK = TAXONOMY.mask(FEATURES.object_types)
PROTOTYPES = prototypes_of(TAXONOMY)
TAU = PROTOTYPES.logit_scale
T = PROTOTYPES.vectors.astype(np.float64)
X = FEATURES.joint.astype(np.float64)
X_NEW = NEW.joint.astype(np.float64)


def fitted(name, *, text=True, weights=None, features=FEATURES, labels=LABELS, seed=0, **options):
    return make_head(name, options).fit(
        features,
        labels,
        prototypes=PROTOTYPES if text else None,
        mask=TAXONOMY.mask(features.object_types),
        weights=weights,
        rng=np.random.default_rng(seed),
    )


def standardised(features=FEATURES, of=FEATURES):
    """The views as heads read them, written out anew."""
    parts = []
    for name, block in features.blocks.items():
        mean, std = of.blocks[name].astype(float).mean(0), of.blocks[name].astype(float).std(0)
        parts.append((block - mean) / std / np.sqrt(block.shape[1]))
    return np.concatenate(parts, axis=1)


def units(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def slope_of(loss, at, step=1e-6):
    """Gradient by central differences."""
    flat = at.ravel()
    slope = np.empty_like(flat)
    for i in range(len(flat)):
        plus, minus = flat.copy(), flat.copy()
        plus[i] += step
        minus[i] -= step
        slope[i] = (loss(plus.reshape(at.shape)) - loss(minus.reshape(at.shape))) / (2 * step)
    return slope.reshape(at.shape)
