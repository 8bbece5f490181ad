"""How often `fit --head auto` accepts a rung where there is nothing to learn: labels shuffled inside object types.

    python benchmarks/nosignal.py DATA --groups REGEX [--encoder starter] [--sets 20] [--candidates N]

Shuffling inside a type keeps each type's class shares, so the per-type majority is as good as before and nothing can
beat it but by chance. Reads train + valid. Prints one line a label set, and how many accepted anything at the end.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from pathlib import Path

import numpy as np

from clipspect.config import Settings
from clipspect.data.groups import grouped_folds
from clipspect.heads import make_head
from clipspect.select.candidates import CANDIDATES
from clipspect.select.crossval import out_of_fold
from clipspect.select.ladder import climb
from clipspect.select.nested import Task, make_parts, nested_search
from clipspect.tasks import wire
from clipspect.tasks.fit import FIT_SPLITS
from clipspect.tasks.objects import Objects, label, with_features
from clipspect.tasks.prototypes import make_prototypes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--groups", help="regular expression that gives a photo's group")
    parser.add_argument("--encoder", default="starter")
    parser.add_argument("--sets", type=int, default=20)
    parser.add_argument("--candidates", type=int, default=len(CANDIDATES), help="only the first so many")
    options = parser.parse_args()
    settings = wire.override(Settings(), data={"groups": options.groups}, encoder={"id": options.encoder})
    opened = wire.open_dataset(options.data, settings)
    encoder = wire.make_encoder(settings)
    with wire.open_cache() as cache:
        text = "joint" in encoder.spaces
        extractor = wire.make_extractor(encoder, settings, opened.taxonomy, use_views=True, use_text=text, cache=cache)
        photos = opened.index.of_split(*[s for s in FIT_SPLITS if s in opened.index.splits])
        objects = with_features(label(photos, opened.taxonomy), extractor, opened.taxonomy, lambda: None)
        prototypes = make_prototypes(encoder, settings, opened.taxonomy, cache) if text else None
    accepted = 0
    for seed in range(options.sets):
        started = time.monotonic()
        shuffled = dataclasses.replace(objects, labels=shuffle_inside_types(objects, seed))
        folds = grouped_folds(shuffled.groups, shuffled.labels, max_folds=12, rng=np.random.default_rng(seed))
        logits = {
            name: out_of_fold(
                lambda name=name: make_head(name, {}),
                objects.features,
                shuffled.labels,
                objects.mask,
                folds,
                prototypes=prototypes,
                seed=seed,
            )
            for name in ("majority", *(("zeroshot",) if prototypes is not None else ()))
        }
        task = Task(objects.features, shuffled.labels, objects.mask, objects.groups, prototypes)
        parts = make_parts(task, folds, inner_folds=settings.selection.inner_folds, seed=seed)
        logits["heads"] = nested_search(CANDIDATES[: options.candidates], parts).logits
        best, rungs = climb(logits, shuffled.labels, objects.mask, objects.groups, resamples=1000, seed=seed)
        accepted += best != "majority"
        shown = "  ".join(f"{r.name} {r.accuracy:.3f}" + ("" if r.p is None else f" (p {r.p:.2g})") for r in rungs)
        print(f"set {seed:2d}: {shown}: kept {best}  {time.monotonic() - started:.0f} s", flush=True)
    print(f"{accepted} of {options.sets} label sets without signal accepted a rung above the per-type majority")


def shuffle_inside_types(objects: Objects, seed: int) -> np.ndarray:
    """Labels permuted among the objects of each type."""
    rng, labels = np.random.default_rng([seed, 77]), objects.labels.copy()
    types = np.array(objects.features.object_types)
    for name in np.unique(types):
        rows = np.flatnonzero(types == name)
        labels[rows] = rng.permutation(labels[rows])
    return labels


if __name__ == "__main__":
    main()
