"""Stable hashes of weights and settings: what makes an encoder's id.

Hashing a large file takes seconds, so its hash is remembered by path, size and modification time.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from clipspect.encode.cache import cache_root
from clipspect.errors import EncoderError, EncoderNotFoundError, OutputError
from clipspect.files import write_json

_log = logging.getLogger(__name__)

_MEMO_NAME = "file-hashes.json"
_REMEMBER_FROM_BYTES = 1 << 20
"""Smaller files are hashed in less time than the memo takes to read."""


def fingerprint(files: Sequence[Path], settings: Mapping[str, Any]) -> str:
    """12 hex digits of the files' content, in order, and of JSON-able settings. Where the files lie does not matter."""
    content = {"files": [[path.name, file_hash(path)] for path in files], "settings": dict(settings)}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def file_hash(path: Path) -> str:
    """sha256 of a file in hex.

    Raises:
        EncoderNotFoundError: There is no such file.
        EncoderError: It cannot be read.
    """
    try:
        status = path.stat()
        stamp = [str(path.resolve()), status.st_size, status.st_mtime_ns]
        if status.st_size < _REMEMBER_FROM_BYTES:
            return _hash_now(path)
        key = hashlib.sha256(json.dumps(stamp).encode()).hexdigest()
        known = _read_memo()
        if key not in known:
            known[key] = _hash_now(path)
            _write_memo({**_read_memo(), **known})
        return known[key]
    except FileNotFoundError as error:
        raise EncoderNotFoundError(f"{path}: expected a file of weights or settings, but there is none") from error
    except OSError as error:
        raise EncoderError(f"{path}: cannot be read: {error.strerror or error}") from error


def _hash_now(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _read_memo() -> dict[str, str]:
    try:
        memo = json.loads((cache_root() / _MEMO_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # it is only a memo: without it, files are hashed again
    if not isinstance(memo, dict):
        return {}
    return {key: value for key, value in memo.items() if isinstance(value, str)}


def _write_memo(memo: Mapping[str, str]) -> None:
    try:
        write_json(cache_root() / _MEMO_NAME, dict(memo))
    except OutputError as error:
        _log.debug("hashes of files are not remembered: %s", error)
