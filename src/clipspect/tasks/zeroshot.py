"""`clipspect zeroshot`: conditions from words alone, measured where there are labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from clipspect.config import Settings
from clipspect.data.views import parse_view
from clipspect.encode import require_text
from clipspect.errors import ConfigError, EmptyDataError
from clipspect.export.bundle import Bundle, FittedOn, save_bundle
from clipspect.heads import make_head
from clipspect.pipeline.inspect import TwoStage
from clipspect.protocols import Encoder, Head
from clipspect.tasks import runs, wire
from clipspect.tasks.estimate import measure
from clipspect.tasks.fit import FIT_SPLITS
from clipspect.tasks.inspect import DONE, MINE, write_inspections
from clipspect.tasks.objects import label, with_features
from clipspect.tasks.photos import find_photos
from clipspect.tasks.prototypes import make_prototypes
from clipspect.tasks.ui import Silent, Ui
from clipspect.taxonomy import Taxonomy, read_taxonomy
from clipspect.types import RGB, Detection, Detections, ObjectFeatures, Prototypes
from clipspect.version import __version__


def zeroshot(
    data: Path,
    *,
    out: Path,
    split: str | None = None,
    settings: Settings | None = None,
    format: str = "auto",
    groups_csv: Path | None = None,
    limit: int | None = None,
    overwrite: bool = False,
    resume: bool = False,
    offline: bool = False,
    command: str = "clipspect.zeroshot",
    ui: Ui | None = None,
) -> Path:
    """Compare objects with the prompts of their classes; nothing is fitted.

    Args:
        data: A labelled data set.
        out: Run folder to make; its model can be used like a fitted one.
        split: Which split to measure on; by default train and valid, so that `test` stays unread while words change.
        settings: In force; by default those beside the data.
        format: See `fit`.
        groups_csv: See `fit`.
        limit: See `fit`.
        overwrite: See `fit`.
        resume: See `fit`.
        offline: Open no socket.
        command: As it stands in the report.
        ui: Where notes and progress go.

    Raises:
        MissingAbilityError: The encoder has no text side; names those that have.
    """
    ui = ui or Silent()
    settings = settings or wire.load_settings(data, None)
    encoder = wire.make_encoder(settings, offline=offline)
    require_text(encoder)
    if runs.prepare(out, overwrite=overwrite, resume=resume) == "done":
        return out
    opened = wire.open_dataset(data, settings, format=format, groups_csv=groups_csv)
    runs.describe(opened, ui)
    splits = [split] if split else [s for s in FIT_SPLITS if s in opened.index.splits]
    photos = runs.limited(opened.index.of_split(*splits), limit)
    limits = runs.limit_notes(opened.index.of_split(*splits), photos)
    if not photos:
        raise EmptyDataError(f"{data}: expected photos in {splits or list(FIT_SPLITS)}, got none")
    with wire.open_cache() as cache:
        extractor = wire.make_extractor(encoder, settings, opened.taxonomy, use_views=False, use_text=True, cache=cache)
        labelled = label(photos, opened.taxonomy)
        with ui.track("encoding objects", len(labelled.photos)) as step:
            objects = with_features(labelled, extractor, opened.taxonomy, step)
        prototypes = make_prototypes(encoder, settings, opened.taxonomy, cache)
    head = _head(objects.features, prototypes, opened.taxonomy, settings)
    logits = head.scores(objects.features)
    metrics = {
        "split": "+".join(splits),
        "estimate": f"zero-shot on {'+'.join(splits)}; nothing was fitted",
        "head": "zeroshot",
        **measure(logits, objects, opened.taxonomy, settings),
        "quarantined": len(opened.index.quarantined) + len(objects.problems),
    }
    runs.clear(out)
    save_bundle(_bundle(head, encoder, opened.taxonomy, opened.index.names, settings), out / "model")
    runs.write_run(
        out,
        runs.RunInput(
            title=f"{runs.data_name(data)}: zero-shot with {settings.encoder.id}",
            command=command,
            metrics=metrics,
            objects=objects,
            logits=logits,
            taxonomy=opened.taxonomy,
            rungs=(),
            quarantined=opened.index.quarantined + objects.problems,
            notes=(*opened.index.notes, *opened.taxonomy.notes, *limits),
            settings=settings,
        ),
    )
    runs.print_metrics(metrics, ui)
    return out


def zeroshot_photos(
    photos: Sequence[Path | str],
    classes: Path,
    *,
    out: Path,
    settings: Settings | None = None,
    limit: int | None = None,
    overwrite: bool = False,
    resume: bool = False,
    offline: bool = False,
    command: str = "clipspect.zeroshot",
    ui: Ui | None = None,
) -> Path:
    """Classify whole photos without any labels: the classes are the lines of a text file.

    Args:
        photos: Files, folders or globs; each photo counts as one object.
        classes: UTF-8 text file, one class name a line.
        out: Folder to make; holds decisions.csv, pictures/, report.html and inspections.json.
        settings: In force.
        limit: Only the first so many photos.
        overwrite: Replace an existing `out`.
        resume: Go on where an earlier run of the same command stopped.
        offline: Open no socket.
        command: As it stands in the report.
        ui: Where notes and progress go.
    """
    ui = ui or Silent()
    settings = settings or Settings()
    names = _class_names(classes)
    # Without boxes nobody says what the object is, so all classes compete: one type, each whole class a condition.
    taxonomy = read_taxonomy(names, {n: ("photo", n) for n in names})
    worded = read_taxonomy(names, settings.taxonomy)
    if not len(names) == len(taxonomy) == len(worded):
        notes = "; ".join(dict.fromkeys(taxonomy.notes + worded.notes))
        raise ConfigError(f"{classes}: expected classes that differ in more than spelling, got: {notes}")
    encoder = wire.make_encoder(settings, offline=offline)
    require_text(encoder)
    state = runs.prepare(out, overwrite=overwrite, resume=resume, done=DONE)
    found = find_photos(photos, out=out)[:limit]
    if state == "done":
        return out
    if overwrite or state == "new":
        runs.clear(out, MINE)
    with wire.open_cache() as cache:
        prototypes = make_prototypes(encoder, settings, worded, cache)
    extractor = wire.make_extractor(encoder, settings, taxonomy, use_views=False, use_text=True, cache=None)
    extractor.joint_view = parse_view("image")
    empty = _no_features(prototypes)
    two_stage = TwoStage(extractor, _head(empty, prototypes, taxonomy, settings), taxonomy, temperature=1.0)
    return write_inspections(
        two_stage,
        WholePhoto(),
        found,
        out,
        begun_with=f"{encoder.id} and {settings.prompts} on the classes {names}",
        subtitle=f"zero-shot with {settings.encoder.id}, each photo as one object",
        command=command,
        ui=ui,
    )


class WholePhoto:
    """A detector for photos of one object: the photo is the box."""

    id = "whole photo"

    def detect(self, images: Sequence[RGB], names: Sequence[str]) -> list[Detections]:
        """One object of the type "photo" each."""
        return [(Detection((0.0, 0.0, float(i.shape[1]), float(i.shape[0])), "photo"),) for i in images]


def _class_names(path: Path) -> list[str]:
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: expected a UTF-8 text file, one class name a line, got: {error}") from error
    names = [line.strip() for line in lines if line.strip()]
    if len(set(names)) < 2 or len(set(names)) != len(names):
        raise ConfigError(f"{path}: expected at least two different class names, one a line, got {names}")
    return names


def _head(features: ObjectFeatures, prototypes: Prototypes, taxonomy: Taxonomy, settings: Settings) -> Head:
    n = len(features)
    return make_head("zeroshot", settings.head.options.get("zeroshot", {})).fit(
        features,
        np.zeros(n, dtype=np.int64),  # zero-shot never looks at labels
        prototypes=prototypes,
        mask=taxonomy.mask(features.object_types),
        weights=None,
        rng=np.random.default_rng(settings.seed),
    )


def _no_features(prototypes: Prototypes) -> ObjectFeatures:
    joint = np.zeros((0, prototypes.vectors.shape[1]), dtype=np.float32)
    return ObjectFeatures({}, joint, np.zeros((0, 0), dtype=np.float32), (), ())


def _bundle(head: Head, encoder: Encoder, taxonomy: Taxonomy, names: tuple[str, ...], settings: Settings) -> Bundle:
    head_settings, arrays = head.state()
    return Bundle(
        clipspect=__version__,
        encoder=settings.encoder.id,
        encoder_id=encoder.id,
        taxonomy=taxonomy,
        given_taxonomy=settings.taxonomy,
        class_names=names,
        views=(),
        joint_view=settings.views.joint,
        head="zeroshot",
        head_settings=head_settings,
        temperature=1.0,
        max_pixels=settings.data.max_pixels,
        groups=settings.data.groups,
        fitted_on=FittedOn(),
        arrays=arrays,
    )
