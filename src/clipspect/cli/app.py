"""`clipspect`: parse, call one task, print. What is slow to import is imported by the command that needs it."""

from __future__ import annotations

import io
import sys
from typing import Annotated

import typer

from clipspect.cli import about, data, fitting, improving, inspecting, views
from clipspect.cli.endings import Commands
from clipspect.version import __version__

app = typer.Typer(
    name="clipspect",
    cls=Commands,
    help="Know the condition of every asset in your inspection photos.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    add_completion=False,
)
data_app = typer.Typer(
    help="Check, count, split, convert data; find label errors.", no_args_is_help=True, rich_markup_mode=None
)
cache_app = typer.Typer(help="The feature cache on this machine.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(data_app, name="data")
app.add_typer(cache_app, name="cache")
about.register(app)
fitting.register(app)
inspecting.register(app)
improving.register(app)
views.register(app)
data.register(data_app)
improving.register_data(data_app)
about.register_cache(cache_app)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"clipspect {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Entry point."""
    # A file name that is no UTF-8 is printed as the bytes it has; a letter that the terminal lacks as an escape.
    unicode = sys.stdout.encoding.lower().replace("-", "") == "utf8"
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape" if unicode else "backslashreplace")
    app(prog_name="clipspect")
