import pytest

from clipspect.data import read
from clipspect.data.dataset import DatasetIndex
from clipspect.data.read import read_dataset
from clipspect.errors import DataError
from clipspect.types import Photo
from unit.data.yolo_site import put


@pytest.mark.parametrize(
    ("files", "name"),
    [
        (["data.yaml", "train/_annotations.coco.json", "a/b.jpg"], "yolo"),
        (["mine.yml", "images/a.jpg"], "yolo"),
        (["annotations/instances_train.json", "images/a.jpg"], "coco"),
        (["train/_annotations.coco.json", "train/a.jpg"], "coco"),
        (["Annotations/a.xml", "JPEGImages/a.jpg"], "voc"),
        (["train/a.xml", "train/a.jpg"], "voc"),
        (["Annotations/a.xml", ".clipspect-conversion.json"], "voc"),
        (["Annotations/a.xml", "notes.json"], "voc"),
        (["train/drain blocked/a.jpg"], "folders"),
        (["drain blocked/a.PNG"], "folders"),
    ],
)
def test_a_format_is_known_by_its_files(tmp_path, files, name):
    put(tmp_path, dict.fromkeys(files, b""))
    assert read.detect_format(tmp_path) == name


def test_what_is_no_data_set_gets_told_what_was_looked_for(tmp_path):
    put(tmp_path, {"notes.md": b""})
    with pytest.raises(DataError) as caught:
        read_dataset(tmp_path)
    for text in (str(tmp_path), "data.yaml", "COCO", "VOC", "CLASS/photo"):
        assert text in str(caught.value)


def test_a_path_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(DataError, match="nowhere: expected a data.yaml or its folder, got nothing"):
        read_dataset(tmp_path / "nowhere")


def test_an_unknown_format_names_those_that_there_are(tmp_path):
    with pytest.raises(DataError, match=r"expected one of the formats \['auto', 'yolo'.*got 'tfrecord'"):
        read_dataset(tmp_path, format="tfrecord")


def test_yolo_without_a_data_yaml_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"expected a data\.yaml or a folder with one"):
        read_dataset(tmp_path, format="yolo")


def test_groups_reach_the_photos_of_other_formats_too(tmp_path, monkeypatch):
    photo = Photo(tmp_path / "x/line1_a.jpg", "x/line1_a.jpg", "train", "x/line1_a.jpg")
    index = DatasetIndex(tmp_path, ("x",), (photo,), splits=("train",))
    monkeypatch.setitem(read.READERS, "voc", lambda data: index)
    assert read_dataset(tmp_path, format="voc").photos[0].group == photo.key
    assert read_dataset(tmp_path, format="voc", group_of=lambda name: name[:5]).photos[0].group == "line1"
