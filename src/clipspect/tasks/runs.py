"""Run folders: refused or replaced, filled, and done when `metrics.json` is there, written last."""

from __future__ import annotations

import datetime
import importlib.metadata
import platform
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from clipspect.config import Settings, settings_toml
from clipspect.data import images
from clipspect.errors import ImageError, OutputExistsError
from clipspect.files import write_json, write_pieces, write_text
from clipspect.metrics.calibrate import softmax
from clipspect.metrics.summary import predict
from clipspect.report import html, pictures, tables
from clipspect.select.ladder import Rung
from clipspect.tasks import predictions, quality
from clipspect.tasks.objects import Objects
from clipspect.tasks.ui import Ui
from clipspect.tasks.wire import Opened
from clipspect.taxonomy import Taxonomy
from clipspect.types import Float64, Photo, Problem
from clipspect.version import __version__

METRICS = "metrics.json"
MARKER = ".clipspect"
"""Hidden file in every folder that a task made: only a folder that holds it is ever replaced or gone on with."""

_MINE = ("config.toml", METRICS, predictions.FILE, "results.csv", "report.html", "model")
_GALLERY_EACH = 3  # right and wrong objects shown of each class: the photos are decoded for it


def prepare(out: Path, *, overwrite: bool, resume: bool, done: str = METRICS) -> Literal["new", "done", "unfinished"]:
    """Refuse, clear or keep an output folder.

    Raises:
        OutputExistsError: It is there and neither option was given, or holds something that clipspect did not make.
    """
    if not out.exists():
        return "new"
    if not out.is_dir():
        raise OutputExistsError(f"{out}: expected a folder to write to, got a file of that name")
    if resume and (out / done).is_file():
        return "done"
    if not any(out.iterdir()):
        return "new"
    if not overwrite and not resume:
        raise OutputExistsError(f"{out}: is already there; give --overwrite to replace it, --resume to finish it")
    if not (out / MARKER).is_file():
        raise OutputExistsError(f"{out}: expected a folder that clipspect made, got another; it is left as it is")
    return "unfinished"


def clear(out: Path, mine: Sequence[str] = _MINE) -> None:
    """Make `out` ours and remove what an earlier run made in it, the file that says it is done first."""
    write_text(out / MARKER, f"made by clipspect {__version__}\n")
    for name in sorted(mine, key=lambda n: n != METRICS):
        path = out / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def free_name(verb: str) -> Path:
    """`runs/<verb>-<n>` with the first n that is not taken."""
    n = 1
    while (path := Path("runs") / f"{verb}-{n}").exists():
        n += 1
    return path


def data_name(data: Path) -> str:
    """The data set's folder's name, for titles."""
    return (data if data.is_dir() else data.parent).resolve().name


def limited(photos: Sequence[Photo], limit: int | None) -> tuple[Photo, ...]:
    """At most `limit` photos, taken in turn from each group so that groups stay represented."""
    if limit is None or limit >= len(photos):
        return tuple(photos)
    turn: dict[str, int] = {}
    order = []
    for photo in photos:
        turn[photo.group] = turn.get(photo.group, -1) + 1
        order.append((turn[photo.group], photo.group, photo))
    chosen = {id(p) for _, _, p in sorted(order, key=lambda o: (o[0], o[1], o[2].key))[: max(limit, 0)]}
    return tuple(p for p in photos if id(p) in chosen)


def limit_notes(photos: Sequence[Photo], used: Sequence[Photo]) -> list[str]:
    """That figures are of a part of the photos, where they are."""
    if len(used) == len(photos):
        return []
    return [f"only {len(used)} of {len(photos)} photos were used (--limit): figures are of these, spread over groups"]


def describe(opened: Opened, ui: Ui) -> None:
    """Say how the classes were read, and what is odd about the data."""
    ui.say("classes as read (override in [taxonomy] of clipspect.toml):")
    for c in opened.taxonomy.classes:
        ui.say(f"  {c.name!r} -> object type {c.object_type!r}, condition {c.condition!r}")
    for note in opened.taxonomy.notes:
        ui.warn(note)
    for note in opened.index.notes:
        ui.say(f"note: {note}")
    if opened.index.quarantined:
        n, first = len(opened.index.quarantined), opened.index.quarantined[0]
        ui.warn(f"{n} rows or files are quarantined (`clipspect data check` lists them); the first: {first}")
    groups = {p.group for p in opened.index.photos}
    if len(groups) == len(opened.index.photos) and len(groups) > 1:
        ui.warn(
            "every photo counts as its own group: if photos overlap (a flight line, a site, a day), say so with "
            "--groups, or the estimate is too good"
        )
    elif opened.group_rule.pattern is not None or opened.group_rule.table:
        unmatched = [p.key for p in opened.index.photos if opened.group_rule.match(p.key) is None]
        if unmatched:
            ui.warn(f"{len(unmatched)} photos match no group and count as their own; the first: {unmatched[0]}")


def note_empty_classes(objects: Objects, taxonomy: Taxonomy, ui: Ui) -> None:
    """Warn of classes without an example: they cannot be learnt."""
    present = set(objects.labels.tolist())
    missing = [c.name for k, c in enumerate(taxonomy.classes) if k not in present]
    if missing:
        ui.warn(f"no example of {', '.join(map(repr, missing))}: a fitted head can never say it")


@dataclass(frozen=True, slots=True)
class RunInput:
    """What a run folder is made of; `logits` are calibrated, for the rows of `objects`; `labels` as they see them."""

    title: str
    command: str
    metrics: dict[str, Any]
    objects: Objects
    logits: Float64
    taxonomy: Taxonomy
    rungs: tuple[Rung, ...]
    quarantined: tuple[Problem, ...]
    notes: tuple[str, ...]
    settings: Settings
    unseen: bool = True
    labels: quality.Quality | None = None


def write_run(out: Path, run: RunInput) -> None:
    """Write config.toml, predictions.jsonl, results.csv, report.html and, last, metrics.json."""
    write_text(out / "config.toml", settings_toml(run.settings))
    said = predictions.lines(run.objects, run.logits, run.taxonomy, _estimate(run.metrics))
    write_pieces(out / predictions.FILE, said)
    write_text(out / "results.csv", tables.results_csv(run.metrics))
    write_text(out / "report.html", html.render_run(run_report(run)))
    write_json(out / METRICS, run.metrics)


def run_report(run: RunInput) -> html.RunReport:
    """The report's content."""
    counts = np.bincount(run.objects.labels, minlength=len(run.taxonomy))
    return html.RunReport(
        title=run.title,
        subtitle=_estimate(run.metrics),
        command=run.command,
        versions=versions(),
        created=now(),
        metrics=run.metrics,
        ladder=tuple(_ladder_row(r) for r in run.rungs),
        gallery=gallery(run.objects, run.logits, run.taxonomy, run.settings.data.max_pixels),
        quarantined=run.quarantined,
        notes=run.notes,
        dataset={
            "photos": len(run.objects.labelled.photos),
            "boxes": len(run.objects.labels),
            "groups": len(set(run.objects.groups)),
            "per_class": {c.name: int(n) for c, n in zip(run.taxonomy.classes, counts, strict=True)},
        },
        naive=_naive(run.metrics),
        unseen=run.unseen,
        suspects=()
        if run.labels is None
        else quality.shown(run.labels, run.objects, run.taxonomy, run.settings.data.max_pixels),
        suspects_note="" if run.labels is None else quality.sentence(run.labels.figures),
    )


def _estimate(metrics: Mapping[str, Any]) -> str:
    return str(metrics.get("estimate", f"split {metrics.get('split')}"))


def gallery(objects: Objects, logits: Float64, taxonomy: Taxonomy, max_pixels: int) -> tuple[html.GalleryItem, ...]:
    """The surest right and the surest wrong objects of each class, as thumbnails."""
    probabilities = softmax(logits, objects.mask)
    given = predict(logits, objects.mask)
    sure = probabilities.max(axis=1)
    chosen: list[int] = []
    for k in range(len(taxonomy)):
        for right in (False, True):
            rows = np.flatnonzero((objects.labels == k) & ((given == k) == right))
            chosen += rows[np.argsort(-sure[rows], kind="stable")][:_GALLERY_EACH].tolist()
    decoded: dict[int, np.ndarray] = {}
    items = []
    for row in sorted(chosen, key=lambda r: int(objects.photo_index[r])):
        photo = objects.labelled.photos[objects.photo_index[row]]
        if objects.photo_index[row] not in decoded:
            try:
                decoded = {int(objects.photo_index[row]): images.read(photo.path, max_pixels=max_pixels)}
            except ImageError:
                continue  # its features came from the cache; the picture has gone since, and the figures stand
        box = photo.detections[objects.object_index[row]].box_xyxy_px
        small = pictures.thumbnail(decoded[int(objects.photo_index[row])], box)
        items.append(
            html.GalleryItem(
                jpeg=pictures.encode_jpeg(small),
                photo_key=photo.key,
                true_class=taxonomy.classes[objects.labels[row]].name,
                predicted_class=taxonomy.classes[given[row]].name if given[row] >= 0 else "unknown object type",
                probability=float(sure[row]),
                correct=bool(given[row] == objects.labels[row]),
            )
        )
    return tuple(items)


def print_metrics(metrics: Mapping[str, Any], ui: Ui) -> None:
    """The headline figures and the table by condition, for the terminal."""
    conditional = metrics["conditional"]
    ui.say(f"n = {metrics['n']} objects in {metrics['n_groups']} groups")
    for name, block, key in (
        ("conditional accuracy", conditional, "accuracy"),
        ("balanced accuracy", conditional, "balanced_accuracy"),
        ("macro F1", conditional, "macro_f1"),
        ("joint accuracy", metrics["joint"], "accuracy"),
        ("normal against not", metrics["binary"], "accuracy"),
        ("pairs both right", metrics["spatial"], "relation_accuracy"),
    ):
        ui.say(f"  {name:<22} {interval_text(block, key)}")
    ui.say(f"  {'ECE':<22} {metrics['calibration']['ece']:.3f}")
    _print_doubts(metrics, ui)
    for name, row in metrics["per_condition"].items():
        if row["n"]:
            ui.say(f"  recall {name:<15} {interval_text(row, 'recall')}  n={row['n']}")


def _print_doubts(metrics: Mapping[str, Any], ui: Ui) -> None:
    sets = metrics.get("conformal") or {}
    if sets.get("n"):
        low, high = sets["coverage_ci95"]
        level = f"{100 * sets['coverage_target']:g} % sets hold"
        ui.say(
            f"  {level:<22} {sets['coverage']:.3f} [{low:.2f}, {high:.2f}]  "
            f"mean size {sets['mean_size']:.2f}  n={sets['n']}"
        )
        for warning in sets["warnings"]:
            ui.say(f"    {warning}")
    rule = metrics.get("abstention")
    if rule is not None:
        ui.say(f"  answered ({rule['rule']}): {interval_text(rule, 'share_answered')}")
        ui.say(f"  {'accuracy of those':<22} {interval_text(rule, 'accuracy_answered')}")


def interval_text(block: Mapping[str, Any], key: str) -> str:
    """`0.768 [0.72, 0.81]`, or `-` where there is no figure."""
    value, ends = block.get(key), (block.get("ci95") or {}).get(key)
    if value is None:
        return "-"
    return f"{value:.3f}" + (f" [{ends[0]:.2f}, {ends[1]:.2f}]" if ends else "")


def versions() -> dict[str, str]:
    """What made the result: clipspect, Python and the packages whose numbers matter."""
    found = {"clipspect": __version__, "python": platform.python_version()}
    for package in ("numpy", "pillow", "torch", "transformers", "scikit-learn", "onnxruntime"):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def now() -> str:
    """This moment, UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _naive(metrics: Mapping[str, Any]) -> dict[str, Any] | None:
    """The leaking estimate in the report's words."""
    if (naive := metrics.get("naive")) is None:
        return None
    low, high = naive["ci95"] or (None, None)
    return {"accuracy": naive["accuracy"], "low": low, "high": high, "what": naive["what"]}


def _ladder_row(rung: Rung) -> html.LadderRow:
    low, high = rung.ci95 if rung.ci95 else (None, None)
    verdict = "reference" if rung.against is None else "accepted" if rung.accepted else "refused"
    return html.LadderRow(
        name=rung.name,
        accuracy=rung.accuracy,
        difference=None if rung.against is None else rung.difference,
        difference_low=low,
        difference_high=high,
        verdict=verdict,
        reason=rung.reason,
    )
