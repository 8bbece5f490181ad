"""Annotated photos and thumbnails: pixels in, pixels out.

The number at the head of each label is the object's position in the photo counted from 1, as in the tables.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from clipspect.report.fonts import fit_text, font_for
from clipspect.report.palette import ABSTAINED, Colour, colour_of
from clipspect.report.placement import overlap_px2, place_labels, touches
from clipspect.report.wording import had_a_choice, percent, shown_label
from clipspect.types import RGB, Box, Decision, Inspection

MIN_WIDTH_PX = 960
"""Smaller photos are enlarged to this width before anything is drawn, so that the text can be read."""

_MAX_ENLARGED_PX = 2400
_FONT_FRAC = 0.022  # of the longer side: about 21 px on a picture shown 960 px wide, whatever its own size
_LINE_FRAC = 0.0028
_MAX_LABEL_AREA_FRAC = 0.3
_DARK = (16, 32, 30)
_WHITE = (255, 255, 255)

# From most to least said: (font scale, how much). The first that fits without covering another label is drawn.
_LEVELS = ((1.0, "full"), (0.85, "full"), (0.85, "short"), (0.85, "number"))


@dataclass(frozen=True, slots=True)
class _Label:
    number: str
    text: str
    number_font: ImageFont.FreeTypeFont
    text_font: ImageFont.FreeTypeFont
    pad_px: int

    @property
    def number_width_px(self) -> int:
        return int(self.number_font.getlength(self.number)) + 2 * self.pad_px

    @property
    def size_px(self) -> tuple[float, float]:
        text = int(self.text_font.getlength(self.text)) + 2 * self.pad_px if self.text else 0
        return float(self.number_width_px + text), float(self.text_font.size + 2 * self.pad_px * 0.75)


def draw_inspection(image: RGB, inspection: Inspection, colours: Mapping[str, Colour] | None = None) -> RGB:
    """Draw every decision of a photo: a box in its condition's colour and a label "1 slope drain blocked 87 %".

    Abstentions are grey and dashed, with a "?". Labels cover each other only where there is no room at all.

    Args:
        image: (H, W, 3) uint8; the inspected photo, or a smaller or larger copy of it (boxes are scaled along).
        inspection: Its decisions, boxes in pixels of `inspection.size_px`.
        colours: Condition to colour, as from `palette.colours_of`; by name alone where a condition is not in it.

    Returns:
        (H', W', 3) uint8, at least `MIN_WIDTH_PX` wide unless the photo is very tall; never smaller than `image`.
    """
    canvas = _enlarged(Image.fromarray(np.ascontiguousarray(image)))
    boxes = _scaled_boxes(inspection, canvas.size)
    shades = [_colour(d, colours or {}) for d in inspection.decisions]
    line_px = max(2, round(_LINE_FRAC * max(canvas.size)))
    draw = ImageDraw.Draw(canvas)
    for i in sorted(range(len(boxes)), key=lambda i: -_area(boxes[i])):
        _draw_box(draw, boxes[i], shades[i], line_px, dashed=inspection.decisions[i].condition is None)
    labels, places = _labels(inspection.decisions, boxes, canvas.size)
    for box, colour, place in zip(boxes, shades, places, strict=True):
        if not touches(box, place, 2.0 * line_px):
            _draw_leader(draw, box, place, colour, line_px)
    for label, colour, place in zip(labels, shades, places, strict=True):
        _draw_label(draw, label, place, colour)
    return np.asarray(canvas)


def thumbnail(
    image: RGB, box_xyxy_px: Box, *, size_px: int = 160, margin_frac: float = 0.25, colour: Colour | None = None
) -> RGB:
    """One object in a bit of its surroundings, as a square with the box outlined.

    Args:
        image: (H, W, 3) uint8.
        box_xyxy_px: The object, in pixels of `image`.
        size_px: Side of the result.
        margin_frac: Surroundings on each side, as a fraction of the box's longer side.
        colour: Of the outline; white without it.

    Returns:
        (size_px, size_px, 3) uint8; grey where the square reaches beyond a photo that is too narrow for it.
    """
    left, top, right, bottom = box_xyxy_px
    height, width = image.shape[:2]
    longest = max(right - left, bottom - top, 1.0)
    # The margin gives way before the square reaches beyond the photo.
    side = min(longest * (1.0 + 2.0 * margin_frac), max(longest * 1.04, float(min(width, height))))
    x = _window_start((left + right) / 2, side, width)
    y = _window_start((top + bottom) / 2, side, height)
    window = (max(x, 0.0), max(y, 0.0), min(x + side, float(width)), min(y + side, float(height)))
    scale = size_px / side
    piece_px = (max(1, round((window[2] - window[0]) * scale)), max(1, round((window[3] - window[1]) * scale)))
    piece = Image.fromarray(np.ascontiguousarray(image)).resize(piece_px, Image.Resampling.LANCZOS, box=window)
    result = Image.new("RGB", (size_px, size_px), (222, 226, 225))
    result.paste(piece, (round((window[0] - x) * scale), round((window[1] - y) * scale)))
    outline = ((left - x) * scale, (top - y) * scale, (right - x) * scale, (bottom - y) * scale)
    line_px = max(1, round(size_px / 90))
    _draw_box(ImageDraw.Draw(result), outline, colour or Colour("#FFFFFF", "#10201E"), line_px, dashed=False)
    return np.asarray(result)


def shrink(image: RGB, max_side_px: int) -> RGB:
    """The same picture with its longer side at most `max_side_px`, for embedding; never enlarged."""
    picture = Image.fromarray(np.ascontiguousarray(image))
    picture.thumbnail((max_side_px, max_side_px), Image.Resampling.LANCZOS)
    return np.asarray(picture)


def encode_jpeg(image: RGB, quality: int = 88) -> bytes:
    """JPEG bytes without colour subsampling, which would smear coloured text; the same pixels give the same bytes."""
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(stream, "JPEG", quality=quality, subsampling=0, optimize=True)
    return stream.getvalue()


def _enlarged(picture: Image.Image) -> Image.Image:
    width, height = picture.size
    scale = min(MIN_WIDTH_PX / width, _MAX_ENLARGED_PX / max(width, height))
    if scale <= 1.0:
        return picture.copy()
    return picture.resize((round(width * scale), round(height * scale)), Image.Resampling.LANCZOS)


def _scaled_boxes(inspection: Inspection, canvas_px: tuple[int, int]) -> list[Box]:
    scale_x, scale_y = (canvas / max(size, 1) for canvas, size in zip(canvas_px, inspection.size_px, strict=True))
    boxes = []
    for decision in inspection.decisions:
        left, top, right, bottom = decision.detection.box_xyxy_px
        boxes.append((left * scale_x, top * scale_y, right * scale_x, bottom * scale_y))
    return boxes


def _colour(decision: Decision, colours: Mapping[str, Colour]) -> Colour:
    if decision.condition is None:
        return ABSTAINED
    return colours.get(decision.condition) or colour_of(decision.condition)


def _labels(
    decisions: Sequence[Decision], boxes: list[Box], canvas_px: tuple[int, int]
) -> tuple[list[_Label], list[Box]]:
    labels: list[_Label] = []
    places: list[Box] = []
    for scale, said in _LEVELS:
        size_px = max(11, round(scale * _FONT_FRAC * max(canvas_px)))
        labels = [_label(i, d, said, size_px, canvas_px[0]) for i, d in enumerate(decisions)]
        sizes = [label.size_px for label in labels]
        room = _MAX_LABEL_AREA_FRAC * canvas_px[0] * canvas_px[1]
        if said != "number" and sum(width * height for width, height in sizes) > room:
            continue
        places = place_labels(boxes, sizes, canvas_px)
        if not _any_overlap(places):
            break
    return labels, places


def _label(index: int, decision: Decision, said: str, size_px: int, canvas_width_px: int) -> _Label:
    number = str(index + 1)
    head, tail = _words(decision, said)
    number_font = font_for(number, size_px) or _no_font()
    text_font = font_for(head + tail, size_px)
    if text_font is None:  # letters that no installed font has: the table says the name
        head, tail, text_font = "", tail if font_for(tail, size_px) is not None else "", number_font
    text = fit_text(text_font, head, tail, 0.6 * canvas_width_px).strip()
    return _Label(number, text, number_font, text_font, max(3, round(0.3 * size_px)))


def _words(decision: Decision, said: str) -> tuple[str, str]:
    """What may be cut where it is too long, and what is kept."""
    if said == "number":
        return "", ""
    kept = shown_label(decision).removeprefix(decision.detection.object_type)
    if had_a_choice(decision):
        kept += f" {percent(decision.probability, 0, space=' ')}"
    head = decision.detection.object_type if said == "full" or not kept else ""
    return _printable(head), _printable(kept)


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)


def _no_font() -> ImageFont.FreeTypeFont:
    raise RuntimeError("Pillow: expected a build with FreeType, got one without; text cannot be drawn")


def _any_overlap(places: Sequence[Box]) -> bool:
    return any(overlap_px2(one, other) > 0 for i, one in enumerate(places) for other in places[:i])


def _draw_box(draw: ImageDraw.ImageDraw, box: Box, colour: Colour, line_px: int, *, dashed: bool) -> None:
    left, top, right, bottom = (round(v) for v in box)
    right, bottom = max(right, left + 1), max(bottom, top + 1)
    casing_px = max(1, line_px // 2)
    # The casing, light around dark colours and dark around light ones, keeps the box visible on any ground.
    outer = (left - casing_px, top - casing_px, right + casing_px, bottom + casing_px)
    if not dashed:
        draw.rectangle(outer, outline=colour.ink_rgb, width=line_px + 2 * casing_px)
        draw.rectangle((left, top, right, bottom), outline=colour.fill_rgb, width=line_px)
        return
    for start, end in _dashes(left, right, 6 * line_px):
        for y in (top, bottom - line_px):
            _draw_dash(draw, (start, y, end, y + line_px), colour, casing_px)
    for start, end in _dashes(top, bottom, 6 * line_px):
        for x in (left, right - line_px):
            _draw_dash(draw, (x, start, x + line_px, end), colour, casing_px)


def _dashes(start: int, end: int, period_px: int) -> list[tuple[int, int]]:
    return [(at, min(at + period_px * 3 // 5, end)) for at in range(start, end, period_px)]


def _draw_dash(draw: ImageDraw.ImageDraw, dash: tuple[int, int, int, int], colour: Colour, casing_px: int) -> None:
    left, top, right, bottom = dash
    right, bottom = max(right, left), max(bottom, top)
    casing = (left - casing_px, top - casing_px, right + casing_px, bottom + casing_px)
    draw.rectangle(casing, fill=colour.ink_rgb)
    draw.rectangle((left, top, right, bottom), fill=colour.fill_rgb)


def _draw_leader(draw: ImageDraw.ImageDraw, box: Box, place: Box, colour: Colour, line_px: int) -> None:
    ends = []
    for one, other in ((box, place), (place, box)):
        x = min(max((other[0] + other[2]) / 2, one[0]), one[2])
        y = min(max((other[1] + other[3]) / 2, one[1]), one[3])
        ends.append((x, y))
    draw.line(ends, fill=colour.ink_rgb, width=line_px + 2)
    draw.line(ends, fill=colour.fill_rgb, width=max(1, line_px - 1))


def _draw_label(draw: ImageDraw.ImageDraw, label: _Label, place: Box, colour: Colour) -> None:
    left, top, right, bottom = place
    split = left + label.number_width_px
    middle = (top + bottom) / 2
    draw.rectangle((left, top, right - 1, bottom - 1), fill=colour.fill_rgb)
    draw.rectangle((left, top, min(split, right) - 1, bottom - 1), fill=colour.ink_rgb)
    draw.text(((left + split) / 2, middle), label.number, font=label.number_font, fill=colour.fill_rgb, anchor="mm")
    if label.text:
        draw.text((split + label.pad_px, middle), label.text, font=label.text_font, fill=colour.ink_rgb, anchor="lm")


def _window_start(centre: float, side: float, length: int) -> float:
    if side >= length:
        return (length - side) / 2
    return min(max(centre - side / 2, 0.0), length - side)


def _area(box: Box) -> float:
    return max(box[2] - box[0], 0.0) * max(box[3] - box[1], 0.0)
