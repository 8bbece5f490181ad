"""Paths inside a data set: what counts as a photo, where its label file is, and nothing outside the folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from clipspect.types import Problem

PHOTO_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff"})
"""Lower case; photos are found by these in any case."""


LINK_OUT = "expected a file in the data set's folder, got a link out of it"
"""Reason of the problem `unsafe-path` where a link is to blame."""


@dataclass
class Walk:
    """What a folder and its folders hold, sorted by path.

    Attributes:
        photos: Files with a photo's suffix.
        texts: Files ending in .txt.
        problems: Links that leave the root, folders that cannot be read, names that are no text.
        hidden: Number of files and folders left out because their name begins with a dot.
    """

    photos: list[Path] = field(default_factory=list)
    texts: list[Path] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    hidden: int = 0


def is_photo(path: Path) -> bool:
    """Whether the suffix is a photo's; the file itself is not looked at."""
    return path.suffix.lower() in PHOTO_SUFFIXES


def exists(path: Path) -> bool:
    """Whether there is something; a name that no file system can hold, or that may not be looked at, is nothing."""
    try:
        return path.exists()
    except OSError:
        return False


def within(root: Path, path: Path) -> bool:
    """Whether `path`, with every `..` and link followed, lies in `root` (which must be resolved already)."""
    try:
        return path.resolve().is_relative_to(root)
    except (OSError, RuntimeError):  # a link to itself is a RuntimeError until Python 3.13
        return False


def key_of(root: Path, path: Path) -> str:
    """Path relative to `root`, POSIX; bytes that are no UTF-8 are written as escapes so that a report can hold them."""
    relative = path.relative_to(root) if path.is_relative_to(root) else path
    return relative.as_posix().encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def label_candidates(photo: Path) -> tuple[Path, ...]:
    """Where the label file of a photo may be, best first: `images` swapped for `labels`, then beside the photo.

    As in Ultralytics, the last folder called `images` counts. `photo` is relative where only folders inside a data set
    may be swapped.
    """
    beside = photo.with_suffix(".txt")
    swapped = swap_folder(beside, "images", "labels")
    return (beside,) if swapped is None else (swapped, beside)


def swap_folder(path: Path, old: str, new: str, *, is_file: bool = True) -> Path | None:
    """`path` with its last folder called `old` replaced by `new`; None where no folder has that name."""
    parts = list(path.parts)
    folders = parts[:-1] if is_file else parts
    for position in reversed(range(len(folders))):
        if folders[position] == old:
            parts[position] = new
            return Path(*parts)
    return None


def walk(root: Path, folder: Path) -> Walk:
    """List photos and .txt files of `folder` and all folders below it. `root` must be resolved already."""
    found = Walk()
    visited: set[Path] = set()
    pending = [folder]
    while pending:
        here = pending.pop()
        if here.resolve() in visited:  # a link to a folder above would go round for ever
            continue
        visited.add(here.resolve())
        for path, is_dir, is_file in _entries(root, here, found):
            if is_dir:
                pending.append(path)
            elif is_file and is_photo(path):
                found.photos.append(path)
            elif is_file and path.suffix.lower() == ".txt":
                found.texts.append(path)
    found.photos.sort()
    found.texts.sort()
    return found


def _entries(root: Path, folder: Path, found: Walk) -> Iterator[tuple[Path, bool, bool]]:
    """Path, is it a folder, is it a file (links followed) of everything in `folder` that may be looked at."""
    try:
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError as error:
        reason = f"expected a folder that can be read, got: {error.strerror or error}"
        found.problems.append(Problem(key_of(root, folder), None, "unreadable", reason))
        return
    for entry in entries:
        path = Path(entry.path)
        if entry.name.startswith("."):  # ._photo.jpg of macOS and .ipynb_checkpoints hold no photos
            found.hidden += 1
            continue
        problem = _entry_problem(root, path, entry)
        is_dir = _ask(entry.is_dir)
        if problem is None:
            yield path, is_dir, _ask(entry.is_file)
        elif is_dir or is_photo(path) or path.suffix.lower() == ".txt":  # others would not be read anyway
            found.problems.append(problem)


def _entry_problem(root: Path, path: Path, entry: os.DirEntry[str]) -> Problem | None:
    key = key_of(root, path)
    if not _is_text(entry.name):
        return Problem(key, None, "bad-name", "expected a file name in UTF-8, got other bytes; rename the file")
    if not entry.is_symlink():
        return None
    if not within(root, path):
        return Problem(key, None, "unsafe-path", LINK_OUT)
    if not exists(path):
        return Problem(key, None, "broken-link", "expected a file, got a link to nothing")
    return None


def _ask(question: Callable[[], bool]) -> bool:
    try:
        return question()
    except OSError:  # a link to itself, or through a folder that may not be entered, is neither folder nor file
        return False


def _is_text(name: str) -> bool:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def read_capped(path: Path, max_bytes: int) -> bytes:
    """The content of a regular file, at most `max_bytes + 1` of it, so that a reader can tell that it is too large.

    Raises:
        OSError: It is no regular file (a pipe would wait for ever), or cannot be read.
    """
    if not path.is_file():
        raise OSError(f"{path.name}: not a regular file")
    with path.open("rb") as stream:
        return stream.read(max_bytes + 1)
