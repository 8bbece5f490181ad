from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from clipspect.encode.cache import FeatureCache, cache_root, feature_key, text_key

SRC = Path(__file__).parents[3] / "src"


def vectors(count: int, dim: int = 16, seed: int = 0) -> dict[str, np.ndarray]:
    rows = np.random.default_rng(seed).standard_normal((count, dim)).astype(np.float32)
    return {f"{seed}-{i}": row for i, row in enumerate(rows)}


@pytest.fixture
def cache(tmp_path):
    with FeatureCache(tmp_path / "cache") as opened:
        yield opened


def test_what_was_put_is_got_back_bit_for_bit_in_the_order_asked(cache):
    items = vectors(1200)
    cache.put(items)
    keys = [*reversed(items), "absent"]
    got = cache.get(keys)
    assert got[-1] is None
    for key, row in zip(keys[:-1], got, strict=False):
        np.testing.assert_array_equal(row, items[key])
        assert row.dtype == np.float32 and row.flags.writeable


@pytest.mark.parametrize("shape", [(), (0,), (3, 5), (2, 0, 4)])
def test_any_shape_is_kept(cache, shape):
    array = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    cache.put({"a": array})
    (got,) = cache.get(["a"])
    assert got.shape == shape
    np.testing.assert_array_equal(got, array)


def test_a_second_opening_finds_the_entries_of_the_first(tmp_path):
    with FeatureCache(tmp_path) as first:
        first.put(vectors(3))
    with FeatureCache(tmp_path) as second:
        assert all(row is not None for row in second.get(list(vectors(3))))


def test_reading_an_empty_cache_creates_nothing(tmp_path):
    cache = FeatureCache(tmp_path / "none")
    assert cache.get(["a", "b"]) == [None, None]
    assert (cache.info().entries, cache.info().size_bytes, cache.clear()) == (0, 0, 0)
    cache.put({})
    assert not (tmp_path / "none").exists()


def test_info_counts_and_clear_empties_and_gives_the_space_back(cache):
    cache.put(vectors(500, dim=1280))
    info = cache.info()
    assert info.entries == 500 and info.usable and info.size_bytes > 500 * 1280 * 4
    assert cache.clear() == 500
    assert cache.info().entries == 0 and cache.info().size_bytes < 100_000
    assert cache.get(["0-1"]) == [None]


def test_five_thousand_vectors_are_read_in_under_a_third_of_a_second(cache):
    items = vectors(5000, dim=1280)
    cache.put(items)
    cache.close()
    best = min(_timed(lambda: cache.get(list(items))) for _ in range(3))
    assert best < 0.3


def _timed(work) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def test_a_damaged_value_is_missing_and_the_others_are_read(cache):
    items = vectors(3, dim=64)
    cache.put(items)
    cache.close()
    with sqlite3.connect(cache.path) as database:
        value = database.execute("SELECT value FROM features WHERE key = '0-1'").fetchone()[0]
        flipped = bytes([value[0] ^ 1]) + value[1:]
        database.execute("UPDATE features SET value = ? WHERE key = '0-1'", [flipped])
        database.execute("UPDATE features SET shape = '4x16' WHERE key = '0-2'")
    database.close()
    got = cache.get(list(items))
    np.testing.assert_array_equal(got[0], items["0-0"])
    assert got[1] is None and got[2] is None


@pytest.mark.parametrize("damage", ["not a database", "cut off", "torn pages"])
def test_a_damaged_file_is_moved_aside_with_a_warning_and_started_anew(cache, caplog, damage):
    cache.put(vectors(2000, dim=64))
    cache.close()
    content = cache.path.read_bytes()
    if damage == "not a database":
        cache.path.write_bytes(b"this is not a database at all " * 100)
    elif damage == "cut off":
        cache.path.write_bytes(content[: len(content) // 2])
    else:
        cache.path.write_bytes(content[:4096] + os.urandom(len(content) - 4096))
    with caplog.at_level(logging.WARNING):
        cache.get(list(vectors(2000)))
        cache.put(vectors(5))
        cache.put(vectors(5))
    assert all(row is not None for row in cache.get(list(vectors(5))))
    assert "damaged" in caplog.text
    assert cache.path.with_name(cache.path.name + ".damaged").exists()


def test_a_folder_that_cannot_be_made_means_no_cache_and_one_warning(tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    cache = FeatureCache(tmp_path / "file" / "cache")
    for _ in range(3):
        cache.put(vectors(2))
        assert cache.get(["0-0", "0-1"]) == [None, None]
    assert not cache.info().usable
    assert len(caplog.records) == 1
    assert "passed over" in caplog.text and str(cache.path) in caplog.text


def test_a_full_disk_keeps_what_was_there_and_warns_once(cache, caplog):
    cache.put(vectors(5))
    cache._connect().execute("PRAGMA max_page_count = 8")
    for seed in (1, 2):
        cache.put(vectors(2000, dim=1280, seed=seed))
    assert len(caplog.records) == 1 and "full" in caplog.text
    assert all(row is not None for row in cache.get(list(vectors(5))))
    assert cache.info().entries == 5


def test_a_cache_that_may_not_be_written_is_still_read(tmp_path, caplog):
    with FeatureCache(tmp_path) as writer:
        writer.put(vectors(5))
    reader = FeatureCache(tmp_path)
    reader._open = reader._connect_read_only()
    assert all(row is not None for row in reader.get(list(vectors(5))))
    reader.put(vectors(5, seed=1))
    reader.put(vectors(5, seed=2))
    assert len(caplog.records) == 1 and "readonly" in caplog.text.replace("-", "")
    assert all(row is not None for row in reader.get(list(vectors(5))))
    reader.close()


def _write_many(root: str, seed: int) -> None:
    with FeatureCache(Path(root)) as cache:
        for batch in range(20):
            cache.put(vectors(25, dim=64, seed=seed * 100 + batch))


def test_two_processes_that_write_at_once_lose_nothing(tmp_path):
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=_write_many, args=(str(tmp_path), seed)) for seed in (1, 2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    with FeatureCache(tmp_path) as cache:
        assert cache.info().entries == 1000
        wanted = vectors(25, dim=64, seed=219)
        for row, want in zip(cache.get(list(wanted)), wanted.values(), strict=True):
            np.testing.assert_array_equal(row, want)


_ENDLESS_WRITER = """
import sys, numpy as np
from pathlib import Path
from clipspect.encode.cache import FeatureCache
cache = FeatureCache(Path(sys.argv[1]))
for batch in range(10**9):
    cache.put({f"{batch}-{i}": np.full(2000, batch, np.float32) for i in range(50)})
    print(batch, flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="kill -9 is a POSIX signal")
def test_a_writer_killed_in_the_middle_leaves_whole_batches(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(SRC)}
    command = [sys.executable, "-c", _ENDLESS_WRITER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True) as writer:
        done = [int(writer.stdout.readline()) for _ in range(20)][-1]
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    with FeatureCache(tmp_path) as cache:
        entries = cache.info().entries
        assert entries % 50 == 0 and entries >= 50 * (done + 1)
        for batch in (0, done):
            rows = cache.get([f"{batch}-{i}" for i in range(50)])
            assert all(row is not None and (row == batch).all() for row in rows)
        cache.put(vectors(3))
        assert cache.get(["0-0"])[0] is not None


KEY = ("enc@1", "visual", "tight", "abc", (1.0, 2.0, 3.5, 4.0))


def test_a_key_changes_with_every_part_and_only_then():
    base = feature_key(*KEY)
    assert base == feature_key("enc@1", "visual", "tight", "abc", (1, np.float32(2), 3.5 + 1e-9, 4.0))
    assert len(base) == 64
    others = [
        feature_key("enc@2", *KEY[1:]),
        feature_key("enc@1", "joint", *KEY[2:]),
        feature_key("enc@1", "visual", "square", *KEY[3:]),
        feature_key("enc@1", "visual", "tight", "abd", KEY[4]),
        feature_key(*KEY[:4], (1.0, 2.0, 3.51, 4.0)),
        feature_key(*KEY[:4], None),
        feature_key("enc@1v", "isual", *KEY[2:]),
        text_key("enc@1", "visual"),
    ]
    assert len({base, *others}) == 9


def test_minus_zero_is_zero_and_nan_is_refused():
    assert feature_key(*KEY[:4], (-0.0, 0, 1, 1)) == feature_key(*KEY[:4], (0.0, -0.0001, 1, 1))
    with pytest.raises(ValueError, match="finite"):
        feature_key(*KEY[:4], (0, 0, float("nan"), 1))


def test_the_environment_says_where_the_cache_is(monkeypatch, tmp_path):
    monkeypatch.setenv("CLIPSPECT_CACHE", str(tmp_path))
    assert cache_root() == tmp_path
    monkeypatch.delenv("CLIPSPECT_CACHE")
    assert cache_root().name == "clipspect"
