"""`clipspect compare`, `data suspects` and `suggest`: what to do with a run besides using it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clipspect.cli.options import (
    Batch,
    Config,
    Data,
    DeviceName,
    EncoderId,
    Format,
    Groups,
    GroupsCsv,
    Json,
    Limit,
    Missing,
    Model,
    Offline,
    Overwrite,
    Quiet,
    Seed,
    command_line,
    free_name,
    options_alone,
    say_made,
    settings_of,
)
from clipspect.cli.terminal import Terminal


def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN RUN...", help="Run folders; the first is the reference.")],
    out: Annotated[Path | None, typer.Option("--out", help="Folder for a report; default: none with --json.")] = None,
    json: Json = None,
    seed: Seed = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Hold runs against the first, on the objects that all of them measured, with paired intervals over groups."""
    from clipspect.tasks.compare import compare as task

    folder = out or (None if json is not None else free_name("compare"))
    task(
        runs,
        out=folder,
        json=json,
        seed=seed or 0,
        overwrite=overwrite,
        command=command_line(),
        ui=Terminal(quiet),
    )
    say_made(folder or json or Path())


def suspects(
    data: Data,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="CSV file to write; a report goes beside it.")],
    model: Annotated[
        Path | None, typer.Option("--model", metavar="RUN", help="Run of fit, zeroshot or evaluate; default: fit anew.")
    ] = None,
    encoder: EncoderId = None,
    head: Annotated[str | None, typer.Option("--head", help="Without --model: auto, or the name of a head.")] = None,
    json: Json = None,
    config: Config = None,
    groups: Groups = None,
    groups_csv: GroupsCsv = None,
    format: Format = "auto",  # noqa: A002 - the option's name
    missing_labels: Missing = None,
    seed: Seed = None,
    limit: Limit = None,
    overwrite: Overwrite = False,
    offline: Offline = False,
    quiet: Quiet = False,
) -> None:
    """List labels that are likely wrong, by predictions of a model that has not seen them; changes none."""
    from clipspect.tasks.suspects import suspects as task

    settings = settings_of(
        data,
        config,
        seed=seed,
        data={"groups": groups, "missing_labels": missing_labels},
        encoder={"id": encoder},
        head={"name": head},
    )
    made = task(
        data,
        out=out,
        model=model,
        settings=settings,
        format=format,
        groups_csv=groups_csv,
        limit=limit,
        overwrite=overwrite,
        offline=offline,
        json=json,
        command=command_line(),
        ui=Terminal(quiet),
    )
    say_made(made)


def suggest(
    model: Model,
    photos: Annotated[list[str], typer.Argument(metavar="PHOTOS...", help="Files, folders or globs.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Text file, a path a line; a table as .csv.")],
    detector: Annotated[
        str | None, typer.Option("--detector", metavar="D", help="labels:DIR; default: label files beside the photos.")
    ] = None,
    budget: Annotated[int | None, typer.Option("--budget", min=1, help="Suggest so many photos; default: all.")] = None,
    prelabels: Annotated[
        Path | None, typer.Option("--prelabels", metavar="DIR", help="Also write the model's answers as YOLO labels.")
    ] = None,
    json: Json = None,
    device: DeviceName = None,
    batch_size: Batch = None,
    limit: Limit = None,
    overwrite: Overwrite = False,
    offline: Offline = False,
    quiet: Quiet = False,
) -> None:
    """Rank unlabelled photos by what labelling them promises for the rarest conditions."""
    from clipspect.tasks.suggest import suggest as task

    settings = options_alone(encoder={"device": device, "batch_size": batch_size})
    made = task(
        model,
        photos,
        out=out,
        detector=detector,
        budget=budget,
        prelabels=prelabels,
        json=json,
        limit=limit,
        overwrite=overwrite,
        device=settings.encoder.device,
        batch_size=batch_size,
        offline=offline,
        ui=Terminal(quiet),
    )
    say_made(made)


def register(app: typer.Typer) -> None:
    """Add the commands of runs and models."""
    app.command(epilog="Example: clipspect compare runs/zeroshot-1 runs/fit-1 --out compared")(compare)
    app.command(epilog="Example: clipspect suggest runs/a new-photos --budget 50 --out next.txt")(suggest)


def register_data(app: typer.Typer) -> None:
    """Add the command of data sets."""
    app.command(epilog="Example: clipspect data suspects site/data.yaml --model runs/a --out suspects.csv")(suspects)
