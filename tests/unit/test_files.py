"""Files appear whole or not at all, also where the disk is full."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from clipspect.errors import DiskFullError, OutputError
from clipspect.files import atomic_write, write_bytes, write_json, write_text


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("only root on Linux can mount a small disk to fill")
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], capture_output=True, text=True)
    if mount.returncode != 0:
        pytest.skip(f"mounting a small disk is not permitted here: {mount.stderr.strip()}")
    yield folder
    subprocess.run(["umount", folder], check=True)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_whole_and_its_folders_with_it(tmp_path):
    path = tmp_path / "a/b/c.bin"
    with atomic_write(path) as stream:
        stream.write(b"one ")
        assert not path.exists()
        stream.write(b"two")
    assert path.read_bytes() == b"one two"
    assert names(path.parent) == ["c.bin"]
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("failure", [ValueError("x"), KeyboardInterrupt(), SystemExit(3)])
def test_an_exception_passes_through_keeps_the_old_file_and_leaves_no_temporary_one(tmp_path, failure):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(type(failure)), atomic_write(path) as stream:
        stream.write(b"new")
        raise failure
    assert path.read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_a_full_disk_keeps_the_old_file_and_leaves_no_temporary_one(small_disk):
    path = small_disk / "a.bin"
    write_bytes(path, b"old")
    with pytest.raises(DiskFullError, match="no space left"):
        write_bytes(path, b"x" * 2**20)
    with pytest.raises(DiskFullError), atomic_write(path) as stream:
        for _ in range(256):
            stream.write(b"x" * 1000)
    assert path.read_bytes() == b"old"
    assert names(small_disk) == ["a.bin"]
    write_bytes(path, b"fits again")
    assert path.read_bytes() == b"fits again"


def test_a_folder_in_the_way_and_a_file_for_a_folder_are_output_errors(tmp_path):
    (tmp_path / "folder/inside").mkdir(parents=True)
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "folder", tmp_path / "file/new.txt"):
        with pytest.raises(OutputError, match="cannot be written") as caught:
            write_text(path, "y")
        assert not isinstance(caught.value, DiskFullError)
        assert str(path) in str(caught.value)
    assert names(tmp_path) == ["file", "folder"]
    assert (tmp_path / "file").read_text() == "x"


def test_a_link_is_replaced_and_what_it_led_to_is_not_written(tmp_path):
    (tmp_path / "input.txt").write_text("of the user")
    (tmp_path / "out.txt").symlink_to(tmp_path / "input.txt")
    write_text(tmp_path / "out.txt", "new")
    assert (tmp_path / "input.txt").read_text() == "of the user"
    assert (tmp_path / "out.txt").read_text() == "new"


def test_text_is_utf8_and_line_ends_are_kept(tmp_path):
    write_text(tmp_path / "a.txt", "böschung\r\nx\n")
    assert (tmp_path / "a.txt").read_bytes() == "böschung\r\nx\n".encode()


def test_json_is_strict_ends_with_a_newline_and_keeps_the_order_of_keys(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"z": "ü", "a": [1, None]})
    text = path.read_text(encoding="utf-8")
    assert text.endswith("}\n")
    assert text.index("ü") < text.index('"a"')
    assert json.loads(text) == {"z": "ü", "a": [1, None]}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"a": float("nan")})
    assert json.loads(path.read_text(encoding="utf-8"))["z"] == "ü"
    assert names(tmp_path) == ["a.json"]
