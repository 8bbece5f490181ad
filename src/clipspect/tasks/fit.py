"""`clipspect fit`: the best classifier that frozen features give, with an honest estimate."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import numpy as np

from clipspect.config import Settings
from clipspect.data.groups import grouped_folds
from clipspect.data.views import parse_view
from clipspect.errors import EmptyDataError, SplitNotFoundError
from clipspect.export.bundle import Bundle, FittedOn, save_bundle
from clipspect.heads import HEADS
from clipspect.protocols import Encoder
from clipspect.select.candidates import Candidate
from clipspect.select.recall import check_targets
from clipspect.tasks import quality, runs, wire
from clipspect.tasks.estimate import Estimate, measure_out_of_fold, tilt_notes
from clipspect.tasks.latency import objects_a_photo, predicted_seconds
from clipspect.tasks.objects import Objects, content_hashes, data_hash, label, with_features
from clipspect.tasks.prototypes import make_prototypes
from clipspect.tasks.search import make_plan, reads_text, search
from clipspect.tasks.ui import Silent, Ui
from clipspect.types import Prototypes
from clipspect.version import __version__

FIT_SPLITS = ("train", "valid")


def fit(
    data: Path,
    *,
    out: Path,
    settings: Settings | None = None,
    format: str = "auto",
    groups_csv: Path | None = None,
    limit: int | None = None,
    overwrite: bool = False,
    resume: bool = False,
    offline: bool = False,
    command: str = "clipspect.fit",
    ui: Ui | None = None,
) -> Path:
    """Fit on train and valid together, never on test, and write a run folder.

    Args:
        data: A `data.yaml`, its folder, or a data set in another format.
        out: The run folder to make.
        settings: In force; by default those beside the data.
        format: "auto", "yolo", "coco", "voc" or "folders".
        groups_csv: Photo to group, in place of `settings.data.groups`.
        limit: Use only so many photos, spread over the groups.
        overwrite: Replace an existing run.
        resume: Keep an existing run that is done; finish one that is not.
        offline: Open no socket.
        command: As it stands in the report.
        ui: Where notes and progress go.

    Returns:
        The run folder.
    """
    started = time.monotonic()
    ui = ui or Silent()
    settings = settings or wire.load_settings(data, None)
    if runs.prepare(out, overwrite=overwrite, resume=resume) == "done":
        return out
    opened = wire.open_dataset(data, settings, format=format, groups_csv=groups_csv)
    runs.describe(opened, ui)
    splits = [s for s in FIT_SPLITS if s in opened.index.splits]
    if not splits:
        raise SplitNotFoundError(f"{data}: expected a split 'train' to fit on, got {list(opened.index.splits)}")
    photos = runs.limited(opened.index.of_split(*splits), limit)
    limits = runs.limit_notes(opened.index.of_split(*splits), photos)
    if not photos:
        raise EmptyDataError(f"{data}: expected photos in {' or '.join(splits)} to fit on, got none")
    encoder = wire.make_encoder(settings, offline=offline)
    check_targets(settings.selection.recall, opened.taxonomy.classes)
    plan = make_plan(settings, encoder)
    with wire.open_cache() as cache:
        extractor = wire.make_extractor(
            encoder,
            settings,
            opened.taxonomy,
            use_views=any(HEADS[n].needs_views for n in plan.heads),
            use_text=any(reads_text(n, encoder) for n in plan.heads),
            cache=cache,
        )
        labelled = label(photos, opened.taxonomy)
        with ui.track("encoding objects", len(labelled.photos)) as step:
            objects = with_features(labelled, extractor, opened.taxonomy, step)
        prototypes = make_prototypes(encoder, settings, opened.taxonomy, cache) if extractor.joint_view else None
    encoded_s = time.monotonic() - started
    runs.note_empty_classes(objects, opened.taxonomy, ui)
    if len(set(objects.groups)) < 2:
        raise EmptyDataError(
            f"{data}: expected objects of at least two groups of photos, to measure on photos that were not fitted "
            f"on, got one group, {objects.groups[0]!r}: label more photos, or check --groups and --limit"
        )
    folds = grouped_folds(
        objects.groups,
        objects.labels,
        max_folds=settings.evaluation.max_folds,
        rng=np.random.default_rng(settings.seed),
    )
    found = search(plan, objects, prototypes, folds, opened.taxonomy, settings, ui)
    estimate = measure_out_of_fold(found.logits, objects, folds, opened.taxonomy, settings)
    labels = quality.look_at(objects, estimate.logits)
    chosen = found.candidate.head
    bundle = _refit(found.candidate, estimate, objects, prototypes, encoder, opened, settings)
    seconds_a_photo = _predicted_seconds(bundle, objects, encoder, settings, ui)
    tilted = tilt_notes(estimate.metrics)
    for note in tilted:
        ui.say(note)
    metrics = {
        "split": "+".join(splits),
        "estimate": found.estimate,
        "head": chosen,
        "head_options": dict(found.candidate.options),
        **estimate.metrics,
        "label_quality": labels.figures,
        **found.extra,
        "ladder": [dataclasses.asdict(r) for r in found.rungs],
        "quarantined": len(opened.index.quarantined) + len(objects.problems),
        "encoded_crops": objects.encoded_crops,
        "seconds": {
            "features": round(encoded_s, 2),
            "all": round(time.monotonic() - started, 2),
            "a_photo": None if seconds_a_photo is None else round(seconds_a_photo, 4),
        },
    }
    runs.clear(out)
    save_bundle(bundle, out / "model")
    runs.write_run(
        out,
        runs.RunInput(
            title=f"{runs.data_name(data)}: {chosen} head on {encoder.id.split(':')[0]} features",
            command=command,
            metrics=metrics,
            objects=objects,
            logits=estimate.logits,
            taxonomy=opened.taxonomy,
            rungs=found.rungs,
            quarantined=opened.index.quarantined + objects.problems,
            notes=(*opened.index.notes, *opened.taxonomy.notes, *limits, *tilted),
            settings=settings,
            labels=labels,
        ),
    )
    runs.print_metrics(metrics, ui)
    return out


def _predicted_seconds(bundle: Bundle, objects: Objects, encoder: Encoder, settings: Settings, ui: Ui) -> float | None:
    """What the bundle's views cost here; said where there are any."""
    names = dict.fromkeys([*bundle.views, *([bundle.joint_view] if bundle.joint_view else [])])
    with wire.open_cache() as cache:
        seconds = predicted_seconds(
            objects.labelled,
            encoder,
            [parse_view(name) for name in names],
            max_pixels=settings.data.max_pixels,
            cache=cache,
            loaded=objects.encoded_crops > 0,
        )
    if seconds:
        count = objects_a_photo(objects.labelled)
        ui.say(f"{seconds:.3f} s a photo to encode {' + '.join(names)} here, with {count:.1f} objects")
    return seconds


def _refit(
    candidate: Candidate,
    estimate: Estimate,
    objects: Objects,
    prototypes: Prototypes | None,
    encoder: Encoder,
    opened: wire.Opened,
    settings: Settings,
) -> Bundle:
    name, views = candidate.head, candidate.views or settings.views.heads
    head = candidate.make().fit(
        candidate.select(objects.features),
        objects.labels,
        prototypes=prototypes,
        mask=objects.mask,
        weights=None,
        rng=np.random.default_rng(settings.seed),
    )
    head_settings, arrays = head.state()
    hashes = content_hashes(objects)
    groups = tuple(sorted(set(objects.groups)))
    counts = tuple(np.bincount(objects.labels, minlength=len(opened.taxonomy)).tolist())
    fitted_on = FittedOn(hashes, groups, len(objects.labels), data_hash(objects, hashes), counts)
    headline = {k: estimate.metrics[k] for k in ("n", "conditional", "joint", "binary", "spatial")}
    return Bundle(
        clipspect=__version__,
        encoder=settings.encoder.id,
        encoder_id=encoder.id,
        taxonomy=opened.taxonomy,
        given_taxonomy=settings.taxonomy,
        class_names=opened.index.names,
        views=views if HEADS[name].needs_views else (),
        joint_view=settings.views.joint if reads_text(name, encoder) else None,
        head=name,
        head_settings=head_settings,
        temperature=estimate.temperature,
        max_pixels=settings.data.max_pixels,
        groups=settings.data.groups,
        fitted_on=fitted_on,
        metrics=headline,
        arrays=arrays,
        conformal=estimate.conformal,
        risk=estimate.risk,
        offsets=estimate.offsets,
    )
