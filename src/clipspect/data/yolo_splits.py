"""From the splits of a data.yaml to photo paths: folders, lists of folders, .txt lists; never outside the data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from clipspect.data.data_yaml import DataYaml
from clipspect.data.paths import exists, is_photo, key_of, read_capped, walk, within
from clipspect.data.shown import shown
from clipspect.errors import DataError, UnsafePathError
from clipspect.types import Problem

_MAX_LIST_BYTES = 16 * 2**20


@dataclass
class FoundSplits:
    """Photos by split, and the ground that was covered.

    Attributes:
        root: The data set's folder, resolved.
        photos: Split to photo paths under `root`, in the order of the folder or the list, each once.
        folders: Folders that splits were declared as.
        lists: .txt lists that splits were declared as.
        problems: Entries and lines that lead nowhere or outside.
        notes: What was read differently from how it is written.
    """

    root: Path
    photos: dict[str, list[Path]] = field(default_factory=dict)
    folders: list[Path] = field(default_factory=list)
    lists: list[Path] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def find_splits(yaml_path: Path, spec: DataYaml) -> FoundSplits:
    """Find the data set's folder and the photos of each split.

    A split of which nothing exists is left out with a problem `missing-split`, so that a `test:` pointing nowhere does
    not stop the use of `train:`. A key of the user's own becomes a split where all its entries exist, lead to photos
    and share none with another split.

    Raises:
        DataError: No declared split exists, or `path` leads nowhere.
        UnsafePathError: A split leaves the data set's folder through `..`, a link or an absolute path.
    """
    if not spec.splits and not spec.others:
        raise DataError(f"{yaml_path}: expected at least one of the keys train, val, test, got none")
    root, notes = _root(yaml_path, spec)
    found = FoundSplits(root, notes=notes)
    for split, entries in spec.splits.items():
        _add_split(found, split, entries, yaml_path, spec.lines[split])
    for key, entries in spec.others.items():
        _add_other(found, key, entries, yaml_path, spec.lines[key])
    if not found.photos:
        declared = shown("; ".join(f"{split}: {', '.join(entries)}" for split, entries in spec.splits.items()), 300)
        raise DataError(f"{yaml_path}: expected the folders of the splits in {root}, got none of them ({declared})")
    return found


def _root(yaml_path: Path, spec: DataYaml) -> tuple[Path, list[str]]:
    base = yaml_path.parent.resolve()
    if spec.path is None:
        return base, []
    for written in (spec.path, spec.path.replace("\\", "/")):
        declared = _resolved(base / written)
        if declared is not None and exists(declared) and declared.is_dir():
            return declared, []
    where = f"{yaml_path.name}:{spec.lines['path']}"
    for entries in spec.splits.values():
        for entry in entries:
            candidates = [candidate for candidate, _ in _readings(base, entry)]
            if any(within(base, path) and path.exists() for path in candidates):
                return base, [
                    f"{where}: path {shown(spec.path)} does not exist; the splits beside {yaml_path.name} are used"
                ]
    raise DataError(
        f"{yaml_path}:{spec.lines['path']}: path: expected a folder, got {shown(spec.path)}, which does not exist, and "
        f"no split in {base} either"
    )


def _resolved(path: Path) -> Path | None:
    try:
        return path.resolve()
    except (OSError, RuntimeError):  # too long a name, a link to itself
        return None


def _readings(root: Path, entry: str) -> list[tuple[Path, str | None]]:
    """Paths that an entry may mean, best first, each with a note for the reader where it is not the plain one."""
    readings: list[tuple[Path, str | None]] = [(root / entry, None)]
    slashed = entry.replace("\\", "/")
    if slashed != entry:
        readings.append((root / slashed, f"{shown(entry)} is read as {shown(slashed)}"))
    stripped = slashed
    while stripped.startswith("../"):
        stripped = stripped.removeprefix("../")
    if stripped != slashed:  # Roboflow writes ../train/images for the folder train/images beside the file
        readings.append((root / stripped, f"{shown(entry)} exists only without '../' and is read as {shown(stripped)}"))
    return readings


def _locate(root: Path, entry: str, where: str) -> tuple[Path | None, str | None]:
    for path, note in _readings(root, entry):
        if not exists(path):
            continue
        if not within(root, path):
            raise UnsafePathError(
                f"{where}: expected a folder or a .txt file in {root}, got {shown(entry)}, which leaves it; "
                "set `path:` to the folder that holds all splits"
            )
        return normal_path(root, path), note
    return None, None


def normal_path(root: Path, path: Path) -> Path:
    """`path` as a path under `root` without `..`, so that one photo has one key. It must lie within `root`."""
    if ".." in path.parts or not path.is_relative_to(root):
        return path.resolve()
    return path


def _add_split(found: FoundSplits, split: str, entries: Sequence[str], yaml_path: Path, line: int) -> None:
    photos: dict[Path, None] = {}
    any_found = False
    for entry in entries:
        place, note = _locate(found.root, entry, f"{yaml_path}:{line}")
        if place is None or not (place.is_dir() or place.suffix.lower() == ".txt"):
            got = "which does not exist" if place is None else "which is neither"
            reason = f"split {split!r}: expected a folder or a .txt list in {found.root}, got {shown(entry)}, {got}"
            found.problems.append(Problem(yaml_path.name, line, "missing-split", reason))
            continue
        any_found = True
        if note is not None:
            found.notes.append(f"{yaml_path.name}:{line}: {note}")
        photos |= dict.fromkeys(_photos_of(found, place))
    if any_found:
        found.photos[split] = list(photos)


def _add_other(found: FoundSplits, key: str, entries: Sequence[str], yaml_path: Path, line: int) -> None:
    trial = FoundSplits(found.root)
    try:
        _add_split(trial, key, entries, yaml_path, line)
    except UnsafePathError:
        trial = FoundSplits(found.root)
    taken = {photo for photos in found.photos.values() for photo in photos}
    photos = trial.photos.get(key, [])
    is_split = bool(photos) and not any(p.code == "missing-split" for p in trial.problems) and taken.isdisjoint(photos)
    if not is_split:
        found.notes.append(f"{yaml_path.name}:{line}: unknown key {shown(key)} is ignored")
        return
    found.photos[key] = photos
    found.folders += trial.folders
    found.lists += trial.lists
    found.problems += trial.problems
    found.notes += [*trial.notes, f"{yaml_path.name}:{line}: key {shown(key)} names photos and is taken as a split"]


def _photos_of(found: FoundSplits, place: Path) -> list[Path]:
    if not place.is_dir():
        found.lists.append(place)
        return _read_list(found, place)
    found.folders.append(place)
    walked = walk(found.root, place)
    found.problems += walked.problems
    if walked.hidden:
        found.notes.append(f"{key_of(found.root, place)}: {walked.hidden} hidden files and folders are ignored")
    return walked.photos


def _read_list(found: FoundSplits, place: Path) -> list[Path]:
    name = key_of(found.root, place)
    try:
        content = read_capped(place, _MAX_LIST_BYTES)
        lines = content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = f"expected a list of photos in UTF-8, got: {error}"
        found.problems.append(Problem(name, None, "unreadable", reason))
        return []
    if len(content) > _MAX_LIST_BYTES:
        reason = f"expected at most {_MAX_LIST_BYTES} bytes, got more"
        found.problems.append(Problem(name, None, "too-large", reason))
        return []
    seen: dict[Path, int] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        photo, fault = _listed_photo(found.root, place.parent, line.strip())
        if photo is not None and photo in seen:
            fault = ("duplicate-photo", f"expected each photo once, got the photo of line {seen[photo]} again")
        if fault is not None:
            found.problems.append(Problem(name, number, *fault))
        elif photo is not None:
            seen[photo] = number
    return list(seen)


def _listed_photo(root: Path, folder: Path, written: str) -> tuple[Path | None, tuple[str, str] | None]:
    """One line of a list: relative to the data set, or to the list's own folder (always so after `./`)."""
    if "\0" in written:
        return None, ("missing-photo", "expected a path, got a NUL character")
    bases = (folder,) if written.startswith("./") else (root, folder)
    paths = [base / text for text in dict.fromkeys((written, written.replace("\\", "/"))) for base in bases]
    leaves = False
    for path in paths:
        if not exists(path):
            continue
        if not within(root, path):
            leaves = True
        elif not is_photo(path) or not path.is_file():
            return None, ("not-a-photo", f"expected a photo, got {shown(written)}")
        else:
            return normal_path(root, path), None
    if leaves or not any(within(root, path) for path in paths):
        return None, (
            "unsafe-path",
            f"expected a photo inside the data set, got {shown(written)}, which leaves it",
        )
    return None, ("missing-photo", f"expected a photo, got {shown(written)}, which does not exist")


def split_of_photos(found: FoundSplits) -> tuple[Mapping[Path, str], list[Problem]]:
    """Photo to its split. A photo in two splits stays in the one that is declared first."""
    split_of: dict[Path, str] = {}
    problems = []
    for split, photos in found.photos.items():
        for photo in photos:
            first = split_of.setdefault(photo, split)
            if first != split:
                reason = f"expected each photo in one split, got {first!r} and {split!r}; it stays in {first!r}"
                problems.append(Problem(key_of(found.root, photo), None, "two-splits", reason))
    return split_of, problems
