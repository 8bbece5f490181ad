import pytest

from clipspect.data.label_files import read_labels_beside, read_predictions
from clipspect.errors import DataError
from unit.data.yolo_site import ROW, put

PREDICTION = "1 0.5 0.5 0.2 0.4 0.75\n"


def test_the_label_of_a_loose_photo_is_beside_it(tmp_path):
    put(tmp_path, {"a.jpg": b"", "a.txt": ROW + "7 0.5 0.5 0.2 0.4\n"})
    read = read_labels_beside(tmp_path / "a.jpg", n_classes=2)
    assert read.path == tmp_path / "a.txt"
    assert read.annotations is not None
    assert [a.class_id for a in read.annotations] == [0]
    assert [(p.file, p.line, p.code) for p in read.problems] == [
        ((tmp_path / "a.txt").as_posix(), 2, "class-out-of-range")
    ]


def test_the_folder_labels_comes_before_the_file_beside_the_photo(tmp_path):
    put(tmp_path, {"x/images/a.jpg": b"", "x/images/a.txt": "bad", "x/labels/a.txt": ROW})
    read = read_labels_beside(tmp_path / "x/images/a.jpg", n_classes=2)
    assert read.path == tmp_path / "x/labels/a.txt"
    assert not read.problems


def test_a_relative_photo_gets_relative_places(tmp_path, monkeypatch):
    put(tmp_path, {"images/a.jpg": b"", "labels/a.txt": "bad"})
    monkeypatch.chdir(tmp_path)
    read = read_labels_beside((tmp_path / "images/a.jpg").relative_to(tmp_path), n_classes=2)
    assert read.problems[0].file == "labels/a.txt"


def test_no_label_file_is_not_an_empty_one(tmp_path):
    put(tmp_path, {"a.jpg": b"", "b.jpg": b"", "b.txt": ""})
    assert read_labels_beside(tmp_path / "a.jpg", n_classes=2).annotations is None
    assert read_labels_beside(tmp_path / "a.jpg", n_classes=2).path is None
    assert read_labels_beside(tmp_path / "b.jpg", n_classes=2).annotations == ()


def test_a_label_linked_from_another_folder_is_refused(tmp_path):
    put(tmp_path, {"photos/a.jpg": b"", "secret.txt": ROW})
    (tmp_path / "photos/a.txt").symlink_to(tmp_path / "secret.txt")
    read = read_labels_beside(tmp_path / "photos/a.jpg", n_classes=2)
    assert read.annotations is None
    assert [p.code for p in read.problems] == ["unsafe-path"]


@pytest.mark.parametrize("place", ["predicted/a.txt", "predicted/labels/a.txt"])
def test_predictions_are_found_by_the_name_of_the_photo(tmp_path, place):
    put(tmp_path, {place: PREDICTION + "2 0.5 0.5 0.2 0.4 0.5\n" + ROW})
    read = read_predictions(tmp_path / "predicted", tmp_path / "photos/a.jpg", ["x", "y"])
    assert read.annotations is not None
    assert [(a.class_id, a.confidence) for a in read.annotations] == [(1, 0.75)]
    assert [(p.line, p.code) for p in read.problems] == [(2, "class-out-of-range"), (3, "missing-confidence")]


def test_a_photo_without_predictions_has_no_file(tmp_path):
    assert read_predictions(tmp_path, tmp_path / "a.jpg", ["x"]).path is None


def test_a_predictions_folder_that_does_not_exist_is_an_error(tmp_path):
    with pytest.raises(DataError, match="expected a folder of predictions"):
        read_predictions(tmp_path / "nothing", tmp_path / "a.jpg", ["x"])
