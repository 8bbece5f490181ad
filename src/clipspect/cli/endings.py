"""How a command ends: one message and an exit code for all that can go wrong on purpose, or with the system."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any

import typer
from typer.core import TyperGroup

from clipspect.errors import ClipspectError


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """One message and an exit code for everything that can go wrong on purpose, or with the system."""
    try:
        yield
    except ClipspectError as error:
        _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        _fail("interrupted; what was done is kept, the same command with --resume goes on", 130)
    except BrokenPipeError:
        # The reader of our output has left (`clipspect ... | head`): nothing is wrong with us.
        _drop_output_where_broken()
        sys.exit(0)
    except OSError as error:
        _drop_output_where_broken()
        _fail(f"{error.filename or 'output'}: {error.strerror or error}", 2)


class Commands(TyperGroup):
    """Explains what goes wrong before typer sees it, which would leave Ctrl-C without a word."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - typer's own types are private
        """Run the command."""
        with explained():
            return super().invoke(ctx)


def _fail(message: str, code: int) -> None:
    typer.echo(f"clipspect: {message}", err=True)
    sys.exit(code)


def _drop_output_where_broken() -> None:
    """What is left in the buffer would fail once more, with a traceback, at the end of the process."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
