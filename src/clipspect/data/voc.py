"""Pascal VOC data sets: one XML file a photo, and lists of photos as splits; docs/formats.md lists the layouts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from clipspect.data.dataset import DatasetIndex
from clipspect.data.rows import BadRow, Tally, box_to_fractions, printable, without_duplicates
from clipspect.data.scan import (
    GroupOf,
    Scan,
    SizeOf,
    in_split_order,
    make_photo,
    probe_size,
    scan,
    split_name,
    true_size,
    without_case_collisions,
)
from clipspect.data.voc_parse import VocFile, VocObject, parse_voc
from clipspect.errors import DataError
from clipspect.types import Annotation, Photo, Problem

CLASSES_FILE = "classes.txt"
"""Class names in the order of their ids, one a line; VOC itself has no place for them."""

_FLAG = re.compile(r"\s+(-1|0|1)$")


def read_voc(root: Path, *, group_of: GroupOf | None = None, size_of: SizeOf = probe_size) -> DatasetIndex:
    """Read a VOC data set.

    Class ids follow `classes.txt` where the data set has one; names that it lacks come after it by alphabet.

    Args:
        root: Its folder.
        group_of: A photo's file name to its group; without it every photo is its own.
        size_of: (width, height) of a photo in pixels after its EXIF turn.

    Raises:
        DataError: There is no XML file.
    """
    listing = scan(root)
    xmls = [key for key in listing.files if key.lower().endswith(".xml")]
    if not xmls:
        raise DataError(
            f"{root}: expected Pascal VOC files (`Annotations/*.xml`, or XML beside photos), got no XML file"
        )
    reader = _Reader(listing, size_of)
    if any(PurePosixPath(key).parts[0] == "Annotations" for key in xmls):
        splits = reader.devkit([key for key in xmls if PurePosixPath(key).parts[0] == "Annotations"])
    else:
        splits = reader.side_by_side(xmls)
    names = reader.class_names()
    photos, collisions = without_case_collisions(reader.records(names, group_of))
    problems = (*listing.quarantined, *reader.problems, *collisions)
    return DatasetIndex(root, names, photos, problems, (*reader.notes, *reader.tally.notes()), splits)


@dataclass
class _Reader:
    """The data set as far as it is read."""

    listing: Scan
    size_of: SizeOf
    parsed: dict[str, tuple[str, str, VocFile]] = field(default_factory=dict)
    """Photo key to split, key of its XML file, and what that says."""
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)

    def devkit(self, xmls: Iterable[str]) -> tuple[str, ...]:
        """`Annotations/`, `JPEGImages/` and `ImageSets/Main/<split>.txt`; without lists all is "train"."""
        folder = next((f for f in ("JPEGImages", "images", "Images") if self._has_folder(f)), "JPEGImages")
        photo_of = {_stem(key, folder): key for key in self.listing.photos if key.startswith(f"{folder}/")}
        xml_of = {_stem(key, "Annotations"): key for key in xmls}
        lists = self._split_lists(set(photo_of) | set(xml_of))
        split_of = self._splits_of_stems(lists, photo_of, xml_of) if lists else dict.fromkeys(xml_of, "train")
        for stem, key in xml_of.items():
            if stem not in photo_of:
                self.problems.append(Problem(key, None, "orphan-label", f"no photo {folder}/{stem}.* belongs to it"))
            elif stem not in split_of:
                self.tally.add("photos that no list of ImageSets/Main names: left out", photo_of[stem])
            else:
                self._parse(key, photo_of[stem], split_of[stem])
        self._unlabelled(photo_of[stem] for stem in photo_of if stem not in xml_of)
        return in_split_order(lists or ["train"])

    def side_by_side(self, xmls: Iterable[str]) -> tuple[str, ...]:
        """XML files beside the photos, in one folder a split (Roboflow) or in a single one."""
        photo_of: dict[str, list[str]] = {}
        for key in self.listing.photos:
            photo_of.setdefault(_stem(key), []).append(key)
        splits, labelled = set(), set()
        for key in xmls:
            folder = PurePosixPath(key).parts[0] if "/" in key else ""
            split = split_name(folder) if folder else "train"
            splits.add(split)
            candidates = photo_of.get(_stem(key), [])
            if not candidates:
                self.problems.append(Problem(key, None, "orphan-label", f"no photo {_stem(key)}.* belongs to it"))
                continue
            labelled.add(_stem(key))
            self._parse(key, candidates[0], split)
        folders = {PurePosixPath(key).parent for key in xmls}
        unlabelled = [k for s, keys in photo_of.items() if s not in labelled for k in keys]
        self._unlabelled(key for key in unlabelled if PurePosixPath(key).parent in folders)
        return in_split_order(splits)

    def class_names(self) -> tuple[str, ...]:
        """The names of `classes.txt`, then those that only objects have, by alphabet."""
        listed: tuple[str, ...] = ()
        if CLASSES_FILE in self.listing.files:
            listed = tuple(dict.fromkeys(line for line in self._lines(CLASSES_FILE) if line))
        seen = {o.name for _, _, parsed in self.parsed.values() for o in parsed.objects}
        others = sorted(seen - set(listed))
        if listed and others:
            self.notes.append(f"{CLASSES_FILE} lacks {others}: added after its names")
        return (*listed, *others)

    def records(self, names: tuple[str, ...], group_of: GroupOf | None) -> Iterable[Photo]:
        """The photos, with boxes in fractions of their own size."""
        class_ids = {name: k for k, name in enumerate(names)}
        for key, (split, xml_key, parsed) in self.parsed.items():
            path = self.listing.files[key]
            try:
                size_px, note = true_size(path, parsed.size_px, self.size_of)
            except BadRow as bad:
                self.problems.append(bad.at(xml_key, None))
                continue
            if note is not None:
                self.tally.add(note, xml_key)
            annotations, problems = to_annotations(parsed.objects, size_px, xml_key, class_ids)
            self.problems += problems
            label_path = self.listing.files[xml_key]
            yield make_photo(path, key, split, group_of=group_of, annotations=annotations, label_path=label_path)

    def _parse(self, xml_key: str, photo_key: str, split: str) -> None:
        try:
            content = self.listing.files[xml_key].read_bytes()
        except OSError as error:
            self.problems.append(Problem(xml_key, None, "unreadable", f"cannot be read: {error.strerror or error}"))
            return
        parsed = parse_voc(content, xml_key)
        self.problems += parsed.quarantined
        for line, what in parsed.oddities:
            self.tally.add(what, f"{xml_key}:{line}")
        if parsed.readable:
            self.parsed[photo_key] = (split, xml_key, parsed)

    def _unlabelled(self, keys: Iterable[str]) -> None:
        self.problems += [Problem(key, None, "missing-label", "no XML file belongs to this photo") for key in keys]

    def _has_folder(self, folder: str) -> bool:
        return any(key.startswith(f"{folder}/") for key in self.listing.photos)

    def _split_lists(self, known: set[str]) -> dict[str, tuple[str, list[str]]]:
        """Split to (key of its list, stems); lists of one class's photos (`rust_train.txt`) are left alone."""
        lists: dict[str, tuple[str, list[str]]] = {}
        for key in self.listing.files:
            path = PurePosixPath(key)
            if path.parent.as_posix() != "ImageSets/Main" or path.suffix.lower() != ".txt":
                continue
            lines = self._lines(key)
            split = split_name(path.stem)
            usual = split in ("train", "valid", "test", "trainval")
            if usual or not _is_class_list(lines, known):
                lists[split] = (key, [line if line in known else _FLAG.sub("", line) for line in lines])
        # trainval repeats train and val; it counts only where it stands alone.
        union = lists.pop("trainval", None)
        if union is not None and not lists.keys() & {"train", "valid"}:
            lists["train"] = union
        return lists

    def _splits_of_stems(
        self, lists: Mapping[str, tuple[str, list[str]]], photo_of: Mapping[str, str], xml_of: Mapping[str, str]
    ) -> dict[str, str]:
        split_of: dict[str, str] = {}
        for split in in_split_order(lists):
            key, stems = lists[split]
            for line, stem in enumerate(stems, start=1):
                if not stem:
                    continue
                if stem not in photo_of and stem not in xml_of:
                    self.problems.append(Problem(key, line, "missing-photo", f"no photo and no XML file is {stem!r}"))
                elif stem in split_of:
                    code = "duplicate-row" if split_of[stem] == split else "two-splits"
                    reason = f"{stem!r} was listed before, in split {split_of[stem]!r}"
                    self.problems.append(Problem(key, line, code, reason))
                else:
                    split_of[stem] = split
        return split_of

    def _lines(self, key: str) -> list[str]:
        """Trimmed lines; only LF and CRLF end one, names may hold other separators."""
        try:
            text = self.listing.files[key].read_bytes().decode("utf-8-sig")
        except OSError as error:
            self.problems.append(Problem(key, None, "unreadable", f"cannot be read: {error.strerror or error}"))
            return []
        except UnicodeDecodeError as error:
            self.problems.append(Problem(key, None, "encoding", f"expected UTF-8, got: {error.reason}"))
            return []
        return [line.strip(" \t\r") for line in text.split("\n")]


def to_annotations(
    objects: Iterable[VocObject], size_px: tuple[int, int], file: str, class_ids: Mapping[str, int]
) -> tuple[list[Annotation], list[Problem]]:
    """The objects of one photo as annotations with boxes in fractions of `size_px`, and those that do not fit."""
    kept, problems = [], []
    for item in objects:
        try:
            box_xyxyn = box_to_fractions(item.box_xyxy_px, size_px)
            kept.append(Annotation(class_ids[item.name], box_xyxyn, line=item.line))
        except BadRow as bad:
            problems.append(bad.at(file, item.line))
    unique, repeated = without_duplicates(kept, file)
    return unique, problems + repeated


def _stem(key: str, folder: str | None = None) -> str:
    path = PurePosixPath(key)
    return printable((path.relative_to(folder) if folder else path).with_suffix("").as_posix())


def _is_class_list(lines: list[str], known: set[str]) -> bool:
    rows = [line for line in lines if line]
    return bool(rows) and all(line not in known and _FLAG.search(line) for line in rows)
