"""Ctrl-C, kill -9 and a full disk: what is not done is not called done, and `--resume` ends where a quiet run ends."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from e2e.shell import FAKE, environment, start, strict_json, without

RESULTS = ("inspections.json", "decisions.csv")


@pytest.fixture
def stopped(tmp_path):
    """The command line that stops itself at its n-th photo."""

    def run(n, signal, *args, cache=None):
        script = Path(__file__).parent / "stopped.py"
        return start((script, n, signal, *args), environment(cache or tmp_path / "cache"), tmp_path)

    return run


def pictures(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in (folder / "pictures").iterdir()}


def assert_same_inspection(got: Path, expected: Path) -> None:
    for name in RESULTS:
        assert (got / name).read_bytes() == (expected / name).read_bytes(), name
    assert pictures(got) == pictures(expected)


def test_ctrl_c_in_fit_leaves_no_metrics_and_resume_gives_what_a_quiet_run_gives(
    stopped, clipspect, site, run_folder, tmp_path
):
    fit = ("fit", site, *FAKE, "--head", "linear", "--out", tmp_path / "f")
    ran = stopped(20, "SIGINT", *fit)
    assert ran.code == 130
    assert ran.err == "clipspect: interrupted; what was done is kept, the same command with --resume goes on\n"
    assert not (tmp_path / "f/metrics.json").exists()
    clipspect(*fit, "--resume", CLIPSPECT_CACHE=str(tmp_path / "cache"))
    got, expected = (strict_json(folder / "metrics.json") for folder in (tmp_path / "f", run_folder))
    assert without(got, "seconds", "encoded_crops") == without(expected, "seconds", "encoded_crops")
    assert got["encoded_crops"] < expected["encoded_crops"], "the crops that were done before Ctrl-C were lost"
    for name in ("model/manifest.json", "model/head.safetensors", "results.csv", "config.toml"):
        assert (tmp_path / "f" / name).read_bytes() == (run_folder / name).read_bytes()


def test_resume_of_a_run_that_is_done_changes_nothing(here, site, run_folder):
    before = {p: p.stat().st_mtime_ns for p in run_folder.rglob("*")}
    assert here("fit", site, *FAKE, "--out", run_folder, "--resume").last == str(run_folder)
    assert {p: p.stat().st_mtime_ns for p in run_folder.rglob("*")} == before


@pytest.mark.parametrize("signal", ["SIGINT", "SIGKILL"])
def test_an_inspection_that_is_stopped_resumes_to_the_same_result(
    stopped, here, site, run_folder, inspected, tmp_path, signal
):
    inspect = ("inspect", run_folder, site / "test/images", "--out", tmp_path / "i")
    ran = stopped(4, signal, *inspect)
    assert ran.code == (130 if signal == "SIGINT" else -9)
    assert "Traceback" not in ran.err
    assert not (tmp_path / "i/inspections.json").exists()
    assert len(pictures(tmp_path / "i")) == 3
    here(*inspect, code=2)
    here(*inspect, "--resume")
    assert_same_inspection(tmp_path / "i", inspected)
    photos = [p["photo"] for p in strict_json(tmp_path / "i/inspections.json")["photos"]]
    assert len(photos) == len(set(photos)) == 6


@pytest.mark.parametrize("cut", [1, 40, 700])
def test_a_line_that_a_kill_cut_short_is_done_again(stopped, here, site, run_folder, inspected, tmp_path, cut):
    inspect = ("inspect", run_folder, site / "test/images", "--out", tmp_path / "i")
    shutil.copytree(inspected, tmp_path / "i")
    (tmp_path / "i/inspections.json").unlink()
    journal = tmp_path / "i/inspections.jsonl"
    journal.write_bytes(journal.read_bytes()[:-cut])
    here(*inspect, "--resume")
    assert_same_inspection(tmp_path / "i", inspected)
    assert len(journal.read_text().splitlines()) == 7


def test_rows_left_out_before_the_stop_are_still_in_the_report_after_it(stopped, here, run_folder, copied, tmp_path):
    first = sorted((copied / "test/labels").glob("*.txt"))[0]
    first.write_text(first.read_text() + "77 0.5 0.5 0.1 0.1\n")
    inspect = ("inspect", run_folder, copied / "test/images", "--out", tmp_path / "i")
    stopped(4, "SIGKILL", *inspect)
    here(*inspect, "--resume")
    assert "class-out-of-range" in (tmp_path / "i/report.html").read_text()


def test_an_inspection_is_never_finished_with_other_boxes(stopped, here, site, run_folder, tmp_path):
    inspect = ("inspect", run_folder, site / "test/images", "--out", tmp_path / "i")
    stopped(4, "SIGKILL", *inspect)
    ran = here(*inspect, "--detector", f"labels:{site}/test/labels", "--resume", code=2)
    assert "was begun with" in ran.err and "--overwrite" in ran.err
    here(*inspect, "--detector", f"labels:{site}/test/labels", "--overwrite")
    assert strict_json(tmp_path / "i/inspections.json")["summary"]["photos"] == 6


def test_zeroshot_on_photos_resumes_and_overwrites_too(stopped, here, site, tmp_path):
    (tmp_path / "classes.txt").write_text("vegetation\nslope drain blocked\n")
    (tmp_path / "others.txt").write_text("apple\npear\n")
    words = ("zeroshot", site / "test/images", "--encoder", "fake", "--out", tmp_path / "z", "--classes")
    assert stopped(4, "SIGINT", *words, "classes.txt").code == 130
    here(*words, "others.txt", "--resume", code=2)
    here(*words, "classes.txt", "--resume")
    whole = (tmp_path / "z/inspections.json").read_bytes()
    here(*words, "classes.txt", "--overwrite")
    assert (tmp_path / "z/inspections.json").read_bytes() == whole
    here(*words, "others.txt", "--overwrite")
    photos = strict_json(tmp_path / "z/inspections.json")["photos"]
    assert {o["class_name"] for p in photos for o in p["objects"]} <= {"apple", "pear"}


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 96 KiB, where this user may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = shutil.which("mount")
    command = [mount or "mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", str(disk)]
    if sys.platform != "linux" or mount is None or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("a small tmpfs is mounted for this test: that takes Linux and root")
    yield disk
    subprocess.run([shutil.which("umount") or "umount", str(disk)], check=True)


def test_a_full_disk_is_one_message_and_nothing_counts_as_done(here, site, run_folder, small_disk, tmp_path):
    (tmp_path / "classes.txt").write_text("vegetation\nslope drain\n")
    for made, command in (
        ("r", ("fit", site, *FAKE, "--head", "majority")),
        ("i", ("inspect", run_folder, site / "test/images")),
        ("z", ("zeroshot", site / "test/images", "--classes", "classes.txt", "--encoder", "fake")),
        ("e", ("evaluate", run_folder, site)),
        ("c", ("data", "convert", site, "--to", "voc")),
        ("s", ("data", "split", site, "--groups", r"^(Site\w_L\d)")),
    ):
        ran = here(*command, "--out", small_disk / made, code=2)
        last = ran.err.splitlines()[-1]
        assert last.startswith(f"clipspect: {small_disk}") and "no space left on the device" in last
        left = {p.name for p in (small_disk / made).rglob("*")} if (small_disk / made).exists() else set()
        assert not left & {"metrics.json", "inspections.json", "data.yaml"}
        assert not [name for name in left if name.endswith(".tmp")]
        shutil.rmtree(small_disk / made, ignore_errors=True)
    assert list(small_disk.iterdir()) == []


def test_an_older_run_survives_a_disk_that_is_full_for_its_json(here, site, run_folder, small_disk):
    (small_disk / "m.json").write_text('{"old": true}')
    with (small_disk / "fill").open("wb", buffering=0) as stream, pytest.raises(OSError, match="No space"):
        while True:
            stream.write(bytes(4096))
    here("evaluate", run_folder, site, "--json", small_disk / "m.json", code=2)
    assert json.loads((small_disk / "m.json").read_text()) == {"old": True}
