"""One Pascal VOC XML file to objects in pixels, and back. Pure.

`bndbox` counts pixels from 1 and includes both ends, as the VOC development kit does: a box over the whole of a photo
of 640 x 480 px is `1 1 640 480`, and its edges are 0, 0, 640, 480. Numbers may have decimals. Tools that count from 0
(LabelImg) write `xmin` 0 at the left edge: accepted, read as the edge.

Source: http://host.robots.ox.ac.uk/pascal/VOC/voc2012/htmldoc/devkit_doc.html
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from clipspect.data.rows import BadRow, Labelled, finite, printable, shown
from clipspect.types import Box, Problem

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MAX_XML_BYTES = 16 * 2**20
"""A larger file is quarantined unparsed; the labels of one photo are a few kilobytes."""

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_NOT_FINITE = re.compile(r"[+-]?(nan|inf|infinity)", re.IGNORECASE)
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NO_PLACE = ("truncated", "difficult", "occluded")


@dataclass(frozen=True, slots=True)
class VocObject:
    """One `object` element; whether its box fits the photo is not known yet. `line` is its position from 1."""

    name: str
    box_xyxy_px: Box
    line: int


@dataclass(frozen=True)
class VocFile:
    """A parsed VOC file.

    Attributes:
        file_name: What `filename` says, or None.
        size_px: What `size` says as (width, height), or None where it is missing or no size.
        objects: Good objects in the order of the file.
        quarantined: Bad objects, or the file as a whole.
        oddities: (object's position from 1, what has no place in clipspect's records).
        readable: False where the file as a whole was refused: its photo is not known to be empty.
    """

    file_name: str | None = None
    size_px: tuple[int, int] | None = None
    objects: tuple[VocObject, ...] = ()
    quarantined: tuple[Problem, ...] = ()
    oddities: tuple[tuple[int, str], ...] = ()
    readable: bool = True


def parse_voc(content: bytes, file: str) -> VocFile:
    """Parse a VOC file; a bad object is quarantined and the others are kept, a file that is no VOC XML as a whole.

    Args:
        content: The file; XML with entities or a document type is refused, it can be a bomb.
        file: Its name for problems.
    """
    try:
        root = _root(content)
    except BadRow as bad:
        return VocFile(quarantined=(bad.at(file, None),), readable=False)
    objects, problems, oddities = [], [], []
    for line, element in enumerate(root.findall("object"), start=1):
        try:
            objects.append(VocObject(*_object(element, line), line))
        except BadRow as bad:
            problems.append(bad.at(file, line))
        oddities += [(line, what) for what in _oddities(element)]
    file_name = (root.findtext("filename") or "").strip() or None
    return VocFile(file_name, _size(root.find("size")), tuple(objects), tuple(problems), tuple(oddities))


def format_voc(photo: Labelled, names: Sequence[str]) -> str:
    """The VOC file of one photo; numbers have as many decimals as it takes to lose nothing.

    Args:
        photo: File name, size and labels.
        names: Class names that `xml_text` leaves as they are.
    """
    width_px, height_px = photo.size_px
    lines = [
        "<annotation>",
        "  <folder>JPEGImages</folder>",
        f"  <filename>{escape(photo.file_name)}</filename>",
        f"  <size><width>{width_px}</width><height>{height_px}</height><depth>3</depth></size>",
        "  <segmented>0</segmented>",
    ]
    for annotation in photo.annotations:
        left, top, right, bottom = annotation.box_xyxyn
        lines += [
            "  <object>",
            f"    <name>{escape(names[annotation.class_id])}</name>",
            "    <pose>Unspecified</pose><truncated>0</truncated><difficult>0</difficult>",
            "    <bndbox>"
            f"<xmin>{_decimal(left * width_px + 1)}</xmin><ymin>{_decimal(top * height_px + 1)}</ymin>"
            f"<xmax>{_decimal(right * width_px)}</xmax><ymax>{_decimal(bottom * height_px)}</ymax></bndbox>",
            "  </object>",
        ]
    return "\n".join([*lines, "</annotation>", ""])


def xml_text(text: str) -> str:
    """`text` as a name that XML and a list of lines can hold: one line, trimmed, no control characters."""
    return printable(_NOT_XML.sub("\ufffd", re.sub(r"[\t\r\n]+ *", " ", text)).strip(" "))


def _decimal(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)


def _root(content: bytes) -> Element:
    # Imported here: most data sets are not VOC.
    from defusedxml.common import DefusedXmlException
    from defusedxml.ElementTree import ParseError, fromstring

    if len(content) > MAX_XML_BYTES:
        raise BadRow("too-large", f"expected at most {MAX_XML_BYTES:,} bytes of XML, got {len(content):,}")
    try:
        root: Element = fromstring(content, forbid_dtd=True)
    except DefusedXmlException as error:
        raise BadRow("unsafe-xml", f"expected XML without a document type or entities, got {error}") from error
    except (ParseError, ValueError, LookupError) as error:  # the latter two: encodings that expat cannot read
        raise _unreadable(content, error) from error
    if root.tag != "annotation":
        raise BadRow("corrupt-xml", f"expected the element `annotation`, got {shown(root.tag)}")
    return root


def _unreadable(content: bytes, error: Exception) -> BadRow:
    if b"\0" in content and not content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return BadRow("binary", "expected XML text, got bytes with NUL")
    if not isinstance(error, SyntaxError):  # ParseError is a SyntaxError
        return BadRow("encoding", f"expected XML in UTF-8, got an encoding that cannot be read: {error}")
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as undecodable:
        return BadRow("encoding", f"expected XML in UTF-8, got: {undecodable.reason} at byte {undecodable.start}")
    return BadRow("corrupt-xml", f"expected XML, got: {error}")


def _object(element: Element, line: int) -> tuple[str, Box]:
    where = f"object {line}"
    name = xml_text(element.findtext("name") or "")
    if not name:
        raise BadRow("field-count", f"{where}: expected a `name`, got none")
    box = element.find("bndbox")
    if box is None:
        raise BadRow("field-count", f"{where}: expected a `bndbox`, got none")
    xmin, ymin, xmax, ymax = (_coordinate(box, tag, where) for tag in ("xmin", "ymin", "xmax", "ymax"))
    # Under 1: a tool that counts from 0. Its first pixel is ours.
    left, top = (max(v - 1, 0.0) if v >= 0 else v - 1 for v in (xmin, ymin))
    return name, (left, top, xmax, ymax)


def _oddities(element: Element) -> list[str]:
    marked = [tag for tag in _NO_PLACE if (element.findtext(tag) or "0").strip().lower() not in ("0", "false")]
    found = [f"an object marked `{tag}`: kept, the mark is not" for tag in marked]
    if element.find("polygon") is not None:
        found.append("a polygon: its box is kept, the polygon is not")
    return found


def _coordinate(box: Element, tag: str, where: str) -> float:
    text = (box.findtext(tag) or "").strip()
    if not text:
        raise BadRow("field-count", f"{where}: expected `{tag}` in `bndbox`, got none")
    if not _NUMBER.fullmatch(text) and not _NOT_FINITE.fullmatch(text):
        raise BadRow("not-a-number", f"{where}.{tag}: expected a number, got {shown(text)}")
    return finite(float(text), f"{where}.{tag}")


def _size(element: Element | None) -> tuple[int, int] | None:
    if element is None:
        return None
    texts = [(element.findtext(tag) or "").strip() for tag in ("width", "height")]
    if not all(re.fullmatch(r"[0-9]{1,9}", text) and int(text) > 0 for text in texts):
        return None
    return int(texts[0]), int(texts[1])
