"""COCO object detection data sets: read into the records, and the JSON of a written one.

Boxes are `[x, y, width, height]` in pixels, real numbers from 0 at the photo's left and top edge (not pixel indices).

Source: https://cocodataset.org/#format-data
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from clipspect.data.coco_layout import CocoSource, find_sources
from clipspect.data.coco_parse import CocoCategory, CocoFile, CocoImage, Id, parse_coco
from clipspect.data.dataset import DatasetIndex
from clipspect.data.rows import EDGE_TOLERANCE, BadRow, Labelled, Tally, box_to_fractions, without_duplicates
from clipspect.data.scan import (
    GroupOf,
    Scan,
    SizeOf,
    in_split_order,
    make_photo,
    probe_size,
    scan,
    true_size,
    without_case_collisions,
)
from clipspect.errors import DataError
from clipspect.types import Annotation, Photo, Problem

MAX_JSON_BYTES = 512 * 2**20
"""A larger file is refused before it is read: parsed, it would take some ten times its size in memory."""


def read_coco(
    root: Path, *, group_of: GroupOf | None = None, size_of: SizeOf = probe_size, max_bytes: int = MAX_JSON_BYTES
) -> DatasetIndex:
    """Read a COCO data set; docs/formats.md lists the layouts.

    Args:
        root: Its folder, or one JSON file.
        group_of: A photo's file name to its group; without it every photo is its own.
        size_of: (width, height) of a photo in pixels after its EXIF turn.
        max_bytes: Larger JSON files are refused.

    Raises:
        DataError: There is no COCO file, or none that can be read.
    """
    only, root = _only_file(root)
    listing = scan(root)
    sources, notes = find_sources([only] if only else listing.files)
    if not sources:
        raise DataError(f"{root}: expected a COCO file (`annotations/instances_<split>.json` ...), got none")
    reader = _Reader(listing, group_of, size_of)
    files = reader.parse(sources, max_bytes)
    reader.name_classes(files)
    for source, parsed in files:
        reader.add(source, parsed)
    reader.unlabelled()
    photos, collisions = without_case_collisions(reader.photos.values())
    problems = (*listing.quarantined, *reader.problems, *collisions)
    splits = in_split_order(source.split for source in sources)
    return DatasetIndex(root, reader.names, photos, problems, (*notes, *reader.notes, *reader.tally.notes()), splits)


def _only_file(root: Path) -> tuple[str | None, Path]:
    if not root.is_file():
        return None, root
    folder = root.parent.parent if root.parent.name == "annotations" else root.parent
    return root.relative_to(folder).as_posix(), folder


@dataclass
class _Reader:
    """The data set as far as it is read."""

    listing: Scan
    group_of: GroupOf | None
    size_of: SizeOf
    names: tuple[str, ...] = ()
    class_ids: list[dict[Id, int]] = field(default_factory=list)
    photos: dict[str, Photo] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)

    def parse(self, sources: Sequence[CocoSource], max_bytes: int) -> list[tuple[CocoSource, CocoFile]]:
        parsed, failures = [], []
        for source in sources:
            try:
                content = _read(self.listing.files[source.key], source.key, max_bytes)
                parsed.append((source, parse_coco(content, source.key)))
            except DataError as error:
                failures.append(error)
                reason = str(error).removeprefix(f"{source.key}: ")
                self.problems.append(Problem(source.key, None, "corrupt-json", reason))
        if not parsed:
            raise failures[0]
        return parsed

    def name_classes(self, files: Sequence[tuple[CocoSource, CocoFile]]) -> None:
        """Fill `names` and, for each file, the map from its category ids to class ids."""
        dummy = dummy_category(parsed for _, parsed in files)
        if dummy is not None:
            self.notes.append(f"category {dummy.id} ({dummy.name!r}) is Roboflow's placeholder: left out")
        lists = [[c for c in parsed.categories if c != dummy] for _, parsed in files]
        by_id: dict[Id, str] = {}
        for categories in lists:
            for category in categories:
                by_id.setdefault(category.id, category.name)
        if all(by_id[c.id] == c.name for categories in lists for c in categories):
            ids = sorted(by_id, key=lambda i: (isinstance(i, str), i))
            self.names = tuple(by_id[i] for i in ids)
            self.class_ids = [{i: k for k, i in enumerate(ids)}] * len(lists)
            return
        # The files number their categories differently: only the names can be trusted.
        names = list(dict.fromkeys(c.name for categories in lists for c in categories))
        self.notes.append("the files give the same category id to different names: classes are matched by name")
        self.names = tuple(names)
        self.class_ids = [{c.id: names.index(c.name) for c in categories} for categories in lists]

    def add(self, source: CocoSource, parsed: CocoFile) -> None:
        """Add the photos of the next file."""
        class_ids = self.class_ids.pop(0)
        self.problems += parsed.quarantined
        self.notes += parsed.notes
        for image in parsed.images:
            try:
                self._add_image(source, image, class_ids)
            except BadRow as bad:
                self.problems.append(bad.at(source.key, image.line))

    def _add_image(self, source: CocoSource, image: CocoImage, class_ids: Mapping[Id, int]) -> None:
        where = f"images[{image.line}] {image.file_name!r}"
        after = f"; its {len(image.rows)} annotations are left out" if image.rows else ""
        key = self._find(source, image.file_name)
        if key is None:
            folders = ", ".join(folder or "." for folder in source.photo_folders)
            raise BadRow("missing-photo", f"{where}: no such photo in {folders}{after}")
        if key in self.photos:
            split = self.photos[key].split
            code = "duplicate-row" if split == source.split else "two-splits"
            raise BadRow(code, f"{where}: the photo was listed before, in split {split!r}{after}")
        path = self.listing.files[key]
        size_px, note = true_size(path, image.size_px, self.size_of)
        if note is not None:
            self.tally.add(note, f"{source.key}: {where}")
        annotations, problems = to_annotations(image, size_px, source.key, class_ids, self.tally)
        self.problems += problems
        label_path = self.listing.files[source.key]
        self.photos[key] = make_photo(
            path, key, source.split, group_of=self.group_of, annotations=annotations, label_path=label_path
        )

    def _find(self, source: CocoSource, file_name: str) -> str | None:
        keys = (f"{folder}/{file_name}" if folder else file_name for folder in source.photo_folders)
        return next((key for key in keys if key in self.listing.photos), None)

    def unlabelled(self) -> None:
        """Report photos that lie beside listed ones but are listed nowhere."""
        folders = {PurePosixPath(key).parent for key in self.photos}
        for key in self.listing.photos:
            if key not in self.photos and PurePosixPath(key).parent in folders:
                self.problems.append(Problem(key, None, "missing-label", "no COCO file lists this photo"))


def _read(path: Path, key: str, max_bytes: int) -> bytes:
    try:
        size_bytes = path.stat().st_size
        if size_bytes > max_bytes:
            raise DataError(f"{key}: expected at most {max_bytes:,} bytes of JSON, got {size_bytes:,}")
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{key}: cannot be read: {error.strerror or error}") from error


def to_annotations(
    image: CocoImage, size_px: tuple[int, int], file: str, class_ids: Mapping[Id, int], tally: Tally
) -> tuple[list[Annotation], list[Problem]]:
    """The rows of one image as annotations with boxes in fractions of `size_px`, and the rows that do not fit."""
    kept, problems = [], []
    for row in image.rows:
        try:
            box_xyxyn = box_to_fractions(row.box_xyxy_px, size_px)
        except BadRow as bad:
            problems.append(bad.at(file, row.line))
            continue
        polygon_xyn = tuple((x / size_px[0], y / size_px[1]) for x, y in row.polygon_px)
        if all(-EDGE_TOLERANCE <= v <= 1 + EDGE_TOLERANCE for point in polygon_xyn for v in point):
            polygon_xyn = tuple((_unit(x), _unit(y)) for x, y in polygon_xyn)
        else:
            tally.add("a polygon that leaves the photo: its box is kept, the polygon is not", f"{file}:{row.line}")
            polygon_xyn = ()
        kept.append(Annotation(class_ids[row.category_id], box_xyxyn, polygon_xyn, row.confidence, row.line))
    unique, repeated = without_duplicates(kept, file)
    return unique, problems + repeated


def dummy_category(files: Iterable[CocoFile]) -> CocoCategory | None:
    """Roboflow's placeholder: the first category, supercategory "none", above all others, and with no annotation."""
    files = list(files)
    first = next((f.categories[0] for f in files if f.categories), None)
    if first is None or first.supercategory != "none":
        return None
    others = [c for f in files for c in f.categories if c != first]
    used = any(row.category_id == first.id for f in files for image in f.images for row in image.rows)
    return first if others and not used and all(c.supercategory == first.name for c in others) else None


def format_coco(photos: Sequence[Labelled], names: Sequence[str]) -> str:
    """A COCO file of these photos and classes; class id k becomes category id k + 1."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image_id, photo in enumerate(photos, start=1):
        width_px, height_px = photo.size_px
        images.append({"id": image_id, "file_name": photo.file_name, "width": width_px, "height": height_px})
        for annotation in photo.annotations:
            ids = {"id": len(annotations) + 1, "image_id": image_id}
            annotations.append({**ids, **_row(annotation, photo.size_px)})
    # The supercategory is not "none": that marks Roboflow's dummy class, which readers drop.
    categories = [{"id": k, "name": name, "supercategory": "object"} for k, name in enumerate(names, start=1)]
    document = {"info": {}, "licenses": [], "images": images, "annotations": annotations, "categories": categories}
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n"


def _row(annotation: Annotation, size_px: tuple[int, int]) -> dict[str, Any]:
    width_px, height_px = size_px
    left, top, right, bottom = annotation.box_xyxyn
    bbox = [left * width_px, top * height_px, (right - left) * width_px, (bottom - top) * height_px]
    polygon_px = [(x * width_px, y * height_px) for x, y in annotation.polygon_xyn]
    row: dict[str, Any] = {
        "category_id": annotation.class_id + 1,
        "bbox": bbox,
        "area": _area(polygon_px) if polygon_px else bbox[2] * bbox[3],
        "segmentation": [[v for point in polygon_px for v in point]] if polygon_px else [],
        "iscrowd": 0,
    }
    return row if annotation.confidence is None else {**row, "score": annotation.confidence}


def _area(polygon: Sequence[tuple[float, float]]) -> float:
    shifted = [*polygon[1:], polygon[0]]
    return abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in zip(polygon, shifted, strict=True))) / 2


def _unit(value: float) -> float:
    return min(max(value, 0.0), 1.0)
