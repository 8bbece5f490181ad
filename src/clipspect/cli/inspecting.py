"""`clipspect inspect`."""

from __future__ import annotations

from typing import Annotated

import typer

from clipspect.cli.options import (
    AbstainRule,
    Batch,
    DeviceName,
    Json,
    Limit,
    Model,
    Offline,
    Out,
    Overwrite,
    Quiet,
    Resume,
    command_line,
    copy_json,
    free_name,
    options_alone,
    say_made,
)
from clipspect.cli.terminal import Terminal


def inspect(
    model: Model,
    photos: Annotated[list[str], typer.Argument(metavar="PHOTOS...", help="Files, folders or globs.")],
    detector: Annotated[
        str | None, typer.Option("--detector", help="labels:DIR; default: label files beside the photos.")
    ] = None,
    abstain: AbstainRule = None,
    out: Out = None,
    json: Json = None,
    device: DeviceName = None,
    batch_size: Batch = None,
    limit: Limit = None,
    overwrite: Overwrite = False,
    resume: Resume = False,
    offline: Offline = False,
    quiet: Quiet = False,
) -> None:
    """Say the condition of every object in photos: JSON, CSV, pictures and a report."""
    from clipspect.tasks.inspect import inspect as task

    encoder = options_alone(encoder={"device": device, "batch_size": batch_size}).encoder
    made = task(
        model,
        list(photos),
        out=out or free_name("inspect"),
        detector=detector,
        limit=limit,
        overwrite=overwrite,
        resume=resume,
        device=encoder.device,
        batch_size=encoder.batch_size,
        offline=offline,
        abstain=abstain,
        command=command_line(),
        ui=Terminal(quiet),
    )
    copy_json(made / "inspections.json", json)
    say_made(made)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command(epilog="Example: clipspect inspect runs/a photos/ --detector labels:predictions --out inspected")(
        inspect
    )
