"""Which other files an ONNX model reads, found in its bytes without loading it or needing the onnx package.

A model may keep tensors in files of their own (ONNX external data: `TensorProto.external_data`, pairs of key and value
with the key `location`). A location outside the model's folder would read whatever the model's author likes.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

from clipspect.errors import EncoderError

_CHILDREN: dict[str, dict[int, str]] = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse tensor"},
    "function": {7: "node"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse tensor", 23: "sparse tensor"},
    "sparse tensor": {1: "tensor", 2: "tensor"},
    "tensor": {13: "external data"},
}
"""Numbers of the fields of onnx.proto that lead to external data, by message."""

_MAX_DEPTH = 64


def external_files(path: Path) -> list[Path]:
    """The files beside `path` that hold its tensors, sorted.

    Raises:
        EncoderError: It is not an ONNX file, or names a file that is missing or outside its folder.
    """
    try:
        with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            locations = sorted(set(_locations(content, 0, len(content), "model", 0)))
    except (OSError, ValueError) as error:
        raise EncoderError(f"onnx:{path}: cannot be read as an ONNX file: {error}") from error
    return [_inside(path, location) for location in locations]


def _inside(path: Path, location: str) -> Path:
    folder = path.parent.resolve()
    # Backslashes part folders where the model was made on Windows, or is run there.
    target = (folder / location.replace("\\", "/")).resolve()
    if not target.is_relative_to(folder) or "\0" in location:
        raise EncoderError(f"onnx:{path}: expected external data inside its folder, got {location!r}")
    if not target.is_file():
        raise EncoderError(f"onnx:{path}: its external data {location!r} is not beside it")
    return target


def _locations(content: mmap.mmap, start: int, end: int, message: str, depth: int) -> Iterator[str]:
    if depth > _MAX_DEPTH:
        raise ValueError(f"nested deeper than {_MAX_DEPTH} levels")
    for field, begin, stop in _fields(content, start, end):
        child = _CHILDREN[message].get(field)
        if child == "external data":
            pair = {key: content[a:b].decode("utf-8") for key, a, b in _fields(content, begin, stop)}
            if pair.get(1) == "location":
                yield pair.get(2, "")
        elif child is not None:
            yield from _locations(content, begin, stop, child, depth + 1)


def _fields(content: mmap.mmap, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """(number, begin, end) of each field with a length, of the protobuf message at `start`."""
    position = start
    while position < end:
        tag, position = _varint(content, position, end)
        kind = tag & 7
        if kind == 0:
            _, position = _varint(content, position, end)
        elif kind == 1:
            position += 8
        elif kind == 5:
            position += 4
        elif kind == 2:
            size, position = _varint(content, position, end)
            if position + size <= end:
                yield tag >> 3, position, position + size
            position += size
        else:
            raise ValueError(f"byte {position}: not a protobuf field")
        if position > end:
            raise ValueError(f"byte {position}: a field runs over the end of its message; the file is cut off")


def _varint(content: mmap.mmap, position: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while position < end and shift < 64:
        byte = content[position]
        value |= (byte & 0x7F) << shift
        position += 1
        if byte < 0x80:
            return value, position
        shift += 7
    raise ValueError(f"byte {position}: not a protobuf number")
