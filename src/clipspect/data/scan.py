"""Which files a data set's folder holds, and the records that every reader makes of them.

Readers look names up in this list and never open a path that a label file spells: `..`, absolute paths and links cannot
lead them out of the folder.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from clipspect.data.paths import PHOTO_SUFFIXES
from clipspect.data.rows import BadRow, printable, shown
from clipspect.errors import DataError, ImageError
from clipspect.types import Annotation, Photo, Problem

SizeOf = Callable[[Path], tuple[int, int]]
"""A photo's (width, height) in pixels after its EXIF turn; raises ImageError where it cannot be read."""

GroupOf = Callable[[str], str]
"""A photo's file name to the name of its group."""

_LABEL_SUFFIXES = frozenset({".json", ".xml", ".txt"})

_SPLITS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("valid", "val", "validation"), "valid"),
    **dict.fromkeys(("test", "testing"), "test"),
}


@dataclass(frozen=True)
class Scan:
    """The visible files of a folder.

    Attributes:
        root: The folder.
        files: Key (path relative to `root`, POSIX) to path, sorted by key; hidden files and folders are left out.
        quarantined: Links that leave the folder, names that are not UTF-8, folders that cannot be listed.
    """

    root: Path
    files: Mapping[str, Path]
    quarantined: tuple[Problem, ...] = ()

    @cached_property
    def photos(self) -> dict[str, Path]:
        """The files that are photos by their name."""
        return {key: path for key, path in self.files.items() if is_photo(key)}


def scan(root: Path) -> Scan:
    """List a data set's folder, all the way down.

    Raises:
        DataError: `root` is no folder.
    """
    if not root.is_dir():
        raise DataError(f"{root}: expected a data set's folder, got {'a file' if root.exists() else 'nothing there'}")
    inside = root.resolve()
    files: dict[str, Path] = {}
    problems: list[Problem] = []

    def unlistable(error: OSError) -> None:
        key = printable(os.path.relpath(error.filename, root))
        problems.append(Problem(key, None, "unreadable", f"the folder cannot be listed: {error.strerror}"))

    for folder, folders, names in os.walk(root, onerror=unlistable):
        here = Path(folder)
        folders[:] = sorted(f for f in folders if not f.startswith((".", "__MACOSX")))
        problems += [_folder_link(here / f, root) for f in folders if (here / f).is_symlink()]
        for name in names:
            if name.startswith(".") or PurePosixPath(name).suffix.lower() not in PHOTO_SUFFIXES | _LABEL_SUFFIXES:
                continue
            path = here / name
            key = path.relative_to(root).as_posix()
            problem = _file_problem(path, key, inside)
            if problem is None:
                files[key] = path
            else:
                problems.append(problem)
    return Scan(root, dict(sorted(files.items())), tuple(sorted(problems, key=lambda p: p.file)))


def _folder_link(path: Path, root: Path) -> Problem:
    key = printable(path.relative_to(root).as_posix())
    return Problem(key, None, "unsafe-path", "expected a folder, got a link to one: links are not followed")


def _file_problem(path: Path, key: str, inside: Path) -> Problem | None:
    if printable(key) != key:
        return Problem(printable(key), None, "bad-name", "expected a file name in UTF-8")
    if path.is_symlink():
        try:
            target = path.resolve(strict=True)
        except (OSError, RuntimeError):
            return Problem(key, None, "unsafe-path", "the link leads nowhere")
        if not target.is_relative_to(inside):
            return Problem(key, None, "unsafe-path", "the link leaves the data set's folder")
    return None


def is_photo(name: str) -> bool:
    """Whether a file counts as a photo by its name."""
    return PurePosixPath(name).suffix.lower() in PHOTO_SUFFIXES


def safe_key(name: str) -> str:
    r"""A path spelled in a label file as a clean relative key ("./a\b.jpg" -> "a/b.jpg").

    Raises:
        BadRow: `unsafe-path` for an absolute path, a drive letter, `..` or a NUL.
    """
    key = PurePosixPath(name.replace("\\", "/"))
    if key.is_absolute() or ".." in key.parts or "\0" in name or name[1:2] == ":" or not key.parts:
        raise BadRow("unsafe-path", f"expected a path inside the data set's folder, got {shown(name)}")
    return key.as_posix()


def split_name(folder: str) -> str:
    """The split that a folder or file name stands for: "val" and "validation" are "valid"; others are kept."""
    return _SPLITS.get(folder.lower(), folder)


def in_split_order(names: Iterable[str]) -> tuple[str, ...]:
    """Each name once: train, valid, test, then the user's own by alphabet."""
    usual = ("train", "valid", "test")
    return tuple(sorted(set(names), key=lambda n: (usual.index(n) if n in usual else len(usual), n)))


def make_photo(
    path: Path,
    key: str,
    split: str,
    *,
    group_of: GroupOf | None,
    annotations: Iterable[Annotation] = (),
    label_path: Path | None = None,
) -> Photo:
    """The record of one photo; without `group_of` it is a group of its own."""
    group = key if group_of is None else group_of(PurePosixPath(key).name)
    return Photo(path, key, split, group, tuple(annotations), label_path)


def without_case_collisions(photos: Iterable[Photo]) -> tuple[tuple[Photo, ...], list[Problem]]:
    """Photos sorted by key; the second of two keys that differ only in case is a `case-collision`."""
    first: dict[str, str] = {}
    kept, problems = [], []
    for photo in sorted(photos, key=lambda p: p.key):
        other = first.setdefault(photo.key.casefold(), photo.key)
        if other == photo.key:
            kept.append(photo)
        else:
            reason = f"differs from {other!r} only in case: some systems cannot tell the two apart"
            problems.append(Problem(photo.key, None, "case-collision", reason))
    return tuple(kept), problems


def probe_size(path: Path) -> tuple[int, int]:
    """(width, height) of a photo by its header, after the EXIF turn.

    Raises:
        ImageError: The photo cannot be read.
    """
    from clipspect.data import images  # loads Pillow, which reading YOLO does not need

    info = images.probe(path)
    return info.width_px, info.height_px


def true_size(path: Path, declared_px: tuple[int, int] | None, size_of: SizeOf) -> tuple[tuple[int, int], str | None]:
    """The size that a photo's boxes are divided by, and a note where its label file says another.

    The photo's own size wins; the declared one stands in only where the photo cannot be read.

    Raises:
        BadRow: The photo cannot be read and its label file gives no size.
    """
    try:
        real_px = size_of(path)
    except ImageError as error:
        if declared_px is None:
            raise BadRow(error.code, f"the photo's size is needed: {error}") from error
        return declared_px, None
    if declared_px is None:
        return real_px, "gives no size of the photo: the photo's own is taken"
    if declared_px != real_px:
        return real_px, "gives another size than the photo has: the photo's own is taken"
    return real_px, None
