"""What an inspection has done so far, a line of JSON a photo: kept on Ctrl-C, read again by `--resume`.

The first line says what the inspection was begun with, so that it is never finished with something else.
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clipspect.errors import DiskFullError, OutputError, OutputExistsError
from clipspect.report.tables import inspection_record, problem_record
from clipspect.types import Decision, Detection, Inspection, Problem, Relation


@dataclass(frozen=True, slots=True)
class Entry:
    """One photo that is done.

    Attributes:
        inspection: What was said of it.
        left_out: Rows of its label file that could not be read.
    """

    inspection: Inspection
    left_out: tuple[Problem, ...] = ()


def begin(path: Path, begun_with: str) -> tuple[io.FileIO, list[Entry]]:
    """Open a journal to go on with, and read the photos that are done.

    A last line that a kill cut short is cut off the file; its photo is done again.

    Args:
        path: The file; made where it is not there.
        begun_with: Everything that decisions depend on, in words.

    Raises:
        OutputExistsError: The journal was begun with something else.
        OutputError: It cannot be written.
    """
    with _explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = path.open("a+b", buffering=0)
    try:
        return stream, _read(stream, path, begun_with)
    except BaseException:
        stream.close()
        raise


def append(stream: io.FileIO, path: Path, entry: Entry) -> None:
    """Add one photo; other processes see it when this returns."""
    left_out = [problem_record(p) for p in entry.left_out]
    _write(stream, path, {**inspection_record(entry.inspection), "left_out": left_out})


def inspection_of(record: Mapping[str, Any]) -> Inspection:
    """The inspection that gave `report.tables.inspection_record`."""
    problem = record["problem"]
    return Inspection(
        photo=Path(record["photo"]),
        size_px=(record["width_px"], record["height_px"]),
        decisions=tuple(_decision(o) for o in record["objects"]),
        relations=tuple(
            Relation(r["subject"]["index"], r["relation"], r["object"]["index"], r["near"]) for r in record["relations"]
        ),
        problem=None if problem is None else Problem(**problem),
    )


def _read(stream: io.FileIO, path: Path, begun_with: str) -> list[Entry]:
    with _explained(path):
        stream.seek(0)
        lines = stream.readall().splitlines(keepends=True)
    done: list[Entry] = []
    whole = 0
    for number, line in enumerate(lines):
        try:
            record = json.loads(line)
            if number == 0:
                _check_same(path, str(record["begun_with"]), begun_with)
            else:
                done.append(_entry_of(record))
        except (ValueError, KeyError, TypeError):
            break
        if not line.endswith(b"\n"):
            done = done[: number - 1]
            break
        whole += len(line)
    with _explained(path):
        stream.truncate(whole)
    if not whole:
        _write(stream, path, {"begun_with": begun_with})
    return done


def _entry_of(record: Mapping[str, Any]) -> Entry:
    return Entry(inspection_of(record), tuple(Problem(**p) for p in record["left_out"]))


def _decision(item: Mapping[str, Any]) -> Decision:
    left, top, right, bottom = item["box_xyxy_px"]
    return Decision(
        detection=Detection(
            (left, top, right, bottom), item["object_type"], item["confidence"], item["detector_condition"]
        ),
        condition=item["condition"],
        class_name=item["class_name"],
        probability=item["probability"],
        probabilities=item["probabilities"],
        abstained=item["abstained"],
        prediction_set=tuple(item.get("prediction_set", ())),
    )


def _check_same(path: Path, found: str, expected: str) -> None:
    if found != expected:
        raise OutputExistsError(
            f"{path.parent}: was begun with {found}; expected the same to go on with, got {expected}: "
            "--overwrite begins anew"
        )


def _write(stream: io.FileIO, path: Path, record: Mapping[str, Any]) -> None:
    # ASCII: a file name that is no UTF-8 comes as lone surrogates, which JSON escapes and reads back.
    rest = memoryview(json.dumps(record, allow_nan=False).encode("ascii") + b"\n")
    with _explained(path):
        while rest:
            rest = rest[stream.write(rest) :]


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(f"{path}: no space left on the device; what was done before is kept") from error
        raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from error
