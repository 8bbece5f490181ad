"""`clipspect`: parse, call one task, print. What is slow to import is imported by the command that needs it."""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from clipspect.cli.terminal import Terminal
from clipspect.errors import ClipspectError
from clipspect.version import __version__

if TYPE_CHECKING:
    from clipspect.config import Settings


@contextlib.contextmanager
def _explained() -> Iterator[None]:
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


class _Commands(TyperGroup):
    """Explains what goes wrong before typer sees it, which would leave Ctrl-C without a word."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - typer's own types are private
        """Run the command."""
        with _explained():
            return super().invoke(ctx)


app = typer.Typer(
    name="clipspect",
    cls=_Commands,
    help="Know the condition of every asset in your inspection photos.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    add_completion=False,
)
data_app = typer.Typer(help="Check, count, split and convert data sets.", no_args_is_help=True, rich_markup_mode=None)
cache_app = typer.Typer(help="The feature cache on this machine.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(data_app, name="data")
app.add_typer(cache_app, name="cache")

Data = Annotated[Path, typer.Argument(metavar="DATA", help="data.yaml or its folder (COCO, VOC, folders too).")]
Model = Annotated[Path, typer.Argument(metavar="MODEL", help="A run folder or a bundle.")]
Out = Annotated[Path | None, typer.Option("--out", help="Folder to make; default: runs/VERB-N.")]
Json = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Also write the result as JSON.")]
Config = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="Settings; default: clipspect.toml beside DATA.")
]
Groups = Annotated[
    str | None,
    typer.Option("--groups", metavar="REGEX", help="On file names; what it captures is the photo's group."),
]
GroupsCsv = Annotated[
    Path | None, typer.Option("--groups-csv", metavar="FILE", help="Table with the columns photo and group.")
]
Format = Annotated[str, typer.Option("--format", help="auto, yolo, coco, voc or folders.")]
Missing = Annotated[
    str | None, typer.Option("--missing-labels", help="Photos without a label file: quarantine, or background.")
]
EncoderId = Annotated[
    str | None, typer.Option("--encoder", metavar="ID", help="starter, hf:ID, onnx:FILE, openclip:ID, fake.")
]
Seed = Annotated[int | None, typer.Option("--seed", help="Of all randomness; same seed, same numbers.")]
DeviceName = Annotated[str | None, typer.Option("--device", help="auto, cpu, cuda or mps.")]
Batch = Annotated[int | None, typer.Option("--batch-size", min=1, help="Crops at a time through the encoder.")]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="Use only so many photos.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Print only the path of what was made.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an existing --out.")]
Resume = Annotated[bool, typer.Option("--resume", help="Finish an --out that was interrupted.")]
Offline = Annotated[bool, typer.Option("--offline", help="Open no socket.")]


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


@app.command(epilog="Example: clipspect demo --out demo")
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
        out, encoder=encoder, photos=photos, seed=seed, overwrite=overwrite, command=_command(), ui=Terminal(quiet)
    )
    _made(made)


@app.command(epilog="Example: clipspect doctor")
def doctor(json: Json = None) -> None:
    """Versions, devices, encoders that can be loaded here and why others cannot."""
    from clipspect.files import write_json
    from clipspect.tasks.about import doctor as task

    result = task(Terminal(False))
    if json is not None:
        write_json(json, result)
        _made(json)


@app.command(epilog="Example: clipspect info runs/a")
def info(model: Model, json: Json = None) -> None:
    """What a fitted model is: encoder, views, head, classes, data, estimate."""
    from clipspect.files import write_json
    from clipspect.tasks.about import info as task

    result = task(model, Terminal(False))
    if json is not None:
        write_json(json, result)
    _made(json or model)


@data_app.command("check", epilog="Example: clipspect data check site/data.yaml --groups '^(Line\\d+)'")
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

    settings = _settings(data, config, data={"groups": groups, "missing_labels": missing_labels})
    result = task(data, settings=settings, format=format, groups_csv=groups_csv, json=json, ui=Terminal(quiet))
    if json is not None:
        _made(json)
    raise typer.Exit(0 if result["ok"] else 1)


@data_app.command("stats", epilog="Example: clipspect data stats site/data.yaml --json stats.json")
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

    settings = _settings(data, config, data={"groups": groups, "missing_labels": missing_labels})
    task(data, settings=settings, format=format, groups_csv=groups_csv, json=json, ui=Terminal(False))
    if json is not None:
        _made(json)


@data_app.command("split", epilog="Example: clipspect data split site --groups '^(Line\\d+)' --out site-split")
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

    settings = _settings(data, config, seed=seed, data={"groups": groups, "missing_labels": missing_labels})
    _made(
        task(
            data,
            out=out or _free("split"),
            fractions=parse_fractions(fractions),
            settings=settings,
            format=format,
            groups_csv=groups_csv,
            overwrite=overwrite,
            ui=Terminal(quiet),
        )
    )


@data_app.command("convert", epilog="Example: clipspect data convert site --to coco --out site-coco")
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

    settings = _settings(data, config, data={"missing_labels": missing_labels})
    target: Any = to  # checked by the task, which names the choices
    made = task(
        data,
        out=out or _free(f"convert-{to}"),
        to=target,
        settings=settings,
        format=format,
        overwrite=overwrite,
        ui=Terminal(quiet),
    )
    _made(made)


@app.command(epilog="Example: clipspect zeroshot site/data.yaml --encoder hf:openai/clip-vit-large-patch14")
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

    settings = _settings(
        data,
        config,
        seed=seed,
        data={"groups": groups, "missing_labels": missing_labels},
        encoder={"id": encoder, "device": device, "batch_size": batch_size},
        prompts={"families": tuple(families.split(",")) if families else None, "ensemble": ensemble},
    )
    folder = out or _free("zeroshot")
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
            command=_command(),
            ui=Terminal(quiet),
        )
        _copy(made / "inspections.json", json)
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
            command=_command(),
            ui=Terminal(quiet),
        )
        _copy(made / "metrics.json", json)
    _made(made)


@app.command(epilog="Example: clipspect fit site/data.yaml --groups '^(Line\\d+)' --out runs/a")
def fit(
    data: Data,
    encoder: EncoderId = None,
    head: Annotated[str | None, typer.Option("--head", help="auto (climbs the ladder) or the name of a head.")] = None,
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

    settings = _settings(
        data,
        config,
        seed=seed,
        data={"groups": groups, "missing_labels": missing_labels},
        encoder={"id": encoder, "device": device, "batch_size": batch_size},
        head={"name": head},
    )
    made = task(
        data,
        out=out or _free("fit"),
        settings=settings,
        format=format,
        groups_csv=groups_csv,
        limit=limit,
        overwrite=overwrite,
        resume=resume,
        offline=offline,
        command=_command(),
        ui=Terminal(quiet),
    )
    _copy(made / "metrics.json", json)
    _made(made)


@app.command(epilog="Example: clipspect evaluate runs/a site/data.yaml --split test --json out.json")
def evaluate(
    model: Model,
    data: Data,
    split: Annotated[str, typer.Option("--split", help="The only split that is read.")] = "test",
    out: Annotated[Path | None, typer.Option("--out", help="Folder for a report; default: none with --json.")] = None,
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
    """Measure a model on one split; warns where it was fitted on photos or groups of it."""
    from clipspect.tasks.evaluate import evaluate as task

    settings = _settings(
        data,
        config,
        seed=seed,
        data={"groups": groups, "missing_labels": missing_labels},
        encoder={"device": device, "batch_size": batch_size},
    )
    folder = out or (None if json is not None else _free("evaluate"))
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
        command=_command(),
        ui=Terminal(quiet),
    )
    _made(folder or json or Path())


@app.command(epilog="Example: clipspect inspect runs/a photos/ --detector labels:predictions --out inspected")
def inspect(
    model: Model,
    photos: Annotated[list[str], typer.Argument(metavar="PHOTOS...", help="Files, folders or globs.")],
    detector: Annotated[
        str | None, typer.Option("--detector", help="labels:DIR; default: label files beside the photos.")
    ] = None,
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

    encoder = _checked(encoder={"device": device, "batch_size": batch_size}).encoder
    made = task(
        model,
        list(photos),
        out=out or _free("inspect"),
        detector=detector,
        limit=limit,
        overwrite=overwrite,
        resume=resume,
        device=encoder.device,
        batch_size=encoder.batch_size,
        offline=offline,
        command=_command(),
        ui=Terminal(quiet),
    )
    _copy(made / "inspections.json", json)
    _made(made)


@cache_app.command("info", epilog="Example: clipspect cache info")
def cache_info() -> None:
    """How much the feature cache holds, and where it lies."""
    from clipspect.tasks.about import cache_info as task

    task(Terminal(False))


@cache_app.command("clear", epilog="Example: clipspect cache clear")
def cache_clear() -> None:
    """Empty the feature cache."""
    from clipspect.tasks.about import cache_clear as task

    task(Terminal(False))


def main() -> None:
    """Entry point."""
    # A file name that is no UTF-8 is printed as the bytes it has; a letter that the terminal lacks as an escape.
    unicode = sys.stdout.encoding.lower().replace("-", "") == "utf8"
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape" if unicode else "backslashreplace")
    app(prog_name="clipspect")


def _fail(message: str, code: int) -> None:
    typer.echo(f"clipspect: {message}", err=True)
    sys.exit(code)


def _drop_output_where_broken() -> None:
    """What is left in the buffer would fail once more, with a traceback, at the end of the process."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _settings(place: Path, config: Path | None, /, *, seed: int | None = None, **sections: dict[str, Any]) -> Settings:
    import dataclasses

    from clipspect.tasks.wire import checked, load_settings, override

    settings = override(load_settings(place, config), **sections)
    return checked(settings if seed is None else dataclasses.replace(settings, seed=seed))


def _checked(**sections: dict[str, Any]) -> Settings:
    """Options alone, without a settings file."""
    from clipspect.config import Settings
    from clipspect.tasks.wire import checked, override

    return checked(override(Settings(), **sections))


def _free(verb: str) -> Path:
    from clipspect.tasks.runs import free_name

    return free_name(verb)


def _copy(source: Path, target: Path | None) -> None:
    if target is not None:
        from clipspect.files import write_bytes

        write_bytes(target, source.read_bytes())


def _command() -> str:
    return shlex.join(["clipspect", *sys.argv[1:]])


def _made(path: Path) -> None:
    typer.echo(str(path))
