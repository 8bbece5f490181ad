"""Fonts for text on pictures, from files that are already installed: nothing is searched for on the system."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path

from PIL import ImageFont

ELLIPSIS = "…"
_FALLBACK = "mpl-data/fonts/ttf/DejaVuSans.ttf"
_NO_SUCH_CHARACTER = "\uffff"


def font_for(text: str, size_px: int) -> ImageFont.FreeTypeFont | None:
    """A font of which every character of `text` can be drawn, or None.

    Pillow's own font covers English; DejaVu Sans, which comes with matplotlib (not imported for it), covers Latin,
    Greek and Cyrillic.
    """
    fonts = (_bundled(size_px), _dejavu(size_px))
    return next((font for font in fonts if font is not None and _covers(font, text)), None)


def fit_text(font: ImageFont.FreeTypeFont, text: str, tail: str, width_px: float) -> str:
    """`text + tail`, with the end of `text` cut for an ellipsis where it is wider than `width_px`."""
    if font.getlength(text + tail) <= width_px:
        return text + tail
    while text and font.getlength(text.rstrip() + ELLIPSIS + tail) > width_px:
        text = text[:-1]
    return text.rstrip() + ELLIPSIS + tail


@functools.lru_cache(maxsize=32)
def _bundled(size_px: int) -> ImageFont.FreeTypeFont | None:
    font = ImageFont.load_default(size=size_px)
    return font if isinstance(font, ImageFont.FreeTypeFont) else None  # else: a Pillow without FreeType


@functools.lru_cache(maxsize=32)
def _dejavu(size_px: int) -> ImageFont.FreeTypeFont | None:
    spec = importlib.util.find_spec("matplotlib")
    folders = spec.submodule_search_locations if spec is not None else None
    path = next((Path(f) / _FALLBACK for f in folders or () if (Path(f) / _FALLBACK).is_file()), None)
    return None if path is None else ImageFont.truetype(str(path), size_px)


def _covers(font: ImageFont.FreeTypeFont, text: str) -> bool:
    return all(_has(font, c) for c in set(text) if c != " ")


@functools.lru_cache(maxsize=4096)
def _has(font: ImageFont.FreeTypeFont, character: str) -> bool:
    # A character that the font lacks is drawn as the font's box for missing ones, the same for all of them.
    mask, missing = font.getmask(character), font.getmask(_NO_SUCH_CHARACTER)
    return (mask.size, bytes(mask)) != (missing.size, bytes(missing))
