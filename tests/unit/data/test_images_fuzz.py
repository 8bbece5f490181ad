"""500 mutated photos: RGB or an ImageError, no other exception, no warning, nothing on stdout."""

import io
import struct
import warnings

import numpy as np
import pytest
from PIL import Image

from clipspect.data import images
from clipspect.errors import ImageError

CODES = {"corrupt-image", "truncated-image", "too-large", "unsupported-format", "empty-file", "not-an-image"}
MAX_PIXELS = 4_000_000


def seeds():
    """Small files of all formats, layouts and compressions, with metadata that Pillow parses."""
    rng = np.random.default_rng(0)
    rgb = Image.fromarray(rng.integers(0, 256, (24, 40, 3), dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x011A] = 6, "maker", 72.0
    exif.get_ifd(0x8769)[0x927C] = b"maker note" * 5
    grey16 = Image.fromarray(rng.integers(0, 65536, (24, 40)).astype(np.uint16))
    variants = [
        (rgb, "JPEG", {"exif": exif, "dpi": (72, 72)}),
        (rgb, "JPEG", {"progressive": True}),
        (rgb.convert("CMYK"), "JPEG", {}),
        (rgb, "MPO", {"save_all": True, "append_images": [rgb], "exif": exif}),
        (rgb, "PNG", {"exif": exif, "icc_profile": b"profile" * 9}),
        (rgb.quantize(), "PNG", {"transparency": 0}),
        (rgb, "PNG", {"save_all": True, "append_images": [rgb.rotate(180)]}),
        (grey16, "PNG", {}),
        (rgb, "BMP", {}),
        (rgb.quantize(), "BMP", {}),
        (rgb, "WEBP", {"exif": exif}),
        (rgb.convert("RGBA"), "WEBP", {"lossless": True}),
        (rgb, "TIFF", {"exif": exif}),
        (rgb, "TIFF", {"compression": "tiff_lzw"}),
        (rgb, "TIFF", {"compression": "jpeg"}),
        (rgb, "TIFF", {"compression": "tiff_adobe_deflate"}),
        (rgb.convert("1"), "TIFF", {"compression": "group4"}),
        (grey16, "TIFF", {}),
        (rgb, "GIF", {}),
    ]
    for image, format_name, options in variants:
        stream = io.BytesIO()
        image.save(stream, format_name, **options)
        yield stream.getvalue()


def flip_bytes(content, other, rng):
    content = bytearray(content)
    for _ in range(rng.integers(1, 20)):
        # Headers are where parsers break: half of the hits go there.
        end = min(200, len(content)) if rng.random() < 0.5 else len(content)
        content[rng.integers(0, end)] = rng.integers(0, 256)
    return bytes(content)


def cut(content, other, rng):
    return content[: rng.integers(0, len(content))]


def splice_headers(content, other, rng):
    return other[: rng.integers(1, 100)] + content[rng.integers(0, 100) :]


def write_extreme_number(content, other, rng):
    content = bytearray(content)
    at = int(rng.integers(2, min(300, len(content) - 4)))
    value = int(rng.choice([0, 1, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 0x80000000, 100_000]))
    content[at : at + 4] = struct.pack(rng.choice(["<I", ">I"]), value)
    return bytes(content)


def drop_a_part(content, other, rng):
    start, stop = sorted(rng.integers(0, len(content), 2))
    return content[:start] + content[stop:]


def repeat_a_part(content, other, rng):
    start = int(rng.integers(0, len(content)))
    return content[:start] + content[start : start + 60] * int(rng.integers(2, 20)) + content[start:]


MUTATIONS = [flip_bytes, cut, splice_headers, write_extreme_number, drop_a_part, repeat_a_part]


@pytest.mark.parametrize("mutate", MUTATIONS, ids=lambda m: m.__name__)
def test_mutated_photos_become_rgb_or_an_image_error(mutate, tmp_path, capfd):
    rng = np.random.default_rng(MUTATIONS.index(mutate))
    originals = list(seeds())
    path = tmp_path / "mutant"
    decoded = refused = 0
    for i in range(-(-500 // len(MUTATIONS))):
        mutant = mutate(originals[i % len(originals)], originals[rng.integers(len(originals))], rng)
        path.write_bytes(mutant)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            try:
                got = images.read(path, max_pixels=MAX_PIXELS)
            except ImageError as error:
                assert error.code in CODES and str(error).startswith(f"{path}: ")
                refused += 1
            else:
                assert got.dtype == np.uint8 and got.ndim == 3 and got.shape[2] == 3 and got.size <= 3 * MAX_PIXELS
                assert images.probe(path).size_px == (got.shape[1], got.shape[0])
                decoded += 1
    assert refused >= 10, "the mutations are too weak to mean anything"
    assert decoded >= 1 or mutate in (cut, splice_headers)
    # The C library libtiff writes notices about broken files to stderr by itself; results on stdout stay clean.
    assert capfd.readouterr().out == ""
