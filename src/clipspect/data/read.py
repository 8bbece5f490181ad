"""Which format a data set is in, and the one door to all readers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from clipspect.data.coco import read_coco
from clipspect.data.dataset import DatasetIndex
from clipspect.data.folders import read_folders
from clipspect.data.paths import is_photo
from clipspect.data.voc import read_voc
from clipspect.data.yolo_files import MissingLabels, find_data_yaml, read_yolo
from clipspect.errors import DataError

Reader = Callable[[Path], DatasetIndex]


@dataclass(frozen=True)
class Format:
    """How to recognise one format.

    Attributes:
        looks_like: Whether a file or folder looks like it, by names alone.
        looked_for: What `looks_like` looks for, for a person.
    """

    looks_like: Callable[[Path], bool]
    looked_for: str


def _looks_like_yolo(data: Path) -> bool:
    return find_data_yaml(data) is not None


def _looks_like_coco(data: Path) -> bool:
    if data.is_file():
        return data.suffix.lower() == ".json"
    patterns = ["_annotations.coco.json", "*/_annotations.coco.json", "annotations/*.json"]
    if not _looks_like_voc(data):  # which may have any other .json beside it
        patterns.append("*.json")
    # Hidden files are not looked at: our own conversions to other formats leave a .json of that kind.
    return any(not file.name.startswith(".") for pattern in patterns for file in data.glob(pattern))


def _looks_like_voc(data: Path) -> bool:
    return data.is_dir() and any(any(data.glob(pattern)) for pattern in ("Annotations/*.xml", "*.xml", "*/*.xml"))


def _looks_like_folders(data: Path) -> bool:
    return data.is_dir() and any(any(map(is_photo, data.glob(pattern))) for pattern in ("*/*", "*/*/*"))


FORMATS: dict[str, Format] = {
    "yolo": Format(_looks_like_yolo, "data.yaml (YOLO)"),
    "coco": Format(_looks_like_coco, "annotations/*.json or _annotations.coco.json (COCO)"),
    "voc": Format(_looks_like_voc, "Annotations/*.xml (Pascal VOC)"),
    "folders": Format(_looks_like_folders, "CLASS/photo or SPLIT/CLASS/photo (a folder a class)"),
}
"""In the order in which they are tried: a folder a class is what every other format would look like too."""

READERS: dict[str, Reader] = {"coco": read_coco, "voc": read_voc, "folders": read_folders}
"""Readers of the formats besides YOLO, which has options of its own. A reader sets `group = key`."""


def read_dataset(
    data: Path,
    *,
    format: str = "auto",
    group_of: Callable[[str], str] | None = None,
    missing_labels: MissingLabels = "quarantine",
    predictions: bool = False,
) -> DatasetIndex:
    """Read the index of a data set; no photo is decoded.

    A data set without any photo is returned as it is: whether that is an error is the caller's to say.

    Args:
        data: A `data.yaml` or its folder, or a folder in one of the other formats.
        format: "yolo", "coco", "voc", "folders", or "auto" to recognise it by the names of its files.
        group_of: Photo's file name (the last part of its key) to its group; by default each photo is its own group.
        missing_labels: Whether a YOLO photo without a label file is a mistake or a photo without objects.
        predictions: Whether each row of YOLO label files ends with a confidence.

    Raises:
        DataError: There is nothing at `data`, its format is not recognised, or the data set as a whole is unusable.
        UnsafePathError: A split leaves the data set's folder.
    """
    if not data.exists():
        raise DataError(f"{data}: expected a data.yaml or its folder, got nothing of that name")
    name = detect_format(data) if format == "auto" else format
    if name == "yolo":
        return read_yolo(data, group_of=group_of, missing_labels=missing_labels, predictions=predictions)
    if name not in READERS:
        raise DataError(f"{data}: expected one of the formats {['auto', 'yolo', *READERS]}, got {name!r}")
    return _regroup(READERS[name](data), group_of)


def detect_format(data: Path) -> str:
    """Name of the first of `FORMATS` that `data` looks like.

    Raises:
        DataError: It looks like none of them.
    """
    for name, candidate in FORMATS.items():
        if candidate.looks_like(data):
            return name
    looked_for = "; ".join(candidate.looked_for for candidate in FORMATS.values())
    raise DataError(f"{data}: expected a data set, got none that is recognised; looked for {looked_for}")


def _regroup(index: DatasetIndex, group_of: Callable[[str], str] | None) -> DatasetIndex:
    if group_of is None:
        return index
    photos = (replace(photo, group=group_of(PurePosixPath(photo.key).name)) for photo in index.photos)
    return replace(index, photos=tuple(photos))
