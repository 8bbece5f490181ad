"""What is wrong with the photos of a data set: broken files, odd files, duplicates, groups that leak between splits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from clipspect.data import images
from clipspect.errors import ConfigError, ImageError
from clipspect.types import RGB, Bool, Float64, Photo, Problem

DEFAULT_MAX_DISTANCE = 8
"""Bits of 64. Measured on 425 drone and site photos: re-encoded (JPEG quality 20 to 90), resized (half to double),
noisy and grey copies are at most 4 apart, brightness changed by a fifth to two fifths mostly 8 or less, while two
photos of one flight line, overlapping as they do, are at least 14 apart and of two lines at least 16."""

_HASH_SIDE = 8
_SMALL_SIDE = 32
_BLOCK_ROWS = 256


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What is kept of a readable photo.

    Attributes:
        key: `Photo.key`.
        split: `Photo.split`.
        content_hash: SHA-256 of the file's bytes, hex.
        perceptual_hash: 64-bit DCT hash of the picture after the EXIF turn.
        width_px: After the EXIF turn.
        height_px: After the EXIF turn.
    """

    key: str
    split: str
    content_hash: str
    perceptual_hash: int
    width_px: int
    height_px: int

    @property
    def size_px(self) -> tuple[int, int]:
        """(width, height) after the EXIF turn."""
        return self.width_px, self.height_px


@dataclass(frozen=True, slots=True)
class ImageAudit:
    """The result of decoding every photo once.

    Attributes:
        problems: Photos that cannot be used, one each; they belong in the quarantine.
        findings: Photos that can be used but are stored in an unusual way, none or several each.
        fingerprints: One per readable photo, in the order given.
    """

    problems: tuple[Problem, ...]
    findings: tuple[Problem, ...]
    fingerprints: tuple[Fingerprint, ...]


@dataclass(frozen=True, slots=True)
class DuplicatePair:
    """Two photos that show the same picture.

    Attributes:
        key_a: `Photo.key`, the smaller of the two.
        key_b: The other one's.
        split_a: Split of `key_a`.
        split_b: Split of `key_b`.
        distance: Differing bits of the perceptual hashes, 0 to 64.
        exact: Whether the files are equal byte for byte.
    """

    key_a: str
    key_b: str
    split_a: str
    split_b: str
    distance: int
    exact: bool

    @property
    def across_splits(self) -> bool:
        """Whether the pair leaks from one split into another."""
        return self.split_a != self.split_b


@dataclass(frozen=True, slots=True)
class SharedGroup:
    """A group with photos in more than one split; `photos_by_split` counts them, in the order of the photos."""

    group: str
    photos_by_split: Mapping[str, int]


def audit_images(
    photos: Sequence[Photo],
    *,
    max_pixels: int = images.DEFAULT_MAX_PIXELS,
    progress: Callable[[int], None] | None = None,
) -> ImageAudit:
    """Decode every photo fully, one at a time, and say which cannot be used and which are unusual.

    Args:
        photos: Photos to look at; `Problem.file` of the result is their key.
        max_pixels: As for `images.read`.
        progress: Called after each photo with the number of photos done so far.
    """
    problems: list[Problem] = []
    findings: list[Problem] = []
    fingerprints: list[Fingerprint] = []
    for done, photo in enumerate(photos, start=1):
        try:
            fingerprint, found = _look_at(photo, max_pixels)
        except ImageError as error:
            reason = str(error).removeprefix(f"{photo.path}: ")
            problems.append(Problem(photo.key, None, error.code, reason))
        else:
            fingerprints.append(fingerprint)
            findings += [Problem(photo.key, None, code, reason) for code, reason in found]
        if progress is not None:
            progress(done)
    return ImageAudit(tuple(problems), tuple(findings), tuple(fingerprints))


def perceptual_hash(image: RGB) -> int:
    """64-bit DCT hash of a picture: equal pictures have equal hashes, similar ones differ in few bits.

    The luminance is shrunk to 32 x 32, its 8 x 8 lowest DCT-II frequencies are compared with their median, row by row,
    the first in the highest bit (Zauner 2010, "pHash"; bit for bit the `phash` of the imagehash package). Flipped,
    turned or strongly cropped copies have other hashes.

    Args:
        image: (H, W, 3) uint8.
    """
    small = Image.fromarray(image).convert("L").resize((_SMALL_SIDE, _SMALL_SIDE), Image.Resampling.LANCZOS)
    low = (_DCT @ np.asarray(small, dtype=np.float64) @ _DCT.T)[:_HASH_SIDE, :_HASH_SIDE]
    bits: Bool = low > np.median(low)
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def find_duplicates(
    fingerprints: Sequence[Fingerprint],
    *,
    max_distance: int = DEFAULT_MAX_DISTANCE,
    max_pairs: int = 100_000,
) -> tuple[DuplicatePair, ...]:
    """All pairs of photos that are equal or nearly so: those across splits first, then by distance and key.

    Args:
        fingerprints: Of N photos; time grows with N^2 (10,000 photos: about a second), memory with N.
        max_distance: Largest number of differing bits, 0 to 64.
        max_pairs: At most so many are returned, so that 10,000 copies of one picture do not fill the memory.

    Raises:
        ConfigError: `max_distance` is not within 0 to 64.
    """
    if not 0 <= max_distance <= 64:
        raise ConfigError(f"max_distance: expected 0 to 64 bits, got {max_distance}")
    ordered = sorted(fingerprints, key=lambda f: f.key)
    hashes = np.array([f.perceptual_hash for f in ordered], dtype=np.uint64)
    _, splits = np.unique([f.split for f in ordered], return_inverse=True)
    found: dict[bool, list[DuplicatePair]] = {True: [], False: []}
    for start in range(0, len(ordered), _BLOCK_ROWS):
        block = slice(start, start + _BLOCK_ROWS)
        close = _popcount(hashes[block, None] ^ hashes[None, start:]) <= max_distance
        close &= ~np.tri(*close.shape, dtype=np.bool_)  # each pair once, no photo with itself
        across = splits[block, None] != splits[None, start:]
        for is_across, pairs in found.items():
            hits = np.argwhere(close & (across == is_across))[: max_pairs - len(pairs)] + start
            pairs += [_pair(ordered[a], ordered[b]) for a, b in hits]
    both = (sorted(found[k], key=lambda p: (p.distance, p.key_a, p.key_b)) for k in (True, False))
    return tuple(pair for pairs in both for pair in pairs)[:max_pairs]


def find_shared_groups(photos: Sequence[Photo]) -> tuple[SharedGroup, ...]:
    """Groups that occur in more than one split, sorted by name."""
    counts: dict[str, Counter[str]] = {}
    for photo in photos:
        counts.setdefault(photo.group, Counter())[photo.split] += 1
    return tuple(SharedGroup(group, dict(counts[group])) for group in sorted(counts) if len(counts[group]) > 1)


def _look_at(photo: Photo, max_pixels: int) -> tuple[Fingerprint, list[tuple[str, str]]]:
    info = images.probe(photo.path)
    pixels = images.read(photo.path, max_pixels=max_pixels)
    height_px, width_px = pixels.shape[:2]
    content = images.content_hash(photo.path)
    fingerprint = Fingerprint(photo.key, photo.split, content, perceptual_hash(pixels), width_px, height_px)
    return fingerprint, list(_unusual(info))


def _unusual(info: images.ImageInfo) -> Iterator[tuple[str, str]]:
    """(code, reason) of whatever labelling tools and other programs may read differently."""
    if info.is_rotated:
        turned = f"EXIF orientation {info.exif_orientation}: turned to {info.width_px} x {info.height_px} px"
        yield "exif-rotated", f"{turned}; boxes must belong to the turned photo"
    if info.mode == "CMYK":
        yield "cmyk", "CMYK colour: converted to RGB without a colour profile"
    if info.bits_per_channel > 8:
        yield "16-bit", f"{info.bits_per_channel} bits per channel: scaled to 8, the full range to 0..255"
    if info.mode in ("P", "PA"):
        yield "palette", "palette colours: converted to RGB"
    if info.has_transparency:
        yield "transparent", "transparent pixels: laid over white"
    if info.is_animated:
        yield "multi-frame", "several frames or pages: only the first is read"


def _dct_matrix(size: int) -> Float64:
    """(size, size) DCT-II without normalisation: row k holds 2 cos(pi k (2n + 1) / 2 size)."""
    k, n = np.mgrid[:size, :size]
    return np.asarray(2 * np.cos(np.pi * k * (2 * n + 1) / (2 * size)))


_DCT = _dct_matrix(_SMALL_SIDE)


def _popcount(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Set bits of each 64-bit word (Warren, Hacker's Delight 5-1); numpy has its own from 2.0 only."""
    words = words - ((words >> np.uint64(1)) & np.uint64(0x5555555555555555))
    words = (words & np.uint64(0x3333333333333333)) + ((words >> np.uint64(2)) & np.uint64(0x3333333333333333))
    words = (words + (words >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (words * np.uint64(0x0101010101010101)) >> np.uint64(56)


def _pair(a: Fingerprint, b: Fingerprint) -> DuplicatePair:
    distance = (a.perceptual_hash ^ b.perceptual_hash).bit_count()
    return DuplicatePair(a.key, b.key, a.split, b.split, distance, a.content_hash == b.content_hash)
