"""Paths, folders and globs to photos, and the label files that lie beside them."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path

from clipspect.data.data_yaml import parse_data_yaml
from clipspect.data.label_files import read_labels_beside, read_predictions
from clipspect.data.paths import is_photo
from clipspect.data.yolo_files import find_data_yaml
from clipspect.detect import DETECTORS
from clipspect.detect.labels import LabelFiles
from clipspect.errors import DetectorError, EmptyDataError
from clipspect.export.bundle import Bundle
from clipspect.taxonomy import Taxonomy, read_taxonomy
from clipspect.types import Annotation, Problem


def find_photos(given: Sequence[Path | str], *, out: Path | None = None) -> list[Path]:
    """Photos of files, folders (with their subfolders) and globs, each once, in a stable order.

    Args:
        given: As the user named them.
        out: Where results go; pictures of ours that lie there are no photos of the user's.

    Raises:
        EmptyDataError: Something given does not exist, or there is no photo in all of it.
    """
    found: dict[Path, None] = {}
    for item in given:
        path = Path(item)
        if path.is_dir():
            found |= dict.fromkeys(sorted(p for p in path.rglob("*") if is_photo(p) and p.is_file()))
        elif path.exists():
            found[path] = None
        else:
            matches = sorted(Path(m) for m in _glob(str(item)) if is_photo(Path(m)))
            if not matches:
                raise EmptyDataError(f"{item}: expected a photo, a folder or a glob of photos, got nothing there")
            found |= dict.fromkeys(matches)
    ours = None if out is None else out.resolve()
    once = {p.resolve(): p for p in reversed(found) if ours is None or not p.resolve().is_relative_to(ours)}
    kept = [p for p in found if once.get(p.resolve()) is p]
    if not kept:
        raise EmptyDataError(f"{', '.join(map(str, given))}: expected photos, got none")
    return kept


def _glob(pattern: str) -> list[str]:
    return glob.glob(pattern, recursive=True)  # noqa: PTH207 - Path.glob takes no absolute pattern


def make_detector(name: str | None, photos: Sequence[Path], bundle: Bundle) -> LabelFiles:
    """The detector that `--detector` names, or the label files beside the photos.

    Raises:
        DetectorError: An unknown one, or no label file beside any photo; names the choices.
    """
    if name is None:
        return _beside(photos, bundle)
    kind, _, rest = name.partition(":")
    if kind != "labels" or not rest:
        raise DetectorError(f"--detector: expected one of {list(DETECTORS)}, got {name!r}")
    folder = Path(rest)
    if not folder.is_dir():
        raise DetectorError(f"--detector {name}: expected a folder of label files, got nothing there")
    names, taxonomy = _classes_of(folder, bundle)
    confidences = _has_confidences(folder, photos)

    def read(photo: Path) -> tuple[Sequence[Annotation] | None, Sequence[Problem]]:
        found = read_predictions(folder, photo, names, confidences=confidences)
        # Ultralytics writes no file where it found nothing, so a missing prediction is an empty one.
        return (() if found.path is None else found.annotations), found.problems

    return LabelFiles(name, read, taxonomy, second_opinion=confidences)


def _beside(photos: Sequence[Path], bundle: Bundle) -> LabelFiles:
    names, taxonomy = _classes_of(photos[0].parent, bundle)

    def read(photo: Path) -> tuple[Sequence[Annotation] | None, Sequence[Problem]]:
        found = read_labels_beside(photo, n_classes=len(names))
        return found.annotations, found.problems

    if all(read_labels_beside(photo, n_classes=len(names)).path is None for photo in photos):
        raise DetectorError(
            f"{photos[0]}: expected label files beside the photos (NAME.txt, or labels/ for images/), got none; "
            f"say what finds the objects with --detector, one of {list(DETECTORS)}"
        )
    return LabelFiles("labels", read, taxonomy, second_opinion=False)


def _classes_of(folder: Path, bundle: Bundle) -> tuple[tuple[str, ...], Taxonomy]:
    """Class names and taxonomy of label files: of the nearest data.yaml above them, else the model's own."""
    for place in [folder, *folder.resolve().parents][:4]:
        file = find_data_yaml(place) if place.is_dir() else None
        if file is not None:
            names = tuple(parse_data_yaml(file.read_bytes(), str(file)).names)
            given = {k: v for k, v in bundle.given_taxonomy.items() if k in names}
            return names, read_taxonomy(names, given)
    return bundle.class_names, bundle.taxonomy


def _has_confidences(folder: Path, photos: Sequence[Path]) -> bool:
    """Whether the first row of these photos has six fields; a label has five, or an odd number."""
    for photo in photos:
        for file in (folder / f"{photo.stem}.txt", folder / "labels" / f"{photo.stem}.txt"):
            fields = _first_row(file)
            if fields:
                return len(fields) % 2 == 0
    return True


def _first_row(file: Path) -> list[bytes]:
    """Fields of a file's first row with content; none where there is none, or no file that can be read."""
    try:
        with file.open("rb") as stream:
            return stream.read(4096).strip().split(b"\n")[0].split()
    except OSError:
        return []  # whoever reads the file for its photo says what is wrong with it
