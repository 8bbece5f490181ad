"""Dialects of data.yaml: where the splits are."""

import os

import pytest

from clipspect.data.read import read_dataset
from clipspect.errors import DataError, UnsafePathError
from unit.data.yolo_site import ROW, found, keys, photo, put

NAMES = "names: [drain, rock toe]\n"


@pytest.fixture
def site(tmp_path):
    return put(tmp_path / "site", photo("train", "a") | photo("train", "b") | photo("valid", "c") | photo("test", "d"))


def read(site, text, **options):
    put(site, {"data.yaml": text + NAMES})
    return read_dataset(site, **options)


@pytest.mark.parametrize("path", ["", "path:\n", "path: .\n", "path: ./\n", "path: ''\n"])
def test_a_path_may_be_absent_empty_or_a_dot(site, path):
    index = read(site, path + "train: train/images\nval: valid/images\ntest: test/images\n")
    assert {split: len(index.of_split(split)) for split in index.splits} == {"train": 2, "valid": 1, "test": 1}
    assert (index.notes, index.quarantined) == ((), ())


def test_an_absolute_path_is_accepted(site, tmp_path):
    put(tmp_path, {"settings/mine.yaml": f"path: {site}\ntrain: train/images\n{NAMES}"})
    index = read_dataset(tmp_path / "settings/mine.yaml")
    assert index.root == site.resolve()
    assert keys(index) == ["train/images/a.jpg", "train/images/b.jpg"]
    assert not index.notes


def test_a_path_is_relative_to_the_yaml(site, tmp_path):
    put(tmp_path, {"settings/mine.yaml": f"path: ../site\ntrain: train/images\n{NAMES}"})
    assert read_dataset(tmp_path / "settings/mine.yaml").root == site.resolve()


@pytest.mark.parametrize("path", ["/content/datasets/site", "../datasets/site", "C:\\data\\site"])
def test_a_path_of_another_machine_falls_back_to_the_yaml_folder_with_a_note(site, path):
    index = read(site, f"train: train/images\npath: {path}\n")
    assert len(index.photos) == 2
    assert index.notes == (f"data.yaml:2: path {path!r} does not exist; the splits beside data.yaml are used",)


def test_a_path_that_leads_nowhere_is_an_error(site):
    with pytest.raises(DataError, match=r"data\.yaml:1: path: expected a folder, got '/nowhere'"):
        read(site, "path: /nowhere\ntrain: images/train\n")


@pytest.mark.parametrize("entry", ["../train/images", "../../train/images", "..\\train\\images"])
def test_roboflows_dots_are_stripped_with_a_note_where_only_that_resolves(site, entry):
    index = read(site, f"train: {entry}\n")
    assert keys(index) == ["train/images/a.jpg", "train/images/b.jpg"]
    assert index.notes == (f"data.yaml:1: {entry!r} exists only without '../' and is read as 'train/images'",)


def test_dots_that_resolve_outside_are_refused_even_where_stripping_would_help(site, tmp_path):
    put(tmp_path, photo("train", "z"))
    with pytest.raises(UnsafePathError, match=r"got '\.\./train/images', which leaves it; set `path:`"):
        read(site, "train: ../train/images\n")


@pytest.mark.parametrize("entry", ["{outside}/train/images", "link"])
def test_a_split_elsewhere_or_linked_from_elsewhere_is_refused(site, tmp_path, entry):
    put(tmp_path, photo("out/train", "z"))
    (site / "link").symlink_to(tmp_path / "out")
    with pytest.raises(UnsafePathError):
        read(site, f"train: {entry.format(outside=tmp_path / 'out')}\n")


def test_an_absolute_split_inside_the_data_set_is_accepted(site):
    assert keys(read(site, f"train: {site}/train/images\n")) == ["train/images/a.jpg", "train/images/b.jpg"]


def test_dots_inside_the_data_set_do_not_change_the_key(site):
    assert keys(read(site, "train: test/../train/images\n")) == ["train/images/a.jpg", "train/images/b.jpg"]


def test_backslashes_are_read_as_slashes_with_a_note(site):
    index = read(site, "train: train\\images\n")
    assert len(index.photos) == 2
    assert "is read as 'train/images'" in index.notes[0]


def test_a_split_is_a_list_of_folders(site):
    index = read(site, "train: [train/images, test/images, train]\nval: valid\n")
    assert keys(index, "train") == ["test/images/d.jpg", "train/images/a.jpg", "train/images/b.jpg"]
    assert not index.quarantined


def test_a_split_is_a_text_file_of_photos(site):
    lines = [
        "train/images/a.jpg",
        "",
        "./lines/../../train/images/b.jpg",
        "train/images/a.jpg",
        "train/images/gone.jpg",
        "train/labels/a.txt",
        "../../secret.jpg",
        f"{site}/valid/images/c.jpg",
        "test\\images\\d.jpg",
    ]
    put(site, {"lists/train.txt": "\ufeff" + "\r\n".join(lines), "lists/lines/x": b""})
    index = read(site, "train: lists/train.txt\n")
    assert keys(index, "train") == [
        "test/images/d.jpg",
        "train/images/a.jpg",
        "train/images/b.jpg",
        "valid/images/c.jpg",
    ]
    assert found(index) == [
        ("lists/train.txt", 4, "duplicate-photo"),
        ("lists/train.txt", 5, "missing-photo"),
        ("lists/train.txt", 6, "not-a-photo"),
        ("lists/train.txt", 7, "unsafe-path"),
    ]


def test_photos_that_a_list_leaves_out_make_no_orphans(site):
    put(site, {"train.txt": "train/images/a.jpg\n", "train/labels/gone.txt": ROW})
    index = read(site, "train: train.txt\n")
    assert keys(index) == ["train/images/a.jpg"]
    assert found(index) == [("train/labels/gone.txt", None, "orphan-label")]


@pytest.mark.parametrize(("content", "code"), [(b"\xff\xfea\0", "unreadable"), (b"a" * (2**24 + 1), "too-large")])
def test_a_list_that_cannot_be_read_is_a_problem_of_the_list(site, content, code):
    put(site, {"train.txt": content})
    assert found(read(site, "train: train.txt\nval: valid/images\n")) == [("train.txt", None, code)]


def test_a_split_that_points_nowhere_does_not_stop_the_others(site):
    index = read(site, "train: train/images\nval: ../valid/pictures\ntest: [test/images, more]\n")
    assert index.splits == ("train", "test")
    assert found(index) == [("data.yaml", 2, "missing-split"), ("data.yaml", 3, "missing-split")]
    assert "'../valid/pictures'" in index.quarantined[0].reason
    assert len(index.of_split("test")) == 1


def test_no_split_at_all_is_an_error_that_says_where_it_looked(site):
    with pytest.raises(DataError) as caught:
        read(site, "train: images/train\nval: images/val\n")
    assert str(site) in str(caught.value)
    assert "train: images/train; valid: images/val" in str(caught.value)
    with pytest.raises(DataError, match="at least one of the keys train, val, test"):
        read(site, "")


def test_a_key_of_the_users_own_is_a_split_where_it_names_photos_of_its_own(site):
    index = read(site, "train: train/images\nnorth: test/images\nall: .\nauthor: someone\nhome: ../..\n")
    assert index.splits == ("train", "north")
    assert keys(index, "north") == ["test/images/d.jpg"]
    assert index.notes == (
        "data.yaml:2: key 'north' names photos and is taken as a split",
        "data.yaml:3: unknown key 'all' is ignored",
        "data.yaml:4: unknown key 'author' is ignored",
        "data.yaml:5: unknown key 'home' is ignored",
    )


def test_a_photo_of_two_splits_stays_in_the_first(site):
    index = read(site, "train: train/images\nval: train/images\n")
    assert index.splits == ("train", "valid")
    assert (len(index.of_split("train")), len(index.of_split("valid"))) == (2, 0)
    assert found(index) == [("train/images/a.jpg", None, "two-splits"), ("train/images/b.jpg", None, "two-splits")]


def test_a_name_too_long_for_the_file_system_is_a_missing_split(site):
    index = read(site, f"train: train/images\nval: {'x' * 5000}\npath: {'y' * 5000}\n")
    assert ("data.yaml", 2, "missing-split") in found(index)


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0, reason="the superuser may read everything")
def test_a_folder_that_may_not_be_read_is_a_problem(site):
    put(site, {"train/images/closed/x.jpg": b""})
    (site / "train/images/closed").chmod(0)
    try:
        assert ("train/images/closed", None, "unreadable") in found(read(site, "train: train/images\n"))
    finally:
        (site / "train/images/closed").chmod(0o755)
