"""Scores to decisions. Pure."""

from __future__ import annotations

from clipspect.metrics.calibrate import softmax
from clipspect.taxonomy import Taxonomy
from clipspect.types import Decision, Detection, Detections, Float64, Scores


def decide(detections: Detections, scores: Scores, taxonomy: Taxonomy, *, temperature: float) -> tuple[Decision, ...]:
    """The likeliest condition of each object among those that its type can have.

    Args:
        detections: N objects.
        scores: (N, K) logits and mask.
        taxonomy: The K classes.
        temperature: Fitted on validation logits (Guo et al. 2017); 1 leaves them as they are.

    Returns:
        N decisions; an object whose type the model does not know is abstained from, with that reason.
    """
    probabilities = softmax(scores.logits / temperature, scores.mask)
    return tuple(_decision(detection, row, taxonomy) for detection, row in zip(detections, probabilities, strict=True))


def _decision(detection: Detection, row: Float64, taxonomy: Taxonomy) -> Decision:
    possible = taxonomy.of_type(detection.object_type)
    if not possible:
        known = ", ".join(taxonomy.object_types)
        reason = f"object type {detection.object_type!r} is not known to the model, which knows: {known}"
        return Decision(detection, None, None, 0.0, {}, reason)
    best = max(possible, key=lambda k: row[k])
    return Decision(
        detection,
        condition=taxonomy.classes[best].condition,
        class_name=taxonomy.classes[best].name,
        probability=float(row[best]),
        probabilities={taxonomy.classes[k].condition: float(row[k]) for k in possible},
    )
