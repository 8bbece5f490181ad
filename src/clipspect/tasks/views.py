"""`clipspect views`: what each view of an object is worth, and what it costs. Reads train and valid, never test."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from clipspect.config import Settings
from clipspect.data.groups import grouped_folds
from clipspect.data.views import View, crop, parse_view
from clipspect.errors import EmptyDataError, SplitNotFoundError
from clipspect.files import write_json, write_text
from clipspect.pipeline.cost import measure_speed, seconds_a_photo
from clipspect.pipeline.features import FeatureExtractor
from clipspect.protocols import DenseEncoder, Encoder
from clipspect.report import html, pictures
from clipspect.tasks import runs, wire
from clipspect.tasks.bench import Bench, table
from clipspect.tasks.estimate import estimate_name
from clipspect.tasks.latency import example, objects_a_photo
from clipspect.tasks.objects import Labelled, Objects, label, with_features
from clipspect.tasks.ui import Silent, Ui

FIT_SPLITS = ("train", "valid")

CANDIDATES = (
    "tight:margin=0.05",
    "tight:margin=0.15",
    "tight:margin=0.15,aspect=pad",
    "tight:margin=0.15,turn=1",
    "tight:margin=0.15,flip=1",
    "square:scale=1",
    "square:scale=1.2",
    "square:scale=1.2,background=dim",
    "tiles:count=3",
    "tiles:count=3,turn=1",
    "tiles:count=5",
    "context:scale=2",
    "context:scale=3",
    "image",
    "dense:margin=0",
    "dense:windows=2",
)
"""Single views that are measured unless others are asked for."""

_MINE = ("metrics.json", "report.html")
_TILE_PX = 96
_MOST_PICTURES = 6
_FLATTERS = (
    "The sets were chosen among many on the same folds that measure them, so their figures, and the ends of their "
    "intervals, flatter. `fit` measures a choice on groups that had no part in it."
)


def measure_views(
    data: Path,
    *,
    out: Path,
    views: Sequence[str] = CANDIDATES,
    max_latency_s: float | None = None,
    settings: Settings | None = None,
    format: str = "auto",
    groups_csv: Path | None = None,
    limit: int | None = None,
    overwrite: bool = False,
    offline: bool = False,
    command: str = "clipspect.measure_views",
    ui: Ui | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Path:
    """Measure single views, the default set, and sets found by forward selection, by cross-validation over groups.

    Args:
        data: A `data.yaml`, its folder, or a data set in another format.
        out: The folder to make: `report.html` and, last, `metrics.json`.
        views: Single views to measure.
        max_latency_s: Sets that take longer to encode, for a photo with the mean number of objects, are not chosen.
        settings: In force; `settings.views.heads` is the set that all others are held against.
        format: "auto", "yolo", "coco", "voc" or "folders".
        groups_csv: Photo to group, in place of `settings.data.groups`.
        limit: Use only so many photos, spread over the groups.
        overwrite: Replace an existing folder.
        offline: Open no socket.
        command: As it stands in the report.
        ui: Where notes and progress go.
        clock: Seconds, for measuring the encoder.

    Returns:
        The folder.

    Raises:
        EmptyDataError: Fewer than two groups of photos with objects.
        SplitNotFoundError: No split to fit on.
    """
    ui = ui or Silent()
    settings = settings or wire.load_settings(data, None)
    default = tuple(parse_view(v).name for v in settings.views.heads)
    candidates = list({view.name: view for view in map(parse_view, views)}.values())
    runs.prepare(out, overwrite=overwrite, resume=False)
    opened = wire.open_dataset(data, settings, format=format, groups_csv=groups_csv)
    runs.describe(opened, ui)
    splits = [s for s in FIT_SPLITS if s in opened.index.splits]
    if not splits:
        raise SplitNotFoundError(f"{data}: expected a split 'train' to measure on, got {list(opened.index.splits)}")
    photos = runs.limited(opened.index.of_split(*splits), limit)
    notes = [_FLATTERS, *runs.limit_notes(opened.index.of_split(*splits), photos)]
    encoder = wire.make_encoder(settings, offline=offline)
    if not isinstance(encoder, DenseEncoder):
        notes += [f"{v.name} was left out: {encoder.id} has no dense features" for v in candidates if v.kind == "dense"]
        candidates = [v for v in candidates if v.kind != "dense"]
    labelled = label(photos, opened.taxonomy)
    per_photo = objects_a_photo(labelled)
    image, box = example(labelled, settings.data.max_pixels)
    in_force = [parse_view(v) for v in default]
    speed = measure_speed(encoder, image, clock, dense=any(v.kind == "dense" for v in (*candidates, *in_force)))
    limit_s = math.inf if max_latency_s is None else max_latency_s
    slow = [v for v in candidates if seconds_a_photo([v], per_photo, speed) > limit_s]
    notes += [f"{v.name} was left out: it alone takes longer than {limit_s:g} s a photo" for v in slow]
    kept = [v for v in candidates if v not in slow]
    used = {v.name: v for v in (*kept, *in_force)}
    objects = _features(labelled, encoder, list(used.values()), opened, ui)
    if len(set(objects.groups)) < 2:
        raise EmptyDataError(f"{data}: expected objects of at least two groups of photos, got one; check --groups")
    folds = grouped_folds(
        objects.groups,
        objects.labels,
        max_folds=settings.evaluation.max_folds,
        rng=np.random.default_rng(settings.seed),
    )
    bench = Bench(objects, tuple(folds), settings, opened.taxonomy, speed, per_photo)
    conditions = list(dict.fromkeys(opened.taxonomy.classes[k].condition for k in sorted(set(objects.labels.tolist()))))
    ui.say(_heading(conditions))
    rows = []
    for row in table(bench, [v.name for v in kept], default, max_latency_s):
        ui.say(_line(row, conditions))
        rows.append(row)
    best: list[str] = next((row["views"] for row in reversed(rows) if row["kind"] == "selected"), [])
    result = {
        "estimate": estimate_name(len(folds), len(set(objects.groups))),
        "split": "+".join(splits),
        "encoder": encoder.id,
        "n": len(objects.labels),
        "n_groups": len(set(objects.groups)),
        "objects_a_photo": per_photo,
        "seconds_a_crop": speed.crop_s,
        "seconds_a_map": speed.map_s,
        "max_latency_s": max_latency_s,
        "default": list(default),
        "best": best,
        "tried": len(bench.logits),
        "rows": rows,
        "notes": notes,
    }
    runs.clear(out, _MINE)
    report = html.ViewsReport(
        title=f"{runs.data_name(data)}: what views are worth",
        subtitle=f"{result['estimate']}; {result['n']} objects, {per_photo:.1f} a photo",
        command=command,
        versions=runs.versions(),
        created=runs.now(),
        rows=tuple(rows),
        best=tuple(best),
        pictures={name: _strip(image, box, view, encoder.input_px) for name, view in used.items()},
        quarantined=opened.index.quarantined + objects.problems,
        notes=tuple(notes),
    )
    write_text(out / "report.html", html.render_views(report))
    write_json(out / runs.METRICS, result)
    if best:
        ui.say(f"best set found: [views] heads = {best!r}")
    for note in notes:
        ui.say(f"note: {note}")
    return out


def _features(labelled: Labelled, encoder: Encoder, views: Sequence[View], opened: wire.Opened, ui: Ui) -> Objects:
    with wire.open_cache() as cache:
        extractor = FeatureExtractor(
            encoder,
            views=views,
            joint_view=None,
            known_types=opened.taxonomy.object_types,
            max_pixels=opened.settings.data.max_pixels,
            cache=cache,
        )
        with ui.track("encoding objects", len(labelled.photos)) as step:
            return with_features(labelled, extractor, opened.taxonomy, step)


def _strip(image: np.ndarray, box: tuple[float, float, float, float], view: View, side_px: int) -> bytes:
    """The first crops of a view side by side, as JPEG; of a dense view the box that is pooled."""
    shown = crop(image, box, view, side_px)[:_MOST_PICTURES]
    return pictures.encode_jpeg(np.concatenate([pictures.shrink(c, _TILE_PX) for c in shown], axis=1))


def _heading(conditions: Sequence[str]) -> str:
    recalls = " ".join(f"{c[:8]:>8}" for c in conditions)
    return f"{'accuracy [95 %]':<22}{'against default':<26}{'balanced':>8} {recalls} {'s/photo':>8}  views"


def _line(row: dict[str, Any], conditions: Sequence[str]) -> str:
    low, high = row["ci95"] or (float("nan"), float("nan"))
    said = f"{row['accuracy']:.3f} [{low:.3f}, {high:.3f}]"
    against = "" if row["difference"] is None else f"{row['difference']:+.3f}"
    if row["difference_ci95"] is not None:
        against += " [{:+.3f}, {:+.3f}]".format(*row["difference_ci95"])
    found = " ".join(_figure(row["recall"].get(c)) for c in conditions)
    names = " + ".join([*row["views"], *(["spatial"] if row["spatial"] else [])])
    figures = f"{said:<22}{against:<26}{_figure(row['balanced_accuracy'])} {found} {row['seconds_a_photo']:>8.3f}"
    return f"{figures}  {row['kind']}: {names}"


def _figure(value: float | None) -> str:
    return f"{'-':>8}" if value is None else f"{value:>8.3f}"
