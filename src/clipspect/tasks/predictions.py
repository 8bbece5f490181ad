"""`predictions.jsonl` of a run: what was said of each object, so that runs can be paired and labels looked at.

JSON lines and not a table: class names and paths come from strangers and have to come back exactly. The first line is
the header, every other one an object.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from clipspect.errors import ClipspectError, DataError
from clipspect.metrics.calibrate import softmax
from clipspect.metrics.summary import predict
from clipspect.tasks.objects import Objects, content_hashes
from clipspect.taxonomy import ObjectClass, Taxonomy
from clipspect.types import Bool, Box, Float64, Int64

FILE = "predictions.jsonl"
SCHEMA = 1
_BOX_DECIMALS = 2  # hundredths of a pixel: the same label in another format is the same box


@dataclass(frozen=True, slots=True)
class Said:
    """One object, what it is and what was said of it.

    Attributes:
        photo: Key of its photo in the data set.
        content: SHA-256 of the photo's bytes.
        index: Position among the kept annotations of the photo.
        box_xyxy_px: In pixels, to a hundredth.
        group: `Photo.group`.
        split: `Photo.split`.
        true: Class index.
        conditional: Class index where the type is known, -1 for none.
        joint: Class index where all classes compete.
        probability: Of `conditional`.
        probabilities: Class index to probability, of the classes that the type can have.
    """

    photo: str
    content: str
    index: int
    box_xyxy_px: Box
    group: str
    split: str
    true: int
    conditional: int
    joint: int
    probability: float
    probabilities: dict[int, float]


@dataclass(frozen=True, slots=True)
class Predictions:
    """What one run said of its objects.

    Attributes:
        run: The folder.
        estimate: How it was measured ("leave-one-group-out over 11 groups", "split test").
        classes: K classes.
        objects: N objects.
    """

    run: Path
    estimate: str
    classes: tuple[ObjectClass, ...]
    objects: tuple[Said, ...]

    def arrays(self) -> tuple[Float64, Int64, Bool]:
        """(N, K) probabilities, (N,) true classes, (N, K) bool of the classes that each object can have."""
        probabilities = np.zeros((len(self.objects), len(self.classes)))
        mask = np.zeros(probabilities.shape, dtype=np.bool_)
        for row, said in enumerate(self.objects):
            for k, p in said.probabilities.items():
                probabilities[row, k], mask[row, k] = p, True
        return probabilities, np.array([s.true for s in self.objects], dtype=np.int64), mask


def lines(objects: Objects, logits: Float64, taxonomy: Taxonomy, estimate: str) -> Iterator[str]:
    """The file's lines, from calibrated logits."""
    header = {"schema": SCHEMA, "estimate": estimate, "classes": [asdict(c) for c in taxonomy.classes]}
    yield json.dumps(header) + "\n"
    for said in _said(objects, logits):
        yield json.dumps(asdict(said)) + "\n"


def _said(objects: Objects, logits: Float64) -> Iterator[Said]:
    probabilities = softmax(logits, objects.mask)
    given, anything = predict(logits, objects.mask), predict(logits)
    used = sorted(set(objects.photo_index.tolist()))
    content = dict(zip(used, content_hashes(objects), strict=True))
    for row, (i, j) in enumerate(zip(objects.photo_index.tolist(), objects.object_index.tolist(), strict=True)):
        record, detection = objects.labelled.records[i], objects.labelled.photos[i].detections[j]
        possible = np.flatnonzero(objects.mask[row]).tolist()
        best = int(given[row])
        yield Said(
            photo=record.key,
            content=content[i],
            index=j,
            box_xyxy_px=rounded(detection.box_xyxy_px),
            group=record.group,
            split=record.split,
            true=int(objects.labels[row]),
            conditional=best,
            joint=int(anything[row]),
            probability=float(probabilities[row, best]) if best >= 0 else 0.0,
            probabilities={k: float(probabilities[row, k]) for k in possible},
        )


def rounded(box_xyxy_px: Box) -> Box:
    """A box as it stands in the file."""
    left, top, right, bottom = (round(float(v), _BOX_DECIMALS) for v in box_xyxy_px)
    return left, top, right, bottom


def load(run: Path) -> Predictions:
    """Read what a run said.

    Raises:
        DataError: There is no such file (a bundle, or a run of an older clipspect), or it is damaged.
    """
    file = run / FILE
    if not run.exists():
        raise DataError(f"{run}: expected a run folder of fit, zeroshot or evaluate, got nothing there")
    if not (run / "metrics.json").is_file() or not file.is_file():
        raise DataError(
            f"{run}: expected a finished run folder with metrics.json and {FILE}, got none; make it with fit, zeroshot "
            "or evaluate --out (runs of older versions lack the file: run them again)"
        )
    number = 0
    try:
        header: dict[str, Any] = {}
        found = []
        for number, line in enumerate(file.read_text("utf-8").splitlines(), start=1):
            record = json.loads(line)
            if number == 1:
                header = _header(record, file)
            else:
                found.append(_object(record, len(header["classes"])))
        classes = tuple(ObjectClass(**c) for c in header["classes"])
        return Predictions(run, str(header["estimate"]), classes, tuple(found))
    except ClipspectError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{file}:{number}: damaged: expected a prediction as clipspect writes it, got: {error}") from (
            error
        )
    except OSError as error:
        raise DataError(f"{file}: cannot be read: {error.strerror}") from error


def _header(record: dict[str, Any], file: Path) -> dict[str, Any]:
    if record["schema"] != SCHEMA:
        raise DataError(f"{file}:1: expected schema {SCHEMA}, got {record['schema']!r}: written by another clipspect")
    return record


def _object(record: dict[str, Any], n_classes: int) -> Said:
    left, top, right, bottom = map(float, record["box_xyxy_px"])
    probabilities = {int(k): float(p) for k, p in record["probabilities"].items()}
    said = Said(**{**record, "box_xyxy_px": (left, top, right, bottom), "probabilities": probabilities})
    places = [said.true, said.joint, max(said.conditional, 0), *said.probabilities]
    if not all(isinstance(k, int) and 0 <= k < n_classes for k in places):
        raise ValueError(f"class indices {places} of {n_classes} classes")
    return said
