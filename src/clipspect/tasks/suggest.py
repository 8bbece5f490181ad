"""`clipspect suggest`: which photos to label next, as a list that annotation tools read."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clipspect.data import images
from clipspect.data.views import parse_view
from clipspect.encode import Device
from clipspect.errors import ConfigError, EmptyDataError, ImageError, OutputExistsError
from clipspect.export.bundle import Bundle, load_bundle
from clipspect.files import write_json, write_text
from clipspect.pipeline.features import FeatureExtractor, PhotoObjects
from clipspect.pipeline.inspect import TwoStage
from clipspect.protocols import Detector
from clipspect.report import tables
from clipspect.select.acquire import Value, choose, rare_classes, value_of, worth
from clipspect.tasks import wire
from clipspect.tasks.photos import find_photos, make_detector
from clipspect.tasks.ui import Silent, Ui
from clipspect.taxonomy import Taxonomy
from clipspect.types import Decision, Detection, Float64, Inspection

COLUMNS = (
    "rank", "photo", "worth", "uncertainty", "rarity", "smallest_margin", "distance", "objects", "reason",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Candidate:
    inspection: Inspection
    value: Value


def suggest(
    model: Path,
    photos: Sequence[Path | str],
    *,
    out: Path,
    detector: str | None = None,
    budget: int | None = None,
    prelabels: Path | None = None,
    json: Path | None = None,
    limit: int | None = None,
    overwrite: bool = False,
    device: Device = "auto",
    batch_size: int | None = None,
    offline: bool = False,
    ui: Ui | None = None,
) -> Path:
    """Rank photos by what labelling them promises for the rarest conditions.

    Args:
        model: A run folder or a bundle.
        photos: Files, folders or globs; photos that the model was fitted on are passed over.
        out: Text file to write: one absolute path a line, the first to label first. A table with scores and reasons
            goes beside it, with the ending .csv.
        detector: See `inspect`; conditions in label files are never looked at.
        budget: How many photos to suggest; all by default.
        prelabels: Folder for YOLO label files with the model's answers, to be corrected, or None for none.
        json: File for the table as JSON, or None.
        limit: Look at only the first so many photos.
        overwrite: Replace existing files.
        device: For the encoder.
        batch_size: For the encoder.
        offline: Open no socket.
        ui: Where notes and progress go.

    Returns:
        The text file.

    Raises:
        EmptyDataError: No photo is left to suggest.
    """
    ui = ui or Silent()
    table = out.with_suffix(".csv")
    _check_free(out, table, prelabels, overwrite=overwrite)
    bundle = load_bundle(model)
    found = find_photos(photos)[:limit]
    fresh = _fresh(found, bundle, ui)
    finder = make_detector(detector, fresh, bundle)
    rare = rare_classes(bundle.taxonomy, bundle.fitted_on.class_counts)
    wanted = [bundle.taxonomy.classes[k].name for k in sorted(rare, key=lambda k: (-rare[k], k))]
    ui.say(f"looking for: {', '.join(wanted) or 'nothing: no class is rare'}")
    if not bundle.fitted_on.class_counts:
        ui.warn("the model does not say how often it saw each class: every condition but normal counts as rare")
    with wire.open_cache() as cache:
        two_stage = wire.make_two_stage(bundle, device=device, offline=offline, batch_size=batch_size, cache=cache)
        candidates = _candidates(two_stage, finder, fresh, bundle.taxonomy, rare, ui)
        features = _photo_features(two_stage.extractor, candidates)
    value = worth([c.value for c in candidates])
    order, distances = choose(features, value, len(candidates) if budget is None else budget)
    rows = [
        _row(rank, candidates[i], float(value[i]), float(distance))
        for rank, (i, distance) in enumerate(zip(order.tolist(), distances.tolist(), strict=True), start=1)
    ]
    for row in rows[:10]:
        ui.say(f"  {row['rank']:>3}  {row['photo']}  {row['reason']}")
    if prelabels is not None:
        _write_prelabels(prelabels, [candidates[i].inspection for i in order.tolist()], bundle)
    write_text(table, tables.rows_csv(rows, COLUMNS))
    if json is not None:
        write_json(json, {"rare": wanted, "photos": rows})
    write_text(out, "".join(f"{candidates[i].inspection.photo.absolute()}\n" for i in order.tolist()))
    return out


def _check_free(out: Path, table: Path, prelabels: Path | None, *, overwrite: bool) -> None:
    if table == out:
        raise ConfigError(f"--out {out}: expected the name of a text file (next.txt); a table goes beside it as .csv")
    taken = [f for f in (out, table) if f.exists()]
    taken += [prelabels] if prelabels is not None and prelabels.exists() and any(prelabels.iterdir()) else []
    if taken and not overwrite:
        raise OutputExistsError(f"{taken[0]}: is already there; give --overwrite to replace it")


def _fresh(found: Sequence[Path], bundle: Bundle, ui: Ui) -> list[Path]:
    """Photos that the model was not fitted on; what cannot be read is left to the inspection to say."""
    seen, fresh, listable = set(bundle.fitted_on.photos), [], 0
    for path in sorted(found):  # so that the order in which photos are given decides nothing
        if "\n" in str(path) or "\r" in str(path):
            ui.warn(f"{str(path)!r}: a list of one path a line cannot hold this name; it is left out")
            listable += 1
            continue
        try:
            if images.content_hash(path) not in seen:
                fresh.append(path)
        except ImageError:
            fresh.append(path)
    known = len(found) - len(fresh) - listable
    if known:
        ui.say(f"{known} of {len(found)} photos were fitted on and are passed over")
    if not fresh:
        raise EmptyDataError(f"expected photos that the model was not fitted on, got none among {len(found)}")
    return fresh


def _candidates(
    two_stage: TwoStage, finder: Detector, fresh: Sequence[Path], taxonomy: Taxonomy, rare: Mapping[int, float], ui: Ui
) -> list[_Candidate]:
    names = [c.name for c in taxonomy.classes]
    found, problems = [], []
    with ui.track("looking at photos", len(fresh)) as step:
        for inspection, _ in two_stage.inspect(fresh, finder):
            step()
            if inspection.problem is not None:
                problems.append(inspection.problem)
                continue
            objects = [_by_class(d, taxonomy) for d in inspection.decisions]
            found.append(_Candidate(inspection, value_of(objects, rare, names)))
    if problems:
        ui.warn(f"{len(problems)} photos are left out; the first: {problems[0]}")
    if not found:
        raise EmptyDataError(f"expected photos that can be read, with a label file each, got none; {problems[0]}")
    return found


def _by_class(decision: Decision, taxonomy: Taxonomy) -> Mapping[int, float]:
    object_type = decision.detection.object_type
    return {taxonomy.index[object_type, c]: p for c, p in decision.probabilities.items()}


def _photo_features(extractor: FeatureExtractor, candidates: Sequence[_Candidate]) -> Float64:
    """(P, D) the whole photo as the encoder sees it."""
    whole = FeatureExtractor(
        extractor.encoder,
        views=[parse_view("image")],
        joint_view=None,
        known_types=(),
        max_pixels=extractor.max_pixels,
        cache=extractor.cache,
    )
    photos = []
    for c in candidates:
        width, height = c.inspection.size_px
        box = (Detection((0.0, 0.0, float(width), float(height)), "photo"),)
        photos.append(PhotoObjects(c.inspection.photo, str(c.inspection.photo), (width, height), box))
    extracted = whole.extract(photos)
    block = extracted.features.blocks["image"].astype(np.float64)
    features = np.zeros((len(photos), block.shape[1] if len(block) else 1))
    features[extracted.photo_index] = block
    # What all photos of a site share says nothing: without it, directions tell them apart.
    centred: Float64 = features - features.mean(axis=0)
    return centred


def _row(rank: int, candidate: _Candidate, value: float, distance: float) -> dict[str, tables.Cell]:
    v = candidate.value
    return {
        "rank": rank,
        "photo": str(candidate.inspection.photo),
        "worth": round(value, 6),
        "uncertainty": round(v.uncertainty, 6),
        "rarity": round(v.rarity, 6),
        "smallest_margin": round(v.margin, 6),
        "distance": round(distance, 6),
        "objects": len(candidate.inspection.decisions),
        "reason": _reason(candidate, distance),
    }


def _reason(candidate: _Candidate, distance: float) -> str:
    v = candidate.value
    if not candidate.inspection.decisions:
        return "no object was found in it"
    said = [f"about {n:.1f} {name}" for name, n in v.rare[:2] if n >= 0.1]
    if v.margin < 0.2:
        said.append(f"an object is undecided (margin {v.margin:.2f})")
    if distance < 0.05:
        said.append("much like one above")
    return "; ".join(said) or "nothing rare expected, and sure of it"


def _write_prelabels(folder: Path, inspections: Sequence[Inspection], bundle: Bundle) -> None:
    """YOLO files named and nested like the photos, and classes.txt with the names of the ids."""
    absolute = [i.photo.absolute() for i in inspections]
    base = Path(os.path.commonpath([p.parent for p in absolute])) if absolute else Path()
    for inspection, path in zip(inspections, absolute, strict=True):
        rows = [_yolo_row(d, inspection.size_px, bundle) for d in inspection.decisions]
        text = "".join(row for row in rows if row is not None)
        write_text(folder / "labels" / path.relative_to(base).with_suffix(".txt"), text)
    write_text(folder / "classes.txt", "".join(f"{name}\n" for name in bundle.class_names))


def _yolo_row(decision: Decision, size_px: tuple[int, int], bundle: Bundle) -> str | None:
    probabilities = _by_class(decision, bundle.taxonomy)
    if not probabilities:
        return None  # a type that the model does not know has no class to write
    best = max(probabilities, key=lambda k: probabilities[k])
    class_id = bundle.taxonomy.class_index_of_id.index(best)
    left, top, right, bottom = decision.detection.box_xyxy_px
    width, height = size_px
    x, y = (left + right) / 2 / width, (top + bottom) / 2 / height
    return f"{class_id} {x:.6f} {y:.6f} {(right - left) / width:.6f} {(bottom - top) / height:.6f}\n"
