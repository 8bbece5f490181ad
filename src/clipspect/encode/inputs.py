"""What all encoders check before they encode."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np

from clipspect.errors import EncoderError, MissingAbilityError
from clipspect.protocols import DenseEncoder, Encoder, Space, TextEncoder
from clipspect.types import RGB, Float32

_T = TypeVar("_T")

WITH_TEXT = "starter, fake, hf: with CLIP, MetaCLIP 2, SigLIP or SigLIP 2, openclip:"
"""Encoders that have text, for messages."""


WITH_DENSE = "starter, fake, hf:"
"""Encoders that have maps of features, for messages."""


def check_image(image: RGB, where: str = "image") -> None:
    """Refuse anything but an (H, W, 3) uint8 array with at least one pixel.

    Raises:
        EncoderError: Says where, what was expected and what was got.
    """
    if not isinstance(image, np.ndarray):
        raise EncoderError(f"{where}: expected an (H, W, 3) uint8 array, got {type(image).__name__}")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise EncoderError(f"{where}: expected an (H, W, 3) uint8 array, got {image.shape} {image.dtype}")


def check_request(encoder: Encoder, images: Sequence[RGB], space: Space) -> None:
    """Refuse a space that the encoder lacks, and anything that is not a picture.

    Raises:
        MissingAbilityError: The encoder has no such space.
        EncoderError: Something is not a picture.
    """
    if space not in encoder.spaces:
        raise MissingAbilityError(
            f"{encoder.id}: expected one of the spaces {list(encoder.spaces)}, got {space!r}; "
            f"encoders with a joint space: {WITH_TEXT}"
        )
    for i, image in enumerate(images):
        check_image(image, f"images[{i}]")


def check_texts(texts: Sequence[str]) -> None:
    """Refuse a bare string (it would be read letter by letter) and anything that is not a string.

    Raises:
        EncoderError: Says which text and what was got.
    """
    if isinstance(texts, str):
        raise EncoderError(f"texts: expected a list of strings, got the string {texts[:40]!r}")
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise EncoderError(f"texts[{i}]: expected a string, got {type(text).__name__}")


def require_text(encoder: Encoder) -> TextEncoder:
    """The encoder as one that has text.

    Raises:
        MissingAbilityError: It has none; the message names encoders that do.
    """
    if "joint" in encoder.spaces and isinstance(encoder, TextEncoder):
        return encoder
    raise MissingAbilityError(f"{encoder.id}: this encoder has no text; encoders that have: {WITH_TEXT}")


def require_dense(encoder: Encoder) -> DenseEncoder:
    """The encoder as one that gives maps of features.

    Raises:
        MissingAbilityError: It gives none; the message names encoders that do.
    """
    if isinstance(encoder, DenseEncoder):
        return encoder
    raise MissingAbilityError(f"{encoder.id}: this encoder has no dense features; encoders that have: {WITH_DENSE}")


def batches(items: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    """`items` in order, `size` at a time."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def unit_rows(rows: Float32) -> Float32:
    """(N, D) rows of length 1; a row of zeros stays one."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-12), dtype=np.float32)
