"""Folder-per-class data sets: each photo is one object, its box is the whole photo."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from clipspect.data.dataset import DatasetIndex
from clipspect.data.rows import printable
from clipspect.data.scan import GroupOf, in_split_order, make_photo, scan, split_name, without_case_collisions
from clipspect.errors import EmptyDataError
from clipspect.types import Annotation, Photo, Problem

_WHOLE = (0.0, 0.0, 1.0, 1.0)


def read_folders(root: Path, *, group_of: GroupOf | None = None) -> DatasetIndex:
    """Read `<split>/<class>/photo` or, as the one split "train", `<class>/photo`.

    Splits are read where a folder called train, val(id), validation or test has photos in folders of its own. Class
    names are folder names, ids follow the alphabet. Deeper folders belong to their class.

    Args:
        root: The data set's folder.
        group_of: A photo's file name to its group; without it every photo is its own.

    Raises:
        EmptyDataError: No photo lies in a class folder.
    """
    listing = scan(root)
    depth = 1 if _has_splits(list(listing.photos)) else 0
    photos: list[tuple[str, str, str]] = []
    problems: list[Problem] = []
    for key in listing.photos:
        folders = PurePosixPath(key).parts[:-1]
        if len(folders) > depth:
            photos.append((key, split_name(folders[0]) if depth else "train", folders[depth]))
        else:
            layout = "<split>/<class>/" if depth else "<class>/"
            problems.append(Problem(key, None, "missing-label", f"expected the photo in {layout}, got it above"))
    if not photos:
        raise EmptyDataError(f"{root}: expected photos in `<class>/` or `<split>/<class>/`, got none")
    names = _class_names([root / key.split("/")[0] for key, *_ in photos] if depth else [root])
    records: list[Photo] = []
    for key, split, name in photos:
        whole = (Annotation(names.index(name), _WHOLE),)
        records.append(make_photo(listing.files[key], key, split, group_of=group_of, annotations=whole))
    kept, collisions = without_case_collisions(records)
    splits = in_split_order(split for _, split, _ in photos)
    return DatasetIndex(root, names, kept, (*listing.quarantined, *problems, *collisions), (), splits)


def _has_splits(keys: list[str]) -> bool:
    folders = [PurePosixPath(key).parts[:-1] for key in keys]
    return any(len(parts) > 1 and split_name(parts[0]) in ("train", "valid", "test") for parts in folders)


def _class_names(parents: Iterable[Path]) -> tuple[str, ...]:
    """Names of all class folders, those without a photo too."""
    folders = [f for parent in set(parents) for f in parent.iterdir() if f.is_dir() and not f.is_symlink()]
    names = {f.name for f in folders if not f.name.startswith((".", "__MACOSX"))}
    return tuple(sorted(name for name in names if printable(name) == name))
