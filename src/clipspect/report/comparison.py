"""The report of a comparison: one table, and one picture with a dot and an interval for each difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from clipspect.report.html import render_page
from clipspect.report.wording import count, is_number, percent, points

COLUMNS = ("run", "metric", "n", "reference", "value", "difference", "low", "high")

_INK, _SOFT, _LINE, _HIT, _MISS = "#17211F", "#5B6664", "#D9DEDD", "#0B8A7A", "#B5124F"
_ROW_PX, _LEFT_PX, _PLOT_PX, _RIGHT_PX, _TOP_PX = 22, 280, 360, 20, 34
_LONGEST = 40


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything that the report shows.

    Attributes:
        title: Headline.
        command: The command line that made it.
        versions: Package to version.
        created: When, ISO 8601; passed in.
        runs: `name`, `run`, `head`, `estimate`, `n`, `left_out` each; the first is the reference.
        common: Objects that all runs have.
        groups: Groups of them.
        rows: Differences, with the keys of `COLUMNS`; `low` and `high` None where there is no interval.
        notes: Warnings.
    """

    title: str
    command: str
    versions: Mapping[str, str]
    created: str
    runs: tuple[Mapping[str, Any], ...]
    common: int
    groups: int
    rows: tuple[Mapping[str, Any], ...]
    notes: tuple[str, ...] = ()


def render(report: Comparison) -> str:
    """One HTML file; the same input gives the same text."""
    return render_page(
        "compare.html.j2",
        title=report.title,
        subtitle=f"{count(report.common, 'object')} in {count(report.groups, 'group')} of photos, paired",
        command=report.command,
        versions=list(report.versions.items()),
        created=report.created,
        quarantined=(),
        notes=report.notes,
        sentence=_sentence(report),
        runs=report.runs,
        reference=report.runs[0]["name"],
        rows=[_row(row) for row in report.rows],
        several=len(report.runs) > 2,
        svg=differences_svg(report.rows),
    )


def differences_svg(rows: Sequence[Mapping[str, Any]]) -> str:
    """A dot and its interval for each difference, in percentage points, around a line at zero; empty without rows.

    Green lies wholly above zero, red wholly below; grey may be chance.
    """
    if not rows:
        return ""
    ends = [abs(v) for row in rows for v in (row["difference"], row["low"], row["high"]) if is_number(v)]
    reach = max([0.05, *ends]) * 1.05
    several = len({row["run"] for row in rows}) > 1
    height = _TOP_PX + _ROW_PX * len(rows) + 8
    parts = list(_axis(reach, height))
    for i, row in enumerate(rows):
        y = _TOP_PX + _ROW_PX * (i + 0.5)
        name = f"{row['metric']}, {row['run']}" if several else str(row["metric"])
        kept = name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"
        parts.append(f'<text class="ink" x="{_LEFT_PX - 12}" y="{y + 4}" text-anchor="end" fill="{_INK}">')
        parts.append(f"{escape(kept)}</text>")
        colour = {"better": _HIT, "worse": _MISS}.get(verdict(row), _SOFT)
        if is_number(row["low"]) and is_number(row["high"]):
            low, high = _x(row["low"], reach), _x(row["high"], reach)
            parts.append(f'<path d="M{low:.1f} {y}H{high:.1f}" stroke="{colour}" stroke-width="2.5"/>')
        parts.append(f'<circle cx="{_x(row["difference"], reach):.1f}" cy="{y}" r="4.5" fill="{colour}"/>')
    width = _LEFT_PX + _PLOT_PX + _RIGHT_PX
    words = "; ".join(f"{r['metric']}, {r['run']}: {points(r['difference'])} points" for r in rows)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart differences" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" font-family="system-ui, sans-serif" font-size="12" role="img" '
        f'aria-label="{escape(words)}">'
    )
    return head + "".join(parts) + "</svg>"


def verdict(row: Mapping[str, Any]) -> str:
    """In words: "better" or "worse" where the interval lies on one side of zero, else "may be chance"."""
    if is_number(row["low"]) and row["low"] > 0:
        return "better"
    if is_number(row["high"]) and row["high"] < 0:
        return "worse"
    return "may be chance" if is_number(row["low"]) else "one group: no interval"


def _axis(reach: float, height: float) -> list[str]:
    parts = []
    step = next(s for s in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0) if reach / s <= 4)
    for i in range(-int(reach / step), int(reach / step) + 1):
        x, shade = _x(i * step, reach), _INK if i == 0 else _LINE
        parts.append(f'<path d="M{x:.1f} {_TOP_PX - 6}V{height - 4}" stroke="{shade}"/>')
        parts.append(f'<text class="soft" x="{x:.1f}" y="{_TOP_PX - 12}" text-anchor="middle" fill="{_SOFT}">')
        parts.append(f"{points(i * step, 0) if i else '0'}</text>")
    return parts


def _x(value: float, reach: float) -> float:
    return _LEFT_PX + _PLOT_PX * (value / reach + 1) / 2


def _row(row: Mapping[str, Any]) -> dict[str, Any]:
    bounds = f"{points(row['low'])} to {points(row['high'])}" if is_number(row["low"]) else ""
    return {
        "metric": row["metric"],
        "run": row["run"],
        "n": row["n"],
        "reference": percent(row["reference"]),
        "value": percent(row["value"]),
        "difference": points(row["difference"]),
        "interval": bounds,
        "verdict": verdict(row),
    }


def _sentence(report: Comparison) -> str:
    said = []
    for row in (r for r in report.rows if r["metric"] == "conditional accuracy"):
        sure = {"better": "better by more than chance", "worse": "worse by more than chance"}.get(
            verdict(row), "which may be chance"
        )
        said.append(f"{row['run']}: {points(row['difference'])} points of conditional accuracy, {sure}.")
    return f"Against {report.runs[0]['name']}: {' '.join(said)}"
