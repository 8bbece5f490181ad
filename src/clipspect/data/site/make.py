"""Photos and labels of the synthetic site, written as a YOLO data set.

Photos of one flight line overlap, as real ones do, and share season, light and camera; splits share no line.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from clipspect.data.site.camera import Shot, aim, expose, label
from clipspect.data.site.plan import FRAME_HEIGHT_M, NAMES, Dealer, Line, plan_line
from clipspect.data.site.strip import paint_line
from clipspect.errors import ConfigError, OutputExistsError
from clipspect.files import write_bytes, write_text
from clipspect.types import RGB, Annotation

GROUPS_REGEX = r"^(Site\w_L\d)"
"""The flight line in the file names."""
SPLITS = ("train", "valid", "test")
STEP_FRAC = 0.45
"""How far the camera moves between two photos, as a fraction of what one photo shows."""
OVERSAMPLE = 1.35
"""Strip pixels per photo pixel."""
_MARGIN_FRAC = 0.72
_MAX_LINES = 130


def make_site(
    out: Path, *, photos: int = 120, size_px: tuple[int, int] = (640, 480), lines: int = 10, seed: int = 0
) -> Path:
    """Write a synthetic site: `train`, `valid` and `test`, each with `images` and `labels`, and `data.yaml`.

    About six of ten lines are for training, two each for validation and test. The same arguments give the same
    bytes (with the same versions of Pillow and numpy). `data.yaml` is written last.

    Args:
        out: Folder to make; it may exist, but must be empty.
        photos: Number of photos, at least one a line.
        size_px: (width, height) of a photo.
        lines: Number of flight lines, 3 to 130.
        seed: Of everything.

    Returns:
        Path of the `data.yaml`.

    Raises:
        ConfigError: Fewer than 3 lines, fewer photos than lines, or a photo under 64 pixels.
        OutputExistsError: `out` is a file, or a folder with something in it.
        OutputError: `out` cannot be written to.
    """
    _check(photos, size_px, lines)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OutputExistsError(f"{out}: expected a new or empty folder, got one that is already in use")
    splits = _splits(lines, np.random.default_rng([seed, 1]))
    dealers = {split: Dealer(np.random.default_rng([seed, 0, i])) for i, split in enumerate(SPLITS)}
    for number, split in enumerate(splits):
        count = photos // lines + (number < photos % lines)
        rng = np.random.default_rng([seed, 2, number])
        line = _plan(rng, dealers[split], number, count, size_px)
        px_per_m = _px_per_m(size_px)
        strip = paint_line(line, px_per_m)
        for shot_number in range(count):
            own = np.random.default_rng([seed, 3, number, shot_number])
            shot = _shoot(line, shot_number, size_px, own)
            picture = expose(strip, px_per_m, shot, line.look, own)
            stem = f"{line.name}_{shot_number:03d}"
            write_bytes(out / split / "images" / f"{stem}.jpg", _jpeg(picture, line.look.quality))
            write_text(out / split / "labels" / f"{stem}.txt", _yolo(label(line, shot)))
    data_yaml = out / "data.yaml"
    write_text(data_yaml, _yaml())
    return data_yaml


def render_scene(rng: np.random.Generator, size_px: tuple[int, int] = (640, 480)) -> tuple[RGB, tuple[Annotation, ...]]:
    """One photo of a new flight line, and its labels; classes are those of `NAMES`. Writes nothing.

    Args:
        rng: Source of everything.
        size_px: (width, height) of the photo.

    Returns:
        (picture (H, W, 3) uint8, annotations with boxes as fractions of the photo).
    """
    _check(3, size_px, 3)
    line = _plan(rng, Dealer(rng), int(rng.integers(0, 5)), 1, size_px)
    shot = _shoot(line, 0, size_px, rng)
    picture = expose(paint_line(line, _px_per_m(size_px)), _px_per_m(size_px), shot, line.look, rng)
    return picture, label(line, shot)


def _check(photos: int, size_px: tuple[int, int], lines: int) -> None:
    if not 3 <= lines <= _MAX_LINES:
        raise ConfigError(f"lines: expected 3 to {_MAX_LINES} (each split needs one of its own), got {lines}")
    if photos < lines:
        raise ConfigError(f"photos: expected at least one a flight line ({lines}), got {photos}")
    if min(size_px) < 64:
        raise ConfigError(f"size_px: expected at least 64 x 64, got {size_px[0]} x {size_px[1]}")


def _splits(lines: int, rng: np.random.Generator) -> list[str]:
    """The split of every line, in shuffled order."""
    held_out = max(1, round(lines * 0.2))
    splits = [SPLITS[1]] * held_out + [SPLITS[2]] * held_out + [SPLITS[0]] * (lines - 2 * held_out)
    return [splits[i] for i in rng.permutation(lines)]


def _frame_width_m(size_px: tuple[int, int]) -> float:
    return FRAME_HEIGHT_M * size_px[0] / size_px[1]


def _px_per_m(size_px: tuple[int, int]) -> float:
    return OVERSAMPLE * size_px[1] / FRAME_HEIGHT_M


def _plan(rng: np.random.Generator, dealer: Dealer, number: int, photos: int, size_px: tuple[int, int]) -> Line:
    name = f"Site{chr(ord('A') + number % _MAX_LINES // 5)}_L{number % 5}"
    length_m = _frame_width_m(size_px) * (2 * _MARGIN_FRAC + STEP_FRAC * (photos - 1))
    return plan_line(rng, dealer, name, number, length_m)


def _shoot(line: Line, number: int, size_px: tuple[int, int], rng: np.random.Generator) -> Shot:
    wide = _frame_width_m(size_px)
    at_u_m = wide * (_MARGIN_FRAC + STEP_FRAC * number) + float(rng.uniform(-0.03, 0.03)) * wide
    return aim(line.look, at_u_m, size_px, rng)


def _jpeg(picture: RGB, quality: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def _yolo(annotations: tuple[Annotation, ...]) -> str:
    rows = []
    for annotation in annotations:
        left, top, right, bottom = annotation.box_xyxyn
        numbers = ((left + right) / 2, (top + bottom) / 2, right - left, bottom - top)
        rows.append(" ".join([str(annotation.class_id), *(f"{number:.6f}" for number in numbers)]))
    return "".join(f"{row}\n" for row in rows)


def _yaml() -> str:
    head = "# A synthetic embankment; flight lines are groups: --groups '" + GROUPS_REGEX + "'\n"
    paths = "path: .\ntrain: train/images\nval: valid/images\ntest: test/images\n"
    return head + paths + f"nc: {len(NAMES)}\nnames:\n" + "".join(f"  - {name}\n" for name in NAMES)
