from __future__ import annotations

from pathlib import Path

import pytest

from clipspect.errors import OutputExistsError
from clipspect.tasks import runs
from clipspect.types import Photo


def photos(**groups):
    return [Photo(Path(f"{g}{i}.jpg"), f"{g}{i}.jpg", "train", g) for g, n in groups.items() for i in range(n)]


def test_a_limit_takes_from_each_group_in_turn_and_keeps_the_order():
    found = runs.limited(photos(a=5, b=1, c=3), 6)
    assert [p.key for p in found] == ["a0.jpg", "a1.jpg", "a2.jpg", "b0.jpg", "c0.jpg", "c1.jpg"]
    assert len(runs.limited(photos(a=5, b=1), 100)) == 6
    assert len(runs.limited(photos(a=5, b=1), None)) == 6
    assert runs.limited(photos(a=5), 0) == ()


def test_a_limit_that_left_something_out_is_told():
    given = photos(a=5)
    assert runs.limit_notes(given, given) == []
    assert runs.limit_notes(given, given[:2])[0].startswith("only 2 of 5 photos were used")


def test_names_that_are_free_are_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert runs.free_name("fit") == Path("runs/fit-1")
    Path("runs/fit-1").mkdir(parents=True)
    assert runs.free_name("fit") == Path("runs/fit-2") and runs.free_name("inspect") == Path("runs/inspect-1")


def ours(folder, *files):
    folder.mkdir()
    runs.clear(folder)
    for name in files:
        (folder / name).write_text("{}")
    return folder


def test_a_folder_is_new_where_nothing_is_in_it(tmp_path):
    assert runs.prepare(tmp_path / "gone", overwrite=False, resume=False) == "new"
    assert runs.prepare(tmp_path, overwrite=False, resume=False) == "new"


def test_what_is_there_is_refused_resumed_or_replaced(tmp_path):
    done, half = ours(tmp_path / "done", runs.METRICS), ours(tmp_path / "half", "config.toml")
    for folder in (done, half):
        with pytest.raises(OutputExistsError, match="give --overwrite to replace it, --resume to finish it"):
            runs.prepare(folder, overwrite=False, resume=False)
        assert runs.prepare(folder, overwrite=True, resume=False) == "unfinished"
    assert runs.prepare(done, overwrite=False, resume=True) == "done"
    assert runs.prepare(half, overwrite=False, resume=True) == "unfinished"


def test_a_file_of_that_name_is_refused(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(OutputExistsError, match="expected a folder to write to, got a file"):
        runs.prepare(tmp_path / "out", overwrite=True, resume=False)


def test_what_clipspect_did_not_make_is_left_as_it_is(tmp_path):
    (tmp_path / "model").mkdir()
    for options in ({"overwrite": True, "resume": False}, {"overwrite": False, "resume": True}):
        with pytest.raises(OutputExistsError, match="expected a folder that clipspect made"):
            runs.prepare(tmp_path, **options)


def test_clearing_removes_what_is_ours_and_follows_no_link(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "kept.txt").write_text("")
    out = ours(tmp_path / "out", runs.METRICS, "report.html", "notes of the user.txt")
    (out / "model").symlink_to(elsewhere)
    runs.clear(out)
    assert {p.name for p in out.iterdir()} == {runs.MARKER, "notes of the user.txt"}
    assert (elsewhere / "kept.txt").exists()


def test_the_file_that_says_it_is_done_goes_first(tmp_path, monkeypatch):
    out = ours(tmp_path / "out", runs.METRICS, "config.toml")
    (out / "model").mkdir()
    gone = []
    monkeypatch.setattr(Path, "unlink", lambda self, missing_ok=False: gone.append(self.name))
    monkeypatch.setattr(runs.shutil, "rmtree", lambda path: gone.append(path.name))
    monkeypatch.setattr(runs, "write_text", lambda *_: None)
    runs.clear(out)
    assert gone[0] == runs.METRICS and "model" in gone


def test_intervals_are_shown_only_where_they_exist():
    block = {"a": 0.7682, "b": None, "c": 0.5, "ci95": {"a": [0.7, 0.811], "b": None, "c": None}}
    assert [runs.interval_text(block, k) for k in "abcd"] == ["0.768 [0.70, 0.81]", "-", "0.500", "-"]


def test_the_title_names_the_folder_of_the_data(tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "data.yaml").write_text("")
    assert runs.data_name(tmp_path / "site") == runs.data_name(tmp_path / "site" / "data.yaml") == "site"
