"""`clipspect zeroshot`, `fit` and `evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clipspect.cli.options import (
    AbstainRule,
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
    Out,
    Overwrite,
    Quiet,
    Resume,
    Seed,
    command_line,
    copy_json,
    free_name,
    say_made,
    settings_of,
)
from clipspect.cli.terminal import Terminal
from clipspect.errors import ConfigError


def zeroshot(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="Labelled data, or photos where --classes is given.")],
    classes: Annotated[
        Path | None, typer.Option("--classes", metavar="FILE", help="Class names, one a line: classify whole photos.")
    ] = None,
    encoder: EncoderId = None,
    split: Annotated[str | None, typer.Option("--split", help="Split to measure on; default: train and valid.")] = None,
    out: Out = None,
    json: Json = None,
    config: Config = None,
    groups: Groups = None,
    groups_csv: GroupsCsv = None,
    format: Format = "auto",  # noqa: A002 - the option's name
    missing_labels: Missing = None,
    families: Annotated[
        str | None, typer.Option("--prompts", help="Families: basic,state,spatial,multi-object,custom.")
    ] = None,
    ensemble: Annotated[
        str | None, typer.Option("--ensemble", help="mean, score-mean, score-max or score-weighted.")
    ] = None,
    seed: Seed = None,
    device: DeviceName = None,
    batch_size: Batch = None,
    limit: Limit = None,
    overwrite: Overwrite = False,
    resume: Resume = False,
    offline: Offline = False,
    quiet: Quiet = False,
) -> None:
    """Tell conditions by words alone; nothing is fitted."""
    from clipspect.tasks import zeroshot as tasks

    settings = settings_of(
        data,
        config,
        seed=seed,
        data={"groups": groups, "missing_labels": missing_labels},
        encoder={"id": encoder, "device": device, "batch_size": batch_size},
        prompts={"families": tuple(families.split(",")) if families else None, "ensemble": ensemble},
    )
    folder = out or free_name("zeroshot")
    if classes is not None:
        made = tasks.zeroshot_photos(
            [data],
            classes,
            out=folder,
            settings=settings,
            limit=limit,
            overwrite=overwrite,
            resume=resume,
            offline=offline,
            command=command_line(),
            ui=Terminal(quiet),
        )
        copy_json(made / "inspections.json", json)
    else:
        made = tasks.zeroshot(
            data,
            out=folder,
            split=split,
            settings=settings,
            format=format,
            groups_csv=groups_csv,
            limit=limit,
            overwrite=overwrite,
            resume=resume,
            offline=offline,
            command=command_line(),
            ui=Terminal(quiet),
        )
        copy_json(made / "metrics.json", json)
    say_made(made)


def fit(
    data: Data,
    encoder: EncoderId = None,
    head: Annotated[
        str | None, typer.Option("--head", help="auto (climbs the ladder, its top searched) or the name of a head.")
    ] = None,
    select_by: Annotated[
        str | None,
        typer.Option(
            "--select-by", help="accuracy, balanced_accuracy, macro_f1 or worst_recall: what auto chooses by."
        ),
    ] = None,
    recall: Annotated[
        list[str] | None,
        typer.Option("--recall", metavar="CONDITION=R", help="Least recall of a condition, e.g. blocked=0.8."),
    ] = None,
    time_limit: Annotated[
        float | None, typer.Option("--time-limit", metavar="S", min=0, help="Seconds for the search of auto.")
    ] = None,
    out: Out = None,
    json: Json = None,
    config: Config = None,
    groups: Groups = None,
    groups_csv: GroupsCsv = None,
    format: Format = "auto",  # noqa: A002 - the option's name
    missing_labels: Missing = None,
    seed: Seed = None,
    device: DeviceName = None,
    batch_size: Batch = None,
    limit: Limit = None,
    overwrite: Overwrite = False,
    resume: Resume = False,
    offline: Offline = False,
    quiet: Quiet = False,
) -> None:
    """Fit a classifier on train and valid, with an estimate for groups never seen; test is not read."""
    from clipspect.tasks.fit import fit as task

    settings = settings_of(
        data,
        config,
        seed=seed,
        data={"groups": groups, "missing_labels": missing_labels},
        encoder={"id": encoder, "device": device, "batch_size": batch_size},
        head={"name": head},
        selection={"by": select_by, "recall": _targets(recall), "time_limit_s": time_limit},
    )
    made = task(
        data,
        out=out or free_name("fit"),
        settings=settings,
        format=format,
        groups_csv=groups_csv,
        limit=limit,
        overwrite=overwrite,
        resume=resume,
        offline=offline,
        command=command_line(),
        ui=Terminal(quiet),
    )
    copy_json(made / "metrics.json", json)
    say_made(made)


def _targets(given: list[str] | None) -> dict[str, float] | None:
    """`blocked=0.8` to {"blocked": 0.8}."""
    targets = {}
    for text in given or []:
        condition, _, value = text.rpartition("=")
        try:
            targets[condition.strip().lower()] = float(value)
        except ValueError as error:
            raise ConfigError(f"--recall: expected CONDITION=R such as blocked=0.8, got {text!r}") from error
    return targets or None


def evaluate(
    model: Model,
    data: Data,
    split: Annotated[str, typer.Option("--split", help="The only split that is read.")] = "test",
    out: Annotated[Path | None, typer.Option("--out", help="Folder for a report; default: none with --json.")] = None,
    json: Json = None,
    abstain: AbstainRule = None,
    config: Config = None,
    groups: Groups = None,
    groups_csv: GroupsCsv = None,
    format: Format = "auto",  # noqa: A002 - the option's name
    missing_labels: Missing = None,
    seed: Seed = None,
    device: DeviceName = None,
    batch_size: Batch = None,
    limit: Limit = None,
    overwrite: Overwrite = False,
    offline: Offline = False,
    quiet: Quiet = False,
) -> None:
    """Measure a model on one split; warns where it was fitted on photos or groups of it."""
    from clipspect.tasks.evaluate import evaluate as task

    settings = settings_of(
        data,
        config,
        seed=seed,
        data={"groups": groups, "missing_labels": missing_labels},
        encoder={"device": device, "batch_size": batch_size},
    )
    folder = out or (None if json is not None else free_name("evaluate"))
    task(
        model,
        data,
        split=split,
        out=folder,
        json=json,
        settings=settings,
        format=format,
        groups_csv=groups_csv,
        limit=limit,
        overwrite=overwrite,
        offline=offline,
        abstain=abstain,
        command=command_line(),
        ui=Terminal(quiet),
    )
    say_made(folder or json or Path())


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command(epilog="Example: clipspect zeroshot site/data.yaml --encoder hf:openai/clip-vit-large-patch14")(
        zeroshot
    )
    app.command(epilog="Example: clipspect fit site/data.yaml --groups '^(Line\\d+)' --out runs/a")(fit)
    app.command(epilog="Example: clipspect evaluate runs/a site/data.yaml --split test --json out.json")(evaluate)
