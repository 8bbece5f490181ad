"""COCO: layouts, what is refused row by row, and the way back."""

import json
from pathlib import Path

import pytest
from PIL import Image

from clipspect.data.coco import format_coco, read_coco
from clipspect.data.coco_parse import parse_coco
from clipspect.data.rows import Labelled
from clipspect.errors import DataError
from clipspect.types import Annotation

SIZE_PX = (40, 20)


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def photo(path: Path, size_px: tuple[int, int] = SIZE_PX) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size_px).save(path)
    return path


def document(annotations=(), images=None, categories=None):
    return {
        "images": images or [{"id": 7, "file_name": "a.png", "width": 40, "height": 20}],
        "annotations": list(annotations),
        "categories": categories or [{"id": 3, "name": "toe drain"}, {"id": 11, "name": "rock toe/ damaged"}],
    }


def row(**changes):
    good = {"id": 1, "image_id": 7, "category_id": 11, "bbox": [4.0, 2.0, 8.0, 5.0], "iscrowd": 0}
    return {**good, **changes}


def write(path: Path, content) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def read(root: Path, **options):
    return read_coco(root, group_of=None, size_of=size_of, **options)


def one_photo(root: Path, content):
    photo(root / "images/train/a.png")
    write(root / "annotations/instances_train.json", content)
    return read(root)


def test_a_box_becomes_fractions_of_the_photo_and_the_class_the_position_of_its_id(tmp_path):
    index = one_photo(tmp_path, document([row()]))
    (only,) = index.photos
    assert (only.key, only.split, only.group) == ("images/train/a.png", "train", "images/train/a.png")
    assert index.names == ("toe drain", "rock toe/ damaged")
    assert only.annotations == (Annotation(1, (0.1, 0.1, 0.3, 0.35), line=1),)
    assert index.quarantined == ()
    assert index.notes == ()


NAN = float("nan")
BAD_ROWS = [
    ({"category_id": 4}, "class-out-of-range"),
    ({"category_id": None}, "not-a-number"),
    ({"category_id": 1.5}, "not-a-number"),
    ({"category_id": True}, "not-a-number"),
    ({"image_id": 8}, "missing-photo"),
    ({"image_id": [7]}, "not-a-number"),
    ({"bbox": [1, 2, 3]}, "field-count"),
    ({"bbox": [1, 2, 3, 4, 5]}, "field-count"),
    ({"bbox": None}, "field-count"),
    ({"bbox": "1 2 3 4"}, "field-count"),
    ({"bbox": [1, 2, "3", 4]}, "not-a-number"),
    ({"bbox": [1, 2, True, 4]}, "not-a-number"),
    ({"bbox": [1, 2, [[[[3]]]], 4]}, "not-a-number"),
    ({"bbox": [NAN, 2, 3, 4]}, "not-finite"),
    ({"bbox": [1, float("inf"), 3, 4]}, "not-finite"),
    ({"bbox": [1, 10**400, 3, 4]}, "not-finite"),
    ({"bbox": [1, 1e308, 3, 1e308]}, "box-outside-photo"),
    ({"bbox": [1, 2, 0, 4]}, "zero-size"),
    ({"bbox": [1, 2, 3, -4]}, "negative-size"),
    ({"bbox": [40, 2, 0.03, 4]}, "zero-size"),
    ({"bbox": [30, 2, 10.1, 4]}, "box-outside-photo"),
    ({"bbox": [-0.1, 2, 10, 4]}, "box-outside-photo"),
    ({"iscrowd": 1}, "crowd"),
    ({"id": "x", "score": 1.5}, "confidence-out-of-range"),
    ({"id": 5}, "duplicate-id"),
    ({"id": [1]}, "not-a-number"),
    ({"bbox": [0, 0, 40, 20]}, "duplicate-row"),
]


@pytest.mark.parametrize(("changes", "code"), BAD_ROWS)
def test_a_bad_row_is_quarantined_at_its_position_and_the_good_rows_around_it_are_kept(tmp_path, changes, code):
    before, after = row(id=5, bbox=[0, 0, 40, 20]), row(id=6, category_id=3)
    index = one_photo(tmp_path, document([before, row(**changes), after]))
    assert [(p.file, p.line, p.code) for p in index.quarantined] == [("annotations/instances_train.json", 2, code)]
    assert [a.line for a in index.photos[0].annotations] == [1, 3]


@pytest.mark.parametrize("bad", [None, 7, "row", [1, 2], True])
def test_an_entry_that_is_no_object_is_quarantined_in_every_list(bad):
    content = document([bad, row()])
    content["images"].append(bad)
    content["categories"].append(bad)
    parsed = parse_coco(json.dumps(content).encode(), "x.json")
    assert [p.code for p in parsed.quarantined] == ["field-count"] * 3
    assert len(parsed.images[0].rows) == 1


def test_a_box_over_the_edge_by_a_thousandth_is_clipped(tmp_path):
    index = one_photo(tmp_path, document([row(bbox=[-0.04, 0, 40.08, 20.02])]))
    assert index.photos[0].annotations[0].box_xyxyn == (0, 0, 1, 1)


def test_an_image_without_annotations_is_background(tmp_path):
    index = one_photo(tmp_path, document())
    assert index.photos[0].annotations == ()
    assert index.quarantined == ()


@pytest.mark.parametrize("name", ["../a.png", "/etc/a.png", "C:\\a.png", "x/../../a.png", "a\0.png", "\\a.png", "."])
def test_a_file_name_that_leaves_the_folder_is_unsafe(tmp_path, name):
    photo(tmp_path / "images/train/b.png")
    images = [{"id": 7, "file_name": name}, {"id": 8, "file_name": "b.png"}]
    index = one_photo(tmp_path, document([row(), row(id=2, image_id=8)], images))
    bad, unlisted = index.quarantined
    assert (bad.line, bad.code) == (1, "unsafe-path")
    assert "1 annotations are left out" in bad.reason
    assert (unlisted.file, unlisted.code) == ("images/train/a.png", "missing-label")
    assert [p.key for p in index.photos] == ["images/train/b.png"]


def test_a_photo_behind_a_link_out_of_the_folder_is_unsafe(tmp_path):
    root = tmp_path / "data"
    photo(root / "images/train/b.png")
    (root / "images/train/c.png").symlink_to(photo(tmp_path / "secret.png"))
    index = one_photo(root, document(images=[{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "c.png"}]))
    assert [(p.file, p.code) for p in index.quarantined][0] == ("images/train/c.png", "unsafe-path")
    assert [p.key for p in index.photos] == ["images/train/a.png"]


def test_an_image_that_is_not_there_is_reported_once_with_its_rows(tmp_path):
    images = [{"id": 7, "file_name": "a.png"}, {"id": 8, "file_name": "gone.png"}]
    rows = [row(id=k, image_id=8, bbox=[k, 0, 1, 1]) for k in range(3)]
    index = one_photo(tmp_path, document(rows, images))
    (bad,) = index.quarantined
    assert (bad.line, bad.code) == (2, "missing-photo")
    assert "3 annotations are left out" in bad.reason


def test_two_images_of_one_id_are_both_refused_for_nobody_knows_whose_rows_they_are(tmp_path):
    photo(tmp_path / "images/train/b.png")
    images = [{"id": 7, "file_name": "a.png"}, {"id": 7, "file_name": "b.png"}, {"id": 7, "file_name": "c.png"}]
    photo(tmp_path / "images/train/d.png")
    images.append({"id": 9, "file_name": "d.png"})
    index = one_photo(tmp_path, document([row()], images))
    codes = [(p.line, p.code) for p in index.quarantined if p.code == "duplicate-id"]
    assert sorted(codes) == [(1, "duplicate-id"), (2, "duplicate-id"), (3, "duplicate-id")]
    assert [p.key for p in index.photos] == ["images/train/d.png"]


def test_a_photo_listed_twice_is_kept_once(tmp_path):
    images = [{"id": 7, "file_name": "a.png"}, {"id": 8, "file_name": "./a.png"}]
    index = one_photo(tmp_path, document([row()], images))
    assert [(p.line, p.code) for p in index.quarantined] == [(2, "duplicate-row")]
    assert len(index.photos[0].annotations) == 1


def test_a_photo_in_two_splits_stays_in_the_first(tmp_path):
    photo(tmp_path / "images/a.png")
    for split in ("train", "val"):
        write(tmp_path / f"annotations/instances_{split}.json", document([row()]))
    index = read(tmp_path)
    assert [(p.file, p.code) for p in index.quarantined] == [("annotations/instances_val.json", "two-splits")]
    assert index.photos[0].split == "train"
    assert index.splits == ("train", "valid")


def test_names_that_differ_only_in_case_collide(tmp_path):
    photo(tmp_path / "images/train/A.png")
    images = [{"id": 7, "file_name": "a.png"}, {"id": 8, "file_name": "A.png"}]
    index = one_photo(tmp_path, document(images=images))
    assert [(p.file, p.code) for p in index.quarantined] == [("images/train/a.png", "case-collision")]


def test_a_single_polygon_is_kept_and_other_masks_are_noted(tmp_path):
    rows = [
        row(id=1, segmentation=[[4, 2, 12, 2, 12, 7]]),
        row(id=2, bbox=[5, 2, 8, 5], segmentation={"counts": "x", "size": [20, 40]}, iscrowd=0),
        row(id=3, bbox=[6, 2, 8, 5], segmentation=[[1, 1, 2, 2, 3, 3], [4, 4, 5, 5, 6, 6]]),
        row(id=4, bbox=[7, 2, 8, 5], segmentation=[[1, 1, 2, NAN, 3, 3]]),
        row(id=5, bbox=[8, 2, 8, 5], segmentation=[[1, 1, 2, 2, 3]]),
        row(id=6, bbox=[9, 2, 8, 5], segmentation=[[1, 1, 2, 2, 300, 3]]),
        row(id=7, bbox=[10, 2, 8, 5], segmentation=[]),
    ]
    index = one_photo(tmp_path, document(rows))
    annotations = index.photos[0].annotations
    assert index.quarantined == ()
    assert annotations[0].polygon_xyn == ((0.1, 0.1), (0.3, 0.1), (0.3, 0.35))
    assert [a.polygon_xyn for a in annotations[1:]] == [()] * 6
    assert [word in "\n".join(index.notes) for word in ("run-length", "(2 times", "leaves the photo")] == [True] * 3


def test_roboflows_layout_and_placeholder_class_are_understood(tmp_path):
    categories = [
        {"id": 0, "name": "drains", "supercategory": "none"},
        {"id": 1, "name": "b", "supercategory": "drains"},
        {"id": 2, "name": "a", "supercategory": "drains"},
    ]
    for split in ("train", "valid", "test"):
        photo(tmp_path / split / f"{split}.png")
        images = [{"id": 0, "file_name": f"{split}.png", "width": 40, "height": 20}]
        rows = [row(image_id=0, category_id=2)]
        write(tmp_path / split / "_annotations.coco.json", document(rows, images, categories))
    index = read(tmp_path)
    assert index.names == ("b", "a")
    assert index.splits == ("train", "valid", "test")
    assert [(p.key, p.split, p.annotations[0].class_id) for p in index.photos] == [
        ("test/test.png", "test", 1),
        ("train/train.png", "train", 1),
        ("valid/valid.png", "valid", 1),
    ]
    assert "placeholder" in index.notes[0]


def test_a_first_class_with_an_annotation_is_no_placeholder(tmp_path):
    categories = [
        {"id": 0, "name": "drains", "supercategory": "none"},
        {"id": 1, "name": "b", "supercategory": "drains"},
    ]
    index = one_photo(tmp_path, document([row(category_id=0)], categories=categories))
    assert index.names == ("drains", "b")


@pytest.mark.parametrize(
    ("json_key", "photo_key", "split"),
    [
        ("annotations/instances_val2017.json", "val2017/a.png", "valid"),
        ("annotations/instances_val2017.json", "images/val2017/a.png", "valid"),
        ("annotations/instances_val.json", "images/val/a.png", "valid"),
        ("annotations/instances_val2017.json", "images/val/a.png", "valid"),
        ("annotations/instances_val2017.json", "val/a.png", "valid"),
        ("annotations/instances_val2017.json", "valid/images/a.png", "valid"),
        ("annotations/instances_test.json", "test/a.png", "test"),
        ("annotations/instances_fold 1.json", "images/fold 1/a.png", "fold 1"),
        ("annotations/instances_default.json", "images/a.png", "train"),
        ("annotations/train.json", "images/a.png", "train"),
        ("valid.json", "images/a.png", "valid"),
        ("result.json", "images/a.png", "train"),
        ("result.json", "a.png", "train"),
        ("_annotations.coco.json", "a.png", "train"),
    ],
)
def test_every_documented_layout_is_found(tmp_path, json_key, photo_key, split):
    photo(tmp_path / photo_key)
    write(tmp_path / json_key, document([row()]))
    write(tmp_path / "annotations/captions_val.json", "{}")
    index = read(tmp_path)
    assert [(p.key, p.split, len(p.annotations)) for p in index.photos] == [(photo_key, split, 1)]


def test_one_json_file_can_be_named_itself(tmp_path):
    photo(tmp_path / "images/a.png")
    write(tmp_path / "annotations/instances_train.json", document([row()]))
    write(tmp_path / "annotations/instances_test.json", document([row()]))
    index = read(tmp_path / "annotations/instances_test.json")
    assert [p.split for p in index.photos] == ["test"]


def test_two_years_of_one_split_keep_their_names(tmp_path):
    for year in (2014, 2017):
        photo(tmp_path / f"train{year}/{year}.png")
        images = [{"id": 7, "file_name": f"{year}.png"}]
        write(tmp_path / f"annotations/instances_train{year}.json", document([row()], images))
    assert read(tmp_path).splits == ("train2014", "train2017")


def test_files_that_number_their_classes_differently_are_matched_by_name(tmp_path):
    for split, names in (("train", ["a", "b"]), ("test", ["b", "c"])):
        photo(tmp_path / f"{split}/{split}.png")
        categories = [{"id": k, "name": name} for k, name in enumerate(names)]
        images = [{"id": 7, "file_name": f"{split}.png"}]
        content = document([row(category_id=1)], images, categories)
        write(tmp_path / split / "_annotations.coco.json", content)
    index = read(tmp_path)
    by_split = {p.split: index.names[p.annotations[0].class_id] for p in index.photos}
    assert by_split == {"train": "b", "test": "c"}
    assert sorted(index.names) == ["a", "b", "c"]


def test_the_photos_own_size_wins_over_the_files(tmp_path):
    images = [{"id": 7, "file_name": "a.png", "width": 400, "height": 200}]
    index = one_photo(tmp_path, document([row()], images))
    assert index.photos[0].annotations[0].box_xyxyn == (0.1, 0.1, 0.3, 0.35)
    assert "another size" in index.notes[0]


def test_groups_come_from_the_file_name(tmp_path):
    photo(tmp_path / "images/train/a.png")
    write(tmp_path / "annotations/instances_train.json", document())
    index = read_coco(tmp_path, group_of=lambda name: name.upper(), size_of=size_of)
    assert index.photos[0].group == "A.PNG"


DEEP = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe{\x00}\x00",
        b"\x89PNG\r\n",
        b"[]",
        b"null",
        b"{}",
        b'{"images": [], "annotations": {}, "categories": []}',
        b'{"images": [' + b"1" * 5000 + b'], "annotations": [], "categories": []}',
        DEEP.encode(),
        ('{"images": ' + DEEP + "}").encode(),
    ],
)
def test_a_file_that_is_no_coco_json_is_a_data_error_that_names_it(content):
    with pytest.raises(DataError, match=r"^x\.json: expected"):
        parse_coco(content, "x.json")


def test_one_broken_file_of_several_is_quarantined_and_the_others_are_read(tmp_path):
    write(tmp_path / "annotations/instances_test.json", "{")
    index = one_photo(tmp_path, document([row()]))
    assert [(p.file, p.line, p.code) for p in index.quarantined] == [
        ("annotations/instances_test.json", None, "corrupt-json")
    ]
    assert index.splits == ("train", "test")


def test_no_coco_file_and_a_missing_folder_are_data_errors(tmp_path):
    with pytest.raises(DataError, match="expected a COCO file"):
        read(tmp_path)
    with pytest.raises(DataError, match="nothing there"):
        read(tmp_path / "gone")


def test_a_huge_file_is_refused_before_it_is_read(tmp_path):
    write(tmp_path / "annotations/instances_train.json", document())
    with pytest.raises(DataError, match="at most 10 bytes"):
        read(tmp_path, max_bytes=10)


def test_a_name_that_utf8_cannot_hold_is_made_printable():
    content = json.dumps(document(categories=[{"id": 1, "name": "rust \ud800"}])).encode()
    assert parse_coco(content, "x.json").categories[0].name == "rust ?"


def test_what_is_written_is_read_back(tmp_path):
    annotations = (
        Annotation(0, (0.1, 0.2, 0.7123456789, 1.0)),
        Annotation(1, (0.0, 0.0, 0.5, 0.5), polygon_xyn=((0.0, 0.0), (0.5, 0.1), (0.3, 0.5))),
        Annotation(1, (0.0, 0.0, 1.0, 1.0), confidence=0.25),
    )
    text = format_coco([Labelled("a.png", SIZE_PX, annotations)], ["none", "ü / ö"])
    index = one_photo(tmp_path, text)
    assert index.names == ("none", "ü / ö")
    assert [a.class_id for a in index.photos[0].annotations] == [0, 1, 1]
    for got, expected in zip(index.photos[0].annotations, annotations, strict=True):
        assert got.box_xyxyn == pytest.approx(expected.box_xyxyn, abs=1e-12)
        assert got.confidence == expected.confidence
        assert len(got.polygon_xyn) == len(expected.polygon_xyn)
