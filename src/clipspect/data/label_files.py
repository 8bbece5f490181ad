"""YOLO label files on disk: of a data set, beside loose photos, and in a folder of predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from clipspect.data.paths import LINK_OUT, label_candidates, read_capped, within
from clipspect.data.yolo import MAX_LABEL_BYTES, parse_labels
from clipspect.errors import DataError
from clipspect.types import Annotation, Problem


@dataclass(frozen=True)
class LabelFile:
    """What one label file holds.

    Attributes:
        path: The file, or None where the photo has none.
        annotations: Kept rows; None where there is no file, or none that can be read: missing is not empty.
        problems: Rows that are left out, or the reason why the whole file is.
    """

    path: Path | None
    annotations: tuple[Annotation, ...] | None
    problems: tuple[Problem, ...] = ()


def read_label_file(root: Path, path: Path, name: str, *, n_classes: int, predictions: bool = False) -> LabelFile:
    """Read one label file, which must lie in `root` (resolved) when links are followed.

    Args:
        root: Folder that the file must not leave.
        path: The label file.
        name: Its name for `Problem.file`.
        n_classes: Number of classes.
        predictions: Whether each row ends with a confidence.
    """
    if not within(root, path):
        return LabelFile(path, None, (Problem(name, None, "unsafe-path", LINK_OUT),))
    try:
        content = read_capped(path, MAX_LABEL_BYTES)
    except OSError as error:
        reason = f"expected a label file that can be read, got: {error.strerror or error}"
        return LabelFile(path, None, (Problem(name, None, "unreadable", reason),))
    annotations, problems = parse_labels(content, name, n_classes=n_classes, predictions=predictions)
    unusable = any(problem.line is None for problem in problems)
    return LabelFile(path, None if unusable else tuple(annotations), tuple(problems))


def read_labels_beside(photo: Path, *, n_classes: int, predictions: bool = False) -> LabelFile:
    """Read the label file of a loose photo: `images` swapped for `labels` in its path, else the .txt beside it.

    Args:
        photo: Any photo; it is not opened.
        n_classes: Number of classes of the model or data set that the ids belong to.
        predictions: Whether each row ends with a confidence.
    """
    for path in label_candidates(photo.absolute()):
        if _is_there(path):
            given = path if photo.is_absolute() else path.relative_to(Path.cwd())
            return read_label_file(
                path.parent.resolve(), path, given.as_posix(), n_classes=n_classes, predictions=predictions
            )
    return LabelFile(None, None)


def read_predictions(folder: Path, photo: Path, names: Sequence[str], *, confidences: bool = True) -> LabelFile:
    """Read the predictions for one photo from a folder in YOLO format, each row with its confidence.

    The file is `FOLDER/NAME.txt` or, as Ultralytics writes it, `FOLDER/labels/NAME.txt`, where NAME is the photo's name
    without its suffix. Ultralytics writes no file for a photo in which it found nothing: `path` is None then.

    Args:
        folder: The predictions.
        photo: Any photo; only its name counts.
        names: Class names that the ids of the predictions index.
        confidences: Whether each row ends with one.

    Raises:
        DataError: `folder` is no folder.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: expected a folder of predictions (one .txt a photo), got none")
    for path in (folder / f"{photo.stem}.txt", folder / "labels" / f"{photo.stem}.txt"):
        if _is_there(path):
            return read_label_file(
                folder.resolve(), path, path.as_posix(), n_classes=len(names), predictions=confidences
            )
    return LabelFile(None, None)


def _is_there(path: Path) -> bool:
    return path.exists() or path.is_symlink()  # a link to nothing is a mistake to report, not a missing file
