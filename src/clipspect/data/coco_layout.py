"""Which JSON files of a folder are COCO, which split each one is, and where its photos lie. Pure, on names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import NamedTuple

from clipspect.data.scan import split_name

ROBOFLOW_JSON = "_annotations.coco.json"

_INSTANCES = re.compile(r"instances?_(?P<split>.+)")
_OTHER_TASKS = re.compile(r"(captions|person_keypoints|panoptic|stuff|image_info)_.*|categories")
_YEAR = re.compile(r"(?P<split>train|val|test)[-_]?(19|20)\d\d")


class CocoSource(NamedTuple):
    """One COCO file.

    Attributes:
        key: Of the JSON file, relative to the data set's folder.
        split: What its photos belong to.
        photo_folders: Where its photos may lie, as keys, best first; "" is the data set's folder.
    """

    key: str
    split: str
    photo_folders: tuple[str, ...]


def find_sources(keys: Iterable[str]) -> tuple[list[CocoSource], list[str]]:
    """The COCO files among the files of a data set, sorted, and notes on JSON files that are left alone.

    The first of these layouts that has a file is taken: `<split>/_annotations.coco.json` (Roboflow),
    `annotations/instances_<split>.json` or `annotations/<split>.json`, and JSON files beside the photos.
    """
    jsons = [PurePosixPath(key) for key in keys if key.lower().endswith(".json")]
    roboflow = [p for p in jsons if p.name == ROBOFLOW_JSON]
    if roboflow:
        return [_roboflow(p) for p in roboflow], _left_alone(set(jsons) - set(roboflow))
    candidates = [p for p in jsons if not _OTHER_TASKS.fullmatch(p.stem)]
    folder = [p for p in candidates if p.parent.as_posix() == "annotations"]
    candidates = folder or [p for p in candidates if len(p.parts) == 1]
    chosen = [p for p in candidates if _INSTANCES.fullmatch(p.stem)] or candidates
    lone = len(chosen) == 1 and not folder
    return _with_splits(chosen, lone=lone), _left_alone(set(jsons) - set(chosen))


def _roboflow(path: PurePosixPath) -> CocoSource:
    folder = path.parent.as_posix()
    if folder == ".":
        return CocoSource(path.as_posix(), "train", ("", "images"))
    return CocoSource(path.as_posix(), split_name(folder), (folder, f"{folder}/images"))


def _with_splits(paths: list[PurePosixPath], *, lone: bool) -> list[CocoSource]:
    raw = {p: _raw_split(p) for p in paths}
    names = {p: split_name(_bare(raw[p])) for p in paths}
    # train2014 and train2017 side by side stay what they are called.
    clashes = {name for name, count in Counter(names.values()).items() if count > 1}
    sources = []
    for path in paths:
        split = raw[path] if names[path] in clashes else names[path]
        known = split in ("train", "valid", "test")
        stands_for_all = raw[path] == "default" or (lone and not known)
        spellings = dict.fromkeys((raw[path], _bare(raw[path]), split))
        folders = [f for name in spellings for f in (f"images/{name}", name, f"{name}/images")] + ["images", ""]
        sources.append(CocoSource(path.as_posix(), "train" if stands_for_all else split, tuple(folders)))
    return sources


def _raw_split(path: PurePosixPath) -> str:
    match = _INSTANCES.fullmatch(path.stem)
    return match["split"] if match else path.stem


def _bare(name: str) -> str:
    """Without the year: "val2017" -> "val"."""
    match = _YEAR.fullmatch(name)
    return match["split"] if match else name


def _left_alone(paths: Iterable[PurePosixPath]) -> list[str]:
    return [f"{p}: not read as a COCO file of this data set" for p in sorted(paths)]
