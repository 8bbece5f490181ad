"""Features on disk: a second run over the same photos encodes nothing.

One SQLite file in WAL mode: many processes may read and write at once, and a killed writer leaves whole rows or none.
A cache never fails a run. What cannot be read is missing; what cannot be written is dropped, with one logged warning.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import sqlite3
import threading
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import numpy as np

from clipspect.types import Box, Float32

_T = TypeVar("_T")
_log = logging.getLogger(__name__)

_FILE_NAME = "features-v1.sqlite"
"""Carries the version of the table, so that another version never has to read this one."""

_BUSY_S = 30.0
_KEYS_PER_QUERY = 500
_TABLE = (
    "CREATE TABLE IF NOT EXISTS features "
    "(key TEXT PRIMARY KEY, shape TEXT NOT NULL, crc INTEGER NOT NULL, value BLOB NOT NULL)"
)


def cache_root() -> Path:
    """Folder of everything that clipspect keeps between runs: `$CLIPSPECT_CACHE`, else the system's cache folder."""
    given = os.environ.get("CLIPSPECT_CACHE")
    if given:
        return Path(given).expanduser()
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("clipspect"))


def feature_key(encoder_id: str, space: str, view: str, photo_hash: str, box_xyxy_px: Box | None) -> str:
    """Key of one feature vector, sha256 in hex.

    Args:
        encoder_id: `Encoder.id`.
        space: "visual" or "joint".
        view: Name and settings of the view, whatever changes the crop.
        photo_hash: Hash of the photo's content.
        box_xyxy_px: The object's box, to a thousandth of a pixel; None for the whole photo.

    Raises:
        ValueError: A coordinate is not finite.
    """
    # `+ 0.0` turns -0.0 into 0.0 after rounding, so that equal boxes have equal keys.
    corners = () if box_xyxy_px is None else tuple(round(float(v), 3) + 0.0 for v in box_xyxy_px)
    if not all(np.isfinite(corners)):
        raise ValueError(f"box: expected finite pixels, got {box_xyxy_px}")
    return _digest("image", encoder_id, space, view, photo_hash, " ".join(f"{v:.3f}" for v in corners))


def text_key(text_id: str, text: str) -> str:
    """Key of one text vector, sha256 in hex; `text_id` as in `TextEncoder`."""
    return _digest("text", text_id, text)


def _digest(*parts: str) -> str:
    digest = hashlib.sha256()
    for part in parts:
        # Lengths first: no two different lists of parts give the same bytes.
        content = part.encode("utf-8", "surrogatepass")
        digest.update(len(content).to_bytes(8, "little") + content)
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class CacheInfo:
    """What is in a cache.

    Attributes:
        path: The database file, whether it exists yet or not.
        entries: Number of stored vectors.
        size_bytes: On disk, with the journal.
        usable: Whether vectors can be read from it.
    """

    path: Path
    entries: int
    size_bytes: int
    usable: bool


class FeatureCache:
    """Arrays of float32 by key, in `root`; safe to share between processes and threads, opened at the first use."""

    def __init__(self, root: Path) -> None:
        self.path = Path(root) / _FILE_NAME
        self._lock = threading.RLock()
        self._open: sqlite3.Connection | None = None
        self._usable = True
        self._warned = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def get(self, keys: Sequence[str]) -> list[Float32 | None]:
        """The stored arrays in the order of `keys`; None where there is none or it is damaged."""
        found: dict[str, Float32] = self._attempt("read", lambda c: _read(c, keys), {}, create=False)
        return [found.get(key) for key in keys]

    def put(self, items: Mapping[str, Float32]) -> None:
        """Store arrays of any shape, all or none of them; an older value of the same key is replaced."""
        rows = [_pack(key, value) for key, value in items.items()]
        if rows:
            self._attempt("written", lambda c: _write(c, rows), None, create=True)

    def info(self) -> CacheInfo:
        """Path, number of entries, bytes on disk. Creates nothing."""
        entries = self._attempt("read", _count, 0, create=False)
        sizes = [p.stat().st_size for p in self._files() if p.is_file()]
        return CacheInfo(self.path, entries, sum(sizes), self._usable)

    def clear(self) -> int:
        """Remove all entries, give the space back, and return how many there were."""
        return self._attempt("cleared", _clear, 0, create=False)

    def close(self) -> None:
        """Close the database; the cache opens it again if it is used again."""
        with self._lock:
            if self._open is not None:
                self._open.close()
                self._open = None

    def _attempt(self, verb: str, work: Callable[[sqlite3.Connection], _T], otherwise: _T, *, create: bool) -> _T:
        """`work` on the database, or `otherwise` and one warning where that fails; a damaged file is moved aside."""
        with self._lock:
            if not self._usable or not (create or self._open or self.path.exists()):
                return otherwise
            try:
                return work(self._connect())
            except (sqlite3.OperationalError, OSError) as error:
                self._warn(f"{self.path}: the feature cache could not be {verb} and is passed over: {error}")
                self._usable = self._open is not None
            except sqlite3.DatabaseError as error:
                self.close()
                self._set_aside(error)
            return otherwise

    def _connect(self) -> sqlite3.Connection:
        if self._open is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self.path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
            try:
                # NORMAL survives kill -9; only a power cut can lose the last rows, and those can be made again.
                connection.execute("PRAGMA synchronous=NORMAL")
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute(_TABLE)
            except sqlite3.OperationalError:
                connection.close()
                connection = self._connect_read_only()
            except sqlite3.DatabaseError:
                connection.close()
                raise
            self._open = connection
        return self._open

    def _connect_read_only(self) -> sqlite3.Connection:
        """A cache on a read-only disk still saves the work that others put into it."""
        uri = f"{self.path.absolute().as_uri()}?mode=ro&immutable=1"
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
        try:
            _count(connection)
        except sqlite3.DatabaseError:
            connection.close()
            raise
        return connection

    def _set_aside(self, error: sqlite3.DatabaseError) -> None:
        """Rename the damaged database and start anew; features can be made again."""
        aside = self.path.with_name(f"{self.path.name}.damaged")
        try:
            for path in self._files():
                suffix = path.name.removeprefix(self.path.name)
                if path.exists():
                    path.replace(aside.with_name(aside.name + suffix))
        except OSError as problem:
            self._usable = False
            _log.warning("%s: the feature cache is damaged (%s) and cannot be moved: %s", self.path, error, problem)
        else:
            _log.warning("%s: the feature cache was damaged (%s); moved to %s, starting anew", self.path, error, aside)

    def _files(self) -> tuple[Path, ...]:
        return tuple(self.path.with_name(self.path.name + suffix) for suffix in ("", "-wal", "-shm"))

    def _warn(self, message: str) -> None:
        if not self._warned:
            self._warned = True
            _log.warning(message)


def _read(connection: sqlite3.Connection, keys: Sequence[str]) -> dict[str, Float32]:
    found: dict[str, Float32] = {}
    for start in range(0, len(keys), _KEYS_PER_QUERY):
        part = list(keys[start : start + _KEYS_PER_QUERY])
        marks = ",".join("?" * len(part))
        query = f"SELECT key, shape, crc, value FROM features WHERE key IN ({marks})"  # noqa: S608 - question marks only
        for key, shape, crc, value in connection.execute(query, part):
            array = _unpack(shape, crc, value)
            if array is not None:
                found[key] = array
    return found


_Row = tuple[str, str, int, bytes]


def _write(connection: sqlite3.Connection, rows: Sequence[_Row]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.executemany("INSERT OR REPLACE INTO features VALUES (?, ?, ?, ?)", rows)
        connection.execute("COMMIT")
    except BaseException:
        # A full disk has rolled back already.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _count(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM features").fetchone()[0])


def _clear(connection: sqlite3.Connection) -> int:
    removed = connection.execute("DELETE FROM features").rowcount
    # A process that is reading now can hold the file; the entries are gone all the same.
    with contextlib.suppress(sqlite3.OperationalError):
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return removed


def _pack(key: str, array: Float32) -> _Row:
    value = np.ascontiguousarray(array, dtype="<f4").tobytes()
    shape = "x".join(str(n) for n in np.shape(array))
    return key, shape, _checksum(shape, value), value


def _unpack(shape: object, crc: object, value: object) -> Float32 | None:
    """The array, or None where a bit of it is not what was written."""
    if not isinstance(shape, str) or not isinstance(value, bytes) or crc != _checksum(shape, value):
        return None
    sizes = tuple(int(n) for n in shape.split("x")) if shape else ()
    return np.frombuffer(value, dtype="<f4").reshape(sizes).astype(np.float32, copy=True)


def _checksum(shape: str, value: bytes) -> int:
    return zlib.crc32(value, zlib.crc32(shape.encode()))
