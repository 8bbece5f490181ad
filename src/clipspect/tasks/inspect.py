"""`clipspect inspect`: photos and a detector to decisions, pictures and a report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from clipspect.detect.labels import LabelFiles
from clipspect.encode import Device
from clipspect.errors import EmptyDataError
from clipspect.export.bundle import digest, load_bundle
from clipspect.files import write_bytes, write_pieces
from clipspect.pipeline.abstain import read_abstain
from clipspect.pipeline.inspect import TwoStage
from clipspect.protocols import Detector
from clipspect.report import html, pictures, tables
from clipspect.tasks import journal, runs, wire
from clipspect.tasks.photos import find_photos, make_detector
from clipspect.tasks.ui import Silent, Ui
from clipspect.types import RGB, Inspection

JOURNAL = "inspections.jsonl"
DONE = "inspections.json"
MINE = (DONE, JOURNAL, "decisions.csv", "report.html", "pictures")
_EMBEDDED = 60  # pictures inside report.html, the worst first: about 10 MB; all of them are in pictures/
_EMBEDDED_SIDE_PX = 1280


@dataclass(frozen=True, slots=True)
class _Done:
    entry: journal.Entry
    picture: str | None

    @property
    def inspection(self) -> Inspection:
        return self.entry.inspection


def inspect(
    model: Path,
    photos: Sequence[Path | str],
    *,
    out: Path,
    detector: str | None = None,
    limit: int | None = None,
    overwrite: bool = False,
    resume: bool = False,
    device: Device = "auto",
    batch_size: int | None = None,
    offline: bool = False,
    abstain: str | None = None,
    command: str = "clipspect.inspect",
    ui: Ui | None = None,
) -> Path:
    """Inspect photos and write decisions.csv, pictures/, report.html and, last, inspections.json.

    Args:
        model: A run folder or a bundle.
        photos: Files, folders or globs.
        out: Folder to make.
        detector: What finds the objects; by default the label files beside the photos.
        limit: Only the first so many photos.
        overwrite: Replace an existing `out`.
        resume: Go on where an earlier run of the same command stopped.
        device: For the encoder.
        batch_size: For the encoder.
        offline: Open no socket.
        abstain: When to say nothing: `risk=0.1`, `size=1` or `confidence=0.7`; by default where the type is unknown.
        command: As it stands in the report.
        ui: Where notes and progress go.

    Returns:
        The folder.
    """
    ui = ui or Silent()
    bundle = load_bundle(model)
    state = runs.prepare(out, overwrite=overwrite, resume=resume, done=DONE)
    found = find_photos(photos, out=out)[:limit]
    if not found:
        raise EmptyDataError(f"expected at least one photo, got --limit {limit}")
    finder = make_detector(detector, found, bundle)
    if abstain is not None:
        abstain = read_abstain(abstain, bundle.conformal, bundle.risk).text
    if state == "done":
        return out
    if overwrite or state == "new":
        runs.clear(out, MINE)
    two_stage = wire.make_two_stage(bundle, device=device, offline=offline, batch_size=batch_size, abstain=abstain)
    subtitle = f"{model.name}: {bundle.head} head, boxes from {finder.id}"
    begun_with = f"model {digest(bundle)[:16]} and boxes from {finder.id}"
    if abstain is not None:
        subtitle += f", abstaining by {abstain}"
        begun_with += f", abstaining by {abstain}"
    return write_inspections(
        two_stage, finder, found, out, begun_with=begun_with, subtitle=subtitle, command=command, ui=ui
    )


def write_inspections(
    two_stage: TwoStage,
    finder: Detector,
    found: Sequence[Path],
    out: Path,
    *,
    begun_with: str,
    subtitle: str,
    command: str,
    ui: Ui,
) -> Path:
    """Inspect the photos that the journal in `out` lacks and write all results, `inspections.json` last."""
    done = _run(two_stage, finder, found, out, begun_with, ui)
    _write(done, out, subtitle, command)
    counts = tables.summary([d.inspection for d in done])
    ui.say(f"{counts['photos']} photos, {counts['objects']} objects, {counts['quarantined']} photos quarantined")
    if not counts["objects"] and counts["quarantined"] < counts["photos"]:
        ui.warn(f"no object in any photo: are the boxes ({finder.id}) those of these photos?")
    if counts["abstained"]:
        ui.say(f"  {'(nothing said)':<16} {counts['abstained']}")
    for condition, n in counts["by_condition"].items():
        ui.say(f"  {condition:<16} {n}")
    return out


def _run(
    two_stage: TwoStage, finder: Detector, found: Sequence[Path], out: Path, begun_with: str, ui: Ui
) -> list[_Done]:
    names = _picture_names(found)
    problems = finder.problems if isinstance(finder, LabelFiles) else []
    stream, earlier = journal.begin(out / JOURNAL, begun_with)
    known = {e.inspection.photo: e for e in earlier}
    done = {p: _Done(e, f"pictures/{names[p]}") for p, e in known.items() if p in names}
    with stream, ui.track("inspecting", len(found)) as step:
        for _ in done:
            step()
        seen = len(problems)
        for inspection, image in two_stage.inspect([p for p in found if p not in done], finder):
            picture = _draw(out, names[inspection.photo], inspection, image)
            entry = journal.Entry(inspection, tuple(problems[seen:]))
            seen = len(problems)
            journal.append(stream, out / JOURNAL, entry)
            done[inspection.photo] = _Done(entry, picture)
            step()
    return [done[p] for p in found]


def _draw(out: Path, name: str, inspection: Inspection, image: RGB | None) -> str | None:
    if image is None:
        return None
    write_bytes(out / "pictures" / name, pictures.encode_jpeg(pictures.draw_inspection(image, inspection)))
    return f"pictures/{name}"


def _picture_names(found: Sequence[Path]) -> dict[Path, str]:
    taken: set[str] = set()
    names = {}
    for path in found:
        name, n = f"{path.stem}.jpg", 2
        while name.lower() in taken:
            name, n = f"{path.stem}-{n}.jpg", n + 1
        taken.add(name.lower())
        names[path] = name
    return names


def _write(done: Sequence[_Done], out: Path, subtitle: str, command: str) -> None:
    inspections = [d.inspection for d in done]
    write_pieces(out / "decisions.csv", tables.stream_csv(inspections))
    report = html.InspectionReport(
        title="Inspection",
        subtitle=subtitle,
        command=command,
        versions=runs.versions(),
        created=runs.now(),
        photos=tuple(_embedded(done, out)),
        quarantined=tuple(problem for d in done for problem in d.entry.left_out),
    )
    write_pieces(out / "report.html", html.stream_inspections(report))
    write_pieces(out / DONE, tables.stream_json(inspections))


def _embedded(done: Sequence[_Done], out: Path) -> Iterator[html.InspectedPhoto]:
    from clipspect.data import images

    worst = sorted(range(len(done)), key=lambda i: -_risk(done[i].inspection))[:_EMBEDDED]
    for i, item in enumerate(done):
        file = None if item.picture is None else out / item.picture
        if i not in set(worst) or file is None or not file.is_file():
            yield html.InspectedPhoto(item.inspection)
            continue
        small = pictures.shrink(images.read(file), _EMBEDDED_SIDE_PX)
        yield html.InspectedPhoto(item.inspection, jpeg=pictures.encode_jpeg(small, quality=80))


def _risk(inspection: Inspection) -> float:
    """Highest probability that an object of the photo is not normal."""
    return max((1 - d.probabilities.get("normal", 0.0) for d in inspection.decisions if d.condition), default=0.0)
