"""The decoder: every format and pixel layout to RGB, every broken file to an ImageError with its code."""

import io
import os
import struct
import threading
import time
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image, ImageFile, ImageOps

from clipspect.data import images
from clipspect.errors import ImageError

LOSSLESS = ("PNG", "BMP", "TIFF")


def picture(height=12, width=20, seed=0):
    """Smooth, so that JPEG keeps it nearly unchanged."""
    y, x = np.mgrid[:height, :width]
    channels = [40 + 8 * x, 200 - 9 * y, (60 + 5 * x + 3 * y + 7 * seed) % 256]
    return np.stack(channels, axis=-1).clip(0, 255).astype(np.uint8)


def encoded(image, format_name="PNG", **options):
    stream = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(stream, format_name, **options)
    return stream.getvalue()


def exif(orientation):
    data = Image.Exif()
    data[0x0112] = orientation
    return data.tobytes()


def png_of_size(width, height, bit_depth=8, colour=2):
    """A PNG that promises more than it holds."""
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bit_depth, colour, 0, 0, 0))
        + (chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b""))
    )


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def code_of(content, **options):
    with pytest.raises(ImageError) as caught:
        images.decode(content, "photos/a b.jpg", **options)
    assert str(caught.value).startswith("photos/a b.jpg: ")
    return caught.value.code


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "BMP", "WEBP", "TIFF"])
def test_every_allowed_format_becomes_rgb(format_name, tmp_path):
    path = tmp_path / "no extension, with spaces é"
    path.write_bytes(encoded(picture(), format_name, **({} if format_name in LOSSLESS else {"quality": 98})))
    got = images.read(path)
    assert got.dtype == np.uint8 and got.shape == (12, 20, 3)
    assert got.flags.c_contiguous and got.flags.writeable
    assert np.abs(got.astype(int) - picture()).max() <= (0 if format_name in LOSSLESS else 12)
    info = images.probe(path)
    assert (info.format, info.mode, info.size_px, info.is_rotated) == (format_name, "RGB", (20, 12), False)
    assert np.array_equal(images.decode(path.read_bytes(), "x"), got)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_exif_turns_are_applied_as_pillow_does(format_name, orientation, tmp_path):
    path = tmp_path / "turned"
    path.write_bytes(encoded(picture(), format_name, exif=exif(orientation)))
    with Image.open(path) as image:
        expected = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    got, info = images.read(path), images.probe(path)
    assert np.array_equal(got, expected) and got.flags.c_contiguous
    assert info.size_px == (got.shape[1], got.shape[0])
    assert info.exif_orientation == orientation and info.is_rotated == (orientation != 1)


def test_exif_after_the_pixels_of_a_png_counts_in_header_and_pixels(tmp_path):
    plain = encoded(picture())
    end = chunk(b"IEND", b"")
    path = tmp_path / "late.png"
    path.write_bytes(plain.removesuffix(end) + chunk(b"eXIf", exif(6)[6:]) + end)
    assert images.probe(path).size_px == (12, 20)
    assert np.array_equal(images.read(path), np.rot90(picture(), -1))


@pytest.mark.parametrize("value", [0, 9, 77])
def test_an_orientation_that_makes_no_sense_is_ignored(value):
    assert np.array_equal(images.decode(encoded(picture(), exif=exif(value)), "x"), picture())


def test_broken_exif_is_no_reason_to_lose_a_photo(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(encoded(picture(), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x09" + b"\x01\x12\0\x03" * 9))
    assert images.read(path).shape == (12, 20, 3)
    assert images.probe(path).exif_orientation == 1


def test_the_first_frame_of_an_mpo_is_read():
    first, second = Image.fromarray(picture()), Image.fromarray(picture(seed=9)[::-1].copy())
    content = encoded(first, "MPO", save_all=True, append_images=[second], quality=98)
    with Image.open(io.BytesIO(content)) as image:
        assert image.format == "MPO"
    assert np.abs(images.decode(content, "x").astype(int) - picture()).max() <= 12


@pytest.mark.parametrize("format_name", ["PNG", "WEBP", "TIFF"])
def test_the_first_of_several_frames_is_read(format_name, tmp_path):
    frames = [Image.fromarray(picture()), Image.fromarray(picture()[::-1].copy())]
    options = {"lossless": True} if format_name == "WEBP" else {}
    path = tmp_path / "frames"
    path.write_bytes(encoded(frames[0], format_name, save_all=True, append_images=frames[1:], **options))
    assert np.array_equal(images.read(path), picture())
    assert images.probe(path).is_animated


# --- pixel layouts


def test_adobe_cmyk_becomes_rgb():
    rgb = np.zeros((16, 16, 3), np.uint8)
    rgb[:] = (200, 120, 40)
    content = encoded(Image.fromarray(rgb).convert("CMYK"), "JPEG", quality=95)
    assert b"Adobe" in content[:200]
    got = images.decode(content, "x")
    assert np.abs(got.astype(int) - rgb).max() <= 4


def test_tiff_cmyk_becomes_rgb():
    rgb = picture()
    assert np.array_equal(images.decode(encoded(Image.fromarray(rgb).convert("CMYK"), "TIFF"), "x"), rgb)


@pytest.mark.parametrize("format_name", ["PNG", "TIFF"])
def test_16_bit_grey_is_divided_not_clipped(format_name, tmp_path):
    grey = np.linspace(0, 65535, 240).reshape(12, 20).astype(np.uint16)
    path = tmp_path / "thermal"
    path.write_bytes(encoded(Image.fromarray(grey), format_name))
    got = images.read(path)
    assert np.array_equal(got, np.repeat(np.round(grey / 257).astype(np.uint8)[..., None], 3, axis=2))
    assert images.probe(path).bits_per_channel == 16


def test_big_endian_16_bit_tiff_is_read_like_little_endian():
    values = np.arange(0, 65536, 4096, dtype=">u2")
    tags = [(256, 16), (257, 1), (258, 16), (259, 1), (262, 1), (273, 8 + 2 + 12 * 8 + 4), (277, 1), (279, 32)]
    ifd = struct.pack(">H", 8) + b"".join(struct.pack(">HHII", t, 4, 1, v) for t, v in tags) + struct.pack(">I", 0)
    got = images.decode(b"MM\0*" + struct.pack(">I", 8) + ifd + values.tobytes(), "x")
    assert np.array_equal(got[0, :, 0], np.round(values / 257))


def test_32_bit_grey_within_16_bits_is_scaled_and_beyond_is_refused():
    grey = np.array([[0, 257, 65535]], dtype=np.int32)
    assert images.decode(encoded(Image.fromarray(grey), "TIFF"), "x")[0, :, 0].tolist() == [0, 1, 255]
    for outside in (-1, 65536):
        grey[0, 1] = outside
        assert code_of(encoded(Image.fromarray(grey), "TIFF")) == "unsupported-format"


def test_floating_point_samples_are_refused():
    assert code_of(encoded(Image.fromarray(np.ones((4, 4), np.float32)), "TIFF")) == "unsupported-format"


def test_16_bit_colour_keeps_the_high_byte(tmp_path):
    raw = np.zeros((2, 3, 3), ">u2")
    raw[...] = np.array([0x1234, 0xABCD, 0xFFFF])
    rows = b"".join(b"\0" + row.tobytes() for row in raw)
    header = struct.pack(">IIBBBBB", 3, 2, 16, 2, 0, 0, 0)
    path = tmp_path / "deep.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )
    assert images.read(path)[1, 2].tolist() == [0x12, 0xAB, 0xFF]
    assert images.probe(path).bits_per_channel == 16


def test_grey_and_one_bit_pictures_become_three_equal_channels():
    grey = picture()[..., 0]
    assert np.array_equal(images.decode(encoded(grey), "x"), np.repeat(grey[..., None], 3, axis=2))
    bits = Image.fromarray(grey > 100)
    assert bits.mode == "1"
    got = images.decode(encoded(bits), "x")
    assert np.array_equal(got[..., 0], np.where(grey > 100, 255, 0)) and got.shape == (12, 20, 3)


def test_palette_pictures_are_looked_up():
    palette = Image.fromarray(picture()).quantize(16)
    assert np.array_equal(images.decode(encoded(palette), "x"), np.asarray(palette.convert("RGB")))


def test_a_transparent_palette_entry_becomes_white(tmp_path):
    palette = Image.fromarray(np.array([[0, 1], [1, 0]], np.uint8)).convert("P")
    palette.putpalette([10, 20, 30, 200, 100, 50])
    path = tmp_path / "a.png"
    path.write_bytes(encoded(palette, transparency=bytes([0, 255])))
    got = images.read(path)
    assert got[0, 0].tolist() == [255, 255, 255] and got[0, 1].tolist() == [200, 100, 50]
    assert images.probe(path).has_transparency


def test_alpha_is_laid_over_white():
    rgba = np.dstack([np.full((1, 3, 3), 100, np.uint8), np.array([[0, 51, 255]], np.uint8)])
    assert images.decode(encoded(rgba), "x")[0, :, 0].tolist() == [255, 224, 100]
    la = Image.fromarray(rgba).convert("LA")
    assert images.decode(encoded(la), "x")[0, :, 2].tolist() == [255, 224, 100]


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA", "CMYK"])
def test_tall_photos_are_converted_without_seams(mode):
    tall = Image.fromarray(np.random.default_rng(0).integers(0, 256, (1300, 3, 3), dtype=np.uint8)).convert(mode)
    got = images.decode(encoded(tall, "TIFF"), "x")
    assert np.array_equal(got, np.asarray(tall.convert("RGB")))


def test_a_transparent_colour_becomes_white():
    got = images.decode(encoded(np.array([[7, 9]], np.uint8), transparency=7), "x")
    assert got[0, :, 0].tolist() == [255, 9]


def test_a_colour_profile_changes_no_pixel():
    assert np.array_equal(images.decode(encoded(picture(), icc_profile=b"not a real profile" * 20), "x"), picture())


# --- files that cannot be used


def test_an_empty_file_has_its_own_code():
    assert code_of(b"") == "empty-file"


@pytest.mark.parametrize("content", [b"hello, world", b"\0" * 4096, b"<html>", b"PK\x03\x04zip", b"RIFF\0\0\0\0WAVE"])
def test_other_files_are_no_images(content):
    assert code_of(content) == "not-an-image"


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (encoded(picture(), "GIF"), "GIF"),
        (b"\0\0\0\x18ftypheic" + b"\0" * 40, "HEIF"),
        (b"\0\0\0\x18ftypavif" + b"\0" * 40, "AVIF"),
        (b"8BPS\0\1", "Photoshop"),
        (b"%PDF-1.7", "PDF"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    ],
)
def test_known_formats_that_are_not_read_are_named(content, name):
    with pytest.raises(ImageError, match=f"expected one of JPEG, PNG, BMP, WEBP, TIFF, got {name}") as caught:
        images.decode(content, "a")
    assert caught.value.code == "unsupported-format"


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "BMP", "WEBP", "TIFF"])
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9])
def test_a_file_cut_short_is_truncated(format_name, kept):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    content = encoded(noise, format_name)
    assert code_of(content[: int(len(content) * kept)]) == "truncated-image"


def test_a_compressed_tiff_cut_short_is_truncated():
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    content = encoded(noise, "TIFF", compression="tiff_lzw")
    assert code_of(content[: len(content) // 2]) == "truncated-image"


def test_truncated_files_are_refused_also_where_another_library_told_pillow_to_accept_them(monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    content = encoded(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8), "JPEG")
    assert images.decode(content, "x").shape == (64, 64, 3)
    assert code_of(content[: len(content) // 2]) == "truncated-image"


def test_damaged_bytes_are_corrupt():
    content = bytearray(encoded(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)))
    content[200:300] = bytes(100)
    assert code_of(bytes(content)) == "corrupt-image"
    assert code_of(b"\xff\xd8\xff\xd9\xff\xd9") == "corrupt-image"
    bitmap = bytearray(encoded(picture(), "BMP"))
    bitmap[30:34] = struct.pack("<I", 77)  # compression
    assert code_of(bytes(bitmap)) == "corrupt-image"


@pytest.mark.parametrize(("width", "height"), [(0, 10), (10, 0)])
def test_a_picture_without_pixels_is_corrupt(width, height):
    assert code_of(png_of_size(width, height)) == "corrupt-image"


def test_ten_gigapixels_are_refused_from_the_header(tmp_path):
    path = tmp_path / "bomb.png"
    path.write_bytes(png_of_size(100_000, 100_000))
    begin = time.perf_counter()
    with pytest.raises(ImageError, match=r"at most 178956970 pixels, got 100000 x 100000 = 10000000000") as caught:
        images.read(path)
    assert caught.value.code == "too-large"
    assert time.perf_counter() - begin < 1
    assert images.probe(path).size_px == (100_000, 100_000)


def test_the_pixel_cap_can_be_set_and_includes_its_own_value():
    content = encoded(picture())
    assert images.decode(content, "x", max_pixels=240).shape == (12, 20, 3)
    assert code_of(content, max_pixels=239) == "too-large"


def test_a_limit_that_pillow_enforces_while_loading_neither_warns_nor_escapes(monkeypatch):
    content = encoded(picture(), "TIFF")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 200)
    assert images.decode(content, "x").shape == (12, 20, 3)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    assert code_of(content) == "too-large"


@pytest.mark.parametrize(("width", "height", "format_name"), [(8000, 6000, "JPEG"), (12_000, 10_000, "PNG")])
def test_large_drone_photos_open_without_a_warning(width, height, format_name, tmp_path):
    path = tmp_path / "drone"
    mode = "L" if format_name == "JPEG" else "1"
    path.write_bytes(encoded(Image.new(mode, (width, height), 1), format_name))
    limit = Image.MAX_IMAGE_PIXELS
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        begin = time.perf_counter()
        assert images.probe(path).size_px == (width, height)
        assert time.perf_counter() - begin < 0.1
        assert images.read(path).shape == (height, width, 3)
    assert Image.MAX_IMAGE_PIXELS == limit


def test_folders_missing_files_and_pipes_are_unreadable(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for path in (tmp_path, tmp_path / "missing.jpg", tmp_path / "pipe", tmp_path / "dangling", tmp_path / "nul\0"):
        for function in (images.read, images.probe, images.content_hash):
            with pytest.raises(ImageError) as caught:
                function(path)
            assert caught.value.code == "unreadable" and str(path) in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_permission_is_unreadable(tmp_path):
    path = tmp_path / "secret.png"
    path.write_bytes(encoded(picture()))
    path.chmod(0)
    with pytest.raises(ImageError, match="Permission denied") as caught:
        images.read(path)
    assert caught.value.code == "unreadable"


class FailingDisk(io.BytesIO):
    def read(self, *args):
        if self.tell() > 60:
            raise OSError(5, "Input/output error")
        return super().read(min(*args, 40) if args else 40)


def test_a_failing_disk_is_unreadable_and_not_a_corrupt_photo():
    with pytest.raises(ImageError) as caught:
        images._decode(FailingDisk(encoded(picture(100, 100))), "x", 10**6)
    assert caught.value.code == "unreadable"


@pytest.mark.parametrize("offset", [2**63 - 1, 2**64 - 1])
def test_an_offset_that_no_file_can_have_is_not_the_disks_fault(offset, tmp_path):
    path = tmp_path / "big.tif"
    path.write_bytes(b"II+\0\x08\0\0\0" + struct.pack("<Q", offset) + bytes(64))
    with pytest.raises(ImageError) as caught:
        images.read(path)
    assert caught.value.code == "truncated-image"


def test_content_hash_is_that_of_the_bytes(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"abc")
    assert images.content_hash(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


# --- warnings


def tiff_that_warns():
    """ImageWidth given twice over: Pillow warns that the tag has too many entries."""
    tags = [(256, 2), (257, 1), (258, 1), (259, 1), (262, 1), (273, 1), (277, 1), (279, 1)]
    at = 8 + 2 + 12 * len(tags) + 4
    values = {256: 4, 257: 1, 258: 8, 259: 1, 262: 1, 273: at + 8, 277: 1, 279: 4}
    fields = [struct.pack("<HHII", t, 4, n, at if n > 1 else values[t]) for t, n in tags]
    ifd = struct.pack("<H", len(tags)) + b"".join(fields) + struct.pack("<I", 0)
    return b"II*\0" + struct.pack("<I", 8) + ifd + struct.pack("<II", 4, 4) + bytes([1, 2, 3, 4])


def test_warnings_of_pillow_stay_inside():
    content = tiff_that_warns()
    with pytest.warns(UserWarning, match="too many entries"), Image.open(io.BytesIO(content)) as image:
        image.load()
    before = list(warnings.filters)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        assert images.decode(content, "x")[0, :, 0].tolist() == [1, 2, 3, 4]
        warnings.warn("mine", stacklevel=1)
    assert [str(w.message) for w in seen] == ["mine"]
    assert warnings.filters == before


def test_many_threads_leave_the_warning_filters_as_they_were():
    contents = [tiff_that_warns(), encoded(picture(200, 200)), b"BM broken"] * 20
    before, failures = list(warnings.filters), []

    def work():
        for content in contents:
            try:
                images.decode(content, "x")
            except ImageError:
                pass
            except BaseException as error:
                failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert warnings.filters == before


def test_import_of_the_decoder_is_cheap_and_changes_no_limit():
    assert Image.MAX_IMAGE_PIXELS == 1024 * 1024 * 1024 // 4 // 3
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False
