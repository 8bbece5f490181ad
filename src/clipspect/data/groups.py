"""Groups of photos that must stay together: which group a photo is in, and splits and folds that never cut one."""

from __future__ import annotations

import csv as csv_module
import io
import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from clipspect.errors import ConfigError, DataError
from clipspect.types import Float64, Int64

Rows = npt.NDArray[np.intp]

_MOVES_PER_CALL = 20_000
_MAX_RESTARTS = 50


@dataclass(frozen=True)
class GroupRule:
    """File name (or photo key) to group; a photo that the rule does not cover is a group of its own, named by its key.

    Attributes:
        pattern: Searched in the file name: the first capturing group, or the whole match where it has none.
        table: Photo key or file name to group.
    """

    pattern: re.Pattern[str] | None = None
    table: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, name: str) -> str:
        """The group of a photo."""
        return self.match(name) or name

    def match(self, name: str) -> str | None:
        """The group of a photo, or None where the rule does not cover it."""
        file_name = PurePosixPath(name).name
        if self.pattern is None:
            return self.table.get(name) or self.table.get(file_name)
        found = self.pattern.search(file_name)
        return None if found is None else found.group(1 if self.pattern.groups else 0) or None

    def unmatched(self, names: Iterable[str]) -> tuple[str, ...]:
        """The photos that the rule does not cover, in their order."""
        return tuple(name for name in names if self.match(name) is None)


def group_rule(*, regex: str | None = None, csv: Path | None = None) -> GroupRule:
    r"""A rule from a regular expression or from a table; without either each photo is a group of its own.

    Args:
        regex: Searched in file names, e.g. `^(Lagoon\w+_[BR]\d|Stage\d-Lagoon\d_R\d)`.
        csv: UTF-8 file with the columns `photo` (key or file name) and `group`; further columns are ignored.

    Raises:
        ConfigError: Both are given, the expression is not valid, or the table cannot be read.
    """
    if regex is not None and csv is not None:
        raise ConfigError("groups: expected a regular expression or a CSV file, got both")
    if csv is not None:
        return GroupRule(table=_read_table(csv))
    if regex is None:
        return GroupRule()
    try:
        return GroupRule(pattern=re.compile(regex))
    except (re.error, OverflowError, RecursionError) as error:
        raise ConfigError(f"groups: expected a regular expression, got {regex!r}: {error}") from error


def split_by_group(
    groups: Sequence[str],
    labels_per_photo: Sequence[Sequence[int]],
    fractions: Mapping[str, float],
    *,
    n_classes: int,
    rng: np.random.Generator,
) -> list[str]:
    """Put whole groups into splits so that photos and classes are shared out as the fractions say, as near as can be.

    Args:
        groups: Group of each of N photos.
        labels_per_photo: Class indices of the objects of each photo, 0 to n_classes - 1.
        fractions: Split name to its share, adding up to 1; a split of share 0 gets nothing.
        n_classes: Number of classes.
        rng: Source of all randomness; the same state gives the same splits.

    Returns:
        The split of each photo. Every split with a share gets at least one group.

    Raises:
        ConfigError: The fractions are negative, not finite, or do not add up to 1.
        DataError: There are fewer groups than splits.
    """
    shares = _shares(fractions)
    names, group_of_photo = _codes(groups)
    if len(names) < len(shares):
        raise DataError(
            f"groups: expected at least {len(shares)} groups for the splits {list(shares)}, got {len(names)}"
        )
    table = np.zeros((len(names), 1 + n_classes))
    np.add.at(table[:, 0], group_of_photo, 1)
    for code, labels in zip(group_of_photo, labels_per_photo, strict=True):
        np.add.at(table[code], 1 + np.asarray(labels, dtype=np.intp), 1)
    chosen = _assign(table, np.array(list(shares.values())), rng)
    splits = list(shares)
    return [splits[chosen[code]] for code in group_of_photo]


def grouped_folds(
    groups: Sequence[str], labels: Int64, *, max_folds: int, rng: np.random.Generator
) -> list[tuple[Rows, Rows]]:
    """Folds for cross-validation that never cut a group: one group a fold, or several where there are many.

    Args:
        groups: Group of each of N rows (objects or photos).
        labels: (N,) class indices from 0.
        max_folds: With at most so many groups each is a fold, sorted by name; else they are packed into so many
            folds of about the same size and the same classes.
        rng: Source of all randomness.

    Returns:
        For each fold (training rows, test rows), both sorted; the test rows of all folds are each row once.

    Raises:
        ConfigError: `max_folds` is under 2.
        DataError: There are fewer than two groups.
    """
    if max_folds < 2:
        raise ConfigError(f"max_folds: expected at least 2, got {max_folds}")
    names, codes = _codes(groups)
    if len(names) < 2:
        raise DataError(f"groups: expected at least 2 groups to hold one out, got {len(names)}")
    if len(names) <= max_folds:
        fold_of_row = codes
    else:
        labels = np.asarray(labels, dtype=np.intp)
        table = np.zeros((len(names), 2 + int(labels.max())))
        np.add.at(table[:, 0], codes, 1)
        np.add.at(table, (codes, 1 + labels), 1)
        fold_of_row = _assign(table, np.full(max_folds, 1 / max_folds), rng)[codes]
    folds = range(int(fold_of_row.max()) + 1)
    return [(np.flatnonzero(fold_of_row != fold), np.flatnonzero(fold_of_row == fold)) for fold in folds]


def _assign(table: Float64, shares: Float64, rng: np.random.Generator) -> Rows:
    """(G,) bin of each group: greedy with restarts, then single moves while they help.

    Minimised is the sum over bins and columns of (share that the bin got - share that it should get)^2: every column
    (photos, and each class) weighs the same however few it counts, so that rare classes are spread first.

    Args:
        table: (G, 1 + K) what each group brings.
        shares: (B,) target share of each bin, B <= G.
        rng: Source of all randomness.
    """
    totals = table.sum(axis=0)
    parts = table[:, totals > 0] / totals[totals > 0]
    best: tuple[float, Rows] | None = None
    for _ in range(int(np.clip(_MOVES_PER_CALL // len(parts), 1, _MAX_RESTARTS))):
        bins = _greedy(parts, shares, rng)
        cost = _improve(parts, shares, bins)
        if best is None or cost < best[0] - 1e-12:
            best = cost, bins
    if best is None:
        raise AssertionError("at least one start is made")
    return best[1]


def _greedy(parts: Float64, shares: Float64, rng: np.random.Generator) -> Rows:
    # Large groups first, as they are the hardest to place; the jitter makes every restart another order.
    size = parts.sum(axis=1) * rng.uniform(0.5, 1.5, len(parts))
    missing = np.repeat(shares[:, None], parts.shape[1], axis=1)
    bins = np.full(len(parts), -1, dtype=np.intp)
    n_groups = np.zeros(len(shares), dtype=np.intp)
    for left, group in zip(range(len(parts), 0, -1), np.argsort(-size, kind="stable"), strict=True):
        gain = (missing * parts[group]).sum(axis=1)  # the squared error falls by 2 gain - |part|^2
        if left <= (n_groups == 0).sum():
            gain[n_groups > 0] = -np.inf
        bins[group] = to = int(np.argmax(gain))
        missing[to] -= parts[group]
        n_groups[to] += 1
    return bins


def _improve(parts: Float64, shares: Float64, bins: Rows) -> float:
    """Move single groups, in place, while that lowers the cost and empties no bin; the cost."""
    missing = np.repeat(shares[:, None], parts.shape[1], axis=1)
    np.subtract.at(missing, bins, parts)
    n_groups = np.bincount(bins, minlength=len(shares))
    for _ in range(10):
        moved = False
        for group, part in enumerate(parts):
            home = bins[group]
            if n_groups[home] == 1:
                continue
            gain = ((missing - missing[home]) * part).sum(axis=1) - part @ part
            to = int(np.argmax(gain))
            if to != home and gain[to] > 1e-12:
                missing[home] += part
                missing[to] -= part
                n_groups[home] -= 1
                n_groups[to] += 1
                bins[group], moved = to, True
        if not moved:
            break
    return float((missing**2).sum())


def _codes(groups: Sequence[Hashable]) -> tuple[list[str], Rows]:
    """Sorted group names, and the position of each row's group among them."""
    names, codes = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    return [str(name) for name in names], codes.astype(np.intp)


def _shares(fractions: Mapping[str, float]) -> dict[str, float]:
    values = list(fractions.values())
    if not np.all(np.isfinite(values)) or min(values, default=-1) < 0 or abs(sum(values) - 1) > 1e-6:
        raise ConfigError(f"fractions: expected shares from 0 to 1 that add up to 1, got {dict(fractions)}")
    return {split: share for split, share in fractions.items() if share > 0}


def _read_table(path: Path) -> dict[str, str]:
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ConfigError(f"{path}:{line}: expected UTF-8 text, got byte {content[error.start]:#04x}") from error
    except OSError as error:
        raise ConfigError(f"{path}: expected a readable CSV file, got: {error.strerror or error}") from error
    table: dict[str, str] = {}
    reader = csv_module.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        if reader.fieldnames is None or not {"photo", "group"} <= set(reader.fieldnames):
            raise ConfigError(f"{path}:1: expected the columns 'photo,group', got {reader.fieldnames or 'nothing'}")
        for row in reader:
            _add_row(table, row, f"{path}:{reader.line_num}")
    except csv_module.Error as error:
        # The inner reader's count, as DictReader's own lags behind where a row fails.
        line = reader.reader.line_num
        raise ConfigError(f"{path}:{line}: expected CSV, got a broken row: {error}") from error
    return table


def _add_row(table: dict[str, str], row: Mapping[str | None, str | list[str] | None], where: str) -> None:
    if None in row or None in row.values():
        raise ConfigError(f"{where}: expected as many fields as the header has, got {list(row.values())}")
    photo, group = str(row["photo"]).strip(), str(row["group"]).strip()
    if not photo or not group:
        raise ConfigError(f"{where}: expected a photo and a group, got {photo!r} and {group!r}")
    if table.setdefault(photo, group) != group:
        raise ConfigError(f"{where}: expected one group for {photo!r}, got {table[photo]!r} and {group!r}")
