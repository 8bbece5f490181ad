"""Write a data set anew as YOLO, COCO or Pascal VOC; docs/formats.md says what each conversion keeps."""

from __future__ import annotations

import contextlib
import errno
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from clipspect.data.convert_plan import TARGETS, Plan, Target, label_files, plan_conversion
from clipspect.data.dataset import DatasetIndex
from clipspect.data.scan import SizeOf, probe_size
from clipspect.errors import (
    ConfigError,
    DiskFullError,
    EmptyDataError,
    ImageError,
    OutputError,
    OutputExistsError,
)
from clipspect.files import atomic_write, write_json, write_text
from clipspect.types import Problem

MARKER = ".clipspect-conversion.json"
"""Hidden file in every converted data set: only a folder that holds it is ever replaced."""


@dataclass(frozen=True)
class Conversion:
    """What a conversion wrote.

    Attributes:
        files: Every file, sorted.
        notes: What the target cannot hold, and which names had to change.
        quarantined: Photos that could not be read or copied and are not in the result.
    """

    files: tuple[Path, ...]
    notes: tuple[str, ...]
    quarantined: tuple[Problem, ...] = ()


def copy_photo(source: Path, target: Path) -> None:
    """Copy a photo byte for byte; the target appears whole or not at all."""
    with source.open("rb") as reading, atomic_write(target) as writing:
        shutil.copyfileobj(reading, writing)


def convert(
    index: DatasetIndex,
    target: Path,
    to: Target,
    *,
    size_of: SizeOf = probe_size,
    copy: Callable[[Path, Path], None] = copy_photo,
    overwrite: bool = False,
) -> Conversion:
    """Write the photos and labels of `index` to the folder `target` in another format; the source stays untouched.

    The folder appears when it is complete; after an error or Ctrl-C nothing is new, and an older one is still there.

    Args:
        index: The data set.
        target: The new folder.
        to: Its format.
        size_of: (width, height) of a photo in pixels after its EXIF turn; not called for YOLO.
        copy: Called with source and destination of every photo.
        overwrite: Replace `target` where an earlier conversion wrote it.

    Raises:
        ConfigError: `to` is no format that can be written.
        EmptyDataError: The data set has no photo, or none that can be read.
        OutputExistsError: `target` is there and may not be replaced.
        OutputError: `target` lies in the source or holds it, or cannot be written.
        DiskFullError: No space is left.
    """
    if to not in TARGETS:
        raise ConfigError(f"to: expected one of {list(TARGETS)}, got {to!r}")
    if not index.photos:
        raise EmptyDataError(f"{index.root}: expected a photo to convert, got none")
    _check_apart(index.root, target)
    _check_free(target, overwrite)
    plan = plan_conversion(index, to)
    with _replacing(target) as draft:
        files, problems = _write(plan, draft, size_of, copy)
    return Conversion(tuple(sorted(target / file for file in files)), plan.notes, problems)


def _check_apart(root: Path, target: Path) -> None:
    source, new = root.resolve(), target.resolve()
    if new.is_relative_to(source) or source.is_relative_to(new):
        raise OutputError(f"{target}: expected a folder apart from the data set {root}, which is never written to")


def _check_free(target: Path, overwrite: bool) -> None:
    if not target.exists() and not target.is_symlink():
        return
    if not overwrite:
        raise OutputExistsError(f"{target}: expected a new folder, got one that exists; --overwrite replaces it")
    if target.is_symlink() or not (target / MARKER).is_file():
        raise OutputExistsError(
            f"{target}: expected a data set that clipspect converted, got something else; not replaced"
        )


@contextlib.contextmanager
def _replacing(target: Path) -> Iterator[Path]:
    """A folder beside `target` that takes its place when the block ends well, and is removed when it does not."""
    draft: Path | None = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.", suffix=".tmp"))
        fresh, old = draft / "new", draft / "old"
        fresh.mkdir()
        yield fresh
        _swap(fresh, target, old)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(f"{target}: no space left on the device; nothing was written there") from error
        raise OutputError(f"{target}: cannot be written: {error.strerror or error}") from error
    finally:
        if draft is not None:
            shutil.rmtree(draft, ignore_errors=True)


def _swap(fresh: Path, target: Path, old: Path) -> None:
    if not target.exists():
        fresh.replace(target)
        return
    target.replace(old)
    try:
        fresh.replace(target)
    except BaseException:
        old.replace(target)
        raise


def _write(
    plan: Plan, draft: Path, size_of: SizeOf, copy: Callable[[Path, Path], None]
) -> tuple[list[str], tuple[Problem, ...]]:
    sizes_px: dict[str, tuple[int, int]] = {}
    kept, problems, files = [], [], []
    for split in plan.splits if plan.to == "yolo" else ():
        (draft / split / "images").mkdir(parents=True)  # data.yaml names it even where the split is empty
    for placed in plan.photos:
        photo = placed.photo
        problem = _unreadable(photo.path, photo.key)
        if problem is None and plan.to != "yolo":
            try:
                sizes_px[photo.key] = size_of(photo.path)
            except ImageError as error:
                problem = Problem(photo.key, None, error.code, f"the photo's size is needed: {error}")
        if problem is not None:
            problems.append(problem)
            continue
        copy(photo.path, draft / placed.key(plan.to))
        kept.append(placed)
        files.append(placed.key(plan.to))
    if not kept:
        raise EmptyDataError(f"expected a photo that can be converted, got none: {problems[0]}")
    for key, text in label_files(Plan(plan.to, plan.names, plan.splits, tuple(kept), plan.notes), sizes_px):
        write_text(draft / key, text)
        files.append(key)
    write_json(
        draft / MARKER, {"format": plan.to, "notes": list(plan.notes), "quarantined": [str(p) for p in problems]}
    )
    return files, tuple(problems)


def _unreadable(path: Path, key: str) -> Problem | None:
    try:
        with path.open("rb"):
            return None
    except FileNotFoundError:
        return Problem(key, None, "missing-photo", "the photo was there when the data set was read, now it is not")
    except OSError as error:
        return Problem(key, None, "unreadable", f"cannot be read: {error.strerror or error}")
