from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from clipspect.errors import OutputExistsError
from clipspect.tasks import journal
from clipspect.types import Decision, Detection, Inspection, Problem, Relation

DRAIN = Detection((1.0, 2.25, 30.5, 40.0), "drain", 0.75, "blocked")
ENTRIES = [
    journal.Entry(
        Inspection(
            Path("photos/a b.jpg"),
            (640, 480),
            (
                Decision(DRAIN, "blocked", "drain blocked", 0.9, {"normal": 0.1, "blocked": 0.9}),
                Decision(Detection((0.0, 0.0, 1.0, 1.0), "lämp 🚧"), None, None, 0.0, {}, "object type is not known"),
            ),
            (Relation(0, "above", 1, True),),
        ),
        (Problem("a b.txt", 3, "too-few-fields", "expected 5 fields, got 3"),),
    ),
    journal.Entry(
        Inspection(Path("photos/b.jpg"), (0, 0), problem=Problem("photos/b.jpg", None, "corrupt", "cut off"))
    ),
    journal.Entry(Inspection(Path("photos/c\udcff.jpg"), (8, 8))),
]


def write(path, entries=ENTRIES, begun_with="model x"):
    stream, found = journal.begin(path, begun_with)
    with stream:
        for entry in entries:
            journal.append(stream, path, entry)
    return found


def read(path, begun_with="model x"):
    stream, found = journal.begin(path, begun_with)
    stream.close()
    return found


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "new" / "j.jsonl"
    assert write(path) == []
    assert read(path) == ENTRIES


def test_a_photo_is_on_disk_as_soon_as_it_is_done(tmp_path):
    path = tmp_path / "j.jsonl"
    stream, _ = journal.begin(path, "model x")
    journal.append(stream, path, ENTRIES[0])
    assert read(path) == ENTRIES[:1]
    stream.close()


def test_wherever_a_kill_cuts_the_file_whole_lines_are_kept_and_it_goes_on(tmp_path):
    path = tmp_path / "j.jsonl"
    write(path)
    whole = path.read_bytes()
    ends = [i + 1 for i, byte in enumerate(whole) if byte == ord("\n")]
    for cut in [0, 1, *(e + d for e in ends for d in (-2, -1, 0, 1)), len(whole) - 40]:
        path.write_bytes(whole[:cut])
        kept = max(0, sum(e <= cut for e in ends) - 1)
        assert write(path, ENTRIES[kept:]) == ENTRIES[:kept], cut
        assert path.read_bytes() == whole, cut


def test_a_line_that_makes_no_sense_ends_what_is_believed(tmp_path):
    path = tmp_path / "j.jsonl"
    write(path)
    lines = path.read_bytes().splitlines(keepends=True)
    for broken in (b"{}\n", b"[]\n", b"null\n", b"\xff\n", lines[2].replace(b'"problem"', b'"trouble"')):
        path.write_bytes(b"".join([lines[0], lines[1], broken, lines[3]]))
        assert read(path) == ENTRIES[:1]


def test_a_journal_that_was_begun_with_another_model_is_refused_and_kept(tmp_path):
    path = tmp_path / "j.jsonl"
    write(path)
    before = path.read_bytes()
    with pytest.raises(OutputExistsError, match="begun with model x; expected the same.*got model y"):
        read(path, "model y")
    assert path.read_bytes() == before


def test_every_field_of_a_decision_survives(tmp_path):
    path = tmp_path / "j.jsonl"
    write(path)
    found = read(path)[0].inspection.decisions[0]
    for field in dataclasses.fields(Decision):
        assert getattr(found, field.name) == getattr(ENTRIES[0].inspection.decisions[0], field.name), field.name
