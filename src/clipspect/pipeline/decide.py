"""Scores to decisions. Pure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from clipspect.metrics.calibrate import softmax
from clipspect.metrics.conformal import ConformalThresholds, prediction_sets
from clipspect.pipeline.abstain import Abstain
from clipspect.taxonomy import Taxonomy
from clipspect.types import Bool, Decision, Detection, Detections, Float64, Scores


def decide(
    detections: Detections,
    scores: Scores,
    taxonomy: Taxonomy,
    *,
    temperature: float,
    conformal: ConformalThresholds | None = None,
    abstain: Abstain | None = None,
) -> tuple[Decision, ...]:
    """The likeliest condition of each object among those that its type can have.

    Args:
        detections: N objects.
        scores: (N, K) logits and mask.
        taxonomy: The K classes.
        temperature: Fitted on validation logits (Guo et al. 2017); 1 leaves them as they are.
        conformal: What makes a set of conditions for each object, or None for no sets.
        abstain: When to say nothing, or None for never where the type is known.

    Returns:
        N decisions; an object whose type the model does not know is abstained from, with that reason. One whose type
        has a single condition is always answered.
    """
    probabilities = softmax(scores.logits / temperature, scores.mask)
    sets = np.zeros_like(scores.mask)
    if conformal is not None:
        sets = prediction_sets(probabilities, scores.mask, conformal)
    coverage = None if conformal is None else conformal.coverage
    return tuple(
        _refused(_decision(detection, row, members, taxonomy), abstain, coverage)
        for detection, row, members in zip(detections, probabilities, sets, strict=True)
    )


def _refused(decision: Decision, abstain: Abstain | None, coverage: float | None) -> Decision:
    if abstain is None or len(decision.probabilities) < 2:
        return decision
    reason = abstain.why_not(decision.probability, decision.prediction_set, coverage)
    if reason is None:
        return decision
    return replace(decision, condition=None, class_name=None, probability=0.0, abstained=reason)


def _decision(detection: Detection, row: Float64, members: Bool, taxonomy: Taxonomy) -> Decision:
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
        prediction_set=tuple(
            taxonomy.classes[k].condition for k in sorted(possible, key=lambda k: -row[k]) if members[k]
        ),
    )
