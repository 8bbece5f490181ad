"""The index of a data set: photos with their labels, what was quarantined, and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from clipspect.errors import SplitNotFoundError
from clipspect.types import Photo, Problem


@dataclass(frozen=True)
class DatasetIndex:
    """A data set as read from disk, in any format; nothing is decoded yet.

    Attributes:
        root: The data set's folder.
        names: Class names in the order of their ids.
        photos: Kept photos with their kept labels, sorted by key.
        quarantined: What was left out, and why, in a stable order.
        notes: Harmless oddities ("unknown key 'roboflow' in data.yaml").
        splits: Names of the splits that the data set declares, in order, also where one holds no photo.
    """

    root: Path
    names: tuple[str, ...]
    photos: tuple[Photo, ...]
    quarantined: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()

    def of_split(self, *names: str) -> tuple[Photo, ...]:
        """Photos of the named splits.

        Raises:
            SplitNotFoundError: The data set declares no such split.
        """
        for name in names:
            if name not in self.splits:
                raise SplitNotFoundError(f"{self.root}: expected one of the splits {list(self.splits)}, got {name!r}")
        return tuple(p for p in self.photos if p.split in names)


def read_dataset(
    data: Path,
    *,
    format: str = "auto",
    group_of: Callable[[str], str] | None = None,
    missing_labels: Literal["quarantine", "background"] = "quarantine",
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
    from clipspect.data import read  # the readers build a DatasetIndex, so they import this file

    return read.read_dataset(
        data, format=format, group_of=group_of, missing_labels=missing_labels, predictions=predictions
    )
