"""`clipspect demo`, `doctor`, `info` and `cache ...`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clipspect.cli.options import (
    EncoderId,
    Json,
    Model,
    Overwrite,
    Quiet,
    command_line,
    say_made,
)
from clipspect.cli.terminal import Terminal


def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder to make.")] = Path("demo"),
    encoder: EncoderId = None,
    photos: Annotated[int, typer.Option("--photos", min=20, help="How many photos to draw.")] = 90,
    seed: Annotated[int, typer.Option("--seed")] = 0,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Draw a synthetic site, fit, evaluate and inspect it; offline."""
    from clipspect.tasks.demo import demo as task

    made = task(
        out, encoder=encoder, photos=photos, seed=seed, overwrite=overwrite, command=command_line(), ui=Terminal(quiet)
    )
    say_made(made)


def doctor(json: Json = None) -> None:
    """Versions, devices, encoders that can be loaded here and why others cannot."""
    from clipspect.files import write_json
    from clipspect.tasks.about import doctor as task

    result = task(Terminal(False))
    if json is not None:
        write_json(json, result)
        say_made(json)


def info(model: Model, json: Json = None) -> None:
    """What a fitted model is: encoder, views, head, classes, data, estimate."""
    from clipspect.files import write_json
    from clipspect.tasks.about import info as task

    result = task(model, Terminal(False))
    if json is not None:
        write_json(json, result)
    say_made(json or model)


def cache_info() -> None:
    """How much the feature cache holds, and where it lies."""
    from clipspect.tasks.about import cache_info as task

    task(Terminal(False))


def cache_clear() -> None:
    """Empty the feature cache."""
    from clipspect.tasks.about import cache_clear as task

    task(Terminal(False))


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command(epilog="Example: clipspect demo --out demo")(demo)
    app.command(epilog="Example: clipspect doctor")(doctor)
    app.command(epilog="Example: clipspect info runs/a")(info)


def register_cache(app: typer.Typer) -> None:
    """Add `cache info` and `cache clear`."""
    app.command("info", epilog="Example: clipspect cache info")(cache_info)
    app.command("clear", epilog="Example: clipspect cache clear")(cache_clear)
