"""One row of a COCO or VOC file to a checked box: what both formats refuse, and in which words. Pure."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Iterable
from typing import NamedTuple

from clipspect.types import Annotation, Box, Problem

EDGE_TOLERANCE = 1e-3
"""How far a box may leave its photo, as a fraction of the photo's side, and be clipped instead of refused."""


class BadRow(Exception):  # noqa: N818 - it never leaves a reader: every reader turns it into a `Problem`
    """One row is left out; `code` and `reason` become those of its `Problem`."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason

    def at(self, file: str, line: int | None) -> Problem:
        """The problem, at its place."""
        return Problem(file, line, self.code, self.reason)


class Labelled(NamedTuple):
    """What a writer needs to know about one photo: its file name, its (width, height) in pixels and its labels."""

    file_name: str
    size_px: tuple[int, int]
    annotations: tuple[Annotation, ...]


class Tally:
    """Counts harmless oddities, so that a million of them make one note."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, str]] = {}

    def add(self, what: str, where: str) -> None:
        """Count `what` once more; the first `where` is remembered."""
        count, first = self._seen.get(what, (0, where))
        self._seen[what] = (count + 1, first)

    def notes(self) -> tuple[str, ...]:
        """One line for each oddity, in the order of first appearance."""
        return tuple(
            f"{first}: {what}" if count == 1 else f"{first}: {what} ({count} times, this is the first)"
            for what, (count, first) in self._seen.items()
        )


def shown(value: object) -> str:
    """`value` for an error message: short, whatever it is, and without lone surrogates."""
    return printable(reprlib.repr(value))


def printable(text: str) -> str:
    """`text` with what UTF-8 cannot hold (lone surrogates) as `?`."""
    return text.encode("utf-8", "replace").decode("utf-8")


def finite(value: object, what: str) -> float:
    """A number of a label file as a finite float.

    Raises:
        BadRow: `not-a-number` for anything but an int or float; `not-finite` for NaN, infinity and what is as large.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadRow("not-a-number", f"{what}: expected a number, got {shown(value)}")
    try:
        number = float(value)
    except OverflowError:
        raise BadRow("not-finite", f"{what}: expected a number of the photo's size, got one over 1e308") from None
    if not math.isfinite(number):
        raise BadRow("not-finite", f"{what}: expected a finite number, got {number}")
    return number


def box_to_fractions(box_xyxy_px: Box, size_px: tuple[int, int]) -> Box:
    """A box in pixels, edges as real numbers from 0 at the photo's left and top, to fractions clipped to [0, 1].

    Raises:
        BadRow: `zero-size` or `negative-size` for a box without area, `box-outside-photo` for one that leaves the photo
            by more than `EDGE_TOLERANCE`.
    """
    width_px, height_px = size_px
    left, top, right, bottom = box_xyxy_px
    if right <= left or bottom <= top:
        code = "negative-size" if right < left or bottom < top else "zero-size"
        raise BadRow(code, f"expected right > left and bottom > top, got {_corners(box_xyxy_px)} px")
    fractions = (left / width_px, top / height_px, right / width_px, bottom / height_px)
    if min(fractions) < -EDGE_TOLERANCE or max(fractions) > 1 + EDGE_TOLERANCE:
        got = f"got {_corners(box_xyxy_px)} px"
        raise BadRow("box-outside-photo", f"expected a box inside the photo of {width_px} x {height_px} px, {got}")
    left, top, right, bottom = (min(max(v, 0.0), 1.0) for v in fractions)
    if right <= left or bottom <= top:
        raise BadRow("zero-size", f"nothing is left inside the photo of {_corners(box_xyxy_px)} px")
    return left, top, right, bottom


def without_duplicates(annotations: Iterable[Annotation], file: str) -> tuple[list[Annotation], list[Problem]]:
    """The annotations of one photo, and a `duplicate-row` problem for each that repeats another's class and box."""
    first_line: dict[tuple[int, Box], int | None] = {}
    kept, problems = [], []
    for annotation in annotations:
        row = (annotation.class_id, annotation.box_xyxyn)
        if row in first_line:
            reason = f"same class and box as row {first_line[row]} of this photo"
            problems.append(Problem(file, annotation.line, "duplicate-row", reason))
        else:
            first_line[row] = annotation.line
            kept.append(annotation)
    return kept, problems


def _corners(box: Box) -> str:
    return "(" + ", ".join(f"{v:g}" for v in box) + ")"
