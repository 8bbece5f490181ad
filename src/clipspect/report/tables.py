"""Inspections and metrics as JSON and CSV.

Two counts of a photo's objects are used throughout: `index` from 0, for programs (a position in `objects`), and
`number` from 1, for people (what stands on the annotated picture).
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from clipspect.report.wording import is_number
from clipspect.types import Decision, Inspection, Problem

Cell = str | int | float | bool | None

INSPECTION_COLUMNS = (
    "photo", "number", "object_type", "condition", "class_name", "probability", "confidence", "detector_condition",
    "left_px", "top_px", "right_px", "bottom_px", "abstained", "problem", "prediction_set",
)  # fmt: skip
RESULT_COLUMNS = ("scope", "name", "n", "metric", "value", "low", "high")

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def inspection_record(inspection: Inspection) -> dict[str, Any]:
    """One photo as JSON-able values.

    Returns:
        `photo` (POSIX), `width_px`, `height_px`, `objects` (`index` from 0, `number` from 1, `object_type`,
        `condition`, `label`, `class_name`, `probability`, `probabilities`, `box_xyxy_px`, `confidence`,
        `detector_condition`, `abstained`, `prediction_set`), `relations` (`subject` and `object`, each `index` and
        `label`; `relation`, `near`) and `problem` (`file`, `line`, `code`, `reason`, or null).
    """
    labels = [decision.label for decision in inspection.decisions]
    return {
        "photo": inspection.photo.as_posix(),
        "width_px": int(inspection.size_px[0]),
        "height_px": int(inspection.size_px[1]),
        "objects": [_object(i, decision) for i, decision in enumerate(inspection.decisions)],
        "relations": [
            {
                "subject": {"index": r.subject, "label": labels[r.subject]},
                "relation": r.relation,
                "near": bool(r.near),
                "object": {"index": r.object, "label": labels[r.object]},
            }
            for r in inspection.relations
        ],
        "problem": None if inspection.problem is None else problem_record(inspection.problem),
    }


def problem_record(problem: Problem) -> dict[str, Any]:
    """One entry of a quarantine list: `file`, `line` (from 1, or null), `code`, `reason`."""
    return {"file": problem.file, "line": problem.line, "code": problem.code, "reason": problem.reason}


def inspections_json(inspections: Sequence[Inspection]) -> dict[str, Any]:
    """All photos as JSON-able values: `summary` and `photos` (see `inspection_record`), in the order given."""
    return {"summary": summary(inspections), "photos": [inspection_record(i) for i in inspections]}


def stream_json(inspections: Sequence[Inspection]) -> Iterator[str]:
    """`inspections_json` as text in pieces, one a photo: thousands of photos are never one string."""
    head = json.dumps(summary(inspections), ensure_ascii=False, allow_nan=False)
    yield f'{{"summary": {head},\n"photos": ['
    for i, inspection in enumerate(inspections):
        yield (",\n" if i else "\n") + json.dumps(inspection_record(inspection), ensure_ascii=False, allow_nan=False)
    yield "\n]}\n"


def stream_csv(inspections: Iterable[Inspection]) -> Iterator[str]:
    """`inspections_csv` in pieces, one a photo."""
    yield rows_csv([], INSPECTION_COLUMNS)
    for inspection in inspections:
        text = rows_csv(inspection_rows([inspection]), INSPECTION_COLUMNS)
        yield text.split("\r\n", 1)[1]


def summary(inspections: Iterable[Inspection]) -> dict[str, Any]:
    """Counts over all photos.

    Returns:
        `photos` (all of them), `quarantined` (photos that could not be inspected), `objects`, `abstained`,
        `by_condition` (condition to count) and `by_object_type` (type to condition to count), both without the
        abstentions and sorted by name.
    """
    photos = quarantined = objects = abstained = 0
    by_condition: Counter[str] = Counter()
    by_type: dict[str, Counter[str]] = {}
    for inspection in inspections:
        photos += 1
        quarantined += inspection.problem is not None
        for decision in inspection.decisions:
            objects += 1
            counts = by_type.setdefault(decision.detection.object_type, Counter())
            if decision.condition is None:
                abstained += 1
                continue
            by_condition[decision.condition] += 1
            counts[decision.condition] += 1
    return {
        "photos": photos,
        "quarantined": quarantined,
        "objects": objects,
        "abstained": abstained,
        "by_condition": dict(sorted(by_condition.items())),
        "by_object_type": {name: dict(sorted(counts.items())) for name, counts in sorted(by_type.items())},
    }


def inspection_rows(inspections: Iterable[Inspection]) -> list[dict[str, Cell]]:
    """One flat row per object (`INSPECTION_COLUMNS`); a photo with a problem or without objects has one row too."""
    rows: list[dict[str, Cell]] = []
    for inspection in inspections:
        photo = inspection.photo.as_posix()
        problem = None if inspection.problem is None else str(inspection.problem)
        if not inspection.decisions:
            rows.append(dict.fromkeys(INSPECTION_COLUMNS) | {"photo": photo, "problem": problem})
        rows.extend(_row(photo, i, decision, problem) for i, decision in enumerate(inspection.decisions))
    return rows


def rows_csv(rows: Sequence[Mapping[str, Cell]], columns: Sequence[str] | None = None) -> str:
    """Rows as CSV after RFC 4180: CRLF, quotes where needed, one header line; empty where a value is None.

    Text that begins with = + - @, a tab or a carriage return gets an apostrophe in front, because spreadsheets would
    run it as a formula, and class names and paths come from strangers. Numbers are never changed. Who needs the exact
    text takes the JSON.

    Args:
        rows: Cells by column.
        columns: Which, and in what order; those of the first row without it.
    """
    if columns is None:
        columns = list(rows[0]) if rows else INSPECTION_COLUMNS
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow([_cell(column) for column in columns])
    writer.writerows([_cell(row.get(column)) for column in columns] for row in rows)
    return stream.getvalue()


def inspections_csv(inspections: Iterable[Inspection]) -> str:
    """`inspection_rows` as CSV."""
    return rows_csv(inspection_rows(inspections), INSPECTION_COLUMNS)


def results_csv(metrics: Mapping[str, Any]) -> str:
    """`metrics.json` as a tidy table: one figure a line, `scope, name, n, metric, value, low, high`.

    `scope` is `overall`, `class`, `condition`, `object_type` or `relation`; `low` and `high` are the 95 % interval
    where there is one. Figures that are null are left out.
    """
    return rows_csv(list(_result_rows(metrics)), RESULT_COLUMNS)


def _object(index: int, decision: Decision) -> dict[str, Any]:
    detection = decision.detection
    return {
        "index": index,
        "number": index + 1,
        "object_type": detection.object_type,
        "condition": decision.condition,
        "label": decision.label,
        "class_name": decision.class_name,
        "probability": float(decision.probability),
        "probabilities": {name: float(p) for name, p in decision.probabilities.items()},
        "box_xyxy_px": [round(float(v), 2) for v in detection.box_xyxy_px],
        "confidence": float(detection.confidence),
        "detector_condition": detection.detector_condition,
        "abstained": decision.abstained,
        "prediction_set": list(decision.prediction_set),
    }


def _row(photo: str, index: int, decision: Decision, problem: str | None) -> dict[str, Cell]:
    left, top, right, bottom = (round(float(v), 2) for v in decision.detection.box_xyxy_px)
    return {
        "photo": photo,
        "number": index + 1,
        "object_type": decision.detection.object_type,
        "condition": decision.condition,
        "class_name": decision.class_name,
        "probability": round(float(decision.probability), 6),
        "confidence": round(float(decision.detection.confidence), 6),
        "detector_condition": decision.detection.detector_condition,
        "left_px": left,
        "top_px": top,
        "right_px": right,
        "bottom_px": bottom,
        "abstained": decision.abstained,
        "problem": problem,
        "prediction_set": " | ".join(decision.prediction_set) or None,
    }


def _cell(value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return "'" + value if value.startswith(_FORMULA_STARTS) else value
    return str(value).lower() if isinstance(value, bool) else str(value)


def _result_rows(metrics: Mapping[str, Any]) -> Iterator[dict[str, Cell]]:
    for part in ("conditional", "joint", "binary", "spatial", "calibration", "selective", "conformal", "abstention"):
        block = metrics.get(part)
        if isinstance(block, Mapping):
            n = block.get("n", metrics.get("n"))
            yield from _figures("overall", part, n, block)
    scopes = {"per_class": "class", "per_condition": "condition", "per_object_type": "object_type"}
    for key, scope in scopes.items():
        for name, block in (metrics.get(key) or {}).items():
            yield from _figures(scope, name, block.get("n"), block)
    for name, block in ((metrics.get("spatial") or {}).get("per_relation") or {}).items():
        yield from _figures("relation", name, block.get("n"), block)


def _figures(scope: str, name: str, n: Cell, block: Mapping[str, Any]) -> Iterator[dict[str, Cell]]:
    intervals = block.get("ci95") or {}
    for metric, value in block.items():
        if not is_number(value) or metric == "n" or metric.startswith("n_"):
            continue
        low, high = intervals.get(metric) or (None, None)
        yield dict(zip(RESULT_COLUMNS, (scope, name, n, metric, value, low, high), strict=True))
