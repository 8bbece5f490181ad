"""`clipspect evaluate`: a fitted model on a split that it has not seen."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from clipspect.config import Settings
from clipspect.encode import load_encoder
from clipspect.errors import EmptyDataError
from clipspect.export.bundle import Bundle, load_bundle
from clipspect.files import write_json
from clipspect.heads import load_head
from clipspect.pipeline.abstain import Abstain, read_abstain
from clipspect.tasks import runs, wire
from clipspect.tasks.doubts import abstention_block, bundle_sets
from clipspect.tasks.estimate import measure
from clipspect.tasks.objects import Objects, content_hashes, label, with_features
from clipspect.tasks.ui import Silent, Ui
from clipspect.taxonomy import ObjectClass, Taxonomy, read_taxonomy
from clipspect.types import Bool, Float64

_NEVER = 60.0  # logits below the lowest one for classes that the model does not know


def evaluate(
    model: Path,
    data: Path,
    *,
    split: str = "test",
    out: Path | None = None,
    json: Path | None = None,
    settings: Settings | None = None,
    format: str = "auto",
    groups_csv: Path | None = None,
    limit: int | None = None,
    overwrite: bool = False,
    offline: bool = False,
    abstain: str | None = None,
    command: str = "clipspect.evaluate",
    ui: Ui | None = None,
) -> dict[str, Any]:
    """Measure a model on one split; nothing is chosen on it.

    Args:
        model: A run folder or a bundle.
        data: A data set.
        split: The only split that is read.
        out: Folder for a report, results.csv and metrics.json, or None for none.
        json: File for the metrics, or None.
        settings: In force; by default those beside the data, with the
            model's taxonomy and groups where they say nothing.
        format: See `fit`.
        groups_csv: See `fit`.
        limit: See `fit`.
        overwrite: Replace an existing `out`.
        offline: Open no socket.
        abstain: When to say nothing: `risk=0.1`, `size=1` or `confidence=0.7`; adds how that does to the metrics.
        command: As it stands in the report.
        ui: Where notes and progress go.

    Returns:
        `metrics.json`.
    """
    ui = ui or Silent()
    if out is not None:
        runs.prepare(out, overwrite=overwrite, resume=False)
    bundle = load_bundle(model)
    rule = None if abstain is None else read_abstain(abstain, bundle.conformal, bundle.risk)
    opened = _open(data, settings or wire.load_settings(data, None), bundle, format, groups_csv)
    settings = opened.settings
    photos = runs.limited(opened.index.of_split(split), limit)
    if not photos:
        raise EmptyDataError(f"{data}: split {split!r}: expected photos, got none")
    with wire.open_cache() as cache:
        encoder = load_encoder(
            bundle.encoder, device=settings.encoder.device, offline=offline, batch_size=settings.encoder.batch_size
        )
        extractor = wire.bundle_extractor(bundle, encoder, cache)
        labelled = label(photos, opened.taxonomy)
        with ui.track("encoding objects", len(labelled.photos)) as step:
            objects = with_features(labelled, extractor, opened.taxonomy, step)
    head = load_head(bundle.head, bundle.head_settings, bundle.arrays)
    scores = head.scores(objects.features) / bundle.temperature + bundle.class_offsets
    taxonomy, logits, notes = align(scores, bundle.taxonomy, opened.taxonomy)
    objects = _realigned(objects, opened.taxonomy, taxonomy, len(bundle.taxonomy))
    seen = leaks(bundle, objects)
    notes += [*seen, *runs.limit_notes(opened.index.of_split(split), photos)]
    for note in notes:
        ui.warn(note)
    metrics = {
        "split": split,
        "model": str(model),
        "head": bundle.head,
        **measure(logits, objects, taxonomy, settings),
        **_doubts(bundle, rule, logits, objects, taxonomy, settings),
        "warnings": notes,
        "quarantined": len(opened.index.quarantined) + len(objects.problems),
    }
    if out is not None:
        runs.clear(out)
        runs.write_run(
            out,
            runs.RunInput(
                title=f"{model.name} on {runs.data_name(data)} ({split})",
                command=command,
                metrics=metrics,
                objects=objects,
                logits=logits,
                taxonomy=taxonomy,
                rungs=(),
                quarantined=opened.index.quarantined + objects.problems,
                notes=(*opened.index.notes, *notes),
                settings=settings,
                unseen=not seen,
            ),
        )
    if json is not None:
        write_json(json, metrics)
    runs.print_metrics(metrics, ui)
    return metrics


def align(scores: Float64, model: Taxonomy, data: Taxonomy) -> tuple[Taxonomy, Float64, list[str]]:
    """Bring the model's classes and the data set's together; they match by object type and condition.

    Returns:
        (all classes, (N, K') logits, notes). Classes that only the data set has get logits that are never the
        highest: the model cannot say them, so their objects count as wrong.
    """
    extra = [c for c in data.classes if (c.object_type, c.condition) not in model.index]
    classes = [*_named_as(model, data), *extra]
    lowest = scores.min(axis=1, keepdims=True) - _NEVER
    logits = np.hstack([scores, np.repeat(lowest, len(extra), axis=1)])
    notes = [f"class {c.name!r} ({c.label}) is not known to the model: its objects count as wrong" for c in extra]
    return Taxonomy(tuple(classes), ()), logits, notes


def leaks(bundle: Bundle, objects: Objects) -> list[str]:
    """What of this split the model was fitted on: photos with the same content, and groups of the same name."""
    notes = []
    seen = set(bundle.fitted_on.photos) & set(content_hashes(objects))
    if seen:
        notes.append(f"leak: {len(seen)} photos of this split were fitted on: the figures are too good")
    # A photo without a group is its own, named by its path, which another site may well have too.
    shared = sorted((set(bundle.fitted_on.groups) & set(objects.groups)) - set(objects.photo_keys))
    if shared:
        notes.append(
            f"leak: {len(shared)} groups of this split were fitted on ({', '.join(shared[:5])}): photos of a group "
            "overlap, so the figures are too good"
        )
    return notes


def _doubts(
    bundle: Bundle, rule: Abstain | None, logits: Float64, objects: Objects, taxonomy: Taxonomy, settings: Settings
) -> dict[str, Any]:
    """`conformal` and `abstention` of metrics.json, where the model and the user say so."""
    sets, conformal = bundle_sets(logits, objects, taxonomy, bundle.conformal)
    blocks: dict[str, Any] = {} if conformal is None else {"conformal": conformal}
    if rule is not None:
        blocks["abstention"] = abstention_block(
            rule, logits, sets, objects, n_resamples=settings.evaluation.resamples, seed=settings.seed
        )
    return blocks


def _open(data: Path, settings: Settings, bundle: Bundle, format: str, groups_csv: Path | None) -> wire.Opened:
    """The data set with the model's groups and reading of class names where its own settings say nothing."""
    groups = settings.data.groups if settings.data.groups is not None else bundle.groups
    section = dataclasses.replace(settings.data, groups=groups, max_pixels=bundle.max_pixels)
    settings = dataclasses.replace(settings, data=section)
    opened = wire.open_dataset(data, settings, format=format, groups_csv=groups_csv)
    if settings.taxonomy:
        return opened
    # The model's reading may name classes that this data set does not have: those are left out.
    given = {k: v for k, v in bundle.given_taxonomy.items() if k in opened.index.names}
    return dataclasses.replace(
        opened,
        taxonomy=read_taxonomy(opened.index.names, given),
        settings=dataclasses.replace(settings, taxonomy=given),
    )


def _named_as(model: Taxonomy, data: Taxonomy) -> Sequence[ObjectClass]:
    """The model's classes under the data set's names; one that the data set lacks keeps a name of its own."""
    named = {(c.object_type, c.condition): c.name for c in data.classes}
    taken = set(named.values())
    own = {c: f"{c.name} ({c.label})" if c.name in taken else c.name for c in model.classes}
    return [dataclasses.replace(c, name=named.get((c.object_type, c.condition), own[c])) for c in model.classes]


def _realigned(objects: Objects, data: Taxonomy, taxonomy: Taxonomy, n_model: int) -> Objects:
    position = [taxonomy.index[c.object_type, c.condition] for c in data.classes]
    labels = np.array([position[k] for k in objects.labels], dtype=np.int64)
    mask: Bool = taxonomy.mask(objects.features.object_types)
    mask[:, n_model:] = False  # what the model cannot say is never its answer
    return dataclasses.replace(objects, labels=labels, mask=mask)
