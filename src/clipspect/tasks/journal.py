"""What an inspection has done so far, a line of JSON a photo: kept on Ctrl-C, read again by `--resume`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from clipspect.report.tables import inspection_record
from clipspect.types import Decision, Detection, Inspection, Problem, Relation


def append(stream: TextIO, inspection: Inspection) -> None:
    """Add one photo; it is on disk for other processes when this returns."""
    stream.write(json.dumps(inspection_record(inspection), ensure_ascii=False, allow_nan=False) + "\n")
    stream.flush()


def read(path: Path) -> list[Inspection]:
    """The photos that are done; a last line that a kill cut short is cut off the file, its photo is done again."""
    if not path.is_file():
        return []
    done: list[Inspection] = []
    whole = 0
    with path.open("r+b") as stream:
        for line in stream:
            try:
                done.append(inspection_of(json.loads(line)))
            except (ValueError, KeyError, TypeError):
                break
            if not line.endswith(b"\n"):
                done.pop()
                break
            whole += len(line)
        stream.truncate(whole)
    return done


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
    )
