"""Conversions: nothing is lost that the target can hold, and the source is never touched."""

import errno
import json
import tempfile
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from clipspect.data.coco import read_coco
from clipspect.data.convert import MARKER, _swap, convert, copy_photo
from clipspect.data.dataset import DatasetIndex
from clipspect.data.read import read_dataset
from clipspect.data.voc import read_voc
from clipspect.errors import (
    ConfigError,
    DiskFullError,
    EmptyDataError,
    ImageError,
    OutputError,
    OutputExistsError,
)
from clipspect.types import Annotation, Photo, Problem

NAMES = ("Toe drain- Blocked", "none", "böschung / left & right", "unused <x>")


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def photo(root: Path, key: str, number: int, split: str, *annotations: Annotation) -> Photo:
    """A photo that nothing but its size (3 x `number` px) tells from others, whatever it is called."""
    path = root / key
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (3, number)).save(path)
    return Photo(path, key, split, key, annotations)


def index_of(root: Path, *photos: Photo, names=NAMES, splits=("train", "valid", "test"), **more) -> DatasetIndex:
    return DatasetIndex(root, names, tuple(sorted(photos, key=lambda p: p.key)), splits=splits, **more)


def content(index: DatasetIndex):
    """What must survive: by photo, its split and its objects; rounded to a millionth of the photo's size."""
    return {
        size_of(photo.path)[1]: (
            photo.split,
            [(index.names[a.class_id], *(round(v, 6) for v in a.box_xyxyn)) for a in photo.annotations],
        )
        for photo in index.photos
    }


READERS = {
    "yolo": read_dataset,
    "coco": lambda root: read_coco(root, group_of=None, size_of=size_of),
    "voc": lambda root: read_voc(root, group_of=None, size_of=size_of),
}

grid = st.integers(0, 1000)
spans = st.tuples(grid, grid).filter(lambda ends: abs(ends[0] - ends[1]) > 0).map(sorted)
boxes = st.tuples(spans, spans).map(lambda b: (b[0][0] / 1000, b[1][0] / 1000, b[0][1] / 1000, b[1][1] / 1000))
rows = st.lists(st.tuples(st.integers(0, 2), boxes), max_size=4, unique=True)
photos = st.lists(
    st.tuples(st.sampled_from(["train", "valid", "test"]), st.sampled_from(["a.png", "b 1.png", "sub/a.bmp"]), rows),
    min_size=1,
    max_size=4,
    unique_by=lambda p: p[:2],
)


@settings(max_examples=25, deadline=None)
@given(photos)
def test_yolo_to_coco_to_voc_to_yolo_keeps_boxes_classes_and_splits(drawn):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        records = [
            photo(root / "source", f"{split}/images/{name}", k, split, *(Annotation(c, box) for c, box in rows))
            for k, (split, name, rows) in enumerate(drawn, start=1)
        ]
        index = index_of(root / "source", *records)
        expected = content(index)
        for to in ("yolo", "coco", "voc", "yolo"):
            target = root / f"{to}{len(list(root.iterdir()))}"
            convert(index, target, to, size_of=size_of)
            written = READERS[to](target)
            assert written.quarantined == ()
            assert content(written) == expected
            assert written.names == NAMES
            assert written.splits == ("train", "valid", "test")
            index = written


@pytest.mark.parametrize("to", ["yolo", "coco", "voc"])
def test_equal_names_in_other_folders_and_stems_do_not_collide_and_changes_are_noted(tmp_path, to):
    keys = ["train/images/a.png", "train/images/a.bmp", "train/images/x/A.png", "valid/images/a.png"]
    records = [photo(tmp_path / "in", key, k, key.split("/")[0]) for k, key in enumerate(keys, start=1)]
    result = convert(index_of(tmp_path / "in", *records), tmp_path / "out", to, size_of=size_of)
    written = READERS[to](tmp_path / "out")
    assert {number: split for number, (split, _) in content(written).items()} == {
        1: "train", 2: "train", 3: "train", 4: "valid",
    }  # fmt: skip
    assert any("train/images/x/A.png: written as 'A_3.png'" in note for note in result.notes)


def test_polygons_survive_coco_and_yolo_and_are_noted_for_voc(tmp_path):
    triangle = ((0.1, 0.2), (0.5, 0.2), (0.5, 0.75))
    record = photo(tmp_path / "in", "a.png", 1, "train", Annotation(0, (0.1, 0.2, 0.5, 0.75), triangle))
    index = index_of(tmp_path / "in", record)
    for to in ("yolo", "coco"):
        assert convert(index, tmp_path / to, to, size_of=size_of).notes == ()
        (got,) = READERS[to](tmp_path / to).photos[0].annotations
        assert [v for point in got.polygon_xyn for v in point] == pytest.approx([v for p in triangle for v in p])
    assert "no place for polygons" in convert(index, tmp_path / "voc", "voc", size_of=size_of).notes[0]


def test_a_box_that_is_not_that_of_its_polygon_wins_in_yolo(tmp_path):
    shape = ((0.1, 0.2), (0.5, 0.2), (0.5, 0.75))
    record = photo(tmp_path / "in", "a.png", 1, "train", Annotation(0, (0.0, 0.0, 1.0, 1.0), shape))
    result = convert(index_of(tmp_path / "in", record), tmp_path / "out", "yolo", size_of=size_of)
    assert READERS["yolo"](tmp_path / "out").photos[0].annotations[0].box_xyxyn == (0, 0, 1, 1)
    assert "written as the box" in result.notes[0]


def test_a_confidence_is_kept_by_coco_and_noted_elsewhere(tmp_path):
    record = photo(tmp_path / "in", "a.png", 1, "train", Annotation(0, (0.0, 0.0, 1.0, 1.0), confidence=0.5))
    index = index_of(tmp_path / "in", record)
    assert convert(index, tmp_path / "coco", "coco", size_of=size_of).notes == ()
    assert READERS["coco"](tmp_path / "coco").photos[0].annotations[0].confidence == 0.5
    for to in ("yolo", "voc"):
        assert "confidence" in convert(index, tmp_path / to, to, size_of=size_of).notes[0]
        assert READERS[to](tmp_path / to).photos[0].annotations[0].confidence is None


def test_groups_and_quarantined_rows_that_stay_behind_are_noted(tmp_path):
    record = replace(photo(tmp_path / "in", "a.png", 1, "train"), group="line 1")
    problems = (Problem("labels/a.txt", 1, "zero-size", "expected an area"),)
    index = index_of(tmp_path / "in", record, quarantined=problems)
    notes = convert(index, tmp_path / "out", "coco", size_of=size_of).notes
    assert ["quarantined" in notes[0], "groups" in notes[1]] == [True, True]


@pytest.mark.parametrize("to", ["yolo", "coco", "voc"])
def test_names_that_the_target_cannot_hold_are_changed_kept_apart_and_noted(tmp_path, to):
    names = ("a", "a ", "x\ny", "b\x00", "s\ud800", "a", " ", "z\u2028z")
    rows = [Annotation(k, (0.0, 0.0, 1.0, (k + 1) / 8)) for k in range(len(names))]
    index = index_of(tmp_path / "in", photo(tmp_path / "in", "a.png", 8, "train", *rows), names=names)
    result = convert(index, tmp_path / "out", to, size_of=size_of)
    written = READERS[to](tmp_path / "out")
    assert len(written.names) == len(names)
    assert [a.class_id for a in written.photos[0].annotations] == list(range(len(names)))
    assert written.names[0] == "a"
    assert written.names[7] == "z\u2028z"
    assert any("'s?': written as" in note for note in result.notes) or to == "coco"


@pytest.mark.parametrize("to", ["coco", "voc"])
def test_splits_of_the_users_own_and_empty_ones_survive(tmp_path, to):
    index = index_of(
        tmp_path / "in", photo(tmp_path / "in", "a.png", 1, "2024 survey"), splits=("2024 survey", "test", "../up")
    )
    result = convert(index, tmp_path / "out", to, size_of=size_of)
    written = READERS[to](tmp_path / "out")
    assert set(written.splits) == {"2024 survey", "test", "_up"}
    assert written.photos[0].split == "2024 survey"
    assert result.notes == ("split '../up': written as '_up'",)


@pytest.mark.parametrize("to", ["yolo", "coco", "voc"])
def test_odd_file_names_are_made_safe(tmp_path, to):
    record = photo(tmp_path / "in", "x/a\\b\n.png", 1, "train", Annotation(0, (0.0, 0.0, 0.5, 0.5)))
    convert(index_of(tmp_path / "in", record), tmp_path / "out", to, size_of=size_of)
    written = READERS[to](tmp_path / "out")
    assert [PurePosixPath(p.key).name for p in written.photos] == ["a_b_.png"]
    assert len(written.photos[0].annotations) == 1


def snapshot(folder: Path):
    return {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.rglob("*") if p.is_file()}


def small(tmp_path: Path) -> DatasetIndex:
    return index_of(tmp_path / "in", photo(tmp_path / "in", "a.png", 1, "train", Annotation(0, (0.0, 0.0, 1.0, 1.0))))


def test_the_result_lists_every_file_and_copies_photos_byte_for_byte(tmp_path):
    index = small(tmp_path)
    before = snapshot(tmp_path / "in")
    result = convert(index, tmp_path / "out", "voc", size_of=size_of)
    assert snapshot(tmp_path / "in") == before
    assert [f.relative_to(tmp_path / "out").as_posix() for f in result.files] == [
        "Annotations/a.xml",
        "ImageSets/Main/test.txt",
        "ImageSets/Main/train.txt",
        "ImageSets/Main/val.txt",
        "JPEGImages/a.png",
        "classes.txt",
    ]
    assert (tmp_path / "out/JPEGImages/a.png").read_bytes() == (tmp_path / "in/a.png").read_bytes()
    assert [p.name for p in tmp_path.iterdir() if p.name not in ("in", "out")] == []


def test_an_existing_folder_is_refused_and_only_a_converted_one_is_ever_replaced(tmp_path):
    index = small(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.tex").write_text("x")
    for overwrite in (False, True):
        with pytest.raises(OutputExistsError, match="mine"):
            convert(index, tmp_path / "mine", "coco", size_of=size_of, overwrite=overwrite)
    assert (tmp_path / "mine/thesis.tex").read_text() == "x"
    convert(index, tmp_path / "out", "voc", size_of=size_of)
    (tmp_path / "link").symlink_to(tmp_path / "out")
    with pytest.raises(OutputExistsError):
        convert(index, tmp_path / "link", "coco", size_of=size_of, overwrite=True)
    with pytest.raises(OutputExistsError, match="--overwrite"):
        convert(index, tmp_path / "out", "coco", size_of=size_of)
    convert(index, tmp_path / "out", "coco", size_of=size_of, overwrite=True)
    assert not (tmp_path / "out/classes.txt").exists()
    assert json.loads((tmp_path / "out" / MARKER).read_text())["format"] == "coco"


@pytest.mark.parametrize("target", ["in", "in/new", "."])
def test_the_source_folder_is_never_written_to(tmp_path, target):
    index = small(tmp_path)
    with pytest.raises(OutputError, match="apart from the data set"):
        convert(index, tmp_path / target, "coco", size_of=size_of, overwrite=True)


@pytest.mark.parametrize(
    ("failure", "raised"),
    [
        (OSError(errno.ENOSPC, "full"), DiskFullError),
        (OSError(errno.EIO, "broken"), OutputError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
)
def test_after_a_failure_the_old_result_stands_and_nothing_new_is_left(tmp_path, failure, raised):
    def failing(source: Path, target: Path) -> None:
        copy_photo(source, target)
        raise failure

    index = small(tmp_path)
    convert(index, tmp_path / "out", "voc", size_of=size_of)
    before = snapshot(tmp_path / "out")
    with pytest.raises(raised):
        convert(index, tmp_path / "out", "coco", size_of=size_of, copy=failing, overwrite=True)
    assert snapshot(tmp_path / "out") == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in", "out"]


def test_the_old_result_comes_back_where_the_new_one_cannot_take_its_place(tmp_path):
    target, old, fresh = tmp_path / "out", tmp_path / "old", tmp_path / "gone"
    target.mkdir()
    (target / "label.txt").write_text("0")
    with pytest.raises(FileNotFoundError):
        _swap(fresh, target, old)
    assert (target / "label.txt").read_text() == "0"


def test_photos_that_vanished_or_cannot_be_read_are_quarantined_and_the_others_converted(tmp_path):
    def broken(path: Path) -> tuple[int, int]:
        if path.name == "b.png":
            raise ImageError("b.png: truncated", code="truncated")
        return size_of(path)

    records = [photo(tmp_path / "in", f"{name}.png", k, "train") for k, name in enumerate("abc", start=1)]
    index = index_of(tmp_path / "in", *records)
    (tmp_path / "in/a.png").unlink()
    result = convert(index, tmp_path / "out", "coco", size_of=broken)
    assert [(p.file, p.code) for p in result.quarantined] == [("a.png", "missing-photo"), ("b.png", "truncated")]
    assert list(content(READERS["coco"](tmp_path / "out"))) == [3]
    (tmp_path / "in/c.png").unlink()
    with pytest.raises(EmptyDataError, match="a.png"):
        convert(index, tmp_path / "none", "coco", size_of=broken)
    assert not (tmp_path / "none").exists()


def test_no_photo_and_an_unknown_format_are_errors(tmp_path):
    with pytest.raises(EmptyDataError):
        convert(index_of(tmp_path / "in"), tmp_path / "out", "coco", size_of=size_of)
    with pytest.raises(ConfigError, match="'yolo', 'coco', 'voc'"):
        convert(small(tmp_path), tmp_path / "out", "tfrecord", size_of=size_of)
