"""A YOLO data set on disk as an index: data.yaml, photos, label files. Photos are found here, not decoded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from clipspect.data.data_yaml import MAX_YAML_BYTES, DataYaml, parse_data_yaml
from clipspect.data.dataset import DatasetIndex
from clipspect.data.label_files import LabelFile, read_label_file
from clipspect.data.paths import key_of, label_candidates, read_capped
from clipspect.data.yolo_names import ambiguous_names, orphan_labels
from clipspect.data.yolo_splits import find_splits, split_of_photos
from clipspect.errors import DataError
from clipspect.types import Photo, Problem

MissingLabels = Literal["quarantine", "background"]

_YAML_NAMES = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
_YAML_SUFFIXES = frozenset({".yaml", ".yml"})


def find_data_yaml(data: Path) -> Path | None:
    """The data.yaml of a data set: `data` itself, or in the folder `data` the usual names, else its only YAML file.

    Raises:
        DataError: The folder has several YAML files and none has a usual name.
    """
    if data.is_file():
        return data if data.suffix.lower() in _YAML_SUFFIXES else None
    for name in _YAML_NAMES:
        if (data / name).is_file():
            return data / name
    found = sorted(path for path in data.glob("*") if path.suffix.lower() in _YAML_SUFFIXES and path.is_file())
    if len(found) > 1:
        raise DataError(f"{data}: expected one data.yaml, got {[path.name for path in found]}; name the file itself")
    return found[0] if found else None


def read_yolo(
    data: Path,
    *,
    group_of: Callable[[str], str] | None = None,
    missing_labels: MissingLabels = "quarantine",
    predictions: bool = False,
) -> DatasetIndex:
    """Read a YOLO data set.

    A photo stays, without objects, where its label file is empty or all its rows are quarantined; it is left out where
    the label file as a whole cannot be read.

    Args:
        data: A data.yaml or its folder.
        group_of: Photo's file name to its group; by default each photo is a group of its own, named by its key.
        missing_labels: What a photo without a label file is: a mistake, or a photo without objects.
        predictions: Whether each row of the label files ends with a confidence.

    Raises:
        DataError: There is no data.yaml, it cannot be used, or none of its splits exists.
        UnsafePathError: A split leaves the data set's folder.
    """
    yaml_path, spec = _read_data_yaml(data)
    found = find_splits(yaml_path, spec)
    root = found.root
    split_of, problems = split_of_photos(found)
    labels = {photo: _label_path(root, photo) for photo in split_of}
    left_out, name_problems = ambiguous_names(root, labels)
    problems += [*spec.problems, *found.problems, *name_problems, *orphan_labels(found, labels)]
    photos = []
    for photo in split_of.keys() - left_out:
        key = key_of(root, photo)
        read = _read_label(root, photo, labels[photo], len(spec.names), missing_labels, predictions)
        problems += read.problems
        if read.annotations is not None:
            group = key if group_of is None else group_of(photo.name)
            photos.append(Photo(photo, key, split_of[photo], group, read.annotations, read.path))
    return DatasetIndex(
        root=root,
        names=spec.names,
        photos=tuple(sorted(photos, key=lambda photo: photo.key)),
        quarantined=tuple(sorted(set(problems), key=lambda p: (p.file, p.line or 0, p.code, p.reason))),
        notes=(*spec.notes, *found.notes),
        splits=tuple(found.photos),
    )


def _read_data_yaml(data: Path) -> tuple[Path, DataYaml]:
    path = find_data_yaml(data)
    if path is None:
        raise DataError(f"{data}: expected a data.yaml or a folder with one, got none")
    try:
        content = read_capped(path, MAX_YAML_BYTES)
    except OSError as error:
        raise DataError(f"{path}: expected a file that can be read, got: {error.strerror or error}") from error
    try:
        return path, parse_data_yaml(content, path.name)
    except DataError as error:  # the quarantine list names files within the data set; a fatal error says which set
        raise DataError(f"{path.parent.as_posix()}/{error}") from error


def _label_path(root: Path, photo: Path) -> Path | None:
    for candidate in label_candidates(photo.relative_to(root)):
        path = root / candidate
        try:
            if path.exists() or path.is_symlink():
                return path
        except OSError:  # a folder that may not be entered: reading says so, and nobody takes it for a missing label
            return path
    return None


def _read_label(
    root: Path, photo: Path, label: Path | None, n_classes: int, missing_labels: MissingLabels, predictions: bool
) -> LabelFile:
    if label is not None:
        return read_label_file(root, label, key_of(root, label), n_classes=n_classes, predictions=predictions)
    if missing_labels == "background":
        return LabelFile(None, ())
    expected = label_candidates(Path(key_of(root, photo)))[0].as_posix()
    reason = f"expected the label file {expected}, got none; where nothing is to be seen it is there and empty"
    return LabelFile(None, None, (Problem(key_of(root, photo), None, "missing-label", reason),))
