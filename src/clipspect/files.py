"""Writing files so that a reader never sees half of one: temp + fsync + rename."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from clipspect.errors import DiskFullError, OutputError


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """Open `path` for binary writing; it appears whole when the block ends, or not at all.

    Raises:
        DiskFullError: No space is left; an older `path` is still there, unchanged.
        OutputError: The folder cannot be written to.
    """
    with _explained(path, every=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        # A short name of our own: the target's may be as long as the file system allows.
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    temp = Path(name)
    try:
        # Inside the caller's block only a full disk is surely ours: another error may be of what it reads.
        with _explained(path, every=False), os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        with _explained(path, every=True):
            temp.chmod(0o644)
            temp.replace(path)
    finally:
        temp.unlink(missing_ok=True)


@contextlib.contextmanager
def _explained(path: Path, *, every: bool) -> Iterator[None]:
    """Turn a full disk, or every error of the system, into one that names the path."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(f"{path}: no space left on the device; nothing was written there") from error
        if every:
            raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error
        raise


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`, whole or not at all."""
    with atomic_write(path) as stream:
        stream.write(content)


def write_text(path: Path, text: str) -> None:
    r"""Write UTF-8 text to `path`, whole or not at all.

    File names that are not UTF-8 come as lone surrogates; they are written as `\udcXX`, which JSON reads back.
    """
    write_bytes(path, text.encode("utf-8", errors="backslashreplace"))


def write_pieces(path: Path, pieces: Iterable[str]) -> None:
    """Write UTF-8 text that comes in pieces, whole or not at all; see `write_text`."""
    with atomic_write(path) as stream:
        for piece in pieces:
            stream.write(piece.encode("utf-8", errors="backslashreplace"))


def write_json(path: Path, value: Any) -> None:  # noqa: ANN401 - JSON is any value
    """Write strict JSON (no NaN) to `path`, whole or not at all, with keys in the order given."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
