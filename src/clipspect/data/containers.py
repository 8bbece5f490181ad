"""What the bytes of a picture file say about it before anything is decoded: format, late EXIF, a missing end."""

from __future__ import annotations

import os
import struct
from typing import BinaryIO

from clipspect.errors import ImageError

FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF")
"""The formats that are read."""


def sniff(stream: BinaryIO, name: str) -> str:
    """The format, one of `FORMATS`, by the file's first bytes.

    Raises:
        ImageError: Codes "empty-file", "unsupported-format", "not-an-image"; `name` stands in the message.
    """
    stream.seek(0)
    head = stream.read(32)
    if not head:
        raise ImageError(f"{name}: expected a photo, got an empty file", code="empty-file")
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WEBP"
    if head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return "TIFF"
    if head.startswith(b"BM"):
        return "BMP"
    other = _other_format(head)
    if other:
        raise ImageError(f"{name}: expected one of {', '.join(FORMATS)}, got {other}", code="unsupported-format")
    what = "only zero bytes at its start" if not head.strip(b"\0") else f"a file beginning with {head[:8]!r}"
    raise ImageError(f"{name}: expected one of {', '.join(FORMATS)}, got {what}", code="not-an-image")


def png_exif(stream: BinaryIO) -> bytes | None:
    """The eXIf chunk, which may stand after the pixels, where Pillow sees it only once they are decoded."""
    stream.seek(8)
    while len(head := stream.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind == b"eXIf":
            return stream.read(length)
        if kind == b"IEND":
            return None
        stream.seek(length + 4, os.SEEK_CUR)
    return None


def is_cut_short(stream: BinaryIO, format_name: str) -> bool:
    """Whether the end of the file is missing, by the marks that each format has for it."""
    length = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    head = stream.read(16).ljust(16, b"\0")
    stream.seek(max(0, length - 65536))
    tail = stream.read(65536)
    if format_name == "JPEG":
        return b"\xff\xd9" not in tail
    if format_name == "PNG":
        return b"IEND" not in tail
    if format_name == "WEBP":
        return int(struct.unpack("<I", head[4:8])[0]) + 8 > length
    if format_name == "BMP":
        return int(struct.unpack("<I", head[2:6])[0]) > length
    order = "<" if head.startswith(b"II") else ">"
    big = head[2:4] in (b"+\0", b"\0+")
    first_directory = struct.unpack(order + "Q", head[8:16]) if big else struct.unpack(order + "I", head[4:8])
    return int(first_directory[0]) >= length


def _other_format(head: bytes) -> str | None:
    """Name of a picture format that is known but not read, for the message."""
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        if brand in (b"avif", b"avis"):
            return "AVIF"
        return "HEIF" if brand in (b"heic", b"heix", b"hevc", b"heif", b"mif1", b"msf1") else None
    magic = {
        b"GIF8": "GIF",
        b"8BPS": "Photoshop",
        b"%PDF": "PDF",
        b"\0\0\0\x0cjP  ": "JPEG 2000",
        b"\xff\x4f\xff\x51": "JPEG 2000",
        b"\0\0\0\x0cJXL ": "JPEG XL",
        b"\xff\x0a": "JPEG XL",
        b"\0\0\x01\0": "ICO",
        b"<svg": "SVG",
    }
    return next((what for begin, what in magic.items() if head.startswith(begin)), None)
