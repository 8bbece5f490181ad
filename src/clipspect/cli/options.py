"""What several commands share: their options, how settings come together, and the last line."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from clipspect.config import Settings

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
AbstainRule = Annotated[
    str | None,
    typer.Option("--abstain", metavar="RULE", help="Say nothing where unsure: risk=0.1, size=1 or confidence=0.7."),
]
Offline = Annotated[bool, typer.Option("--offline", help="Open no socket.")]


def settings_of(
    place: Path, config: Path | None, /, *, seed: int | None = None, **sections: dict[str, Any]
) -> Settings:
    """Settings for one command: the file of the user, then the options; values of None change nothing."""
    import dataclasses

    from clipspect.tasks.wire import checked, load_settings, override

    settings = override(load_settings(place, config), **sections)
    return checked(settings if seed is None else dataclasses.replace(settings, seed=seed))


def options_alone(**sections: dict[str, Any]) -> Settings:
    """Options alone, without a settings file."""
    from clipspect.config import Settings
    from clipspect.tasks.wire import checked, override

    return checked(override(Settings(), **sections))


def free_name(verb: str) -> Path:
    """`runs/<verb>-<n>` with the first n that is not taken."""
    from clipspect.tasks.runs import free_name as free

    return free(verb)


def copy_json(source: Path, target: Path | None) -> None:
    """Copy a result to where `--json` says."""
    if target is not None:
        from clipspect.files import write_bytes

        write_bytes(target, source.read_bytes())


def command_line() -> str:
    """The command as it was typed, for reports."""
    return shlex.join(["clipspect", *sys.argv[1:]])


def say_made(path: Path) -> None:
    """The last line: the path of what was made, alone and unwrapped."""
    typer.echo(str(path))
