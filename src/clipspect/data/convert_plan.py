"""What a conversion writes under which name, and what its target cannot hold. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Literal

from clipspect.data.coco import format_coco
from clipspect.data.data_yaml import format_data_yaml
from clipspect.data.dataset import DatasetIndex
from clipspect.data.rows import Labelled, Tally, printable
from clipspect.data.voc import CLASSES_FILE
from clipspect.data.voc_parse import format_voc, xml_text
from clipspect.data.yolo import format_labels
from clipspect.types import Annotation, Photo

Target = Literal["yolo", "coco", "voc"]
TARGETS: tuple[Target, ...] = ("yolo", "coco", "voc")

_UNFIT = re.compile("[\x00-\x1f\x7f\\\\\ud800-\udfff]|(?<=^.):|^[.]")
_CONTROL = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
_SAME_BOX = 1e-6


@dataclass(frozen=True, slots=True)
class Placed:
    """One photo with its place in the target; `annotations` are what the target can hold of its own."""

    photo: Photo
    split: str
    file_name: str
    annotations: tuple[Annotation, ...]

    def key(self, to: Target) -> str:
        """Where the photo goes, relative to the target folder."""
        folder = {"yolo": f"{self.split}/images", "coco": f"images/{self.split}", "voc": "JPEGImages"}[to]
        return f"{folder}/{self.file_name}"


@dataclass(frozen=True)
class Plan:
    """A conversion before anything is written; `notes` say what the target cannot hold."""

    to: Target
    names: tuple[str, ...]
    splits: tuple[str, ...]
    photos: tuple[Placed, ...]
    notes: tuple[str, ...]


def plan_conversion(index: DatasetIndex, to: Target) -> Plan:
    """Give every class, split and photo of a data set its name in the target."""
    names, notes = _fit_names(index.names, to)
    split_of = _fit_splits(index.splits)
    notes += [f"split {old!r}: written as {new!r}" for old, new in split_of.items() if old != new]
    if index.quarantined:
        notes.append(f"{len(index.quarantined)} quarantined rows and files of the source are not in the result")
    if any(photo.group != photo.key for photo in index.photos):
        notes.append(f"{to} has no place for groups: give the same group settings for the result")
    tally = Tally()
    photos, taken = [], set[tuple[str, str]]()
    for photo in index.photos:
        split = split_of[photo.split]
        file_name = _free_name(PurePosixPath(photo.key).name, "" if to == "voc" else split, taken)
        if file_name != PurePosixPath(photo.key).name:
            tally.add(f"written as {file_name!r}", photo.key)
        annotations = tuple(_fit_annotation(a, to, tally, photo.key) for a in photo.annotations)
        photos.append(Placed(photo, split, file_name, annotations))
    return Plan(to, names, tuple(split_of.values()), tuple(photos), (*notes, *tally.notes()))


def label_files(plan: Plan, sizes_px: Mapping[str, tuple[int, int]]) -> Iterator[tuple[str, str]]:
    """(key, text) of every label file; `sizes_px` are (width, height) by `Photo.key`, only YOLO needs none."""
    writers = {"yolo": _yolo_files, "coco": _coco_files, "voc": _voc_files}
    return writers[plan.to](plan, sizes_px)


def _yolo_files(plan: Plan, sizes_px: Mapping[str, tuple[int, int]]) -> Iterator[tuple[str, str]]:
    yield "data.yaml", format_data_yaml(plan.names, {split: [f"{split}/images"] for split in plan.splits})
    for placed in plan.photos:
        stem = PurePosixPath(placed.file_name).stem
        yield f"{placed.split}/labels/{stem}.txt", format_labels(placed.annotations)


def _coco_files(plan: Plan, sizes_px: Mapping[str, tuple[int, int]]) -> Iterator[tuple[str, str]]:
    for split in plan.splits:
        labelled = [_labelled(placed, sizes_px) for placed in plan.photos if placed.split == split]
        yield f"annotations/instances_{_val(split)}.json", format_coco(labelled, plan.names)


def _voc_files(plan: Plan, sizes_px: Mapping[str, tuple[int, int]]) -> Iterator[tuple[str, str]]:
    yield CLASSES_FILE, _as_lines(plan.names)
    for split in plan.splits:
        stems = [PurePosixPath(placed.file_name).stem for placed in plan.photos if placed.split == split]
        yield f"ImageSets/Main/{_val(split)}.txt", _as_lines(stems)
    for placed in plan.photos:
        stem = PurePosixPath(placed.file_name).stem
        yield f"Annotations/{stem}.xml", format_voc(_labelled(placed, sizes_px), plan.names)


def _labelled(placed: Placed, sizes_px: Mapping[str, tuple[int, int]]) -> Labelled:
    return Labelled(placed.file_name, sizes_px[placed.photo.key], placed.annotations)


def _as_lines(texts: Sequence[str]) -> str:
    return "".join(f"{text}\n" for text in texts)


def _val(split: str) -> str:
    return "val" if split == "valid" else split


def _fit_names(names: Sequence[str], to: Target) -> tuple[tuple[str, ...], list[str]]:
    clean: Callable[[str], str] = {"yolo": _yolo_name, "coco": printable, "voc": xml_text}[to]
    written: list[str] = []
    for class_id, name in enumerate(names):
        fitted = clean(name) or f"class {class_id}"
        while fitted in written and to != "coco":
            fitted = f"{fitted} ({class_id})"
        written.append(fitted)
    changed = [(old, new) for old, new in zip(names, written, strict=True) if old != new]
    return tuple(written), [f"class {printable(old)!r}: written as {new!r}" for old, new in changed]


def _yolo_name(name: str) -> str:
    cleaned = _CONTROL.sub("?", name)
    return cleaned if cleaned.strip() else ""


def _fit_splits(splits: Sequence[str]) -> dict[str, str]:
    fitted: dict[str, str] = {}
    for split in splits:
        name = re.sub(r"[^\w .+-]", "_", split).strip(" .") or "split"
        while name.casefold() in {other.casefold() for other in fitted.values()}:
            name += "_"
        fitted[split] = name
    return fitted


def _free_name(file_name: str, scope: str, taken: set[tuple[str, str]]) -> str:
    """`file_name`, with a number where another photo of the scope has its stem: label files are named by stem."""
    path = PurePosixPath(_UNFIT.sub("_", file_name))
    first = stem = path.stem.strip() or "photo"
    number = 1
    while (scope, stem.casefold()) in taken:
        number += 1
        stem = f"{first}_{number}"
    taken.add((scope, stem.casefold()))
    return stem + path.suffix


def _fit_annotation(annotation: Annotation, to: Target, tally: Tally, key: str) -> Annotation:
    if annotation.confidence is not None and to != "coco":
        tally.add(f"{to} labels have no place for a confidence: left out", key)
        annotation = replace(annotation, confidence=None)
    if not annotation.polygon_xyn or to == "coco":
        return annotation
    if to == "voc":
        tally.add("voc has no place for polygons: written as boxes", key)
        return replace(annotation, polygon_xyn=())
    if not _bounds_the_box(annotation):
        tally.add("yolo has no place for a box besides its polygon: written as the box", key)
        return replace(annotation, polygon_xyn=())
    return annotation


def _bounds_the_box(annotation: Annotation) -> bool:
    xs, ys = ([point[axis] for point in annotation.polygon_xyn] for axis in (0, 1))
    bounds = (min(xs), min(ys), max(xs), max(ys))
    return all(abs(a - b) <= _SAME_BOX for a, b in zip(bounds, annotation.box_xyxyn, strict=True))
