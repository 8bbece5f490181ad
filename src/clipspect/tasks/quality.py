"""How much of the error may be that of the labels: suspects among out-of-fold predictions, in figures and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    }
    return Quality(found, probabilities, figures)


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
        "defined by disagreement with the model, so leaving them out flatters it. Only a person can say which are wrong"
    ) + "."


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
