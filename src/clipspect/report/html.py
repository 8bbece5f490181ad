"""Reports as one self-contained HTML file: no network, no script, no outside font; pictures are `data:` URIs.

Each file carries a content security policy that forbids everything else, and every text in it is escaped: class
names, paths and reasons come from strangers.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from clipspect.types import Inspection, Problem

if TYPE_CHECKING:
    import jinja2

_POLICY = "default-src 'none'; img-src {images}; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


@dataclass(frozen=True, slots=True)
class LadderRow:
    """One rung of the ladder.

    Attributes:
        name: Of the method ("per-type majority", "linear, four views").
        accuracy: Conditional accuracy, with its 95 % interval `low` to `high`; None where it was not measured.
        difference: Accuracy minus that of the rung it has to beat, with its interval; None for the lowest rung.
        verdict: "reference", "accepted" or "refused".
        reason: Why, for a person.
    """

    name: str
    accuracy: float | None
    low: float | None = None
    high: float | None = None
    difference: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None
    verdict: str = "reference"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class GalleryItem:
    """One object of the gallery: a small JPEG, what it is and what was said of it."""

    jpeg: bytes
    photo_key: str
    true_class: str
    predicted_class: str
    probability: float
    correct: bool


@dataclass(frozen=True, slots=True)
class SuspectItem:
    """One likely label error: a small JPEG, what it is labelled and what it looks like; a low score is surer."""

    jpeg: bytes
    photo_key: str
    given: str
    suggested: str
    score: float


@dataclass(frozen=True, slots=True)
class RunReport:
    """Everything that the report of a run shows.

    Attributes:
        title: Headline of the page.
        subtitle: One line under it (data, encoder, head).
        command: The command line that made the run.
        versions: Package or model to version.
        created: When, ISO 8601; passed in, so that the same input gives the same file.
        metrics: As in `metrics.json`; keys may be missing and numbers null.
        ladder: Rungs from the lowest up.
        gallery: Objects to show; at most `run_view.MAX_WRONG` wrong and `MAX_RIGHT` right ones per class are.
        quarantined: What was left out, and why.
        notes: Harmless oddities and warnings.
        dataset: `photos`, `boxes`, `per_class` (class to count); further single values are listed as they are.
        naive: What an estimate with leaks would claim: `accuracy`, and if known `low`, `high`, `what`.
        group_noun: What the groups are, in the plural ("flight lines").
        unseen: Whether the objects measured are of groups that were not fitted on.
        suspects: Likely label errors, the surest first.
        suspects_note: How much of the error is on them; no section without it.
    """

    title: str
    subtitle: str
    command: str
    versions: Mapping[str, str]
    created: str
    metrics: Mapping[str, Any]
    ladder: tuple[LadderRow, ...] = ()
    gallery: tuple[GalleryItem, ...] = ()
    quarantined: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    dataset: Mapping[str, Any] = field(default_factory=dict)
    naive: Mapping[str, Any] | None = None
    group_noun: str = "groups of photos"
    unseen: bool = True
    suspects: tuple[SuspectItem, ...] = ()
    suspects_note: str = ""


@dataclass(frozen=True, slots=True)
class InspectedPhoto:
    """One inspection with its annotated picture: embedded (`jpeg`), or beside the report (`picture`), or none.

    Attributes:
        inspection: The decisions.
        jpeg: JPEG bytes to embed; they win over `picture`.
        picture: Path relative to the report's folder, POSIX. A report with such paths is no longer a single file.
    """

    inspection: Inspection
    jpeg: bytes | None = None
    picture: str | None = None


@dataclass(frozen=True, slots=True)
class InspectionReport:
    """Everything that the report of an inspection shows; photos may come in any order, the worst is shown first.

    Attributes:
        title: Headline of the page.
        command: The command line that made it.
        versions: Package or model to version.
        created: When, ISO 8601; passed in.
        photos: Every photo, those that could not be read too (`inspection.problem`).
        quarantined: Further problems that belong to no photo (rows of a predictions file).
        notes: Harmless oddities and warnings.
        subtitle: One line under the title (model, detector).
    """

    title: str
    command: str
    versions: Mapping[str, str]
    created: str
    photos: tuple[InspectedPhoto, ...]
    quarantined: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    subtitle: str = ""


@dataclass(frozen=True, slots=True)
class ViewsReport:
    """Everything that the report of `clipspect views` shows.

    Attributes:
        title: Headline of the page.
        subtitle: One line under it.
        command: The command line that made it.
        versions: Package or model to version.
        created: When, ISO 8601; passed in.
        rows: As in its `metrics.json`.
        best: Views of the best set found.
        pictures: View name to a JPEG of what it shows of one object.
        quarantined: What was left out, and why.
        notes: Warnings; that choosing flatters, above all.
    """

    title: str
    subtitle: str
    command: str
    versions: Mapping[str, str]
    created: str
    rows: tuple[Mapping[str, Any], ...]
    best: tuple[str, ...] = ()
    pictures: Mapping[str, bytes] = field(default_factory=dict)
    quarantined: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()


def render_run(report: RunReport) -> str:
    """The report of a run as one HTML file; the same input gives the same text."""
    from clipspect.report.run_view import run_view

    policy = _POLICY.format(images="data:")
    return _environment().get_template("run.html.j2").render(policy=policy, **run_view(report))


def render_views(report: ViewsReport) -> str:
    """The report of `clipspect views` as one HTML file; the same input gives the same text."""
    from clipspect.report.views_view import views_view

    policy = _POLICY.format(images="data:")
    return _environment().get_template("views.html.j2").render(policy=policy, **views_view(report))


def render_inspections(report: InspectionReport) -> str:
    """The report of an inspection as one HTML file; the same input gives the same text."""
    return "".join(stream_inspections(report))


def stream_inspections(report: InspectionReport) -> Iterator[str]:
    """`render_inspections` in pieces: with embedded pictures the whole text is a third larger than all of them."""
    from clipspect.report.inspection_view import inspection_view

    outside = any(photo.jpeg is None and photo.picture is not None for photo in report.photos)
    policy = _POLICY.format(images="data: 'self' file:" if outside else "data:")
    yield from _environment().get_template("inspections.html.j2").generate(policy=policy, **inspection_view(report))


def render_page(template: str, **view: Any) -> str:  # noqa: ANN401 - whatever the template shows
    """A self-contained page from one of the templates that extend `page.html.j2`; every text in it is escaped."""
    return _environment().get_template(template).render(policy=_POLICY.format(images="data:"), **view)


@functools.cache
def _environment() -> jinja2.Environment:
    import jinja2

    return jinja2.Environment(
        loader=jinja2.PackageLoader("clipspect.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
