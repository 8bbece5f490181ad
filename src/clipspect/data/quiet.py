"""Silence one library's warnings while a block runs, from any number of threads.

`warnings.catch_warnings` saves and restores the whole list of filters, so two threads that overlap can leave each
other's filters behind for good. Here one filter is put in front by the first thread and taken out by the last.
"""

from __future__ import annotations

import contextlib
import re
import threading
import warnings
from collections.abc import Iterator
from typing import Any

_PIL = ("ignore", None, Warning, re.compile(r"PIL(\..*)?$"), 0)
_lock = threading.Lock()
_inside = 0
_lists: list[list[Any]] = []


@contextlib.contextmanager
def pillow_is_quiet() -> Iterator[None]:
    """Ignore warnings that Pillow's own modules issue; all other warnings are left as they are."""
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    global _inside
    with _lock:
        _inside += 1
        filters: list[Any] = warnings.filters  # type: ignore[assignment]  # typeshed says Sequence, it is a list
        # Another thread's catch_warnings may have swapped the list since: then the new one needs the filter too.
        if not filters or filters[0] is not _PIL:
            filters.insert(0, _PIL)
            _lists.append(filters)


def _leave() -> None:
    global _inside
    with _lock:
        _inside -= 1
        if _inside:
            return
        # A list copied by catch_warnings in the meantime holds the filter as well: look there too.
        for filters in [*_lists, warnings.filters]:
            filters[:] = [item for item in filters if item is not _PIL]  # type: ignore[index]
        _lists.clear()
