"""`clipspect views`."""

from __future__ import annotations

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
    Offline,
    Out,
    Overwrite,
    Quiet,
    Seed,
    command_line,
    copy_json,
    free_name,
    say_made,
    settings_of,
)
from clipspect.cli.terminal import Terminal


def views(
    data: Data,
    view: Annotated[
        list[str] | None, typer.Option("--view", metavar="VIEW", help="Measure these single views; give it again.")
    ] = None,
    max_latency_s: Annotated[
        float | None, typer.Option("--max-latency-s", min=0.0, help="Choose no set that encodes longer, a photo.")
    ] = None,
    encoder: EncoderId = None,
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
    offline: Offline = False,
    quiet: Quiet = False,
) -> None:
    """Measure what each view of an object is worth and what it costs; test is not read."""
    from clipspect.tasks.views import CANDIDATES, measure_views

    settings = settings_of(
        data,
        config,
        seed=seed,
        data={"groups": groups, "missing_labels": missing_labels},
        encoder={"id": encoder, "device": device, "batch_size": batch_size},
    )
    made = measure_views(
        data,
        out=out or free_name("views"),
        views=tuple(view) if view else CANDIDATES,
        max_latency_s=max_latency_s,
        settings=settings,
        format=format,
        groups_csv=groups_csv,
        limit=limit,
        overwrite=overwrite,
        offline=offline,
        command=command_line(),
        ui=Terminal(quiet),
    )
    copy_json(made / "metrics.json", json)
    say_made(made)


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command(epilog="Example: clipspect views site/data.yaml --groups '^(Line\\d+)' --max-latency-s 0.5")(views)
