"""YOLO label files as records and back: text in, records out; nothing here touches a disk.

Formats: one object a row. `class cx cy w h` (a box, fractions of the photo), `class x1 y1 x2 y2 x3 y3 ...` (a polygon
of three or more points; four points are an oriented box). Predictions carry a confidence as one more, last field.
Source: Ultralytics, "Object detection / segmentation / OBB datasets overview".
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

from clipspect.data.data_yaml import DataYaml, format_data_yaml, parse_data_yaml
from clipspect.data.shown import shown
from clipspect.types import Annotation, Box, Problem

__all__ = ["MAX_LABEL_BYTES", "DataYaml", "format_data_yaml", "format_labels", "parse_data_yaml", "parse_labels"]

MAX_LABEL_BYTES = 16 * 2**20
"""A label file larger than this is not read: 16 MiB are some 400,000 boxes in one photo."""

EDGE_TOLERANCE = 1e-3
"""How far, as a fraction of the photo, a box or a polygon may reach over the edge; it is then clipped."""

# Sums of decimal fractions come out an ulp or so beside their exact value; "at most 1e-3" must include 1e-3.
_ROUNDING = 1e-9
_MAX_PIXEL = 100_000

_LINE_BREAK = re.compile(rb"\r\n|\n|\r")
# Python's own int() and float() also read 1_0 and the digits of other scripts, which no labelling tool writes.
_CLASS_ID = re.compile(r"-?[0-9]{1,9}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity)", re.IGNORECASE)
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")


class _Rejected(Exception):
    """A row is bad: (code, reason). Never leaves this file."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(code, reason)
        self.code, self.reason = code, reason


def parse_labels(
    content: bytes, file: str, *, n_classes: int, predictions: bool = False
) -> tuple[list[Annotation], list[Problem]]:
    """Read one YOLO label file.

    Args:
        content: The file as it is on disk; UTF-8 with or without BOM, any kind of line end.
        file: Its name for `Problem.file`.
        n_classes: Number of classes; ids run from 0 to `n_classes - 1`.
        predictions: Whether the last field of each row is a confidence in [0, 1]: `class cx cy w h confidence`, or a
            polygon and a confidence. Without it, a confidence is a mistake in a label file.

    Returns:
        Kept rows in the order of the file, boxes clipped to [0, 1]; and one problem for each row that is left out, with
        its line in the file from 1. A problem without a line concerns the whole file, which then has no kept row.
        An empty file is a photo without objects: no row and no problem.
    """
    whole = _whole_file_problem(content)
    if whole is not None:
        return [], [Problem(file, None, *whole)]
    rows = [
        (number, row)
        for number, row in enumerate(_LINE_BREAK.split(content.removeprefix(b"\xef\xbb\xbf")), start=1)
        if row.strip()
    ]
    kept: list[Annotation] = []
    problems: list[Problem] = []
    first_line: dict[tuple[int, Box], int] = {}
    for number, row in rows:
        try:
            annotation = _parse_row(row, number, n_classes, predictions)
            _refuse_duplicate(annotation, number, first_line)
        except _Rejected as rejected:
            problems.append(Problem(file, number, rejected.code, rejected.reason))
        else:
            kept.append(annotation)
    binary_rows = sum(problem.code == "binary" for problem in problems)
    if not kept and 2 * binary_rows > len(rows):  # a photo or an archive with the wrong suffix: say it once
        return [], [Problem(file, None, "binary", "expected rows of text, got a binary file")]
    return kept, problems


def format_labels(annotations: Iterable[Annotation]) -> str:
    """Write annotations as rows of a YOLO label file; `parse_labels` reads them back.

    Polygons stay polygons (their box is not written: it follows from the points), boxes are written as `cx cy w h` with
    12 significant digits, a confidence as the last field where there is one (then read back with `predictions=True`).
    """
    return "".join(_format_row(annotation) + "\n" for annotation in annotations)


def _whole_file_problem(content: bytes) -> tuple[str, str] | None:
    if len(content) > MAX_LABEL_BYTES:
        return "too-large", f"expected at most {MAX_LABEL_BYTES} bytes, got more"
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or _alternates_with_nul(content):
        return "utf-16", "expected UTF-8 text, got UTF-16; save the file as UTF-8"
    return None


def _alternates_with_nul(content: bytes) -> bool:
    even, odd = content[0::2], content[1::2]
    return bool(odd) and any(
        not zeros.strip(b"\0") and b"\0" not in letters for zeros, letters in ((even, odd), (odd, even))
    )


def _parse_row(row: bytes, line: int, n_classes: int, predictions: bool) -> Annotation:
    fields = _fields(row)
    _check_count(fields, predictions)
    class_id = _class_id(fields[0], n_classes)
    values = [_number(field, position) for position, field in enumerate(fields[1:], start=2)]
    confidence = _confidence(values.pop()) if predictions else None
    if len(values) == 4:
        return Annotation(class_id, _box(values), (), confidence, line)
    polygon, box = _polygon(values)
    return Annotation(class_id, box, polygon, confidence, line)


def _fields(row: bytes) -> list[str]:
    if _CONTROL.search(row):
        raise _Rejected("binary", f"expected text, got control characters in {shown(row)}")
    try:
        text = row.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _Rejected("binary", f"expected UTF-8 text, got {shown(row)}") from error
    if "," in text:
        raise _Rejected("commas", f"expected fields separated by spaces and decimal points, got {shown(text)}")
    # Only blanks and tabs separate fields; str.split() would also take no-break and other Unicode spaces.
    return [field for field in re.split(r"[ \t\v\f]+", text) if field]


def _check_count(fields: Sequence[str], predictions: bool) -> None:
    count = len(fields)
    shapes = "5 fields (class cx cy w h) or 7 and more (class and 3 or more points x y)"
    if count < 5:
        raise _Rejected("too-few-fields", f"expected {shapes}, got {count}: {shown(' '.join(fields))}")
    if predictions and count % 2:
        raise _Rejected(
            "missing-confidence",
            f"expected a prediction with its confidence as the last field (class cx cy w h confidence), got {count} "
            "fields; Ultralytics writes it with save_conf=True",
        )
    if not predictions and count == 6:
        raise _Rejected(
            "confidence-in-label", f"expected {shapes}, got 6; a confidence belongs in a predictions folder"
        )
    if not predictions and count % 2 == 0:
        raise _Rejected("even-field-count", f"expected {shapes}, got {count}: an x without its y")


def _class_id(field: str, n_classes: int) -> int:
    if _CLASS_ID.fullmatch(field):
        class_id = int(field)
        if 0 <= class_id < n_classes and not field.startswith("-"):
            return class_id
    elif not re.fullmatch("-?[0-9]+", field):
        raise _Rejected("class-not-integer", f"expected a class id, a whole number, got {shown(field)}")
    raise _Rejected("class-out-of-range", f"expected a class id from 0 to {n_classes - 1}, got {shown(field)}")


def _number(field: str, position: int) -> float:
    if _NOT_FINITE.fullmatch(field):
        raise _Rejected("not-finite", f"field {position}: expected a number from 0 to 1, got {shown(field)}")
    if not _NUMBER.fullmatch(field):
        raise _Rejected("not-a-number", f"field {position}: expected a number from 0 to 1, got {shown(field)}")
    value = float(field)
    if not math.isfinite(value):
        raise _Rejected("not-finite", f"field {position}: expected a number from 0 to 1, got {shown(field)}")
    return value


def _confidence(value: float) -> float:
    if not 0.0 <= value <= 1.0:
        raise _Rejected("confidence-out-of-range", f"expected a confidence from 0 to 1, got {value:g}")
    return value


def _box(values: Sequence[float]) -> Box:
    cx, cy, width, height = values
    _refuse_pixels(values)
    for name, size in (("width", width), ("height", height)):
        if size < 0:
            raise _Rejected("negative-size", f"expected a {name} above 0, got {size:g}")
        if size == 0:
            raise _Rejected("zero-size", f"expected a {name} above 0, got 0")
    _refuse_outside((cx, cy), EDGE_TOLERANCE)
    _refuse_outside((width, height), 2 * EDGE_TOLERANCE)  # over both edges
    edges = (cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2)
    excess = max(-min(edges), max(edges) - 1)
    if excess > EDGE_TOLERANCE + _ROUNDING:
        raise _Rejected(
            "box-outside-photo",
            f"expected a box inside the photo, or over its edge by at most {EDGE_TOLERANCE:g}, got {excess:.4g}",
        )
    return _clipped(edges)


def _polygon(values: Sequence[float]) -> tuple[tuple[tuple[float, float], ...], Box]:
    _refuse_pixels(values)
    _refuse_outside(values, EDGE_TOLERANCE)
    x, y = ([min(max(value, 0.0), 1.0) for value in values[start::2]] for start in (0, 1))
    return tuple(zip(x, y, strict=True)), _clipped((min(x), min(y), max(x), max(y)))


def _refuse_pixels(values: Sequence[float]) -> None:
    large = sum(2 <= value <= _MAX_PIXEL for value in values)
    if 2 * large >= len(values) and max(values) <= _MAX_PIXEL:
        raise _Rejected(
            "pixel-coordinates",
            f"expected fractions of the photo's width and height, from 0 to 1, got pixels: {max(values):g}",
        )


def _refuse_outside(values: Iterable[float], tolerance: float) -> None:
    for value in values:
        if not -tolerance - _ROUNDING <= value <= 1 + tolerance + _ROUNDING:
            raise _Rejected("out-of-range", f"expected coordinates from 0 to 1, got {value:g}")


def _clipped(edges: Box) -> Box:
    left, top, right, bottom = (min(max(edge, 0.0), 1.0) for edge in edges)
    if not (left < right and top < bottom):
        raise _Rejected(
            "zero-size", f"expected an area inside the photo, got {right - left:g} x {bottom - top:g} of its size"
        )
    return left, top, right, bottom


def _refuse_duplicate(annotation: Annotation, line: int, first_line: dict[tuple[int, Box], int]) -> None:
    left, top, right, bottom = (round(edge, 9) for edge in annotation.box_xyxyn)
    first = first_line.setdefault((annotation.class_id, (left, top, right, bottom)), line)
    if first != line:
        raise _Rejected("duplicate-row", f"expected each object once, got the class and the box of line {first} again")


def _format_row(annotation: Annotation) -> str:
    if len(annotation.polygon_xyn) >= 3:
        numbers = [repr(float(value)) for point in annotation.polygon_xyn for value in point]
    else:
        left, top, right, bottom = annotation.box_xyxyn
        centre_size = ((left + right) / 2, (top + bottom) / 2, right - left, bottom - top)
        numbers = [f"{value:.12g}" for value in centre_size]
    if annotation.confidence is not None:
        numbers.append(repr(float(annotation.confidence)))
    return " ".join([str(annotation.class_id), *numbers])
