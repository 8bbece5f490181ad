"""The index of a data set: photos with their labels, what was quarantined, and why."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

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
