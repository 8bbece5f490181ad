"""How a task speaks while it works. The command line draws bars; the library is silent."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Protocol


class Ui(Protocol):
    """Where notes and progress go."""

    def say(self, text: str) -> None:
        """One line for a person."""
        ...

    def warn(self, text: str) -> None:
        """One line that a person should not miss."""
        ...

    def track(self, label: str, total: int) -> contextlib.AbstractContextManager[Callable[[], None]]:
        """A progress bar; the value is called once for each step done."""
        ...


class Silent:
    """Says nothing; what the Python API uses."""

    def say(self, text: str) -> None:
        """Nothing."""

    def warn(self, text: str) -> None:
        """Nothing."""

    @contextlib.contextmanager
    def track(self, label: str, total: int) -> Iterator[Callable[[], None]]:
        """No bar."""
        yield lambda: None
