"""A `RunReport` as what its template shows: words, formatted numbers and charts. Missing numbers stay missing."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from clipspect.report.charts import bar_svg, confusion_svg, mistakes, reliability_svg
from clipspect.report.doubt_view import conformal_view, selective_view
from clipspect.report.palette import Colour, colours_of
from clipspect.report.wording import count, interval, is_number, percent, points

if TYPE_CHECKING:
    from clipspect.report.html import GalleryItem, LadderRow, RunReport, SuspectItem

MAX_WRONG = 12
MAX_RIGHT = 6
"""Most gallery pictures per class; at 160 px and 10 kB each, nine classes make about 2 MB of HTML."""

_MAX_MISTAKES = 8
_SMALL_GAP = 0.02
_SHUFFLED = "The same with photos shuffled, so that near copies of a photo are on both sides of the split,"

_CARDS = (
    ("conditional", "accuracy", "Condition right", "the object type is known"),
    ("conditional", "accuracy_nontrivial", "Where it can err", "types with more than one condition"),
    ("conditional", "balanced_accuracy", "Balanced", "every class counts the same"),
    ("conditional", "macro_f1", "Macro F1", "mean over classes"),
    ("binary", "accuracy", "Normal or not", "is anything wrong at all"),
    ("spatial", "relation_accuracy", "Pairs right", "both objects of a pair"),
    ("joint", "accuracy", "Type unknown", "all classes compete"),
    ("calibration", "ece", "Calibration gap", "stated against right (ECE)"),
)
_MEASURES = (
    ("accuracy", "Accuracy"),
    ("accuracy_nontrivial", "Accuracy where the type has a choice"),
    ("balanced_accuracy", "Balanced accuracy"),
    ("macro_f1", "Macro F1"),
    ("weighted_f1", "Weighted F1"),
)


def run_view(report: RunReport) -> dict[str, Any]:
    """All variables of `run.html.j2`."""
    metrics = report.metrics
    conditions = [str(c.get("condition")) for c in metrics.get("classes") or [] if c.get("condition")]
    colours = colours_of([*conditions, *(metrics.get("per_condition") or {})])
    return {
        "title": report.title,
        "subtitle": report.subtitle,
        "command": report.command,
        "created": report.created,
        "versions": list(report.versions.items()),
        "sentences": _sentences(report),
        "cards": [c for c in (_card(metrics, *card) for card in _CARDS) if c is not None],
        "measures": _measures(metrics),
        "naive": _naive(report),
        "ladder": [_rung(row) for row in report.ladder],
        "classes": _classes(metrics, colours),
        "conditions": _recall_rows(metrics.get("per_condition"), colours, key="name"),
        "object_types": _types(metrics),
        "relations": _relations(metrics),
        "confusions": _confusions(metrics),
        "calibration": _calibration(metrics),
        "selective": selective_view(metrics),
        "conformal": conformal_view(metrics),
        "gallery": _gallery(report.gallery),
        "suspects": suspect_pictures(report.suspects),
        "suspects_note": report.suspects_note,
        "quarantined": report.quarantined,
        "notes": report.notes,
        "facts": _facts(report.dataset),
        "counts": _counts(report.dataset.get("per_class")),
    }


def figure(block: Mapping[str, Any] | None, metric: str, *, bar: bool = True) -> dict[str, Any] | None:
    """One number of a metrics block with interval and bar, or None where it is missing."""
    value = (block or {}).get(metric)
    if block is None or not is_number(value):
        return None
    bounds = _bounds((block.get("ci95") or {}).get(metric))
    low, high = bounds or (None, None)
    svg = bar_svg(value, low, high) if bar else ""
    return {"value": percent(value), "interval": interval(bounds), "bar": svg, "raw": float(value)}


def data_uri(jpeg: bytes) -> str:
    """A JPEG as text for `src`."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")


def _bounds(pair: Sequence[float | None] | None) -> tuple[float, float] | None:
    if pair is None or len(pair) != 2 or not all(map(is_number, pair)):
        return None
    low, high = pair
    return (float(low), float(high)) if low is not None and high is not None else None


def _sentences(report: RunReport) -> list[str]:
    metrics = report.metrics
    block = metrics.get("conditional") or {}
    accuracy = block.get("accuracy")
    if not is_number(accuracy):
        return ["No object with a known condition was left to measure on."]
    bounds = _bounds((block.get("ci95") or {}).get("accuracy"))
    where = f"On {report.group_noun} it has never seen" if report.unseen else "On photos that it was partly fitted on"
    said = f"{where}, {100 * accuracy:.0f} of 100 objects get the right condition"
    sentences = [f"{said} (95\u00a0% interval\u00a0{interval(bounds)})." if bounds else f"{said}."]
    floor = next((r for r in report.ladder if r.verdict == "reference" and r.accuracy is not None), None)
    if floor is not None and floor.accuracy is not None:
        sentences.append(f"The reference, {floor.name}, gets {100 * floor.accuracy:.0f}.")
    if is_number(metrics.get("n")):
        groups = metrics.get("n_groups")
        of = f" in {groups} {report.group_noun}" if is_number(groups) else ""
        sentences.append(f"Measured on {count(int(metrics['n']), 'object')}{of}.")
    return sentences


def _card(metrics: Mapping[str, Any], part: str, metric: str, name: str, hint: str) -> dict[str, Any] | None:
    shown = figure(metrics.get(part), metric, bar=metric != "ece")
    return None if shown is None else {"name": name, "hint": hint, **shown}


def _measures(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = []
    for metric, name in _MEASURES:
        cells = [figure(metrics.get(part), metric) for part in ("conditional", "joint")]
        if any(cells):
            rows.append({"name": name, "cells": cells})
    return rows


def _naive(report: RunReport) -> str | None:
    accuracy = (report.naive or {}).get("accuracy")
    if report.naive is None or not is_number(accuracy):
        return None
    bounds = _bounds((report.naive.get("low"), report.naive.get("high")))
    what = report.naive.get("what") or _SHUFFLED
    honest = (report.metrics.get("conditional") or {}).get("accuracy")
    excess = accuracy - honest if is_number(honest) else 0.0
    more = f", {points(excess).lstrip('+')} points too much" if excess > 0 else ""
    return f"{what} would claim {percent(accuracy)}{f' ({interval(bounds)})' if bounds else ''}{more}."


def _rung(row: LadderRow) -> dict[str, Any]:
    bounds = _bounds((row.difference_low, row.difference_high))
    return {
        "name": row.name,
        "accuracy": figure({"a": row.accuracy, "ci95": {"a": (row.low, row.high)}}, "a"),
        "difference": None if row.difference is None else points(row.difference),
        "difference_interval": f"{points(bounds[0])} to {points(bounds[1])}" if bounds else "",
        "verdict": row.verdict,
        "reason": row.reason,
    }


def _recall_rows(
    blocks: Mapping[str, Any] | None, colours: Mapping[str, Colour], *, key: str = "condition"
) -> list[dict[str, Any]]:
    rows = []
    for name, block in (blocks or {}).items():
        condition = name if key == "name" else block.get(key)
        figures = {m: figure(block, m, bar=m == "recall") for m in ("recall", "precision", "f1")}
        rows.append({"name": name, "n": block.get("n"), "colour": colours.get(str(condition)), **figures})
    return rows


def _classes(metrics: Mapping[str, Any], colours: Mapping[str, Colour]) -> list[dict[str, Any]]:
    blocks: Mapping[str, Any] = metrics.get("per_class") or {}

    def type_of(name: str) -> str:
        return str(blocks[name].get("object_type") or "")

    groups = []
    for object_type, names in groupby(sorted(blocks, key=type_of), key=type_of):
        rows = _recall_rows({name: blocks[name] for name in names}, colours)
        groups.append({"object_type": object_type, "rows": rows})
    return groups


def _types(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    blocks = metrics.get("per_object_type") or {}
    return [
        {"name": name, "n": b.get("n"), "n_conditions": b.get("n_conditions"), "accuracy": figure(b, "accuracy")}
        for name, b in blocks.items()
    ]


def _relations(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    blocks = (metrics.get("spatial") or {}).get("per_relation") or {}
    return [{"name": name, "n": b.get("n"), "accuracy": figure(b, "accuracy")} for name, b in blocks.items()]


def _confusions(metrics: Mapping[str, Any]) -> list[dict[str, Any]]:
    types = {str(c.get("name")): str(c.get("object_type")) for c in metrics.get("classes") or []}
    kinds = (("confusion", "The object type is known"), ("joint_confusion", "All classes compete"))
    found = []
    for key, title in kinds:
        block = metrics.get(key) or {}
        names, matrix = list(block.get("classes") or []), block.get("matrix")
        if not names or not matrix or len(matrix) != len(names):
            continue
        order = sorted(range(len(names)), key=lambda k: types.get(names[k], ""))
        names = [names[k] for k in order]
        matrix = [[int(matrix[i][j]) for j in order] for i in order]
        groups = [types.get(name, "") for name in names]
        svg = confusion_svg(names, matrix, groups=groups, title=f"Confusion matrix. {title}.")
        found.append({"title": title, "svg": svg, "mistakes": mistakes(names, matrix)[:_MAX_MISTAKES]})
    return found


def _calibration(metrics: Mapping[str, Any]) -> dict[str, Any] | None:
    block = metrics.get("calibration") or {}
    if not is_number(block.get("ece")):
        return None
    return {
        "ece": figure(block, "ece", bar=False),
        "ece_debiased": figure(block, "ece_debiased", bar=False),
        "mean_confidence": figure(block, "mean_confidence", bar=False),
        "lean": _lean(block.get("bins") or ()),
        "svg": reliability_svg(block["bins"]) if block.get("bins") else "",
    }


def _lean(bins: Sequence[Mapping[str, Any]]) -> str | None:
    filled = [b for b in bins if b.get("n") and is_number(b.get("confidence")) and is_number(b.get("accuracy"))]
    if not filled:
        return None
    gap = sum(b["n"] * (b["confidence"] - b["accuracy"]) for b in filled) / sum(b["n"] for b in filled)
    if abs(gap) < _SMALL_GAP:
        return "about as sure of itself as it is right"
    return "surer of itself than it is right" if gap > 0 else "less sure of itself than it is right"


def _gallery(items: Sequence[GalleryItem]) -> list[dict[str, Any]]:
    groups = []
    for name in sorted({item.true_class for item in items}):
        members = [item for item in items if item.true_class == name]
        wrong = sorted((i for i in members if not i.correct), key=lambda i: -i.probability)
        right = sorted((i for i in members if i.correct), key=lambda i: -i.probability)
        shown = [*wrong[:MAX_WRONG], *right[:MAX_RIGHT]]
        groups.append(
            {
                "name": name,
                "wrong": len(wrong),
                "right": len(right),
                "hidden": len(members) - len(shown),
                "items": [_picture(item) for item in shown],
            }
        )
    return groups


def _picture(item: GalleryItem) -> dict[str, Any]:
    verdict = "right" if item.correct else f"taken for {item.predicted_class}"
    return {
        "uri": data_uri(item.jpeg),
        "correct": item.correct,
        "verdict": verdict,
        "probability": percent(item.probability, 0),
        "photo": item.photo_key,
        "alt": f"{item.true_class}, {verdict}, in {item.photo_key}",
    }


def suspect_pictures(items: Sequence[SuspectItem]) -> list[dict[str, Any]]:
    """Likely label errors as the templates show them."""
    return [
        {
            "uri": data_uri(item.jpeg),
            "given": item.given,
            "suggested": item.suggested,
            "score": f"{item.score:.2f}",
            "photo": item.photo_key,
            "alt": f"labelled {item.given}, looks like {item.suggested}, in {item.photo_key}",
        }
        for item in items
    ]


def _facts(dataset: Mapping[str, Any]) -> list[tuple[str, str]]:
    facts = []
    for key, value in dataset.items():
        if isinstance(value, (str, int, float)) and not isinstance(value, bool):
            text = value if isinstance(value, str) else f"{value:,}" if isinstance(value, int) else f"{value:,.2f}"
            facts.append((key.replace("_", " "), text))
    return facts


def _counts(per_class: Mapping[str, int] | None) -> list[dict[str, Any]]:
    most = max((per_class or {}).values(), default=0)
    rows = (per_class or {}).items()
    return [{"name": name, "n": n, "bar": bar_svg(n / most if most else 0.0, width_px=160)} for name, n in rows]
