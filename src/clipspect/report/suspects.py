"""The report of likely label errors: pictures, the surest first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from clipspect.report.html import SuspectItem, render_page
from clipspect.report.run_view import suspect_pictures


@dataclass(frozen=True, slots=True)
class SuspectReport:
    """Everything that the report shows.

    Attributes:
        title: Headline.
        subtitle: How the predictions were made.
        command: The command line.
        versions: Package to version.
        created: When, ISO 8601; passed in.
        sentence: How much of the error is on suspects.
        items: Pictures, the surest first.
        listed: Suspects in the table, of which `items` may show a part.
        notes: What was left out.
    """

    title: str
    subtitle: str
    command: str
    versions: Mapping[str, str]
    created: str
    sentence: str
    items: tuple[SuspectItem, ...]
    listed: int
    notes: tuple[str, ...] = ()


def render(report: SuspectReport) -> str:
    """One HTML file; the same input gives the same text."""
    return render_page(
        "suspects.html.j2",
        title=report.title,
        subtitle=report.subtitle,
        command=report.command,
        versions=list(report.versions.items()),
        created=report.created,
        quarantined=(),
        notes=report.notes,
        sentence=report.sentence,
        suspects=suspect_pictures(report.items),
        hidden=report.listed - len(report.items),
    )
