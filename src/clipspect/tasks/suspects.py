"""`clipspect data suspects`: labels that out-of-fold predictions speak against, for a person to look at."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clipspect.config import Settings
from clipspect.data import images
from clipspect.errors import ConfigError, DataError, OutputExistsError
from clipspect.files import write_json, write_text
from clipspect.report import html, tables
from clipspect.report.suspects import SuspectReport, render
from clipspect.tasks import predictions, quality, runs, wire
from clipspect.tasks.fit import fit
from clipspect.tasks.objects import Labelled, label
from clipspect.tasks.predictions import Predictions, Said
from clipspect.tasks.ui import Silent, Ui
from clipspect.taxonomy import ObjectClass, Taxonomy
from clipspect.types import Annotation, Box, Photo

COLUMNS = (
    "photo", "object", "left_px", "top_px", "right_px", "bottom_px", "given", "suggested", "score",
    "probability_given", "probability_suggested", "group", "split", "label_file", "line",
)  # fmt: skip
_PICTURES = 60


@dataclass(frozen=True, slots=True)
class _Found:
    """A labelled object of DATA that a prediction is about."""

    photo: Photo
    annotation: Annotation
    given: ObjectClass


def suspects(
    data: Path,
    *,
    out: Path,
    model: Path | None = None,
    settings: Settings | None = None,
    format: str = "auto",
    groups_csv: Path | None = None,
    limit: int | None = None,
    overwrite: bool = False,
    offline: bool = False,
    json: Path | None = None,
    command: str = "clipspect.suspects",
    ui: Ui | None = None,
) -> Path:
    """Rank the labels of train and valid by how surely they are wrong; nothing is changed.

    Args:
        data: A data set.
        out: CSV file to write; an HTML report with pictures goes beside it, with the ending .html.
        model: Run folder whose predictions count: of `fit` (out of fold), `zeroshot` or `evaluate`. Without one, the
            data are cross-validated as `fit` does it.
        settings: In force; by default those beside the data.
        format: See `fit`.
        groups_csv: See `fit`.
        limit: See `fit`.
        overwrite: Replace existing files.
        offline: Open no socket.
        json: File for the figures, or None.
        command: As it stands in the report.
        ui: Where notes and progress go.

    Returns:
        The CSV file.

    Raises:
        OutputExistsError: A file is already there.
        DataError: The run's predictions are of other photos.
    """
    ui = ui or Silent()
    settings = settings or wire.load_settings(data, None)
    page = out.with_suffix(".html")
    if page == out:
        raise ConfigError(f"--out {out}: expected the name of a CSV file; the HTML report goes beside it")
    for file in (out, page):
        if file.exists() and not overwrite:
            raise OutputExistsError(f"{file}: is already there; give --overwrite to replace it")
    if model is not None:
        said = predictions.load(model)
    else:
        with tempfile.TemporaryDirectory() as folder:
            run = Path(folder) / "run"
            fit(
                data,
                out=run,
                settings=settings,
                format=format,
                groups_csv=groups_csv,
                limit=limit,
                offline=offline,
                command=command,
                ui=ui,
            )
            said = predictions.load(run)
    opened = wire.open_dataset(data, settings, format=format, groups_csv=groups_csv)
    splits = [s for s in opened.index.splits if s in {o.split for o in said.objects}]
    where = _places(label(opened.index.of_split(*splits), opened.taxonomy), opened.taxonomy)
    looked = _look(said)
    matched, notes = _matched(said, looked, where, data)
    rows = [_row(found, said, looked, i) for i, found in matched]
    note = quality.sentence(looked.figures)
    for line in (note, *notes):
        ui.say(line)
    jpegs = quality.thumbnails([_place(f, said.objects[i]) for i, f in matched[:_PICTURES]], settings.data.max_pixels)
    items = [
        html.SuspectItem(jpeg, str(r["photo"]), str(r["given"]), str(r["suggested"]), float(str(r["score"])))
        for jpeg, r in zip(jpegs, rows, strict=False)
        if jpeg is not None
    ]
    report = SuspectReport(
        title=f"{runs.data_name(data)}: labels to look at",
        subtitle=said.estimate,
        command=command,
        versions=runs.versions(),
        created=runs.now(),
        sentence=note,
        items=tuple(items),
        listed=len(rows),
        notes=tuple(notes),
    )
    write_text(page, render(report))
    write_text(out, tables.rows_csv(rows, COLUMNS))
    if json is not None:
        write_json(json, {**looked.figures, "listed": len(rows), "notes": notes, "objects": rows})
    return out


def _look(said: Predictions) -> quality.Quality:
    probabilities, labels, mask = said.arrays()
    given = np.array([o.conditional for o in said.objects], dtype=np.int64)
    return quality.look(probabilities, given, labels, mask)


def _places(labelled: Labelled, taxonomy: Taxonomy) -> dict[tuple[str, Box], _Found]:
    where: dict[tuple[str, Box], _Found] = {}
    for one, record, answers in zip(labelled.photos, labelled.records, labelled.answers, strict=True):
        content = images.content_hash(one.path)
        for detection, annotation, answer in zip(one.detections, record.annotations, answers, strict=True):
            found = _Found(record, annotation, taxonomy.classes[answer])
            where.setdefault((content, predictions.rounded(detection.box_xyxy_px)), found)
    return where


def _matched(
    said: Predictions, looked: quality.Quality, where: dict[tuple[str, Box], _Found], data: Path
) -> tuple[list[tuple[int, _Found]], list[str]]:
    places = [where.get((o.content, o.box_xyxy_px)) for o in said.objects]
    if not any(places):
        raise DataError(f"{data}: expected the photos and boxes that {said.run} was measured on, got none of them")
    matched, gone, relabelled = [], 0, 0
    for i in looked.suspects.ranked.tolist():
        found, true = places[i], said.classes[said.objects[i].true]
        if found is None:
            gone += 1
        elif (found.given.object_type, found.given.condition) != (true.object_type, true.condition):
            relabelled += 1
        else:
            matched.append((i, found))
    notes = []
    if gone:
        notes.append(f"{gone} suspects of the run are not in {data} any more and are not listed")
    if relabelled:
        notes.append(f"{relabelled} suspects have another label since and are not listed")
    return matched, notes


def _place(found: _Found, o: Said) -> tuple[Path, Box]:
    return found.photo.path, o.box_xyxy_px


def _row(found: _Found, said: Predictions, looked: quality.Quality, i: int) -> dict[str, tables.Cell]:
    o, suggested = said.objects[i], int(looked.suspects.suggested[i])
    left, top, right, bottom = o.box_xyxy_px
    return {
        "photo": found.photo.key,
        "object": o.index + 1,
        "left_px": left,
        "top_px": top,
        "right_px": right,
        "bottom_px": bottom,
        "given": found.given.name,
        "suggested": said.classes[suggested].name,
        "score": float(looked.suspects.score[i]),
        "probability_given": o.probabilities.get(o.true, 0.0),
        "probability_suggested": o.probabilities[suggested],
        "group": o.group,
        "split": o.split,
        "label_file": None if found.photo.label_path is None else str(found.photo.label_path),
        "line": found.annotation.line,
    }
