"""Every head, honestly: leave one group out, default settings, on the features of one encoder.

    python benchmarks/heads.py DATA --groups REGEX [--encoder starter] [--head NAME] [--variants]

Fitted and measured on train + valid by cross-validation over groups; the test split is never opened. Nothing is tuned:
"CPU s" is processor time for one fit and its scores.
`--variants` shows what single settings do, for people, and picks nothing.
"""

from __future__ import annotations

import argparse
import functools
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from clipspect.config import Settings
from clipspect.data.groups import grouped_folds
from clipspect.heads import HEADS, make_head
from clipspect.select.crossval import out_of_fold
from clipspect.tasks import wire
from clipspect.tasks.fit import FIT_SPLITS, make_prototypes, measure_out_of_fold
from clipspect.tasks.objects import label, with_features

VARIANTS: tuple[tuple[str, Mapping[str, Any]], ...] = (
    ("linear", {"loss": "balanced-softmax"}),
    ("linear", {"class_weight": "oversample"}),
    ("linear", {"class_weight": "none"}),
    ("linear", {"spatial": True}),
    ("linear", {"C": 0.1}),
    ("linear", {"C": 10.0}),
    ("per-type", {"loss": "balanced-softmax"}),
    ("per-type", {"spatial": True}),
    ("centroid", {"spatial": True}),
    ("gda", {"text": False}),
    ("gda", {"spatial": True}),
    ("gda", {"shrinkage": "oas"}),
    ("gda", {"shrinkage": "ks"}),
    ("gda", {"space": "joint"}),
    ("tip", {"finetune": True}),
    ("tip", {"space": "views"}),
    ("tip", {"space": "views", "finetune": True}),
    ("proker", {"space": "joint"}),
    ("proker", {"lam": 0.1}),
    ("proker", {"lam": 10.0}),
    ("ensemble", {"mixture": "fitted"}),
    ("ensemble", {"heads": ["linear", "gda", "per-type"]}),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--groups", help="regular expression that gives a photo's group")
    parser.add_argument("--encoder", default="starter")
    parser.add_argument("--head", action="append", choices=list(HEADS), help="only these")
    parser.add_argument("--variants", action="store_true")
    options = parser.parse_args()
    settings = wire.override(Settings(), data={"groups": options.groups}, encoder={"id": options.encoder})
    opened = wire.open_dataset(options.data, settings)
    encoder = wire.make_encoder(settings)
    with wire.open_cache() as cache:
        extractor = wire.make_extractor(
            encoder, settings, opened.taxonomy, use_views=True, use_text="joint" in encoder.spaces, cache=cache
        )
        splits = [s for s in FIT_SPLITS if s in opened.index.splits]
        objects = with_features(
            label(opened.index.of_split(*splits), opened.taxonomy), extractor, opened.taxonomy, lambda: None
        )
        prototypes = make_prototypes(encoder, settings, opened.taxonomy, cache) if extractor.joint_view else None
    folds = grouped_folds(objects.groups, objects.labels, max_folds=12, rng=np.random.default_rng(settings.seed))
    wanted = options.head or [n for n, e in HEADS.items() if prototypes is not None or not e.needs_text]
    rows: list[tuple[str, Mapping[str, Any]]] = [(name, {}) for name in wanted]
    rows += [v for v in VARIANTS if options.variants and v[0] in wanted]
    print(f"{len(objects.labels)} objects, {len(folds)} folds of {len(set(objects.groups))} groups, {encoder.id}")
    columns = ("accuracy", "95 % interval", "balanced", "blocked", "damaged", "normal", "binary", "pairs", "joint")
    print(f"{'head':52s}" + "".join(f"{c:>15s}" if "%" in c else f"{c:>9s}" for c in (*columns, "ECE", "CPU s")))
    for name, given in rows:
        started = time.process_time()
        logits = out_of_fold(
            functools.partial(make_head, name, given),
            objects.features,
            objects.labels,
            objects.mask,
            folds,
            prototypes=prototypes,
            seed=settings.seed,
        )
        seconds = (time.process_time() - started) / len(folds)
        print(
            line(name, given, measure_out_of_fold(logits, objects, folds, opened.taxonomy, settings).metrics, seconds)
        )


def line(name: str, given: Mapping[str, Any], m: Mapping[str, Any], seconds: float) -> str:
    low, high = m["conditional"]["ci95"]["accuracy"]
    recall = [m["per_condition"].get(c, {}).get("recall") for c in ("blocked", "damaged", "normal")]
    values = [
        m["conditional"]["balanced_accuracy"],
        *recall,
        m["binary"]["accuracy"],
        m["spatial"]["relation_accuracy"],
        m["joint"]["accuracy"],
        m["calibration"]["ece"],
    ]
    shown = " ".join(f"{k}={v}" for k, v in given.items())
    numbers = "".join(f"{'-':>9s}" if v is None else f"{v:9.3f}" for v in values)
    return (
        f"{f'{name} {shown}':52s}{m['conditional']['accuracy']:9.3f}{f'[{low:.3f}, {high:.3f}]':>15s}"
        f"{numbers}{seconds:9.3f}"
    )


if __name__ == "__main__":
    main()
