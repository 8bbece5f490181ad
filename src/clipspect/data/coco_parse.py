"""COCO object detection JSON to rows in pixels: what is refused and why. Pure.

Boxes are `[x, y, width, height]` in pixels, real numbers from 0 at the photo's left and top edge (not pixel indices).
The `line` of a problem or an annotation is the position, from 1, in the list its reason names: `annotations` (all
annotations), `images` or `categories`.

Source: https://cocodataset.org/#format-data
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from clipspect.data.rows import BadRow, Tally, finite, printable, shown
from clipspect.data.scan import safe_key
from clipspect.errors import DataError
from clipspect.types import Box, Problem

Id = int | str
"""COCO ids are integers; some tools write strings. They are only compared, never computed with."""

Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class CocoCategory:
    """One entry of `categories`."""

    id: Id
    name: str
    supercategory: str


@dataclass(frozen=True, slots=True)
class CocoRow:
    """One entry of `annotations` whose numbers are numbers; whether its box fits the photo is not known yet."""

    category_id: Id
    box_xyxy_px: Box
    polygon_px: Points
    confidence: float | None
    line: int


@dataclass(frozen=True, slots=True)
class CocoImage:
    """One entry of `images` with its rows; `size_px` is None where the file does not give a usable one."""

    file_name: str
    size_px: tuple[int, int] | None
    line: int
    rows: tuple[CocoRow, ...]


@dataclass(frozen=True)
class CocoFile:
    """A parsed COCO file; `categories` are sorted by id, the position of one is its class id."""

    categories: tuple[CocoCategory, ...]
    images: tuple[CocoImage, ...]
    quarantined: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()


def parse_coco(content: bytes, file: str) -> CocoFile:
    """Parse a COCO file; a bad row is quarantined and the others are kept.

    Args:
        content: The file, UTF-8 JSON.
        file: Its name for problems and errors.

    Raises:
        DataError: It is no JSON, nested too deeply, or has no lists `images`, `annotations` and `categories`.
    """
    return _Parser(file).parse(_load(content, file))


def _load(content: bytes, file: str) -> dict[str, Any]:
    try:
        document = json.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise DataError(f"{file}: expected UTF-8, got the byte {content[error.start]:#04x} at {error.start}") from error
    except RecursionError:
        raise DataError(f"{file}: expected COCO JSON, got lists or objects nested too deeply") from None
    except ValueError as error:  # JSONDecodeError, and integers of over 4,300 digits
        raise DataError(f"{file}: expected JSON, got: {error}") from error
    if not isinstance(document, dict):
        raise DataError(f"{file}: expected a JSON object with `images`, got {shown(document)}")
    for key in ("images", "annotations", "categories"):
        if not isinstance(document.get(key), list):
            raise DataError(f"{file}: expected the list `{key}`, got {shown(document.get(key, 'nothing'))}")
    return document


@dataclass
class _Parser:
    """The state of one parse: what was refused so far, and what is already taken."""

    file: str
    problems: list[Problem] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)

    def parse(self, document: dict[str, Any]) -> CocoFile:
        categories = self._categories(document["categories"])
        by_id, ambiguous = self._images(document["images"])
        known = {category.id for category in categories}
        rows: dict[Id, list[CocoRow]] = {}
        left_out: Counter[Id] = Counter()
        used: set[Id] = set()
        for line, raw in enumerate(document["annotations"], start=1):
            try:
                image_id = _id(_object(raw, "annotations", line).get("image_id"), f"annotations[{line}].image_id")
                if image_id in ambiguous:
                    left_out[image_id] += 1
                    continue
                if image_id not in by_id:
                    raise BadRow("missing-photo", f"annotations[{line}]: no entry of `images` has the id {image_id!r}")
                row = self._row(raw, line, known)
                _claim_id(raw, line, used)
                rows.setdefault(image_id, []).append(row)
            except BadRow as bad:
                self.problems.append(bad.at(self.file, line))
        self.problems += [_with_count(bad, self.file, line, left_out[i]) for i, (bad, line) in ambiguous.items()]
        images = tuple(
            CocoImage(name, size_px, line, tuple(rows.get(i, ()))) for i, (name, size_px, line) in by_id.items()
        )
        return CocoFile(categories, images, tuple(self.problems), self.tally.notes())

    def _categories(self, entries: list[Any]) -> tuple[CocoCategory, ...]:
        seen: dict[Id, CocoCategory] = {}
        for line, raw in enumerate(entries, start=1):
            try:
                entry = _object(raw, "categories", line)
                category_id = _id(entry.get("id"), f"categories[{line}].id")
                name = entry.get("name")
                if not isinstance(name, str) or not name:
                    raise BadRow("bad-category", f"categories[{line}]: expected a `name`, got {shown(name)}")
                if category_id in seen:
                    raise BadRow("duplicate-id", f"categories[{line}]: the id {category_id!r} is taken")
                parent = entry.get("supercategory")
                above = printable(parent) if isinstance(parent, str) else ""
                seen[category_id] = CocoCategory(category_id, printable(name), above)
            except BadRow as bad:
                self.problems.append(bad.at(self.file, line))
        return tuple(sorted(seen.values(), key=lambda c: (isinstance(c.id, str), c.id)))

    def _images(
        self, entries: list[Any]
    ) -> tuple[dict[Id, tuple[str, tuple[int, int] | None, int]], dict[Id, tuple[BadRow, int]]]:
        """Good images by id, and ids whose annotations are left out, with the reason and line."""
        good: dict[Id, tuple[str, tuple[int, int] | None, int]] = {}
        bad_ids: dict[Id, tuple[BadRow, int]] = {}
        for line, raw in enumerate(entries, start=1):
            try:
                entry = _object(raw, "images", line)
                image_id = _id(entry.get("id"), f"images[{line}].id")
            except BadRow as bad:
                self.problems.append(bad.at(self.file, line))
                continue
            try:
                name = entry.get("file_name")
                if not isinstance(name, str) or not name:
                    raise BadRow("missing-photo", f"images[{line}]: expected a `file_name`, got {shown(name)}")
                if image_id in good or image_id in bad_ids:
                    raise BadRow("duplicate-id", f"images[{line}]: the id {image_id!r} is taken")
                good[image_id] = (safe_key(name), _size(entry), line)
            except BadRow as bad:
                self._refuse_image(image_id, bad, line, good, bad_ids)
        return good, bad_ids

    def _refuse_image(
        self,
        image_id: Id,
        bad: BadRow,
        line: int,
        good: dict[Id, tuple[str, tuple[int, int] | None, int]],
        bad_ids: dict[Id, tuple[BadRow, int]],
    ) -> None:
        if image_id in bad_ids:
            self.problems.append(bad.at(self.file, line))
            return
        if image_id in good:
            # Nobody can tell which of the two photos the annotations of this id belong to: neither is kept.
            *_, first_line = good.pop(image_id)
            self.problems.append(BadRow(bad.code, f"images[{first_line}]: shares its id").at(self.file, first_line))
        bad_ids[image_id] = (bad, line)

    def _row(self, raw: dict[str, Any], line: int, known: set[Id]) -> CocoRow:
        where = f"annotations[{line}]"
        category_id = _id(raw.get("category_id"), f"{where}.category_id")
        if category_id not in known:
            raise BadRow("class-out-of-range", f"{where}: expected an id of `categories`, got {category_id!r}")
        if raw.get("iscrowd") not in (None, 0, False):
            raise BadRow("crowd", f"{where}: a region of many objects (iscrowd) is no single object")
        bbox = raw.get("bbox")
        if not isinstance(bbox, list) or len(bbox) != 4:
            got = f"{len(bbox)} values" if isinstance(bbox, list) else shown(bbox)
            raise BadRow("field-count", f"{where}.bbox: expected [x, y, width, height], got {got}")
        left, top, width, height = (finite(value, f"{where}.bbox") for value in bbox)
        if width <= 0 or height <= 0:
            code = "negative-size" if width < 0 or height < 0 else "zero-size"
            raise BadRow(code, f"{where}.bbox: expected width and height over 0, got {width:g} x {height:g}")
        score = raw.get("score")
        confidence = None if score is None else finite(score, f"{where}.score")
        if confidence is not None and not 0 <= confidence <= 1:
            raise BadRow("confidence-out-of-range", f"{where}.score: expected 0 to 1, got {confidence:g}")
        box_xyxy_px = (left, top, left + width, top + height)
        return CocoRow(category_id, box_xyxy_px, self._polygon(raw.get("segmentation"), line), confidence, line)

    def _polygon(self, segmentation: object, line: int) -> Points:
        where = f"{self.file}:{line}"
        if segmentation is None or segmentation == []:
            return ()
        if isinstance(segmentation, dict):
            self.tally.add("a run-length mask: its box is kept, the mask is not", where)
            return ()
        if not isinstance(segmentation, list) or len(segmentation) != 1 or not isinstance(segmentation[0], list):
            self.tally.add("a segmentation of other than one polygon: its box is kept, the polygons are not", where)
            return ()
        try:
            flat = [finite(value, "segmentation") for value in segmentation[0]]
        except BadRow:
            flat = []
        if len(flat) < 6 or len(flat) % 2:
            self.tally.add("a polygon of other than 3 or more points: its box is kept, the polygon is not", where)
            return ()
        return tuple(zip(flat[::2], flat[1::2], strict=True))


def _claim_id(raw: dict[str, Any], line: int, used: set[Id]) -> None:
    """Take the annotation's id; one without an id is legal, nothing here refers to it."""
    if raw.get("id") is None:
        return
    annotation_id = _id(raw["id"], f"annotations[{line}].id")
    if annotation_id in used:
        raise BadRow("duplicate-id", f"annotations[{line}]: the id {annotation_id!r} is taken")
    used.add(annotation_id)


def _with_count(bad: BadRow, file: str, line: int, left_out: int) -> Problem:
    reason = f"{bad.reason}; its {left_out} annotations are left out" if left_out else bad.reason
    return Problem(file, line, bad.code, reason)


def _object(raw: object, key: str, line: int) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise BadRow("field-count", f"{key}[{line}]: expected an object, got {shown(raw)}")
    return raw


def _id(value: object, what: str) -> Id:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise BadRow("not-a-number", f"{what}: expected an id, got {shown(value)}")
    return printable(value) if isinstance(value, str) else value


def _size(entry: dict[str, Any]) -> tuple[int, int] | None:
    size = (entry.get("width"), entry.get("height"))
    if all(isinstance(v, int) and not isinstance(v, bool) and 0 < v < 2**31 for v in size):
        return size  # type: ignore[return-value]  # the line above says so, mypy does not narrow a generator
    return None
