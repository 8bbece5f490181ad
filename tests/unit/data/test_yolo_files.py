"""The YOLO reader on real folders that each test builds."""

import os
from pathlib import Path

import pytest

from clipspect.data.read import read_dataset
from clipspect.errors import DataError, UnsafePathError
from unit.data.yolo_site import ROW, YAML, found, keys, photo, put


@pytest.fixture
def site(tmp_path):
    return put(tmp_path / "site", {"data.yaml": YAML} | photo("train", "a") | photo("train", "b") | photo("valid", "c"))


def test_photos_come_with_key_split_group_and_labels(site):
    index = read_dataset(site)
    assert index.root == site.resolve()
    assert index.names == ("drain", "rock toe")
    assert index.splits == ("train", "valid")
    assert keys(index) == ["train/images/a.jpg", "train/images/b.jpg", "valid/images/c.jpg"]
    first = index.photos[0]
    assert (first.split, first.group) == ("train", first.key)
    assert first.path.read_bytes() == b"not decoded here"
    assert first.label_path == site.resolve() / "train/labels/a.txt"
    assert len(first.annotations) == 1
    assert (index.quarantined, index.notes) == ((), ())


def test_the_data_yaml_itself_may_be_named(site):
    assert read_dataset(site / "data.yaml") == read_dataset(site)


@pytest.mark.parametrize("name", ["data.yml", "dataset.yaml", "slopes.yaml"])
def test_other_names_of_the_yaml_are_found(site, name):
    (site / "data.yaml").rename(site / name)
    assert len(read_dataset(site).photos) == 3


def test_several_yaml_files_without_a_usual_name_are_refused(site):
    (site / "data.yaml").rename(site / "one.yaml")
    put(site, {"two.yaml": YAML})
    with pytest.raises(DataError, match=r"expected one data\.yaml, got \['one\.yaml', 'two\.yaml'\]"):
        read_dataset(site)


def test_groups_come_from_the_file_name(site):
    index = read_dataset(site, group_of=lambda name: name[0].upper())
    assert [photo.group for photo in index.photos] == ["A", "B", "C"]


def test_one_bad_row_leaves_the_other_rows_and_photos(site):
    put(site, {"train/labels/a.txt": f"{ROW}1 0.5 0.5 1.2 0.4\n1 0.5 0.5 0.2 0.4\n"})
    index = read_dataset(site)
    assert found(index) == [("train/labels/a.txt", 2, "out-of-range")]
    assert [a.class_id for a in index.photos[0].annotations] == [0, 1]
    assert len(index.photos) == 3


def test_the_quarantine_list_is_ordered_by_file_and_line(site):
    bad = "\n".join(["x 0.5 0.5 0.2 0.4"] * 12)
    put(
        site,
        {"valid/labels/c.txt": bad, "train/labels/a.txt": bad, "train/images/z.jpg": b"", "data.yaml": YAML + "nc: 3"},
    )
    index = read_dataset(site)
    assert found(index) == (
        [("data.yaml", 4, "nc-mismatch")]
        + [("train/images/z.jpg", None, "missing-label")]
        + [("train/labels/a.txt", n, "class-not-integer") for n in range(1, 13)]
        + [("valid/labels/c.txt", n, "class-not-integer") for n in range(1, 13)]
    )
    assert read_dataset(site) == index


def test_a_photo_whose_rows_are_all_bad_stays_without_objects(site):
    put(site, {"train/labels/a.txt": "nonsense\n"})
    assert read_dataset(site).photos[0].annotations == ()


@pytest.mark.parametrize(
    ("content", "code"), [(ROW.encode("utf-16"), "utf-16"), (b"\0\1\2\3", "binary"), (b" " * (2**24 + 1), "too-large")]
)
def test_a_photo_whose_label_file_cannot_be_read_is_left_out(site, content, code):
    put(site, {"train/labels/a.txt": content})
    index = read_dataset(site)
    assert found(index) == [("train/labels/a.txt", None, code)]
    assert keys(index, "train") == ["train/images/b.jpg"]


def test_an_empty_label_file_is_background(site):
    put(site, {"train/labels/a.txt": ""})
    index = read_dataset(site)
    assert index.photos[0].annotations == ()
    assert index.photos[0].label_path is not None
    assert not index.quarantined


def test_a_missing_label_file_is_a_mistake_unless_the_user_says_otherwise(site):
    put(site, photo("train", "z", None))
    index = read_dataset(site)
    assert found(index) == [("train/images/z.jpg", None, "missing-label")]
    assert "train/labels/z.txt" in index.quarantined[0].reason
    assert len(index.photos) == 3
    index = read_dataset(site, missing_labels="background")
    assert not index.quarantined
    assert (index.photos[2].key, index.photos[2].annotations) == ("train/images/z.jpg", ())
    assert index.photos[2].label_path is None


def test_an_orphan_label_is_reported_and_lists_of_classes_are_not(site):
    put(site, {"train/labels/gone.txt": ROW, "train/labels/classes.txt": "drain\n", "valid/images/README.txt": "hi"})
    index = read_dataset(site)
    assert found(index) == [("train/labels/gone.txt", None, "orphan-label")]
    assert len(index.photos) == 3


def test_an_orphan_in_a_folder_of_labels_without_any_photo_is_reported(site):
    put(site, {"train/labels/north/gone.txt": ROW})
    assert found(read_dataset(site)) == [("train/labels/north/gone.txt", None, "orphan-label")]


def test_photos_that_share_a_label_file_are_both_left_out(site):
    put(site, {"train/images/a.png": b""})
    index = read_dataset(site)
    assert found(index) == [
        ("train/images/a.jpg", None, "shared-label"),
        ("train/images/a.png", None, "shared-label"),
    ]
    assert "train/images/a.png" in index.quarantined[0].reason
    assert keys(index, "train") == ["train/images/b.jpg"]


def test_of_names_that_differ_by_case_only_the_first_is_kept(site):
    put(site, photo("train", "A"))
    if len(list((site / "train/images").iterdir())) == 2:
        pytest.skip("this file system does not tell A.jpg from a.jpg")
    index = read_dataset(site)
    assert found(index) == [("train/images/a.jpg", None, "case-collision")]
    assert "train/images/A.jpg" in index.quarantined[0].reason
    assert keys(index, "train") == ["train/images/A.jpg", "train/images/b.jpg"]


def test_photos_without_labels_that_differ_by_suffix_are_no_collision(site):
    put(site, photo("train", "z", None) | photo("train", "z", None, ".png"))
    index = read_dataset(site, missing_labels="background")
    assert not index.quarantined
    assert len(index.photos) == 5


def test_every_photo_suffix_in_any_case_and_nothing_else(tmp_path):
    suffixes = [".jpg", ".JPEG", ".Png", ".bmp", ".webp", ".tif", ".TIFF"]
    files: dict[str, str | bytes] = {"data.yaml": "train: train/images\nnames: [x]\n"}
    for suffix in suffixes:
        files |= photo("train", suffix[1:], suffix=suffix)
    put(tmp_path, files | {"train/images/film.mp4": b"", "train/images/._a.jpg": b"", "train/images/Thumbs.db": b""})
    index = read_dataset(tmp_path)
    assert len(index.photos) == len(suffixes)
    assert not index.quarantined
    assert index.notes == ("train/images: 1 hidden files and folders are ignored",)


@pytest.mark.parametrize(
    ("image", "label"),
    [
        ("images/train/north/a.jpg", "labels/train/north/a.txt"),
        ("train/images/deep/er/a.jpg", "train/labels/deep/er/a.txt"),
        ("train/a.jpg", "train/a.txt"),
        ("train/images/a.jpg", "train/images/a.txt"),
        ("images/images/train/a.jpg", "images/labels/train/a.txt"),
        ("images/train/a b (1).v2.jpg", "labels/train/a b (1).v2.txt"),
    ],
)
def test_label_files_are_found_as_ultralytics_lays_them_out(tmp_path, image, label):
    put(tmp_path, {"data.yaml": "train: .\nnames: [x]\n", image: b"", label: ROW})
    index = read_dataset(tmp_path)
    assert keys(index) == [image]
    assert len(index.photos[0].annotations) == 1
    assert not index.quarantined


def test_a_folder_called_images_above_the_data_set_is_left_alone(tmp_path):
    put(
        tmp_path,
        {"images/site/data.yaml": "train: t\nnames: [x]\n", "images/site/t/a.jpg": b"", "images/site/t/a.txt": ROW},
    )
    put(tmp_path, {"labels/site/t/a.txt": "of another data set"})
    assert len(read_dataset(tmp_path / "images/site").photos[0].annotations) == 1


def test_zero_photos_are_for_the_caller_to_judge(tmp_path):
    put(tmp_path, {"data.yaml": "train: train\nnames: [x]\n"})
    (tmp_path / "train").mkdir()
    index = read_dataset(tmp_path)
    assert (index.photos, index.splits) == ((), ("train",))


def test_predictions_are_read_with_their_confidence(site):
    for label in site.rglob("*.txt"):
        label.write_text("0 0.5 0.5 0.2 0.4 0.75\n")
    assert [p.annotations[0].confidence for p in read_dataset(site, predictions=True).photos] == [0.75] * 3
    assert {p.code for p in read_dataset(site).quarantined} == {"confidence-in-label"}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_in_place_of_a_label_file_does_not_block(site):
    (site / "train/labels/a.txt").unlink()
    os.mkfifo(site / "train/labels/a.txt")
    assert found(read_dataset(site)) == [("train/labels/a.txt", None, "unreadable")]


def test_a_label_file_linked_from_outside_is_refused(site, tmp_path):
    secret = put(tmp_path, {"secret.txt": ROW}) / "secret.txt"
    label = site / "train/labels/a.txt"
    label.unlink()
    label.symlink_to(secret)
    index = read_dataset(site)
    assert found(index) == [("train/labels/a.txt", None, "unsafe-path")]
    assert keys(index, "train") == ["train/images/b.jpg"]


def test_a_label_folder_linked_from_outside_is_refused_file_by_file(site, tmp_path):
    (site / "train/labels").rename(tmp_path / "elsewhere")
    put(tmp_path, {"elsewhere/private.txt": ROW})  # not even its name is told
    (site / "train/labels").symlink_to(tmp_path / "elsewhere")
    index = read_dataset(site)
    assert found(index) == [("train/labels/a.txt", None, "unsafe-path"), ("train/labels/b.txt", None, "unsafe-path")]


def test_photos_and_folders_linked_from_outside_are_refused(site, tmp_path):
    put(tmp_path, {"out/x.jpg": b"", "out/x.txt": ROW})
    (site / "train/images/x.jpg").symlink_to(tmp_path / "out/x.jpg")
    (site / "train/images/out").symlink_to(tmp_path / "out")
    index = read_dataset(site)
    assert found(index) == [("train/images/out", None, "unsafe-path"), ("train/images/x.jpg", None, "unsafe-path")]
    assert len(index.photos) == 3


def test_a_link_inside_the_data_set_is_followed_and_loops_end(site):
    (site / "train/images/linked.jpg").symlink_to(site / "train/images/a.jpg")
    put(site, {"train/labels/linked.txt": ROW})
    (site / "train/images/up").symlink_to(site / "train")
    (site / "train/images/self").symlink_to(site / "train/images/self")
    (site / "train/images/nothing.jpg").symlink_to(site / "nothing.jpg")
    index = read_dataset(site)
    assert "train/images/linked.jpg" in keys(index, "train")
    assert ("train/images/nothing.jpg", None, "broken-link") in found(index)


def test_a_data_set_reached_through_a_link_is_as_good(site, tmp_path):
    (tmp_path / "link").symlink_to(site)
    assert len(read_dataset(tmp_path / "link").photos) == 3


def test_a_file_name_that_is_no_text_is_quarantined(site):
    try:
        Path(os.fsdecode(os.fsencode(site) + b"/train/images/\xff.jpg")).write_bytes(b"")
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    index = read_dataset(site)
    assert found(index) == [("train/images/\\xff.jpg", None, "bad-name")]


def test_reading_writes_nothing(site):
    before = sorted((p, p.stat().st_mtime_ns) for p in site.rglob("*"))
    read_dataset(site)
    assert sorted((p, p.stat().st_mtime_ns) for p in site.rglob("*")) == before


def test_a_whole_split_outside_is_an_unsafe_path_error(site, tmp_path):
    put(tmp_path, photo("other", "z"))
    put(site, {"data.yaml": "train: ../other/images\nval: valid/images\nnames: [x]\n"})
    with pytest.raises(UnsafePathError, match=r"data\.yaml:1: expected .* leaves it"):
        read_dataset(site)
