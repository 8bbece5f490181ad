"""How much of the error may be that of the labels: suspects among out-of-fold predictions, in figures and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from clipspect.data import images
from clipspect.errors import ImageError
from clipspect.metrics.calibrate import softmax
from clipspect.metrics.summary import predict
from clipspect.metrics.suspects import Suspects, find_suspects
from clipspect.report import html, pictures
from clipspect.tasks.objects import Objects
from clipspect.taxonomy import Taxonomy
from clipspect.types import Bool, Box, Float64, Int64

_SHOWN = 24  # thumbnails in a report
_DRAWS = 100  # label sets without errors that the number of suspects is held against


@dataclass(frozen=True, slots=True)
class Quality:
    """The labels of N objects, looked at through a model's eyes.

    Attributes:
        suspects: Which labels are likely wrong.
        probabilities: (N, K) that it rests on.
        figures: As in `label_quality` of metrics.json.
    """

    suspects: Suspects
    probabilities: Float64
    figures: dict[str, Any]


def look(probabilities: Float64, given: Int64, labels: Int64, mask: Bool) -> Quality:
    """Find suspects and say how much of the error is on them.

    Args:
        probabilities: (N, K) of objects that the model was not fitted on.
        given: (N,) predicted classes where the type is known.
        labels: (N,) classes as labelled.
        mask: (N, K) bool.
    """
    found = find_suspects(probabilities, labels, mask)
    wrong = given != labels
    both = int((wrong & found.is_suspect).sum())
    kept = ~found.is_suspect
    figures = {
        "suspects": int(found.is_suspect.sum()),
        "wrong": int(wrong.sum()),
        "wrong_and_suspect": both,
        "share_of_wrong": both / int(wrong.sum()) if wrong.any() else None,
        "accuracy_without_suspects": float((~wrong)[kept].mean()) if kept.any() else None,
        "suspects_if_labels_were_right": without_errors(probabilities, labels, mask),
    }
    return Quality(found, probabilities, figures)


def without_errors(probabilities: Float64, labels: Int64, mask: Bool) -> dict[str, float]:
    """How many suspects there would be if no label were wrong: `mean`, and `low` to `high` of 95 in 100 label sets.

    Where a model is calibrated and the labels are right, they are draws from its probabilities. So labels are drawn
    from them and looked at in the same way; a model that is unsure, or sure and wrong at the rate it says, finds
    suspects among right labels. Only more of them than this speak for errors in the labels.
    """
    rng = np.random.default_rng(0)
    known = mask[np.arange(len(labels)), labels]
    cumulated = probabilities.cumsum(axis=1)
    counts = []
    for _ in range(_DRAWS):
        ticket = rng.random((len(labels), 1)) * cumulated[:, -1:]
        drawn = np.where(known, (cumulated > ticket).argmax(axis=1), labels)
        counts.append(int(find_suspects(probabilities, drawn, mask).is_suspect.sum()))
    low, high = np.percentile(counts, [2.5, 97.5])
    return {"mean": float(np.mean(counts)), "low": float(low), "high": float(high)}


def look_at(objects: Objects, logits: Float64) -> Quality:
    """`look` at objects with calibrated out-of-fold logits."""
    return look(softmax(logits, objects.mask), predict(logits, objects.mask), objects.labels, objects.mask)


def sentence(figures: dict[str, Any]) -> str:
    """How much of the error is on suspects, with what that number is worth."""
    if not figures["suspects"]:
        return "No label is suspect: where the model is wrong it is not sure enough to doubt the label."
    said = f"{figures['suspects']} labels are suspect"
    if figures["share_of_wrong"] is None or figures["accuracy_without_suspects"] is None:
        return f"{said}."
    return (
        f"{said}: {100 * figures['share_of_wrong']:.0f} % of the {figures['wrong']} wrong objects are on them. Without "
        f"them accuracy would be {100 * figures['accuracy_without_suspects']:.1f} %, an optimistic bound: suspects are "
        "defined by disagreement with the model, so leaving them out flatters it. "
        + _by_chance(figures)
        + " Only a person can say which labels are wrong."
    )


def _by_chance(figures: dict[str, Any]) -> str:
    right = figures["suspects_if_labels_were_right"]
    said = (
        f"Were every label right, a model as sure as this one would still suspect about {right['mean']:.0f} "
        f"({right['low']:.0f} to {right['high']:.0f})"
    )
    if figures["suspects"] > right["high"]:
        return f"{said}: there are more, so some labels are likely wrong, or the model is surer than it should be."
    return f"{said}: their number is no evidence of wrong labels."


def shown(quality: Quality, objects: Objects, taxonomy: Taxonomy, max_pixels: int) -> tuple[html.SuspectItem, ...]:
    """The likeliest label errors of a fit as thumbnails."""
    rows = quality.suspects.ranked[:_SHOWN].tolist()
    photos = [objects.labelled.photos[objects.photo_index[row]] for row in rows]
    places = [(p.path, p.detections[objects.object_index[r]].box_xyxy_px) for p, r in zip(photos, rows, strict=True)]
    items = []
    for row, photo, jpeg in zip(rows, photos, thumbnails(places, max_pixels), strict=True):
        if jpeg is not None:
            given, suggested = objects.labels[row], quality.suspects.suggested[row]
            said = (taxonomy.classes[given].name, taxonomy.classes[suggested].name)
            items.append(html.SuspectItem(jpeg, photo.key, *said, float(quality.suspects.score[row])))
    return tuple(items)


def thumbnails(places: Sequence[tuple[Path, Box]], max_pixels: int) -> list[bytes | None]:
    """A JPEG for each (photo, box), each photo decoded once; None where it cannot be read any more."""
    found: list[bytes | None] = [None] * len(places)
    for path in dict.fromkeys(path for path, _ in places):
        try:
            image = images.read(path, max_pixels=max_pixels)
        except ImageError:
            continue  # the figures stand, and whoever reads photos has quarantined it
        for i, (other, box) in enumerate(places):
            if other == path:
                found[i] = pictures.encode_jpeg(pictures.thumbnail(image, box))
    return found
