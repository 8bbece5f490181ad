"""The terminal: notes to standard error, a progress bar where it takes long; standard output is for results."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

import typer

_PATIENCE_S = 2.0


class Terminal:
    """A `tasks.ui.Ui` that writes to standard error and, for what was measured, to standard output."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet

    def say(self, text: str) -> None:
        """A line on standard output."""
        if not self.quiet:
            typer.echo(text)

    def warn(self, text: str) -> None:
        """A line on standard error, also where it is quiet."""
        typer.echo(f"warning: {text}", err=True)

    @contextlib.contextmanager
    def track(self, label: str, total: int) -> Iterator[Callable[[], None]]:
        """A bar on standard error once two seconds have passed and somebody is watching."""
        if self.quiet or not sys.stderr.isatty():
            yield lambda: None
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn(label), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        bar = Progress(*columns, console=Console(stderr=True), transient=True)
        task = bar.add_task(label, total=total)
        begun, shown = time.monotonic(), False

        def step() -> None:
            nonlocal shown
            bar.advance(task)
            if not shown and time.monotonic() - begun > _PATIENCE_S:
                bar.start()
                shown = True

        try:
            yield step
        finally:
            bar.stop()
