"""The only decoder: a photo file to RGB pixels, or an `ImageError` with a code.

Formats, conversions and codes are listed for users in docs/photos.md. Pillow's globals (pixel limit, truncated files)
are neither trusted nor changed: the plugin of the format is called directly instead of `Image.open`, whose check of
`MAX_IMAGE_PIXELS` would warn about every drone photo of 90 megapixels or more.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import stat
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from clipspect.data.containers import is_cut_short, png_exif, sniff
from clipspect.data.quiet import pillow_is_quiet
from clipspect.errors import ImageError
from clipspect.types import RGB

DEFAULT_MAX_PIXELS = 178_956_970
"""Width times height above which a photo is refused before decoding; Pillow's own hard limit, 512 MiB as RGB."""

BEHIND_TRANSPARENCY = (255, 255, 255)
"""Transparent pixels are laid over white, as a viewer on a page shows them."""

# An MPO file (phones, 3D and drone cameras) is a JPEG followed by more JPEGs: read as a JPEG it gives its first frame.
_PLUGINS: dict[str, Callable[[BinaryIO], ImageFile.ImageFile]] = {
    "JPEG": JpegImageFile,
    "PNG": PngImageFile,
    "BMP": BmpImageFile,
    "WEBP": WebPImageFile,
    "TIFF": TiffImageFile,
}

# What Pillow's plugins are known to raise on hostile bytes, besides DecompressionBombError and MemoryError:
# SyntaxError = "not this format after all"; OSError = decoder failed; ArithmeticError has OverflowError and
# ZeroDivisionError; LookupError has KeyError and IndexError; ValueError has UnicodeDecodeError; RuntimeError has
# NotImplementedError and RecursionError; AssertionError and AttributeError come from headers that lack a part.
_PILLOW_ERRORS = (
    OSError,
    SyntaxError,
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    RuntimeError,
    BufferError,
    struct.error,
    zlib.error,
)
_ORIENTATION = 0x0112
_BAND_ROWS = 512
_TURNS: dict[int, Callable[[RGB], RGB]] = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a),
}


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """What the header of a photo says.

    Attributes:
        width_px: After the EXIF turn.
        height_px: After the EXIF turn.
        format: "JPEG", "PNG", "BMP", "WEBP" or "TIFF".
        mode: Pillow's name of the pixel layout ("RGB", "CMYK", "P", "I;16" ...).
        bits_per_channel: 8, 16 or 32; fewer than 8 count as 8.
        exif_orientation: 1 to 8, 1 where there is none or it makes no sense.
        has_transparency: Whether there is an alpha channel or a transparent colour.
        is_animated: Whether further frames follow the first, the only one that is read.
    """

    width_px: int
    height_px: int
    format: str
    mode: str
    bits_per_channel: int = 8
    exif_orientation: int = 1
    has_transparency: bool = False
    is_animated: bool = False

    @property
    def size_px(self) -> tuple[int, int]:
        """(width, height) after the EXIF turn."""
        return self.width_px, self.height_px

    @property
    def is_rotated(self) -> bool:
        """Whether the stored pixels are turned or mirrored before use."""
        return self.exif_orientation != 1


def read(path: Path, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> RGB:
    """Decode a photo.

    Args:
        path: A JPEG (or MPO), PNG, BMP, WEBP or TIFF file; the content counts, not the name.
        max_pixels: Width times height above which the photo is refused without decoding it.

    Returns:
        (H, W, 3) uint8, turned by its EXIF orientation, contiguous and writable.

    Raises:
        ImageError: With one of the codes of docs/photos.md.
    """
    with _opened(path) as stream:
        return _decode(stream, str(path), max_pixels)


def decode(content: bytes, name: str, *, max_pixels: int = DEFAULT_MAX_PIXELS) -> RGB:
    """Decode a photo from its file's bytes, as `read` does; `name` stands in error messages."""
    return _decode(io.BytesIO(content), name, max_pixels)


def probe(path: Path) -> ImageInfo:
    """Read a photo's header only, whatever its size.

    Raises:
        ImageError: The file cannot be opened, is no photo, or its header is broken.
    """
    with _opened(path) as stream, _failures(stream, str(path)), pillow_is_quiet():
        return _header(stream, str(path))[1]


def content_hash(path: Path) -> str:
    """SHA-256 of the file's bytes, 64 hex digits.

    Raises:
        ImageError: The file cannot be read (code "unreadable").
    """
    with _opened(path) as stream:
        try:
            digest = hashlib.sha256()
            while chunk := stream.read(1 << 20):
                digest.update(chunk)
            return digest.hexdigest()
        except OSError as error:
            raise _unreadable(str(path), error) from error


def _decode(stream: BinaryIO, name: str, max_pixels: int) -> RGB:
    with _failures(stream, name), pillow_is_quiet():
        image, info = _header(stream, name)
        if info.width_px * info.height_px > max_pixels:
            got = f"{info.width_px} x {info.height_px} = {info.width_px * info.height_px}"
            raise ImageError(f"{name}: expected at most {max_pixels} pixels, got {got}", code="too-large")
        image.load()
        # Some library may have told Pillow to fill missing rows with grey; a classifier must not see those.
        if ImageFile.LOAD_TRUNCATED_IMAGES and is_cut_short(stream, info.format):
            raise EOFError("the file ends before the picture does")
        pixels = _to_rgb(image, name)
        del image  # a large photo's pixels are held twice already
        # Pillow turns TIFF by itself while loading.
        turned = pixels if info.format == "TIFF" else _TURNS[info.exif_orientation](pixels)
        return np.ascontiguousarray(turned)


def _header(stream: BinaryIO, name: str) -> tuple[ImageFile.ImageFile, ImageInfo]:
    format_name = sniff(stream, name)
    late_exif = png_exif(stream) if format_name == "PNG" else None
    stream.seek(0)
    image = _PLUGINS[format_name](stream)
    if late_exif is not None:
        image.info.setdefault("exif", late_exif)
    orientation = _exif_orientation(image)
    width_px, height_px = image.size
    if orientation >= 5 and format_name != "TIFF":
        width_px, height_px = height_px, width_px
    bits = 32 if image.mode in ("I", "F") else 16 if ";16" in image.mode + repr(image.tile) else 8
    return image, ImageInfo(
        width_px=width_px,
        height_px=height_px,
        format=format_name,
        mode=image.mode,
        bits_per_channel=bits,
        exif_orientation=orientation,
        has_transparency=image.has_transparency_data and not image.mode.startswith("I"),
        is_animated=bool(getattr(image, "is_animated", False)),
    )


def _exif_orientation(image: ImageFile.ImageFile) -> int:
    try:
        # The base method, because that of PNG decodes the pixels first.
        value = Image.Image.getexif(image).get(_ORIENTATION)
    except _PILLOW_ERRORS:
        return 1  # broken EXIF is no reason to lose a photo; viewers show it unturned too
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _to_rgb(image: ImageFile.ImageFile, name: str) -> RGB:
    """(H, W, 3) uint8 of a loaded picture in any mode."""
    if image.mode == "I" or image.mode.startswith("I;16"):
        return _grey16_to_rgb(np.asarray(image), name)
    if image.mode in ("F", "LAB"):
        what = {"F": "floating point samples, whose range is not known", "LAB": "Lab colour"}[image.mode]
        raise ImageError(f"{name}: expected 8 or 16 bits per channel, got {what}", code="unsupported-format")
    # Band by band: converting at once would hold a large photo three times.
    pixels = np.empty((image.height, image.width, 3), dtype=np.uint8)
    for top in range(0, image.height, _BAND_ROWS):
        bottom = min(top + _BAND_ROWS, image.height)
        pixels[top:bottom] = np.asarray(_opaque(image.crop((0, top, image.width, bottom))))
    return pixels


def _opaque(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image.convert("RGB")
    over = image.convert("LA") if image.mode == "La" else image
    behind = Image.new("RGBA", image.size, (*BEHIND_TRANSPARENCY, 255))
    return Image.alpha_composite(behind, over.convert("RGBA")).convert("RGB")


def _grey16_to_rgb(grey: np.ndarray, name: str) -> RGB:
    if grey.size and (grey.min() < 0 or grey.max() > 65535):
        raise ImageError(
            f"{name}: expected grey samples of 0 to 65535, got {grey.min()} to {grey.max()}", code="unsupported-format"
        )
    # 65535 / 257 = 255: the whole range is scaled, where Pillow's own conversion clips everything above 255.
    eight_bit = ((grey.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return np.repeat(eight_bit[:, :, None], 3, axis=2)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """The file, open for reading; a folder, a pipe or a device is refused, as opening one could wait forever."""
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            what = "a folder" if stat.S_ISDIR(mode) else "a pipe or a device"
            raise ImageError(f"{path}: expected a file, got {what}", code="unreadable")
        stream = path.open("rb")
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise _unreadable(str(path), error) from error
    with stream:
        yield stream


@contextlib.contextmanager
def _failures(stream: BinaryIO, name: str) -> Iterator[None]:
    """Turn whatever Pillow raises into an `ImageError`."""
    try:
        yield
    except (Image.DecompressionBombError, MemoryError) as error:
        reason = str(error) or "not enough memory"
        raise ImageError(f"{name}: the photo is too large to decode: {reason}", code="too-large") from error
    except _PILLOW_ERRORS as error:
        # Offsets that no file can have end as EINVAL or EOVERFLOW: the photo's fault, not the disk's.
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL, errno.EOVERFLOW):
            raise _unreadable(name, error) from error
        format_name = sniff(stream, name)
        if isinstance(error, EOFError) or "truncated" in str(error).lower() or is_cut_short(stream, format_name):
            reason = f"expected a whole {format_name} file, got one that ends too early"
            raise ImageError(f"{name}: {reason} ({error})", code="truncated-image") from error
        reason = str(error) or type(error).__name__
        raise ImageError(
            f"{name}: expected a {format_name} file, got a broken one ({reason})", code="corrupt-image"
        ) from error


def _unreadable(name: str, error: Exception) -> ImageError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return ImageError(f"{name}: expected a readable file, got: {reason}", code="unreadable")
