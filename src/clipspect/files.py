"""Writing files so that a reader never sees half of one: temp + fsync + rename."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import tempfile
from collections.abc import Iterator
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
    temp: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        temp = Path(name)
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temp.chmod(0o644)
        temp.replace(path)
        temp = None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(f"{path}: no space left on the device; nothing was written there") from error
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        if temp is not None:
            temp.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`, whole or not at all."""
    with atomic_write(path) as stream:
        stream.write(content)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text to `path`, whole or not at all."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:  # noqa: ANN401 - JSON is any value
    """Write strict JSON (no NaN) to `path`, whole or not at all, with keys in the order given."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
