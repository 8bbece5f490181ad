from __future__ import annotations

import hashlib
import os

import pytest

from clipspect.encode import fingerprint as module
from clipspect.encode.fingerprint import file_hash, fingerprint
from clipspect.errors import EncoderNotFoundError

BIG = (b"weights " * (1 << 18))[: (2 << 20)]


def test_a_hash_is_the_sha256_of_the_content(tmp_path):
    for content in (b"small", BIG):
        path = tmp_path / "file"
        path.write_bytes(content)
        assert file_hash(path) == hashlib.sha256(content).hexdigest()


def test_a_large_file_is_read_once_and_again_when_it_changes(tmp_path, monkeypatch):
    path = tmp_path / "weights"
    path.write_bytes(BIG)
    first = file_hash(path)
    reads = []
    original = module._hash_now
    monkeypatch.setattr(module, "_hash_now", lambda p: reads.append(p) or original(p))
    assert file_hash(path) == first and reads == []
    path.write_bytes(BIG[:-1] + b"!")
    os.utime(path, ns=(1, 1))
    assert file_hash(path) != first and reads == [path]


def test_a_broken_or_unwritable_memo_is_passed_over(tmp_path, monkeypatch):
    path = tmp_path / "weights"
    path.write_bytes(BIG)
    want = file_hash(path)
    for broken in ("{", "[1]", '{"a": 3}'):
        (module.cache_root() / "file-hashes.json").write_text(broken)
        assert file_hash(path) == want
    (tmp_path / "in the way").write_text("")
    monkeypatch.setenv("CLIPSPECT_CACHE", str(tmp_path / "in the way" / "cache"))
    assert file_hash(path) == want


def test_a_fingerprint_follows_content_and_settings_but_not_the_place(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "w").write_bytes(b"1")
    here, there = tmp_path / "a" / "w", tmp_path / "b" / "w"
    same = fingerprint([here], {"px": 1, "x": 2})
    assert same == fingerprint([there], {"x": 2, "px": 1}) and len(same) == 12
    assert same != fingerprint([here], {"px": 2, "x": 2})
    there.write_bytes(b"2")
    assert same != fingerprint([there], {"px": 1, "x": 2})


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(EncoderNotFoundError, match=r"none\.bin: expected a file"):
        file_hash(tmp_path / "none.bin")
