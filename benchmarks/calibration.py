r"""Whether the probabilities, sets and refusals of a head hold on groups that it has never seen.

    python benchmarks/calibration.py site/data.yaml --groups '^(Line\d+)' [--head linear] [--encoder starter]

Reads train and valid alone. Every figure is out of fold: an object is scored by a head, scaled by a temperature and put
into a set by thresholds that come from other groups. ECE is of all objects and of those whose type has a choice; sets
and shares answered are of those with a choice.
"""

from __future__ import annotations

import argparse
import functools
from pathlib import Path
from typing import Any

import numpy as np

from clipspect.config import Settings
from clipspect.data.groups import grouped_folds
from clipspect.files import write_json
from clipspect.heads import HEADS, make_head
from clipspect.metrics.calibrate import debiased_ece, ece, softmax
from clipspect.metrics.conformal import has_choice
from clipspect.metrics.summary import predict
from clipspect.select.crossval import out_of_fold
from clipspect.tasks import wire
from clipspect.tasks.estimate import measure_out_of_fold
from clipspect.tasks.fit import FIT_SPLITS
from clipspect.tasks.objects import Objects, label, with_features
from clipspect.tasks.prototypes import make_prototypes
from clipspect.types import Float64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--groups", help="regular expression that gives a photo's group")
    parser.add_argument("--encoder", default="starter")
    parser.add_argument("--head", default="linear", choices=list(HEADS))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    settings = wire.override(Settings(), data={"groups": options.groups}, encoder={"id": options.encoder})
    opened = wire.open_dataset(options.data, settings)
    encoder = wire.make_encoder(settings)
    use_text = HEADS[options.head].needs_text
    with wire.open_cache() as cache:
        extractor = wire.make_extractor(
            encoder, settings, opened.taxonomy, use_views=True, use_text=use_text, cache=cache
        )
        photos = opened.index.of_split(*[s for s in FIT_SPLITS if s in opened.index.splits])
        objects = with_features(label(photos, opened.taxonomy), extractor, opened.taxonomy, lambda: None)
        prototypes = make_prototypes(encoder, settings, opened.taxonomy, cache) if use_text else None
    folds = grouped_folds(objects.groups, objects.labels, max_folds=12, rng=np.random.default_rng(settings.seed))
    logits = out_of_fold(
        functools.partial(make_head, options.head, {}),
        objects.features,
        objects.labels,
        objects.mask,
        folds,
        prototypes=prototypes,
        seed=settings.seed,
    )
    done = measure_out_of_fold(logits, objects, folds, opened.taxonomy, settings)
    print(f"{options.head} head, {encoder.id}: {len(objects.labels)} objects, {len(folds)} folds")
    figures = {
        "calibration": {
            "before": gaps(logits, objects),
            "after": gaps(done.logits, objects),
            "temperature": done.temperature,
        },
        "selective": {k: v for k, v in done.metrics["selective"].items() if k != "curve"},
        "conformal": done.metrics["conformal"],
    }
    show(figures)
    if options.json is not None:
        write_json(options.json, figures)


def gaps(logits: Float64, objects: Objects) -> dict[str, dict[str, float]]:
    """Plain and debiased calibration error, pooled over folds."""
    confidence = np.minimum(softmax(logits, objects.mask).max(axis=1), 1.0)
    correct = predict(logits, objects.mask) == objects.labels
    rows = {"all": np.ones(len(correct), dtype=bool), "with a choice": has_choice(objects.mask)}
    return {
        name: {"ece": ece(confidence[r], correct[r]), "ece_debiased": debiased_ece(confidence[r], correct[r])}
        for name, r in rows.items()
    }


def show(figures: dict[str, Any]) -> None:
    print(f"\ntemperature {figures['calibration']['temperature']:.3f}")
    for when in ("before", "after"):
        for name, row in figures["calibration"][when].items():
            print(f"  ECE {when:6s} {name:14s} {row['ece']:.3f}   debiased {row['ece_debiased']:.3f}")
    sets = figures["conformal"]
    print(f"\n{100 * sets['coverage_target']:g} % sets, {sets['n']} objects with a choice")
    print(f"  {'a threshold a class':34s}{covered(sets)}")
    print(f"  {'one threshold for all':34s}{covered(sets['one_threshold'] | {'n': sets['n']})}")
    for kind in ("per_class", "per_group"):
        for name, row in sets[kind].items():
            other = sets["one_threshold"].get(kind, {}).get(name)
            shared = "" if other is None else f"   one threshold for all: {other['coverage']:.3f}"
            print(f"    {name:32s}{covered(row)}{shared}")
    for warning in sets["warnings"]:
        print(f"  {warning}")
    print(f"\nrisk and coverage, AURC {figures['selective']['aurc']:.3f}")
    for share, accuracy in figures["selective"]["accuracy_at"].items():
        print(f"  {100 * float(share):3.0f} % answered: accuracy {accuracy:.3f}")
    for risk, row in figures["selective"]["risks"].items():
        found = "-" if row["risk"] is None else f"{row['risk']:.3f}"
        print(f"  risk {risk:5s} asked for: {found} on groups never seen, {100 * row['share_answered']:.0f} % answered")


def covered(row: dict[str, Any]) -> str:
    low, high = row["coverage_ci95"]
    verdict = f"  {row['verdict']}" if "verdict" in row else ""
    return f"{row['coverage']:.3f} [{low:.3f}, {high:.3f}]  mean size {row['mean_size']:.2f}  n={row['n']}{verdict}"


if __name__ == "__main__":
    main()
