"""`selective`, `abstention` and `conformal` of metrics.json as what the run report shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clipspect.report.charts import bar_svg, risk_svg
from clipspect.report.wording import MISSING, interval, is_number, percent

_VERDICTS = {
    "consistent": "as promised, within chance",
    "below": "less than promised: these groups are unlike those that were calibrated on",
    "above": "more than promised, at the price of larger sets",
}


def selective_view(metrics: Mapping[str, Any]) -> dict[str, Any] | None:
    """The risk-coverage chart and its tables, or None where nothing was measured."""
    block = metrics.get("selective") or {}
    if not block.get("n") or not block.get("curve"):
        return None
    return {
        "n": block["n"],
        "svg": risk_svg(block["curve"]),
        "aurc": f"{block['aurc']:.3f}" if is_number(block.get("aurc")) else MISSING,
        "at": [(percent(float(s), 0), percent(a)) for s, a in (block.get("accuracy_at") or {}).items()],
        "risks": [
            (percent(float(asked), 0), percent(found.get("risk")), percent(found.get("share_answered"), 0))
            for asked, found in (block.get("risks") or {}).items()
        ],
        "rule": _rule(metrics.get("abstention")),
    }


def conformal_view(metrics: Mapping[str, Any]) -> dict[str, Any] | None:
    """The coverage table, or None where there are no sets."""
    block = metrics.get("conformal") or {}
    if not block.get("n"):
        return None
    shared = block.get("one_threshold") or {}
    return {
        "target": percent(block["coverage_target"], 0),
        "all": _row("All", block),
        "verdict": _VERDICTS.get(block.get("verdict") or "", ""),
        "classes": [_row(name, row) for name, row in (block.get("per_class") or {}).items()],
        "groups": [_row(name, row) for name, row in (block.get("per_group") or {}).items()],
        "single": percent(block.get("single"), 0),
        "warnings": list(block.get("warnings") or ()),
        "shared": _row("All", shared) if is_number(shared.get("coverage")) else None,
    }


def _row(name: str, block: Mapping[str, Any]) -> dict[str, Any]:
    low, high = block.get("coverage_ci95") or (None, None)
    bounds = (low, high) if is_number(low) and is_number(high) else None
    size = block.get("mean_size")
    return {
        "name": name,
        "n": block.get("n"),
        "coverage": {
            "value": percent(block.get("coverage")),
            "bar": bar_svg(block.get("coverage"), low, high),
            "interval": interval(bounds),
        },
        "size": f"{size:.2f}" if is_number(size) else MISSING,
    }


def _rule(block: Mapping[str, Any] | None) -> str | None:
    if not block:
        return None
    share, right = (percent(block.get(key)) for key in ("share_answered", "accuracy_answered"))
    return f"With {block['rule']}, {share} of all objects are answered, and {right} of the answers are right."
