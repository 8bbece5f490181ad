"""`clipspect compare`: runs held against the first of them, object by object."""

from __future__ import annotations

import json as json_text
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from clipspect.errors import ConfigError, DataError
from clipspect.files import write_json, write_text
from clipspect.report import comparison, tables
from clipspect.select.compare import Answers, Difference, compare_answers
from clipspect.tasks import predictions, runs
from clipspect.tasks.predictions import Predictions, Said
from clipspect.tasks.ui import Silent, Ui
from clipspect.taxonomy import ObjectClass
from clipspect.types import Box

DONE = "comparison.json"
MINE = (DONE, "comparison.csv", "report.html")

_Key = tuple[str, Box, str, str, int]
"""Photo content, box, true object type and condition, and which one of several alike."""


@dataclass(frozen=True, slots=True)
class _Common:
    """The objects that all runs have: their positions in each run, and what only some have."""

    rows: tuple[tuple[int, ...], ...]
    left_out: tuple[int, ...]
    relabelled: int


def compare(
    given: Sequence[Path],
    *,
    out: Path | None = None,
    json: Path | None = None,
    seed: int = 0,
    resamples: int = 2000,
    overwrite: bool = False,
    command: str = "clipspect.compare",
    ui: Ui | None = None,
) -> dict[str, Any]:
    """Compare runs on the objects that all of them measured; the first one is the reference.

    Args:
        given: Run folders of fit (out of fold), zeroshot or evaluate.
        out: Folder for comparison.json, comparison.csv and report.html, or None for none.
        json: Another file for comparison.json, or None.
        seed: Of the resamples.
        resamples: How many.
        overwrite: Replace an existing `out`.
        command: As it stands in the report.
        ui: Where the table goes.

    Returns:
        comparison.json: `runs`, `common`, `groups`, `differences`, `warnings`.

    Raises:
        ConfigError: Fewer than two runs, or one twice.
        DataError: A run has no predictions, or no object is in all of them.
    """
    ui = ui or Silent()
    if len(given) < 2 or len({p.resolve() for p in given}) != len(given):
        raise ConfigError(f"compare: expected two or more different runs, got {', '.join(map(str, given)) or 'none'}")
    if out is not None:
        runs.prepare(out, overwrite=overwrite, resume=False)
    said = [predictions.load(run) for run in given]
    common = _common(said)
    if not common.rows[0]:
        raise DataError(
            f"{', '.join(map(str, given))}: expected objects that all runs measured (same photo, box and true class), "
            "got none: runs on different data or splits cannot be paired"
        )
    notes = _warnings(said, common)
    for note in notes:
        ui.warn(note)
    result = _result(said, common, notes, seed, resamples)
    names = [r["name"] for r in result["runs"]]
    for line in _terminal(result, names):
        ui.say(line)
    if out is not None:
        runs.clear(out, MINE)
        write_text(out / "comparison.csv", tables.rows_csv(_rows(result, names), comparison.COLUMNS))
        write_text(out / "report.html", comparison.render(_report(result, names, command)))
        write_json(out / DONE, result)
    if json is not None:
        write_json(json, result)
    return result


def _common(said: Sequence[Predictions]) -> _Common:
    keyed = [_keys(p) for p in said]
    shared = set(keyed[0]).intersection(*keyed[1:])
    ordered = [key for key in keyed[0] if key in shared]
    places = [{(k[0], k[1]) for k in keys} for keys in keyed]
    everywhere = places[0].intersection(*places[1:])
    relabelled = len(everywhere - {(k[0], k[1]) for k in shared})
    rows = tuple(tuple(keys[key] for key in ordered) for keys in keyed)
    return _Common(rows, tuple(len(p.objects) - len(ordered) for p in said), relabelled)


def _keys(said: Predictions) -> dict[_Key, int]:
    seen: Counter[tuple[str, Box, str, str]] = Counter()
    keys: dict[_Key, int] = {}
    for row, o in enumerate(said.objects):
        true = said.classes[o.true]
        key = (o.content, o.box_xyxy_px, true.object_type, true.condition)
        keys[(*key, seen[key])] = row
        seen[key] += 1
    return keys


def _warnings(said: Sequence[Predictions], common: _Common) -> list[str]:
    notes = []
    n = len(common.rows[0])
    for one, left in zip(said, common.left_out, strict=True):
        if left:
            notes.append(f"{one.run}: {left} of {left + n} objects are not in all runs and are left out")
    if common.relabelled:
        notes.append(f"{common.relabelled} boxes have another true class in some run and are left out")
    splits = ["+".join(sorted({o.split for o in p.objects})) for p in said]
    if len(set(splits)) > 1:
        parts = ", ".join(f"{p.run}: {s}" for p, s in zip(said, splits, strict=True))
        notes.append(f"the runs were measured on different splits ({parts}); only what they share is compared")
    if any(len({_said(p, rows, i).group for p, rows in _zip(said, common)}) > 1 for i in range(n)):
        notes.append(f"the runs group photos differently; intervals are over the groups of {said[0].run}")
    for one in said:
        leaks = [w for w in _metrics(one.run).get("warnings", []) if str(w).startswith("leak")]
        notes += [f"{one.run}: {leak}" for leak in leaks]
    return notes


def _zip(said: Sequence[Predictions], common: _Common) -> list[tuple[Predictions, tuple[int, ...]]]:
    return list(zip(said, common.rows, strict=True))


def _said(one: Predictions, rows: tuple[int, ...], i: int) -> Said:
    return one.objects[rows[i]]


def _metrics(run: Path) -> Mapping[str, Any]:
    try:
        metrics = json_text.loads((run / runs.METRICS).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{run / runs.METRICS}: expected a run's metrics, got: {error}") from error
    return metrics if isinstance(metrics, dict) else {}


def _result(
    said: Sequence[Predictions], common: _Common, notes: Sequence[str], seed: int, resamples: int
) -> dict[str, Any]:
    classes: dict[tuple[str, str], ObjectClass] = {}
    for one in said:
        for c in one.classes:
            classes.setdefault((c.object_type, c.condition), c)
    index = {key: k for k, key in enumerate(classes)}
    answers = [_answers(one, rows, index) for one, rows in _zip(said, common)]
    first = [_said(said[0], common.rows[0], i) for i in range(len(common.rows[0]))]
    translate = _translation(said[0], index)
    labels = np.array([translate[o.true] for o in first], dtype=np.int64)
    groups = [o.group for o in first]
    found = compare_answers(answers, labels, list(classes.values()), groups, seed=seed, n_resamples=resamples)
    return {
        "reference": str(said[0].run),
        "common": len(first),
        "groups": len(set(groups)),
        "runs": [
            {
                "run": str(one.run),
                "name": _short_names(said)[i],
                "head": _metrics(one.run).get("head"),
                "estimate": one.estimate,
                "n": len(one.objects),
                "left_out": common.left_out[i],
            }
            for i, one in enumerate(said)
        ],
        "differences": [_record(d, said) for d in found],
        "warnings": list(notes),
    }


def _answers(one: Predictions, rows: Sequence[int], index: Mapping[tuple[str, str], int]) -> Answers:
    translate = np.append(_translation(one, index), -1)  # no answer stays none
    conditional = np.array([one.objects[r].conditional for r in rows], dtype=np.int64)
    joint = np.array([one.objects[r].joint for r in rows], dtype=np.int64)
    return Answers(translate[conditional], translate[joint])


def _translation(one: Predictions, index: Mapping[tuple[str, str], int]) -> np.ndarray:
    return np.array([index[c.object_type, c.condition] for c in one.classes], dtype=np.int64)


def _short_names(said: Sequence[Predictions]) -> list[str]:
    names = [p.run.name or str(p.run) for p in said]
    return names if len(set(names)) == len(names) else [str(p.run) for p in said]


def _record(d: Difference, said: Sequence[Predictions]) -> dict[str, Any]:
    return {
        "run": str(said[d.run].run),
        "metric": d.metric,
        "n": d.n,
        "reference": d.reference,
        "value": d.value,
        "difference": d.difference,
        "ci95": None if d.ci95 is None else list(d.ci95),
        "share_not_better": d.share_not_better,
    }


def _rows(result: Mapping[str, Any], names: Sequence[str]) -> list[dict[str, tables.Cell]]:
    name_of = {r["run"]: n for r, n in zip(result["runs"], names, strict=True)}
    return [
        {
            "run": name_of[d["run"]],
            "metric": d["metric"],
            "n": d["n"],
            "reference": d["reference"],
            "value": d["value"],
            "difference": d["difference"],
            "low": None if d["ci95"] is None else d["ci95"][0],
            "high": None if d["ci95"] is None else d["ci95"][1],
        }
        for d in result["differences"]
    ]


def _terminal(result: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    said = [f"{result['common']} objects in {result['groups']} groups are in all runs; reference: {names[0]}"]
    width = max(len(d["metric"]) for d in result["differences"])
    wide = max(map(len, names[1:]))
    for row in _rows(result, names):
        ends = "no interval: one group" if row["low"] is None else f"[{row['low']:+.3f}, {row['high']:+.3f}]"
        said.append(
            f"  {row['metric']:<{width}}  {row['run']:<{wide}}  {row['reference']:.3f} -> {row['value']:.3f}  "
            f"{row['difference']:+.3f} {ends}  n={row['n']}"
        )
    return said


def _report(result: Mapping[str, Any], names: Sequence[str], command: str) -> comparison.Comparison:
    return comparison.Comparison(
        title="Runs compared" if len(names) > 2 else f"{names[1]} against {names[0]}",
        command=command,
        versions=runs.versions(),
        created=runs.now(),
        runs=tuple({**r, "name": n} for r, n in zip(result["runs"], names, strict=True)),
        common=result["common"],
        groups=result["groups"],
        rows=tuple(_rows(result, names)),
        notes=tuple(result["warnings"]),
    )
