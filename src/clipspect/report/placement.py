"""Where the labels of one photo go: pure geometry, so that no label covers another or leaves the photo."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from clipspect.types import Box

Size = tuple[float, float]

_SEARCH_RINGS = 3


def place_labels(boxes_xyxy_px: Sequence[Box], sizes_px: Sequence[Size], canvas_px: Size) -> list[Box]:
    """Choose a rectangle for the label of each box, greedily, the smallest boxes first.

    Tried in turn: above, below and inside the box, beside it, and a little further away. Among places that cover no
    earlier label, the one that hides least of the boxes wins. Where there is none, the label slides up or down to the
    nearest free place above or below its box's edges; where there is no such place either, the least covered is taken.

    Args:
        boxes_xyxy_px: N boxes.
        sizes_px: N label sizes (width, height).
        canvas_px: Width and height of the photo.

    Returns:
        N rectangles of the sizes asked for (cut to the canvas where larger), all inside the canvas.
    """
    placed: dict[int, Box] = {}
    for i in sorted(range(len(boxes_xyxy_px)), key=lambda i: (_area(boxes_xyxy_px[i]), i)):
        size = (min(sizes_px[i][0], canvas_px[0]), min(sizes_px[i][1], canvas_px[1]))
        placed[i] = _best(boxes_xyxy_px[i], size, canvas_px, list(placed.values()), boxes_xyxy_px)
    return [placed[i] for i in range(len(boxes_xyxy_px))]


def overlap_px2(one: Box, other: Box) -> float:
    """Area that two boxes share."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(width, 0.0) * max(height, 0.0)


def touches(one: Box, other: Box, slack_px: float) -> bool:
    """Whether two boxes are at most `slack_px` apart in both directions."""
    return (
        one[0] - slack_px <= other[2]
        and other[0] - slack_px <= one[2]
        and one[1] - slack_px <= other[3]
        and other[1] - slack_px <= one[3]
    )


def _best(box: Box, size: Size, canvas: Size, placed: list[Box], boxes: Sequence[Box]) -> Box:
    label_area = max(size[0] * size[1], 1.0)
    best, best_cost = (0.0, 0.0, *size), (float("inf"), float("inf"))
    for rank, corner in enumerate(_corners(box, size)):
        rect = _inside(corner, size, canvas)
        covered = sum(overlap_px2(rect, p) for p in placed)
        # Of a small box a label hides much, of a large one little: count the hidden share of the box, not pixels.
        hidden = sum(overlap_px2(rect, b) / max(_area(b), label_area) for b in boxes)
        cost = (covered, 3.0 * hidden + 0.1 * rank)
        if cost < best_cost:
            best, best_cost = rect, cost
        if best_cost[0] == 0.0 and best_cost[1] <= 0.1 * rank:  # later places can only cost more
            break
    if best_cost[0] > 0.0:
        return _slide(box, size, canvas, placed) or best
    return best


def _slide(box: Box, size: Size, canvas: Size, placed: list[Box]) -> Box | None:
    """The nearest free place in the columns of the box: if a column has one, one of them touches a label or an edge."""
    width, height = size
    columns = (box[0], box[2] - width, box[0] - width, box[2])
    rows = [0.0, canvas[1] - height, *(p[3] for p in placed), *(p[1] - height for p in placed)]
    places = {_inside((x, y), size, canvas) for x in columns for y in rows}
    middle = (box[1] + box[3] - height) / 2
    nearest_first = sorted(places, key=lambda r: (abs(r[1] - middle) + abs(r[0] - box[0]), r))
    return next((r for r in nearest_first if not any(overlap_px2(r, p) for p in placed)), None)


def _corners(box: Box, size: Size) -> Iterator[tuple[float, float]]:
    left, top, right, bottom = box
    width, height = size
    yield left, top - height
    yield right - width, top - height
    yield left, bottom
    yield right - width, bottom
    yield left, top
    yield right - width, bottom - height
    yield right, top
    yield left - width, top
    yield right, bottom - height
    yield left - width, bottom - height
    middle = (top + bottom - height) / 2
    yield right, middle
    yield left - width, middle
    for ring in range(1, _SEARCH_RINGS + 1):
        down = ring * height
        for x in (left, right - width, left - width, right):
            yield x, top - height - down
            yield x, bottom + down
            yield x, top + down


def _inside(corner: tuple[float, float], size: Size, canvas: Size) -> Box:
    x = min(max(corner[0], 0.0), canvas[0] - size[0])
    y = min(max(corner[1], 0.0), canvas[1] - size[1])
    return x, y, x + size[0], y + size[1]


def _area(box: Box) -> float:
    return max(box[2] - box[0], 0.0) * max(box[3] - box[1], 0.0)
