"""Folder-per-class: the whole photo is the object."""

from pathlib import Path

import pytest
from PIL import Image

from clipspect.data.folders import read_folders
from clipspect.errors import DataError, EmptyDataError
from clipspect.types import Annotation


def photo(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 4)).save(path)


def kept(index):
    return [(p.key, p.split, index.names[p.annotations[0].class_id]) for p in index.photos]


def test_each_photo_is_one_object_over_the_whole_photo(tmp_path):
    photo(tmp_path / "toe drain/b.png")
    photo(tmp_path / "alga/near/a.JPG")
    (tmp_path / "unused").mkdir()
    (tmp_path / ".cache").mkdir()
    index = read_folders(tmp_path, group_of=lambda name: name[0])
    assert index.names == ("alga", "toe drain", "unused")
    assert kept(index) == [("alga/near/a.JPG", "train", "alga"), ("toe drain/b.png", "train", "toe drain")]
    assert index.photos[0].annotations == (Annotation(0, (0.0, 0.0, 1.0, 1.0)),)
    assert [p.group for p in index.photos] == ["a", "b"]
    assert index.splits == ("train",)


def test_splits_are_read_and_their_classes_joined(tmp_path):
    photo(tmp_path / "val/x/1.png")
    photo(tmp_path / "train/y/2.png")
    (tmp_path / "train/empty").mkdir()
    photo(tmp_path / "fold/x/3.png")
    index = read_folders(tmp_path, group_of=None)
    assert index.splits == ("train", "valid", "fold")
    assert index.names == ("empty", "x", "y")
    assert kept(index) == [
        ("fold/x/3.png", "fold", "x"),
        ("train/y/2.png", "train", "y"),
        ("val/x/1.png", "valid", "x"),
    ]
    assert [p.group for p in index.photos] == [p.key for p in index.photos]


def test_a_class_called_test_is_a_class_where_photos_lie_in_it(tmp_path):
    photo(tmp_path / "test/1.png")
    photo(tmp_path / "other/2.png")
    assert read_folders(tmp_path).names == ("other", "test")


def test_a_photo_outside_of_class_folders_has_no_label(tmp_path):
    photo(tmp_path / "1.png")
    photo(tmp_path / "train/2.png")
    photo(tmp_path / "train/x/3.png")
    index = read_folders(tmp_path)
    assert [(p.file, p.code) for p in index.quarantined] == [
        ("1.png", "missing-label"),
        ("train/2.png", "missing-label"),
    ]
    assert len(index.photos) == 1


def test_links_out_of_the_folder_are_refused(tmp_path):
    root = tmp_path / "data"
    photo(root / "x/1.png")
    photo(tmp_path / "secret/2.png")
    (root / "y").symlink_to(tmp_path / "secret")
    (root / "x/3.png").symlink_to(tmp_path / "secret/2.png")
    (root / "x/4.png").symlink_to(root / "x/4.png")
    index = read_folders(root)
    assert [(p.file, p.code) for p in index.quarantined] == [
        ("x/3.png", "unsafe-path"),
        ("x/4.png", "unsafe-path"),
        ("y", "unsafe-path"),
    ]
    assert index.names == ("x",)


def test_a_file_name_that_is_not_utf8_is_quarantined(tmp_path):
    photo(tmp_path / "x/1.png")
    try:
        photo(tmp_path / "x/caf\udce9.png")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    assert [(p.file, p.code) for p in read_folders(tmp_path).quarantined] == [("x/caf?.png", "bad-name")]


def test_no_photo_and_no_folder_are_errors(tmp_path):
    photo(tmp_path / "1.png")
    with pytest.raises(EmptyDataError, match="<class>"):
        read_folders(tmp_path)
    with pytest.raises(DataError, match="got a file"):
        read_folders(tmp_path / "1.png")
