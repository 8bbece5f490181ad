from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from clipspect.errors import DetectorError, EmptyDataError
from clipspect.export.bundle import load_bundle
from clipspect.tasks.photos import find_photos, make_detector

IMAGE = np.zeros((100, 200, 3), np.uint8)


def put(folder, **files):
    for name, content in files.items():
        path = folder / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


@pytest.fixture
def folder(tmp_path):
    return put(tmp_path / "p", b_DOT_jpg="", a_DOT_PNG="", sub__c_DOT_jpeg="", notes_DOT_txt="", _hidden="")


@pytest.fixture
def bundle(fitted):
    return load_bundle(fitted[1])


def names(found):
    return [p.name for p in found]


def test_a_folder_gives_its_photos_with_those_of_subfolders_sorted(folder):
    assert names(find_photos([folder])) == ["a.PNG", "b.jpg", "c.jpeg"]


def test_files_folders_and_globs_come_in_the_order_given_each_once(folder):
    found = find_photos([folder / "b.jpg", f"{folder}/*.PNG", folder, str(folder / "b.jpg")])
    assert names(found) == ["b.jpg", "a.PNG", "c.jpeg"]


def test_one_file_under_two_names_is_one_photo(folder, monkeypatch):
    monkeypatch.chdir(folder)
    name = find_photos([folder])[0].relative_to(folder)
    assert find_photos([name, folder / name]) == [name]


def test_our_own_pictures_among_the_photos_are_passed_over(folder):
    out = folder / "inspected"
    (out / "pictures").mkdir(parents=True)
    (out / "pictures" / "a.jpg").write_text("")
    assert len(find_photos([folder])) == len(find_photos([folder], out=out)) + 1


def test_a_glob_may_go_into_subfolders_and_passes_over_what_is_no_photo(folder):
    assert names(find_photos([f"{folder}/**/*"])) == ["a.PNG", "b.jpg", "c.jpeg"]


def test_a_file_whose_name_looks_like_a_glob_is_a_file(tmp_path):
    (tmp_path / "a[1].jpg").write_text("")
    assert names(find_photos([tmp_path / "a[1].jpg"])) == ["a[1].jpg"]


@pytest.mark.parametrize("given", ["gone.jpg", "gone", "*.jpg"])
def test_what_is_not_there_is_named(tmp_path, given):
    with pytest.raises(EmptyDataError, match="expected a photo, a folder or a glob of photos, got nothing there"):
        find_photos([tmp_path / given])


def test_a_folder_without_photos_is_refused(tmp_path):
    with pytest.raises(EmptyDataError, match="expected photos, got none"):
        find_photos([put(tmp_path, a_DOT_txt="")])


def detect(finder, photo):
    return finder.detect([IMAGE], [str(photo)])[0]


def test_label_files_beside_the_photos_are_the_default_and_keep_their_answers(tmp_path, bundle):
    folder = put(tmp_path, images__a_DOT_jpg="", labels__a_DOT_txt="1 0.5 0.5 0.2 0.4\n9 0.5 0.5 0.2 0.4\n")
    finder = make_detector(None, [folder / "images" / "a.jpg"], bundle)
    (found,) = detect(finder, folder / "images" / "a.jpg")
    assert found.object_type == "drain" and found.detector_condition is None
    assert found.box_xyxy_px == pytest.approx((80, 30, 120, 70))
    assert [p.line for p in finder.problems] == [2]


def test_no_label_file_beside_any_photo_names_the_choices(tmp_path, bundle):
    folder = put(tmp_path, a_DOT_jpg="", b_DOT_jpg="")
    with pytest.raises(
        DetectorError, match=r"got none; say what finds the objects with --detector, one of \['labels:DIR'"
    ):
        make_detector(None, [folder / "a.jpg", folder / "b.jpg"], bundle)


def test_one_photo_without_a_label_file_is_no_reason_to_stop(tmp_path, bundle):
    folder = put(tmp_path, a_DOT_jpg="", b_DOT_jpg="", b_DOT_txt="")
    finder = make_detector(None, [folder / "a.jpg", folder / "b.jpg"], bundle)
    assert detect(finder, folder / "b.jpg") == ()
    with pytest.raises(DetectorError, match=r"a\.jpg: expected a label file"):
        detect(finder, folder / "a.jpg")


@pytest.mark.parametrize("name", ["labels", "labels:", "yolo:x", "", "onnx"])
def test_an_unknown_detector_names_the_choices(bundle, name):
    with pytest.raises(DetectorError, match="--detector: expected one of"):
        make_detector(name, [Path("a.jpg")], bundle)


def test_a_folder_of_predictions_that_is_not_there_is_named(bundle, tmp_path):
    with pytest.raises(DetectorError, match="gone: expected a folder of label files"):
        make_detector(f"labels:{tmp_path}/gone", [Path("a.jpg")], bundle)


@pytest.mark.parametrize("where", ["", "labels__"])
def test_predictions_have_confidences_and_a_second_opinion(tmp_path, bundle, where):
    folder = put(tmp_path / "pred", **{f"{where}a_DOT_txt": "1 0.5 0.5 0.2 0.4 0.75\n"})
    finder = make_detector(f"labels:{folder}", [Path("a.jpg")], bundle)
    (found,) = detect(finder, Path("x/a.jpg"))
    assert (found.confidence, found.object_type, found.detector_condition) == (0.75, "drain", "blocked")
    assert detect(finder, Path("x/other.jpg")) == (), "nothing was found there"


@pytest.mark.parametrize("classes", ["toe drain\nslope\n", "drain\n", "\n"])
def test_a_list_of_classes_beside_labels_is_not_taken_for_a_row(tmp_path, bundle, classes):
    folder = put(tmp_path / "lab", a_DOT_txt="1 0.5 0.5 0.2 0.4\n", README_DOT_txt=classes, _0_DOT_txt=classes)
    finder = make_detector(f"labels:{folder}", [Path("a.jpg")], bundle)
    assert len(detect(finder, Path("a.jpg"))) == 1 and finder.problems == []
    predicted = put(tmp_path / "pred", a_DOT_txt="1 0.5 0.5 0.2 0.4 0.5\n", A_DOT_txt=classes)
    finder = make_detector(f"labels:{predicted}", [Path("a.jpg")], bundle)
    assert len(detect(finder, Path("a.jpg"))) == 1 and finder.problems == []


def test_classes_come_from_the_nearest_data_yaml_and_else_from_the_model(tmp_path, bundle):
    folder = put(tmp_path / "pred", a_DOT_txt="0 0.5 0.5 0.2 0.4 0.5\n")
    (found,) = detect(make_detector(f"labels:{folder}", [Path("a.jpg")], bundle), Path("a.jpg"))
    assert found.object_type == "drain"
    put(tmp_path, data_DOT_yaml="names: [lamp post broken]\ntrain: images\n")
    (found,) = detect(make_detector(f"labels:{folder}", [Path("a.jpg")], bundle), Path("a.jpg"))
    assert (found.object_type, found.detector_condition) == ("lamp post", "broken")
