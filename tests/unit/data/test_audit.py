"""Decoding every photo once: what is broken, what is unusual, what is there twice, which groups leak."""

import time
import tracemalloc

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from clipspect.data import audit, images
from clipspect.errors import ConfigError
from clipspect.types import Photo


def scene(seed=0, height=90, width=120):
    """Blobs and edges at several sizes, as different from another seed's as two photos are."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def saved(folder, name, image, **options):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)
    return path


def photo(path, root, split="train", group="g"):
    return Photo(path, path.relative_to(root).as_posix(), split, group)


def fingerprint(key, split="train", content=None, bits=0):
    return audit.Fingerprint(key, split, content or key, bits, 10, 10)


def test_good_photos_are_fingerprinted_and_nothing_is_said(tmp_path):
    path = saved(tmp_path, "train/a b.png", scene())
    got = audit.audit_images([photo(path, tmp_path, "valid")])
    assert got.problems == () and got.findings == ()
    (print_,) = got.fingerprints
    assert (print_.key, print_.split, print_.size_px) == ("train/a b.png", "valid", (120, 90))
    assert print_.content_hash == images.content_hash(path)
    assert print_.perceptual_hash == audit.perceptual_hash(images.read(path))


def test_broken_photos_are_located_with_a_code_and_the_rest_is_kept(tmp_path):
    good = saved(tmp_path, "good.png", scene())
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (99, 99, 3), dtype=np.uint8))
    cut = saved(tmp_path, "cut.jpg", noise)
    cut.write_bytes(cut.read_bytes()[:-2000])  # the header and most of the pixels are there
    empty, text = tmp_path / "empty.jpg", tmp_path / "text.jpg"
    empty.touch()
    text.write_text("no photo")
    huge = saved(tmp_path, "huge.png", Image.new("1", (400, 300)))
    paths = [cut, empty, text, tmp_path / "gone.jpg", huge, good]
    got = audit.audit_images([photo(p, tmp_path) for p in paths], max_pixels=100_000)
    assert [(p.file, p.line, p.code) for p in got.problems] == [
        ("cut.jpg", None, "truncated-image"),
        ("empty.jpg", None, "empty-file"),
        ("text.jpg", None, "not-an-image"),
        ("gone.jpg", None, "unreadable"),
        ("huge.png", None, "too-large"),
    ]
    assert all(p.reason.startswith(("expected", "the photo")) for p in got.problems)
    assert [f.key for f in got.fingerprints] == ["good.png"]


def test_unusual_photos_are_findings_and_stay_usable(tmp_path):
    turned = Image.Exif()
    turned[0x0112] = 6
    paths = [
        saved(tmp_path, "turned.jpg", scene(1), exif=turned),
        saved(tmp_path, "print.jpg", scene(2).convert("CMYK")),
        saved(tmp_path, "thermal.png", Image.fromarray(np.arange(5000, dtype=np.uint16).reshape(50, 100))),
        saved(tmp_path, "map.png", scene(3).quantize(8)),
        saved(tmp_path, "ortho.png", scene(4).convert("RGBA")),
        saved(tmp_path, "pages.tif", scene(5), save_all=True, append_images=[scene(6)]),
    ]
    got = audit.audit_images([photo(p, tmp_path) for p in paths])
    assert got.problems == () and len(got.fingerprints) == 6
    assert [(f.file, f.code) for f in got.findings] == [
        ("turned.jpg", "exif-rotated"),
        ("print.jpg", "cmyk"),
        ("thermal.png", "16-bit"),
        ("map.png", "palette"),
        ("ortho.png", "transparent"),
        ("pages.tif", "multi-frame"),
    ]
    assert "90 x 120" in got.findings[0].reason
    assert got.fingerprints[0].size_px == (90, 120)


def test_progress_counts_every_photo_also_the_broken_ones(tmp_path):
    paths = [saved(tmp_path, "a.png", scene()), tmp_path / "gone.png", saved(tmp_path, "b.png", scene())]
    seen = []
    audit.audit_images([photo(p, tmp_path) for p in paths], progress=seen.append)
    assert seen == [1, 2, 3]


def test_memory_is_that_of_one_photo(tmp_path):
    paths = [saved(tmp_path, f"{i}.png", Image.new("RGB", (1000, 1000), (i, 0, 0))) for i in range(6)]
    tracemalloc.start()
    try:
        audit.audit_images([photo(p, tmp_path) for p in paths])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * 3_000_000


@pytest.mark.parametrize("seed", range(5))
def test_copies_of_a_photo_fall_under_the_threshold_and_other_photos_do_not(seed, tmp_path):
    original = scene(seed, 300, 400)
    variants = [
        images.read(saved(tmp_path, "q30.jpg", original, quality=30)),
        np.asarray(original.resize((200, 150))),
        np.asarray(original.resize((800, 600))),
        np.asarray(ImageEnhance.Brightness(original).enhance(0.8)),
        np.asarray(original.convert("L").convert("RGB")),
    ]
    reference = audit.perceptual_hash(np.asarray(original))
    for variant in variants:
        assert (audit.perceptual_hash(variant) ^ reference).bit_count() <= audit.DEFAULT_MAX_DISTANCE
    other = audit.perceptual_hash(np.asarray(scene(seed + 100, 300, 400)))
    assert (other ^ reference).bit_count() > audit.DEFAULT_MAX_DISTANCE


def test_a_copy_in_another_split_is_found_from_files(tmp_path):
    first = saved(tmp_path, "train/a.png", scene(1))
    same = tmp_path / "test/copy.png"
    same.parent.mkdir()
    same.write_bytes(first.read_bytes())
    smaller = saved(tmp_path, "train/small.jpg", scene(1).resize((60, 45)))
    other = saved(tmp_path, "valid/other.png", scene(2))
    photos = [photo(p, tmp_path, p.parent.name) for p in (first, same, smaller, other)]
    pairs = audit.find_duplicates(audit.audit_images(photos).fingerprints)
    assert [(p.key_a, p.key_b, p.exact, p.across_splits) for p in pairs] == [
        ("test/copy.png", "train/a.png", True, True),
        ("test/copy.png", "train/small.jpg", False, True),
        ("train/a.png", "train/small.jpg", False, False),
    ]
    assert (pairs[0].split_a, pairs[0].split_b, pairs[0].distance) == ("test", "train", 0)


def test_pairs_are_those_of_a_plain_double_loop():
    rng = np.random.default_rng(3)
    base = [int(h) for h in rng.integers(0, 2**64, 40, dtype=np.uint64)]
    prints = []
    for i in range(600):  # more than one block of rows
        bits = base[i % 40]
        for bit in rng.integers(0, 64, rng.integers(0, 9)):
            bits ^= 1 << int(bit)
        prints.append(fingerprint(f"{i:04}", ("train", "valid", "test")[i % 3], bits=bits))
    expected = {
        (a.key, b.key, (a.perceptual_hash ^ b.perceptual_hash).bit_count())
        for i, a in enumerate(prints)
        for b in prints[i + 1 :]
        if (a.perceptual_hash ^ b.perceptual_hash).bit_count() <= 5
    }
    shuffled = [prints[i] for i in rng.permutation(600)]
    got = audit.find_duplicates(shuffled, max_distance=5)
    assert {(p.key_a, p.key_b, p.distance) for p in got} == expected and len(got) == len(expected) > 100
    order = [(not p.across_splits, p.distance, p.key_a, p.key_b) for p in got]
    assert order == sorted(order)


def test_all_bits_may_differ_and_extreme_hashes_are_counted_right():
    prints = [fingerprint("a", bits=0), fingerprint("b", bits=2**64 - 1), fingerprint("c", bits=2**63)]
    got = {(p.key_a + p.key_b): p.distance for p in audit.find_duplicates(prints, max_distance=64)}
    assert got == {"ab": 64, "ac": 1, "bc": 63}
    assert audit.find_duplicates(prints, max_distance=0) == ()


def test_no_photo_and_one_photo_have_no_duplicates():
    assert audit.find_duplicates([]) == audit.find_duplicates([fingerprint("a")]) == ()


@pytest.mark.parametrize("distance", [-1, 65])
def test_an_impossible_distance_is_a_config_error(distance):
    with pytest.raises(ConfigError, match="expected 0 to 64 bits"):
        audit.find_duplicates([], max_distance=distance)


def test_the_cap_on_pairs_keeps_those_across_splits():
    prints = [fingerprint(f"{i:02}", "test" if i == 19 else "train", "same") for i in range(20)]
    got = audit.find_duplicates(prints, max_pairs=25)
    assert len(got) == 25
    assert [p.across_splits for p in got] == [True] * 19 + [False] * 6


def test_ten_thousand_photos_take_seconds():
    hashes = np.random.default_rng(0).integers(0, 2**64, 10_000, dtype=np.uint64)
    prints = [fingerprint(str(i), bits=int(h)) for i, h in enumerate(hashes)]
    begin = time.perf_counter()
    assert audit.find_duplicates(prints) == ()
    assert time.perf_counter() - begin < 20


def test_groups_in_several_splits_are_counted():
    def of(split, group, i):
        return Photo(None, f"{split}/{i}", split, group)

    photos = [of("train", "b", 0), of("train", "b", 1), of("test", "b", 2), of("train", "a", 3), of("valid", "c", 4)]
    assert audit.find_shared_groups(photos) == (audit.SharedGroup("b", {"train": 2, "test": 1}),)
    assert audit.find_shared_groups([]) == ()
