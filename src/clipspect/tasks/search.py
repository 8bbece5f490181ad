"""Which classifier `fit` keeps: the ladder with the nested search on top, or the head that was asked for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from clipspect.config import Settings
from clipspect.data.groups import grouped_folds
from clipspect.encode import require_text
from clipspect.heads import HEADS, LADDER, head_entry
from clipspect.metrics import classify
from clipspect.metrics.bootstrap import estimate, group_ids, group_weights
from clipspect.metrics.summary import predict
from clipspect.protocols import Encoder, TextEncoder
from clipspect.select.candidates import CANDIDATES, Candidate, with_user_options
from clipspect.select.crossval import Fold, out_of_fold
from clipspect.select.ladder import Rung, climb
from clipspect.select.learning import curve_points, learning_curve, next_labels
from clipspect.select.nested import Part, Search, Task, make_parts, nested_search
from clipspect.tasks.estimate import cross_validate, estimate_name
from clipspect.tasks.objects import Objects
from clipspect.tasks.ui import Ui
from clipspect.taxonomy import Taxonomy
from clipspect.types import Float64, Prototypes

SEARCHED = "heads"
"""Name of the rung that is searched."""

_MORE_LABELS = 50
_REPEATS = 2  # random orders of the groups behind the learning curve


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be fitted.

    Attributes:
        rungs: Heads that stand as they are, the floor first.
        candidates: Of the rung above them; empty where a head was asked for by name.
    """

    rungs: tuple[str, ...]
    candidates: tuple[Candidate, ...] = ()

    @property
    def heads(self) -> tuple[str, ...]:
        """Names of all heads that may be fitted."""
        members = [m for c in self.candidates for m in c.options.get("heads", ())]
        return tuple(dict.fromkeys([*self.rungs, *(c.head for c in self.candidates), *members]))


@dataclass(frozen=True, slots=True)
class Found:
    """What came out.

    Attributes:
        candidate: What to refit.
        logits: (N, K) its out-of-fold logits; of the nested search where that won.
        rungs: The ladder.
        estimate: How the estimate was made.
        extra: Further keys of metrics.json.
    """

    candidate: Candidate
    logits: Float64
    rungs: tuple[Rung, ...]
    estimate: str
    extra: dict[str, Any] = field(default_factory=dict)


def make_plan(settings: Settings, encoder: Encoder) -> Plan:
    """The floor and the head that was asked for, or all that the encoder can carry."""
    if settings.head.name != "auto":
        if head_entry(settings.head.name).needs_text:
            require_text(encoder)
        return Plan(tuple(dict.fromkeys(["majority", settings.head.name])))
    rungs = tuple(n for n in LADDER if n != SEARCHED and (has_text(encoder) or not HEADS[n].needs_text))
    return Plan(rungs, with_user_options(CANDIDATES, settings.head.options))


def reads_text(name: str, encoder: Encoder) -> bool:
    """Whether a head will read the joint space of this encoder."""
    return HEADS[name].needs_text or (HEADS[name].may_use_text and has_text(encoder))


def has_text(encoder: Encoder) -> bool:
    """Whether images and texts meet in a space of this encoder."""
    return isinstance(encoder, TextEncoder) and "joint" in encoder.spaces


def search(
    plan: Plan,
    objects: Objects,
    prototypes: Prototypes | None,
    folds: Sequence[Fold],
    taxonomy: Taxonomy,
    settings: Settings,
    ui: Ui,
) -> Found:
    """Climb the ladder; where its top is searched, search it nested in the folds."""
    logits = cross_validate(plan.rungs, objects, prototypes, folds, settings, ui)
    parts, result = [], None
    if plan.candidates:
        task = Task(objects.features, objects.labels, objects.mask, objects.groups, prototypes)
        parts = make_parts(task, folds, inner_folds=settings.selection.inner_folds, seed=settings.seed)
        result = _nested(plan, parts, settings, ui)
        logits[SEARCHED] = result.logits
    best, rungs = climb(
        logits,
        objects.labels,
        objects.mask,
        objects.groups,
        resamples=settings.evaluation.resamples,
        seed=settings.seed,
    )
    for rung in rungs:
        ui.say(f"{rung.name:<10} {rung.accuracy:.3f}  {rung.reason}")
    best = _as_asked(best, settings, ui)
    how = estimate_name(len(folds), len(set(objects.groups)))
    if result is None or best != SEARCHED:
        candidate = Candidate(best, settings.head.options.get(best, {}))
        extra = {} if result is None else {"selection": _selection(result, settings)}
        return Found(candidate, logits[best], rungs, how, extra)
    how = f"nested: {how}; the head is chosen inside each fold"
    extra = {
        "selection": _selection(result, settings),
        "naive": naive_estimate(result.winner, objects, prototypes, len(folds), settings),
        **_learning(result.winner, parts[:-1], objects, taxonomy, settings),
    }
    ui.say(f"chosen: {result.winner.name}, by {settings.selection.by} over groups")
    return Found(result.winner, logits[best], rungs, how, extra)


def naive_estimate(
    candidate: Candidate, objects: Objects, prototypes: Prototypes | None, n_folds: int, settings: Settings
) -> dict[str, Any]:
    """What cross-validation over single photos would claim: photos of one group overlap, so it is too good."""
    photos = objects.photo_keys
    n_folds = min(n_folds, len(set(photos)))
    folds = grouped_folds(photos, objects.labels, max_folds=n_folds, rng=np.random.default_rng(settings.seed))
    logits = out_of_fold(
        candidate.make,
        candidate.select(objects.features),
        objects.labels,
        objects.mask,
        folds,
        prototypes=prototypes,
        seed=settings.seed,
    )
    ids, n = group_ids(photos)
    given = predict(logits, objects.mask)
    tables = classify.confusion_matrices(objects.labels, given, objects.mask.shape[1], parts=ids, n_parts=n)
    drawn = group_weights(photos, settings.evaluation.resamples, np.random.default_rng(settings.seed))
    found = estimate(tables, drawn, classify.overall)["accuracy"]
    ends = [float(found.low), float(found.high)]
    return {
        "accuracy": float(found.value),
        "ci95": None if math.isnan(ends[0]) else ends,
        "what": f"the same head, cross-validated over {len(folds)} folds of photos, which cut groups",
    }


def _nested(plan: Plan, parts: Sequence[Part], settings: Settings, ui: Ui) -> Search:
    with ui.track("searching heads", len(plan.candidates)) as step:
        result = nested_search(
            plan.candidates,
            parts,
            by=settings.selection.by,
            time_limit_s=settings.selection.time_limit_s,
            on_step=step,
        )
    if result.untried:
        ui.warn(
            f"--time-limit: {len(result.untried)} of {len(plan.candidates)} candidates were not tried: "
            + "; ".join(c.name for c in result.untried)
        )
    return result


def _as_asked(best: str, settings: Settings, ui: Ui) -> str:
    asked = settings.head.name
    if asked not in ("auto", best):
        ui.warn(f"--head {asked} was asked for and is saved, but it does not beat {best} by more than chance")
        return asked
    return best


def _selection(result: Search, settings: Settings) -> dict[str, Any]:
    names = [c.name for c in result.candidates]
    scores = [[None if math.isnan(s) else round(float(s), 6) for s in row] for row in result.scores]
    return {
        "by": settings.selection.by,
        "inner_folds": settings.selection.inner_folds,
        "chosen": result.winner.name,
        "chosen_per_fold": [names[i] for i in result.chosen],
        "candidates": [
            {"name": name, "score": scores[-1][i], "score_per_fold": [row[i] for row in scores[:-1]]}
            for i, name in enumerate(names)
        ],
        "untried": [c.name for c in result.untried],
    }


def _learning(
    candidate: Candidate, parts: Sequence[Part], objects: Objects, taxonomy: Taxonomy, settings: Settings
) -> dict[str, Any]:
    curve = learning_curve(candidate, parts, repeats=_REPEATS, seed=settings.seed)
    bring = next_labels(
        curve,
        objects.labels,
        objects.groups,
        [c.name for c in taxonomy.classes],
        more=_MORE_LABELS,
        resamples=settings.evaluation.resamples,
        seed=settings.seed,
    )
    return {
        "learning_curve": curve_points(curve),
        "next_labels": {
            "labels": _MORE_LABELS,
            "what": "change of a class's recall by so many more labels of it from new groups, were the last slope of "
            "the curve to go on; a rough guess",
            "per_class": bring,
        },
    }
