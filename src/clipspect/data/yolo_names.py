"""Names that do not fit together in a YOLO data set: photos that share a label, labels without a photo."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from clipspect.data.paths import PHOTO_SUFFIXES, key_of, label_candidates, swap_folder, walk, within
from clipspect.data.yolo_splits import FoundSplits
from clipspect.types import Problem

# Written beside photos and labels by labelling and exporting tools; no photo is missing for them.
_NO_LABEL = re.compile(
    r"(readme|license)[^/]*|classes|predefined_classes|notes|((autosplit_)?(train|val|valid|validation|test|trainval))"
)


def ambiguous_names(root: Path, labels: Mapping[Path, Path | None]) -> tuple[set[Path], list[Problem]]:
    """Photos to leave out because their names do not say which label file, or on some systems which photo, is meant.

    `a.jpg` and `a.png` share `a.txt`, and nobody knows whose boxes these are: both go. `A.jpg` and `a.jpg` have a label
    file each, but are one file on Windows and macOS: the first in the order of the keys stays.

    Args:
        root: The data set's folder.
        labels: Photo to its label file, or None where there is none.
    """
    in_order = sorted(labels, key=lambda photo: key_of(root, photo))
    shared = _shared_labels(root, labels, in_order)
    collided = _case_collisions(root, [photo for photo in in_order if photo not in shared])
    problems = shared | collided
    return set(problems), list(problems.values())


def orphan_labels(found: FoundSplits, labels: Mapping[Path, Path | None]) -> list[Problem]:
    """Label files without a photo on disk, in and below the folders of photos and their label folders."""
    root = found.root
    claimed = {root / label for photo in labels for label in label_candidates(photo.relative_to(root))}
    claimed |= set(found.lists)
    problems: list[Problem] = []
    for place in _label_folders(found, labels):
        walked = walk(root, place)
        problems += [problem for problem in walked.problems if problem.file.lower().endswith(".txt")]
        for path in walked.texts:
            if path not in claimed and not _NO_LABEL.fullmatch(path.stem.lower()) and not _has_photo(root, path):
                reason = "expected a photo of the same name, got none"
                problems.append(Problem(key_of(root, path), None, "orphan-label", reason))
    return problems


def _shared_labels(root: Path, labels: Mapping[Path, Path | None], in_order: list[Path]) -> dict[Path, Problem]:
    by_label: dict[Path, list[Path]] = defaultdict(list)
    for photo in in_order:
        label = labels[photo]
        if label is not None:
            by_label[label].append(photo)
    problems = {}
    for label, photos in by_label.items():
        for photo in photos if len(photos) > 1 else ():
            others = ", ".join(key_of(root, other) for other in photos if other != photo)
            reason = f"expected a label file of its own, got {key_of(root, label)}, which is also that of {others}"
            problems[photo] = Problem(key_of(root, photo), None, "shared-label", reason)
    return problems


def _case_collisions(root: Path, in_order: list[Path]) -> dict[Path, Problem]:
    by_folded: dict[str, list[Path]] = defaultdict(list)
    for photo in in_order:
        by_folded[key_of(root, photo.with_suffix("")).casefold()].append(photo)
    problems = {}
    for first, *others in by_folded.values():
        for photo in others:
            key, first_key = key_of(root, photo), key_of(root, first)
            # a.jpg and a.png, neither with a label file, differ by more than case.
            if photo.with_suffix("") != first.with_suffix("") or key.casefold() == first_key.casefold():
                reason = f"expected names that differ by more than case, got {first_key} besides"
                problems[photo] = Problem(key, None, "case-collision", reason)
    return problems


def _label_folders(found: FoundSplits, labels: Mapping[Path, Path | None]) -> list[Path]:
    """Topmost folders that may hold label files of the splits, each once; a linked one outside is left alone."""
    places: set[Path] = set()
    for folder in {*found.folders, *(photo.parent for photo in labels)}:
        swapped = swap_folder(folder.relative_to(found.root), "images", "labels", is_file=False)
        places |= {folder} if swapped is None else {folder, found.root / swapped}
    return sorted(
        place
        for place in places
        if place.is_dir() and within(found.root, place) and places.isdisjoint(set(place.parents))
    )


def _has_photo(root: Path, label: Path) -> bool:
    """Whether a photo of that name is on disk: a .txt list may leave photos out, and their labels are no orphans."""
    swapped = swap_folder(label.relative_to(root), "labels", "images")
    stems = [label] if swapped is None else [root / swapped, label]
    suffixes = PHOTO_SUFFIXES | {suffix.upper() for suffix in PHOTO_SUFFIXES}
    return any(stem.with_suffix(suffix).is_file() for stem in stems for suffix in suffixes)
