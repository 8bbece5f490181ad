"""An `InspectionReport` as what its template shows: counts, the worst objects, then every photo, the worst first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from clipspect.report.charts import bar_svg
from clipspect.report.palette import ABSTAINED, Colour, colours_of
from clipspect.report.run_view import data_uri
from clipspect.report.tables import summary
from clipspect.report.wording import had_a_choice, percent, shown_label
from clipspect.taxonomy import NORMAL_WORDS
from clipspect.types import Decision, Inspection

if TYPE_CHECKING:
    from clipspect.report.html import InspectedPhoto, InspectionReport

_MAX_WORST = 20
_MAX_RELATIONS = 200


def inspection_view(report: InspectionReport) -> dict[str, Any]:
    """All variables of `inspections.html.j2`."""
    inspections = [photo.inspection for photo in report.photos]
    counts = summary(inspections)
    colours = colours_of(_conditions(inspections))
    good = [photo for photo in report.photos if photo.inspection.problem is None]
    ordered = sorted(good, key=lambda photo: urgency(photo.inspection))
    problems = [i.problem for i in inspections if i.problem is not None]
    return {
        "title": report.title,
        "subtitle": report.subtitle,
        "command": report.command,
        "created": report.created,
        "versions": list(report.versions.items()),
        "counts": counts,
        "attention": sum(n for name, n in counts["by_condition"].items() if name not in NORMAL_WORDS),
        "affected": sum(any(map(_is_bad, photo.inspection.decisions)) for photo in good),
        "table": _table(counts, colours),
        "worst": _worst(ordered, colours),
        "photos": _photos(ordered, colours),
        "quarantined": [*problems, *report.quarantined],
        "notes": report.notes,
    }


def urgency(inspection: Inspection) -> tuple[float, int, int, str]:
    """Sorts photos: the surest bad condition first, then more of them, then more abstentions, then by path."""
    bad = [d.probability for d in inspection.decisions if _is_bad(d)]
    abstained = sum(d.condition is None for d in inspection.decisions)
    return -max(bad, default=0.0), -len(bad), -abstained, inspection.photo.as_posix()


def _is_bad(decision: Decision) -> bool:
    return decision.condition is not None and decision.condition not in NORMAL_WORDS


def _conditions(inspections: Sequence[Inspection]) -> list[str]:
    decisions = [d for i in inspections for d in i.decisions]
    named = {d.condition for d in decisions if d.condition is not None}
    return sorted(named.union(*(d.probabilities for d in decisions)))


def _table(counts: Mapping[str, Any], colours: Mapping[str, Colour]) -> dict[str, Any]:
    """Object types by conditions, bad conditions first."""
    columns = sorted(counts["by_condition"], key=lambda name: (name in NORMAL_WORDS, name))
    rows = [
        {"name": name, "cells": [by.get(column, 0) for column in columns], "total": sum(by.values())}
        for name, by in counts["by_object_type"].items()
    ]
    return {"columns": [(name, colours[name]) for name in columns], "rows": rows}


def _worst(ordered: Sequence[InspectedPhoto], colours: Mapping[str, Colour]) -> list[dict[str, Any]]:
    found = [
        (-decision.probability, number, i, photo.inspection, decision)
        for number, photo in enumerate(ordered, start=1)
        for i, decision in enumerate(photo.inspection.decisions)
        if _is_bad(decision)
    ]
    found.sort(key=lambda one: one[:3])
    return [
        {"anchor": f"photo-{number}", "photo": inspection.photo.as_posix(), **_object(i, decision, colours)}
        for _, number, i, inspection, decision in found[:_MAX_WORST]
    ]


def _photos(ordered: Sequence[InspectedPhoto], colours: Mapping[str, Colour]) -> Iterator[dict[str, Any]]:
    for number, photo in enumerate(ordered, start=1):
        decisions = photo.inspection.decisions
        # Worst first here too; the number still says which box it is.
        order = sorted(range(len(decisions)), key=lambda i: (not _is_bad(decisions[i]), -decisions[i].probability, i))
        relations = photo.inspection.relations
        yield {
            "anchor": f"photo-{number}",
            "name": photo.inspection.photo.as_posix(),
            "size_px": photo.inspection.size_px,
            "source": _source(photo),
            "alt": _alt(photo.inspection),
            "bad": sum(map(_is_bad, decisions)),
            "objects": [_object(i, decisions[i], colours) for i in order],
            "relations": [
                {
                    "subject": f"{r.subject + 1} {shown_label(decisions[r.subject])}",
                    "relation": r.relation,
                    "near": r.near,
                    "object": f"{r.object + 1} {shown_label(decisions[r.object])}",
                }
                for r in relations[:_MAX_RELATIONS]
            ],
            "n_relations": len(relations),
        }


def _object(index: int, decision: Decision, colours: Mapping[str, Colour]) -> dict[str, Any]:
    choice = had_a_choice(decision)
    others = sorted(decision.probabilities.items(), key=lambda one: (-one[1], one[0]))
    return {
        "number": index + 1,
        "object_type": decision.detection.object_type,
        "label": shown_label(decision),
        "condition": decision.condition,
        "colour": ABSTAINED if decision.condition is None else colours[decision.condition],
        "probability": percent(decision.probability, 0) if choice else None,
        "bar": bar_svg(decision.probability, width_px=72) if choice else "",
        "set": list(decision.prediction_set) if len(decision.prediction_set) > 1 else [],
        "others": [f"{name}\u00a0{percent(p, 0)}" for name, p in others if name != decision.condition],
        "abstained": decision.abstained,
        "detector_condition": decision.detection.detector_condition,
    }


def _source(photo: InspectedPhoto) -> str | None:
    if photo.jpeg is not None:
        return data_uri(photo.jpeg)
    # "./" first, and everything but "/" escaped: whatever the name is, it stays a path below the report's folder.
    return None if photo.picture is None else "./" + quote(photo.picture)


def _alt(inspection: Inspection) -> str:
    said = ", ".join(shown_label(d) for d in inspection.decisions[:6])
    more = len(inspection.decisions) - 6
    return f"{inspection.photo.name}: {said or 'no objects'}{f' and {more} more' if more > 0 else ''}"
