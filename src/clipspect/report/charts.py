"""Charts as SVG text: sharp at any size, readable by machines, in the report's own light or dark colours.

Colours stand in the attributes, so that a chart is also right in a file of its own; the report's style sheet
overrides them by class. (Written by hand instead of with matplotlib: no import of half a second, no pixels to embed.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from clipspect.report.wording import count, is_number, percent

_INK, _SOFT, _LINE, _HIT, _MISS = "#17211F", "#5B6664", "#D9DEDD", "#0B8A7A", "#B5124F"
_CELL_CAP = 0.7  # the strongest shade, so that dark ink stays legible on it
_CHARACTER_PX = 6.4
_LONGEST_NAME = 28


def bar_svg(value: float | None, low: float | None = None, high: float | None = None, *, width_px: int = 120) -> str:
    """A fraction as a bar from 0 to 1 with its interval as a whisker; empty text where there is no value."""
    if not is_number(value):
        return ""
    parts = [
        f'<rect class="track" x="0" y="3" width="{width_px}" height="8" rx="2" fill="{_LINE}"/>',
        f'<rect class="bar" x="0" y="3" width="{_at(value, width_px)}" height="8" rx="2" fill="{_HIT}"/>',
    ]
    if is_number(low) and is_number(high):
        left, right = _at(low, width_px), _at(high, width_px)
        path = f"M{left} 7H{right}M{left} 3.5V10.5M{right} 3.5V10.5"
        parts.append(f'<path class="whisker" d="{path}" fill="none" stroke="{_INK}" stroke-width="1.5" {_FIXED}/>')
    size = f'viewBox="0 0 {width_px} 14" width="{width_px}" height="14" preserveAspectRatio="none"'
    return f'<svg {_XMLNS} class="barchart" {size} aria-hidden="true">{"".join(parts)}</svg>'


def confusion_svg(
    classes: Sequence[str], matrix: Sequence[Sequence[int]], *, groups: Sequence[str] | None = None, title: str
) -> str:
    """A confusion matrix: counts printed, shade by share of the row, hits and misses in different hues.

    Args:
        classes: K names.
        matrix: (K, K) counts, rows the truth, columns the answers.
        groups: K object types; a line is drawn where it changes.
        title: Said to who cannot see the picture, before the commonest mistakes.
    """
    size = len(classes)
    cell_px = 42 if size <= 12 else 28 if size <= 24 else 16
    names = [_short(name) for name in classes]
    label_px = max((len(name) for name in names), default=0) * _CHARACTER_PX + 14
    top_px = 0.72 * label_px + 26
    width_px, height_px = label_px + size * cell_px + 0.72 * label_px, top_px + size * cell_px + 6
    parts = [f'<text class="soft" x="{label_px - 8:.0f}" y="{top_px - 10:.0f}" {_SOFT_END}>truth ↓ answer →</text>']
    for k, name in enumerate(names):
        x, y = label_px + k * cell_px, top_px + k * cell_px
        parts.append(f'<text class="ink" x="{label_px - 8:.0f}" y="{y + cell_px / 2 + 4:.0f}" {_INK_END}>{name}</text>')
        pivot = f"{x + cell_px / 2 + 3:.0f} {top_px - 8:.0f}"
        parts.append(f'<text class="ink" transform="translate({pivot}) rotate(-45)" fill="{_INK}">{name}</text>')
    for row in range(size):
        parts.extend(_row_cells(row, classes, matrix, (label_px, top_px, cell_px)))
    parts.extend(_group_lines(groups or [], label_px, top_px, cell_px, size))
    return _svg(width_px, height_px, f"{title} {_mistakes_in_words(classes, matrix)}", "confusion", parts)


def mistakes(classes: Sequence[str], matrix: Sequence[Sequence[int]]) -> list[tuple[str, str, int, int]]:
    """Truth, answer, count, count of the truth: every off-diagonal cell above 0, the commonest first."""
    found = [
        (truth, answer, int(matrix[i][j]), int(sum(matrix[i])))
        for i, truth in enumerate(classes)
        for j, answer in enumerate(classes)
        if i != j and matrix[i][j]
    ]
    return sorted(found, key=lambda mistake: (-mistake[2], mistake[0], mistake[1]))


def reliability_svg(bins: Sequence[Mapping[str, Any]]) -> str:
    """Stated probability against how often it was right; the area of a point goes with its number of objects.

    Args:
        bins: `low`, `high`, `n`, `confidence` and `accuracy` each; bins without objects are skipped.
    """
    left, top, side, floor = 46, 10, 300, 44
    filled = [b for b in bins if b.get("n") and is_number(b.get("confidence")) and is_number(b.get("accuracy"))]
    most = max((b["n"] for b in filled), default=1)
    parts = [f'<rect class="plot" x="{left}" y="{top}" width="{side}" height="{side}" fill="none" stroke="{_LINE}"/>']
    for tick in range(0, 101, 25):
        x, y = left + side * tick / 100, top + side * (1 - tick / 100)
        parts.append(f'<path class="grid" d="M{left} {y:.1f}H{left + side}M{x:.1f} {top}V{top + side}" {_GRID}/>')
        parts.append(f'<text class="soft" x="{left - 7}" y="{y + 4:.1f}" {_SOFT_END}>{tick}</text>')
        parts.append(f'<text class="soft" x="{x:.1f}" y="{top + side + floor + 16}" {_SOFT_MIDDLE}>{tick}</text>')
    parts.append(f'<path class="ideal" d="M{left} {top + side}L{left + side} {top}" {_IDEAL}/>')
    points = []
    for b in filled:
        x, y = left + side * b["confidence"], top + side * (1 - b["accuracy"])
        ideal = top + side * (1 - b["confidence"])
        points.append(f"{x:.1f},{y:.1f}")
        parts.append(f'<path class="gap" d="M{x:.1f} {ideal:.1f}V{y:.1f}" stroke="{_MISS}" stroke-width="2"/>')
        parts.append(_histogram_bar(b, most, left, top + side + 4, side, floor - 6))
    parts.append(f'<polyline class="curve" points="{" ".join(points)}" fill="none" stroke="{_HIT}" stroke-width="2"/>')
    for b, point in zip(filled, points, strict=True):
        centre_x, centre_y = point.split(",")
        radius = 3 + 6 * (b["n"] / most) ** 0.5
        words = f"{count(b['n'], 'object')}: stated {percent(b['confidence'])}, right {percent(b['accuracy'])}"
        circle = f'<circle class="point" cx="{centre_x}" cy="{centre_y}" r="{radius:.1f}" fill="{_HIT}">'
        parts.append(f"{circle}<title>{words}</title></circle>")
    middle, foot = left + side / 2, top + side + floor + 34
    parts.append(f'<text class="soft" x="{middle}" y="{foot}" {_SOFT_MIDDLE}>stated probability, %</text>')
    turn = f'transform="translate(12 {top + side / 2}) rotate(-90)"'
    parts.append(f'<text class="soft" {turn} {_SOFT_MIDDLE}>right, %</text>')
    said = "; ".join(f"stated {percent(b['confidence'], 0)}, right {percent(b['accuracy'], 0)}" for b in filled)
    return _svg(left + side + 14, foot + 8, f"Reliability diagram. {said}.", "reliability", parts)


def risk_svg(curve: Sequence[Mapping[str, Any]]) -> str:
    """How often answers are right against the share of objects that is answered, the surest first.

    Args:
        curve: `share`, `risk` and `confidence` each, the smallest share first.
    """
    left, top, side = 46, 10, 300
    floor = min((1 - p["risk"] for p in curve), default=0.0)
    low = min(0.75, int(max(floor, 0.0) * 20) / 20)  # the axis begins at a multiple of 5 % under the curve
    parts = [f'<rect class="plot" x="{left}" y="{top}" width="{side}" height="{side}" fill="none" stroke="{_LINE}"/>']
    for tick in range(5):
        x, y = left + side * tick / 4, top + side * (1 - tick / 4)
        value = 100 * (low + (1 - low) * tick / 4)
        parts.append(f'<path class="grid" d="M{left} {y:.1f}H{left + side}M{x:.1f} {top}V{top + side}" {_GRID}/>')
        parts.append(f'<text class="soft" x="{left - 7}" y="{y + 4:.1f}" {_SOFT_END}>{value:.3g}</text>')
        parts.append(f'<text class="soft" x="{x:.1f}" y="{top + side + 18}" {_SOFT_MIDDLE}>{25 * tick}</text>')
    places = [(left + side * p["share"], top + side * (1 - (1 - p["risk"] - low) / (1 - low))) for p in curve]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    parts.append(f'<polyline class="curve" points="{line}" fill="none" stroke="{_HIT}" stroke-width="2"/>')
    marked = _nearest(curve)
    for i in marked:
        x, y = places[i]
        words = f"{_answered(curve[i])}, from a confidence of {percent(curve[i]['confidence'], 0)}"
        circle = f'<circle class="point" cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{_HIT}">'
        parts.append(f"{circle}<title>{words}</title></circle>")
    middle, foot = left + side / 2, top + side + 36
    parts.append(f'<text class="soft" x="{middle}" y="{foot}" {_SOFT_MIDDLE}>answered, %</text>')
    turn = f'transform="translate(12 {top + side / 2}) rotate(-90)"'
    parts.append(f'<text class="soft" {turn} {_SOFT_MIDDLE}>right of those, %</text>')
    said = "; ".join(_answered(curve[i]) for i in marked)
    return _svg(left + side + 14, foot + 8, f"Accuracy by share answered. {said}.", "risk", parts)


def _nearest(curve: Sequence[Mapping[str, Any]]) -> list[int]:
    """The point nearest to each tenth answered from 0.5 on, each once."""
    tenths = [0.5, 0.6, 0.7, 0.8, 0.9, 1.0] if curve else []
    return sorted({min(range(len(curve)), key=lambda i: abs(curve[i]["share"] - t)) for t in tenths})


def _answered(point: Mapping[str, Any]) -> str:
    return f"{percent(point['share'], 0)} answered, {percent(1 - point['risk'], 0)} of them right"


_FIXED = 'vector-effect="non-scaling-stroke"'
_XMLNS = 'xmlns="http://www.w3.org/2000/svg"'
_INK_END = f'text-anchor="end" fill="{_INK}"'
_SOFT_END = f'text-anchor="end" fill="{_SOFT}"'
_SOFT_MIDDLE = f'text-anchor="middle" fill="{_SOFT}"'
_GRID = f'fill="none" stroke="{_LINE}" stroke-width="1"'
_IDEAL = f'fill="none" stroke="{_SOFT}" stroke-width="1" stroke-dasharray="4 4"'


def _row_cells(
    row: int, classes: Sequence[str], matrix: Sequence[Sequence[int]], grid: tuple[float, float, int]
) -> list[str]:
    left, top, cell_px = grid
    total = sum(matrix[row])
    parts = []
    for column, number in enumerate(matrix[row]):
        share = number / total if total else 0.0
        x, y = left + column * cell_px, top + row * cell_px
        kind, colour = ("hit", _HIT) if row == column else ("miss", _MISS)
        shade = f'fill="{colour}" fill-opacity="{_CELL_CAP * share:.3f}" style="--share:{share:.3f}"'
        words = f"{count(int(number), 'object')} of {escape(classes[row])} answered {escape(classes[column])}"
        box = f'x="{x:.0f}" y="{y:.0f}" width="{cell_px}" height="{cell_px}" stroke="{_LINE}"'
        parts.append(f'<rect class="cell {kind}" {box} {shade}><title>{words} ({percent(share, 0)})</title></rect>')
        if cell_px >= 24 and number:
            middle = f'x="{x + cell_px / 2:.0f}" y="{y + cell_px / 2 + 4:.0f}" text-anchor="middle"'
            parts.append(f'<text class="ink number" {middle} fill="{_INK}">{int(number)}</text>')
    return parts


def _group_lines(groups: Sequence[str], left: float, top: float, cell_px: int, size: int) -> list[str]:
    parts = []
    for k in range(1, len(groups)):
        if groups[k] != groups[k - 1]:
            x, y, end = left + k * cell_px, top + k * cell_px, size * cell_px
            path = f"M{x:.0f} {top:.0f}v{end}M{left:.0f} {y:.0f}h{end}"
            parts.append(f'<path class="group" d="{path}" fill="none" stroke="{_SOFT}" stroke-width="1.5"/>')
    return parts


def _histogram_bar(one: Mapping[str, Any], most: int, left: int, top: float, side: int, height: int) -> str:
    x, width = left + side * one["low"], max(side * (one["high"] - one["low"]) - 1, 1)
    length = height * one["n"] / most
    box = f'x="{x:.1f}" y="{top:.1f}" width="{width:.1f}" height="{length:.1f}"'
    return f'<rect class="count" {box} fill="{_LINE}"><title>{count(one["n"], "object")}</title></rect>'


def _mistakes_in_words(classes: Sequence[str], matrix: Sequence[Sequence[int]]) -> str:
    found = [f"{truth} taken for {answer}: {n} of {total}" for truth, answer, n, total in mistakes(classes, matrix)[:3]]
    return f"Commonest mistakes: {'; '.join(found)}." if found else "No mistakes."


def _svg(width_px: float, height_px: float, words: str, kind: str, parts: Sequence[str]) -> str:
    size = f'viewBox="0 0 {width_px:.0f} {height_px:.0f}" width="{width_px:.0f}" height="{height_px:.0f}"'
    font = 'font-family="system-ui, sans-serif" font-size="12"'
    label = f'role="img" aria-label="{escape(words)}"'
    return f'<svg {_XMLNS} class="chart {kind}" {size} {font} {label}>{"".join(parts)}</svg>'


def _short(name: str) -> str:
    return escape(name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1].rstrip() + "…")


def _at(fraction: float, width_px: float) -> str:
    return f"{min(max(fraction, 0.0), 1.0) * width_px:.1f}"
