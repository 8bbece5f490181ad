"""`clipspect data check|stats|split|convert`: what is in a data set, what is wrong with it, and other layouts of it."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from clipspect.config import Settings
from clipspect.data import audit
from clipspect.data import convert as conversion
from clipspect.data.dataset import DatasetIndex
from clipspect.data.groups import split_by_group
from clipspect.data.stats import dataset_stats
from clipspect.errors import ConfigError, EmptyDataError
from clipspect.files import write_json
from clipspect.spatial.relations import relate
from clipspect.tasks import runs, wire
from clipspect.tasks.objects import label
from clipspect.tasks.ui import Silent, Ui
from clipspect.types import Problem


def check(
    data: Path,
    *,
    settings: Settings | None = None,
    format: str = "auto",
    groups_csv: Path | None = None,
    json: Path | None = None,
    ui: Ui | None = None,
) -> dict[str, Any]:
    """Read every label and decode every photo; say what is wrong, where, and what leaks between splits.

    Args:
        data: A data set.
        settings: In force; by default those beside the data.
        format: "auto", "yolo", "coco", "voc" or "folders".
        groups_csv: Photo to group.
        json: File for the result, or None.
        ui: Where notes and progress go.

    Returns:
        `photos`, `boxes` (kept), `quarantined` [{file, line, code, reason}], `notes`, `findings` (readable but odd
        photos), `duplicates` [{a, b, splits, distance, exact}], `shared_groups` [{group, photos}], `classes`, and
        `ok`: whether nothing was quarantined and nothing leaks.
    """
    ui = ui or Silent()
    settings = settings or wire.load_settings(data, None)
    opened = wire.open_dataset(data, settings, format=format, groups_csv=groups_csv)
    photos = opened.index.photos
    if not photos and not opened.index.quarantined:
        raise EmptyDataError(f"{data}: expected photos to check, got none")
    with ui.track("decoding photos", len(photos)) as step:
        seen = audit.audit_images(photos, max_pixels=settings.data.max_pixels, progress=lambda _: step())
    broken = {p.file for p in seen.problems}
    kept = [p for p in photos if p.key not in broken]
    quarantined = (*opened.index.quarantined, *seen.problems)
    duplicates = audit.find_duplicates(seen.fingerprints)
    given = settings.data.groups is not None or groups_csv is not None
    shared = audit.find_shared_groups(kept) if given else ()
    across = [d for d in duplicates if d.across_splits]
    result = {
        "photos": len(kept),
        "boxes": sum(len(p.annotations) for p in kept),
        "quarantined": [dataclasses.asdict(p) for p in quarantined],
        "notes": [*opened.index.notes, *opened.taxonomy.notes],
        "findings": [dataclasses.asdict(p) for p in seen.findings],
        "duplicates": [
            {"a": d.key_a, "b": d.key_b, "splits": [d.split_a, d.split_b], "distance": d.distance, "exact": d.exact}
            for d in duplicates
        ],
        "shared_groups": [{"group": s.group, "photos": dict(s.photos_by_split)} for s in shared],
        "classes": [dataclasses.asdict(c) for c in opened.taxonomy.classes],
        "ok": not (quarantined or across or shared),
    }
    if json is not None:
        write_json(json, result)
    _say_check(result, opened, quarantined, ui)
    return result


def stats(
    data: Path,
    *,
    settings: Settings | None = None,
    format: str = "auto",
    groups_csv: Path | None = None,
    json: Path | None = None,
    ui: Ui | None = None,
) -> dict[str, Any]:
    """Count photos, boxes, classes and relations; see `data.stats.dataset_stats` for the keys."""
    ui = ui or Silent()
    settings = settings or wire.load_settings(data, None)
    opened = wire.open_dataset(data, settings, format=format, groups_csv=groups_csv)
    labelled = label(opened.index.photos, opened.taxonomy)
    if not labelled.records:
        raise EmptyDataError(f"{data}: expected photos, got none that can be read")
    result = dataset_stats(labelled.records, opened.taxonomy, [p.size_px for p in labelled.photos], relate)
    if json is not None:
        write_json(json, result)
    _say_stats(result, ui)
    return result


def split(
    data: Path,
    *,
    out: Path,
    fractions: Mapping[str, float],
    settings: Settings | None = None,
    format: str = "auto",
    groups_csv: Path | None = None,
    overwrite: bool = False,
    ui: Ui | None = None,
) -> Path:
    """Write a copy of the data set as YOLO whose splits share no group; class shares stay as even as groups allow.

    Args:
        data: A data set; its own splits are ignored.
        out: Folder to make.
        fractions: Split name to share of the photos; they add up to 1.
        settings: In force; `data.groups` says what a group is.
        format: See `check`.
        groups_csv: Photo to group.
        overwrite: Replace a folder that an earlier call made.
        ui: Where notes go.
    """
    ui = ui or Silent()
    settings = settings or wire.load_settings(data, None)
    opened = wire.open_dataset(data, settings, format=format, groups_csv=groups_csv)
    runs.describe(opened, ui)
    photos = opened.index.photos
    if not photos:
        raise EmptyDataError(f"{data}: expected photos to split, got none")
    parts = split_by_group(
        [p.group for p in photos],
        [[opened.taxonomy.class_index_of_id[a.class_id] for a in p.annotations] for p in photos],
        fractions,
        n_classes=len(opened.taxonomy),
        rng=np.random.default_rng(settings.seed),
    )
    moved = tuple(dataclasses.replace(p, split=s) for p, s in zip(photos, parts, strict=True))
    index = dataclasses.replace(opened.index, photos=moved, splits=tuple(fractions))
    _write_converted(index, out, "yolo", overwrite, ui)
    for name in fractions:
        mine = [p for p in moved if p.split == name]
        boxes = Counter(
            opened.taxonomy.classes[opened.taxonomy.class_index_of_id[a.class_id]].name
            for p in mine
            for a in p.annotations
        )
        ui.say(f"{name}: {len(mine)} photos, {len({p.group for p in mine})} groups, {dict(sorted(boxes.items()))}")
    return out


def convert(
    data: Path,
    *,
    out: Path,
    to: Literal["yolo", "coco", "voc"],
    settings: Settings | None = None,
    format: str = "auto",
    overwrite: bool = False,
    ui: Ui | None = None,
) -> Path:
    """Write a copy of the data set in another format; says what the target cannot hold."""
    ui = ui or Silent()
    opened = wire.open_dataset(data, settings or wire.load_settings(data, None), format=format)
    _write_converted(opened.index, out, to, overwrite, ui)
    return out


def parse_fractions(text: str) -> dict[str, float]:
    """Read "train=0.7,valid=0.15,test=0.15".

    Raises:
        ConfigError: Not of this form.
    """
    fractions: dict[str, float] = {}
    for part in text.split(","):
        # A split is a folder: its name must not lead anywhere else.
        found = re.fullmatch(r"\s*([A-Za-z0-9_-]+)\s*=\s*(\d*\.?\d+)\s*", part)
        if found is None or found[1] in fractions:
            raise ConfigError(f"--fractions: expected train=0.7,valid=0.15,test=0.15, got {text!r}")
        fractions[found[1]] = float(found[2])
    return fractions


def _write_converted(
    index: DatasetIndex, out: Path, to: Literal["yolo", "coco", "voc"], overwrite: bool, ui: Ui
) -> None:
    done = conversion.convert(index, out, to, overwrite=overwrite)
    for note in done.notes:
        ui.say(f"note: {note}")
    for problem in (*index.quarantined, *done.quarantined):
        ui.warn(f"left out: {problem}")


def _say_check(result: Mapping[str, Any], opened: wire.Opened, quarantined: tuple[Problem, ...], ui: Ui) -> None:
    runs.describe(dataclasses.replace(opened, index=dataclasses.replace(opened.index, quarantined=())), ui)
    for finding in result["findings"]:
        ui.say(f"odd: {Problem(**finding)}")
    for pair in result["duplicates"]:
        kind = "exact" if pair["exact"] else f"near ({pair['distance']} bits)"
        text = f"{kind} duplicates: {pair['a']} and {pair['b']}"
        if pair["splits"][0] != pair["splits"][1]:
            ui.warn(f"leak: {text}, in {pair['splits'][0]} and {pair['splits'][1]}")
        else:
            ui.say(text)
    for group in result["shared_groups"]:
        ui.warn(f"leak: group {group['group']!r} has photos in {group['photos']}")
    for problem in quarantined:
        ui.warn(f"quarantined: {problem}")
    verdict = "nothing is wrong" if result["ok"] else f"{len(quarantined)} quarantined; see above"
    ui.say(f"{result['photos']} photos, {result['boxes']} boxes: {verdict}")


def _say_stats(result: Mapping[str, Any], ui: Ui) -> None:
    a_photo = result["boxes_a_photo"]
    ui.say(f"{result['photos']} photos, {result['boxes']} boxes, {result['groups']} groups")
    ui.say(f"boxes a photo: mean {a_photo['mean']:.2f}, sd {a_photo['sd']:.2f}, max {a_photo['max']}")
    for name, row in result["by_split"].items():
        ui.say(f"  {name:<8} {row['photos']:>5} photos {row['boxes']:>6} boxes {row['groups']:>4} groups")
    ui.say(f"{'class':<28} {'n':>6} {'weight':>7}  y quartiles")
    for name, row in result["classes"].items():
        weight = "-" if row["weight"] is None else f"{row['weight']:.2f}"
        where = "-" if row["centre_y_quartiles"] is None else " ".join(f"{q:.2f}" for q in row["centre_y_quartiles"])
        ui.say(f"{name:<28} {row['count']:>6} {weight:>7}  {where}")
    ratio = result["imbalance_ratio"]
    ui.say(f"imbalance n_max/n_min: {'-' if ratio is None else format(ratio, '.1f')}")
    relations = result["relationships"]
    ui.say(f"spatial relationships: {relations['pairs']} pairs, {relations['near']} near, {relations['by_relation']}")
