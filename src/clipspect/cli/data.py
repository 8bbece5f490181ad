"""`clipspect data ...`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from clipspect.cli.options import (
    Config,
    Data,
    Format,
    Groups,
    GroupsCsv,
    Json,
    Missing,
    Out,
    Overwrite,
    Quiet,
    Seed,
    free_name,
    say_made,
    settings_of,
)
from clipspect.cli.terminal import Terminal


def data_check(
    data: Data,
    json: Json = None,
    config: Config = None,
    groups: Groups = None,
    groups_csv: GroupsCsv = None,
    format: Format = "auto",  # noqa: A002 - the option's name
    missing_labels: Missing = None,
    quiet: Quiet = False,
) -> None:
    """Find bad rows, broken photos, duplicates and leaks; exit 1 where there is anything."""
    from clipspect.tasks.data import check as task

    settings = settings_of(data, config, data={"groups": groups, "missing_labels": missing_labels})
    result = task(data, settings=settings, format=format, groups_csv=groups_csv, json=json, ui=Terminal(quiet))
    if json is not None:
        say_made(json)
    raise typer.Exit(0 if result["ok"] else 1)


def data_stats(
    data: Data,
    json: Json = None,
    config: Config = None,
    groups: Groups = None,
    groups_csv: GroupsCsv = None,
    format: Format = "auto",  # noqa: A002 - the option's name
    missing_labels: Missing = None,
) -> None:
    """Count photos, boxes, classes, imbalance, relations and where each class sits."""
    from clipspect.tasks.data import stats as task

    settings = settings_of(data, config, data={"groups": groups, "missing_labels": missing_labels})
    task(data, settings=settings, format=format, groups_csv=groups_csv, json=json, ui=Terminal(False))
    if json is not None:
        say_made(json)


def data_split(
    data: Data,
    out: Out = None,
    fractions: Annotated[str, typer.Option("--fractions", help="Shares of the photos.")] = (
        "train=0.7,valid=0.15,test=0.15"
    ),
    config: Config = None,
    groups: Groups = None,
    groups_csv: GroupsCsv = None,
    format: Format = "auto",  # noqa: A002 - the option's name
    missing_labels: Missing = None,
    seed: Seed = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Copy a data set into splits that share no group."""
    from clipspect.tasks.data import parse_fractions
    from clipspect.tasks.data import split as task

    settings = settings_of(data, config, seed=seed, data={"groups": groups, "missing_labels": missing_labels})
    say_made(
        task(
            data,
            out=out or free_name("split"),
            fractions=parse_fractions(fractions),
            settings=settings,
            format=format,
            groups_csv=groups_csv,
            overwrite=overwrite,
            ui=Terminal(quiet),
        )
    )


def data_convert(
    data: Data,
    to: Annotated[str, typer.Option("--to", help="yolo, coco or voc.")],
    out: Out = None,
    config: Config = None,
    format: Format = "auto",  # noqa: A002 - the option's name
    missing_labels: Missing = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Copy a data set into another format; says what that cannot hold."""
    from clipspect.tasks.data import convert as task

    settings = settings_of(data, config, data={"missing_labels": missing_labels})
    target: Any = to  # checked by the task, which names the choices
    made = task(
        data,
        out=out or free_name(f"convert-{to}"),
        to=target,
        settings=settings,
        format=format,
        overwrite=overwrite,
        ui=Terminal(quiet),
    )
    say_made(made)


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("check", epilog="Example: clipspect data check site/data.yaml --groups '^(Line\\d+)'")(data_check)
    app.command("stats", epilog="Example: clipspect data stats site/data.yaml --json stats.json")(data_stats)
    app.command("split", epilog="Example: clipspect data split site --groups '^(Line\\d+)' --out site-split")(
        data_split
    )
    app.command("convert", epilog="Example: clipspect data convert site --to coco --out site-coco")(data_convert)
