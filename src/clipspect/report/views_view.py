"""A `ViewsReport` as what its template shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clipspect.report.charts import bar_svg
from clipspect.report.run_view import data_uri
from clipspect.report.wording import interval, percent, points

if TYPE_CHECKING:
    from clipspect.report.html import ViewsReport

_KINDS = {
    "single": "Single views",
    "default": "The set in force",
    "default without": "The set in force without one of its views",
    "selected": "Sets found by adding views",
    "with spatial context": "With the geometry of the boxes besides",
}


def views_view(report: ViewsReport) -> dict[str, Any]:
    """All variables of `views.html.j2`."""
    conditions = list(dict.fromkeys(c for row in report.rows for c in row["recall"]))
    kinds = dict.fromkeys(row["kind"] for row in report.rows)
    sections = [
        {"title": _KINDS.get(kind, kind), "rows": [_row(r, conditions) for r in report.rows if r["kind"] == kind]}
        for kind in kinds
    ]
    return {
        "title": report.title,
        "subtitle": report.subtitle,
        "command": report.command,
        "created": report.created,
        "versions": list(report.versions.items()),
        "conditions": conditions,
        "sections": sections,
        "best": list(report.best),
        "pictures": [{"name": name, "source": data_uri(jpeg)} for name, jpeg in report.pictures.items()],
        "quarantined": report.quarantined,
        "notes": report.notes,
    }


def _row(row: Mapping[str, Any], conditions: Sequence[str]) -> dict[str, Any]:
    bounds, apart = row["ci95"], row["difference_ci95"]
    return {
        "views": row["views"],
        "spatial": row["spatial"],
        "accuracy": {
            "value": percent(row["accuracy"]),
            "interval": interval(tuple(bounds)) if bounds else "",
            "bar": bar_svg(row["accuracy"], *(bounds or (None, None))),
        },
        "difference": "" if row["difference"] is None else points(row["difference"]),
        "difference_interval": f"{points(apart[0])} to {points(apart[1])}" if apart else "",
        "balanced": percent(row["balanced_accuracy"]),
        "recalls": [percent(row["recall"].get(c)) for c in conditions],
        "seconds": f"{row['seconds_a_photo']:.3f}",
    }
