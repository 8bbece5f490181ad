"""Pascal VOC: layouts, what is refused object by object, and the way back."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from PIL import Image

from clipspect.data.rows import Labelled
from clipspect.data.voc import read_voc
from clipspect.data.voc_parse import MAX_XML_BYTES, format_voc, parse_voc, xml_text
from clipspect.errors import DataError, ImageError
from clipspect.types import Annotation

SIZE_PX = (40, 20)


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def photo(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", SIZE_PX).save(path)


def item(name="toe drain", xmin="5", ymin="3", xmax="12", ymax="7", more=""):
    box = f"<xmin>{xmin}</xmin><ymin>{ymin}</ymin><xmax>{xmax}</xmax><ymax>{ymax}</ymax>"
    return f"<object><name>{name}</name>{more}<bndbox>{box}</bndbox></object>"


SIZE = "<size><width>40</width><height>20</height><depth>3</depth></size>"


def xml(*objects: str, size: str = SIZE) -> str:
    return f"<annotation><filename>a.png</filename>{size}{''.join(objects)}</annotation>"


def write(path: Path, content: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def add(root: Path, stem: str, content: str | bytes | None = None) -> None:
    photo(root / f"JPEGImages/{stem}.png")
    write(root / f"Annotations/{stem}.xml", xml(item()) if content is None else content)


def read(root: Path):
    return read_voc(root, group_of=None, size_of=size_of)


def codes(index):
    return [(p.file, p.line, p.code) for p in index.quarantined]


def test_boxes_count_pixels_from_1_and_include_both_ends(tmp_path):
    add(tmp_path, "a", xml(item(xmin=1, ymin=1, xmax=40, ymax=20), item(xmin=5, ymin=3, xmax=5, ymax=3)))
    (only,) = read(tmp_path).photos
    assert only.annotations == (
        Annotation(0, (0.0, 0.0, 1.0, 1.0), line=1),
        Annotation(0, (0.1, 0.1, 0.125, 0.15), line=2),
    )
    assert (only.key, only.split, only.group) == ("JPEGImages/a.png", "train", "JPEGImages/a.png")


def test_a_tool_that_counts_from_0_is_read_to_the_edge(tmp_path):
    add(tmp_path, "a", xml(item(xmin=0, ymin=0.5, xmax=10, ymax=10)))
    assert read(tmp_path).photos[0].annotations[0].box_xyxyn == (0.0, 0.0, 0.25, 0.5)


BAD_OBJECTS = [
    (item(name=""), "field-count"),
    ("<object><name>x</name></object>", "field-count"),
    ("<object/>", "field-count"),
    (item(xmin=""), "field-count"),
    (item(xmin="abc"), "not-a-number"),
    (item(xmin="1_0"), "not-a-number"),
    (item(xmin="1,5"), "not-a-number"),
    (item(xmin="\u0661"), "not-a-number"),
    (item(xmin="NaN"), "not-finite"),
    (item(xmax="inf"), "not-finite"),
    (item(xmax="1e999"), "not-finite"),
    (item(xmax="1e308"), "box-outside-photo"),
    (item(xmin=-3), "box-outside-photo"),
    (item(ymax=21), "box-outside-photo"),
    (item(xmin=13, xmax=12), "zero-size"),
    (item(xmin=30, xmax=12), "negative-size"),
    (item(name="first", xmin=1, ymin=1, xmax=9, ymax=9), "duplicate-row"),
]


@pytest.mark.parametrize(("bad", "code"), BAD_OBJECTS)
def test_a_bad_object_is_quarantined_at_its_position_and_the_good_ones_are_kept(tmp_path, bad, code):
    add(tmp_path, "a", xml(item(name="first", xmin=1, ymin=1, xmax=9, ymax=9), bad, item()))
    index = read(tmp_path)
    assert codes(index) == [("Annotations/a.xml", 2, code)]
    assert [a.line for a in index.photos[0].annotations] == [1, 3]


BOMB = '<!DOCTYPE a [<!ENTITY x "xxxxxxxxxx"><!ENTITY y "&x;&x;&x;">]><annotation><filename>&y;</filename></annotation>'
OUTSIDE = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation><filename>&x;</filename></annotation>'


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (BOMB, "unsafe-xml"),
        (OUTSIDE, "unsafe-xml"),
        ("<!DOCTYPE annotation><annotation/>", "unsafe-xml"),
        ("", "corrupt-xml"),
        ("<annotation>", "corrupt-xml"),
        ("<kml/>", "corrupt-xml"),
        ("<annotation>&unknown;</annotation>", "corrupt-xml"),
        (b"\x00\x01\x02", "binary"),
        (b"<annotation>\xff\xfe\xfa</annotation>", "encoding"),
        (b'<?xml version="1.0" encoding="klingon"?><annotation/>', "encoding"),
        (b'<?xml version="1.0" encoding="utf-7"?><annotation/>', "encoding"),
        (b"<annotation>" + b" " * MAX_XML_BYTES + b"</annotation>", "too-large"),
    ],
)
def test_a_file_that_cannot_be_read_takes_its_photo_with_it_for_it_is_not_known_to_be_empty(tmp_path, content, code):
    add(tmp_path, "a", content)
    add(tmp_path, "b")
    index = read(tmp_path)
    assert codes(index) == [("Annotations/a.xml", None, code)]
    assert [p.key for p in index.photos] == ["JPEGImages/b.png"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_every_encoding_that_xml_declares_is_read(encoding):
    declaration = f'<?xml version="1.0" encoding="{encoding.removesuffix("-sig")}"?>'
    parsed = parse_voc((declaration + xml(item(name="böschung"))).encode(encoding), "a.xml")
    assert parsed.objects[0].name == "böschung"


def test_a_deeply_nested_file_does_no_harm():
    depth = 100_000
    parsed = parse_voc(("<annotation>" + "<a>" * depth + "</a>" * depth + "</annotation>").encode(), "a.xml")
    assert parsed.objects == ()


def test_no_objects_is_background_and_parts_of_an_object_are_no_objects(tmp_path):
    add(tmp_path, "a", xml())
    add(tmp_path, "b", xml(item(more="<part><name>head</name><bndbox><xmin>1</xmin></bndbox></part>")))
    index = read(tmp_path)
    assert index.quarantined == ()
    assert [len(p.annotations) for p in index.photos] == [0, 1]


def test_classes_are_sorted_unless_a_list_gives_their_order(tmp_path):
    add(tmp_path, "a", xml(item(name="rust"), item(name="  toe\n drain ", xmax=20), item(name="alga", xmax=21)))
    assert read(tmp_path).names == ("alga", "rust", "toe drain")
    write(tmp_path / "classes.txt", "\ufefftoe drain\r\nunused / x\r\n\r\n")
    index = read(tmp_path)
    assert index.names == ("toe drain", "unused / x", "alga", "rust")
    assert [index.names[a.class_id] for a in index.photos[0].annotations] == ["rust", "toe drain", "alga"]
    assert "lacks ['alga', 'rust']" in index.notes[0]


@pytest.mark.parametrize("size", ["", "<size/>", SIZE.replace("40", "0"), SIZE.replace("40", "4_0")])
def test_a_missing_size_is_taken_from_the_photo(tmp_path, size):
    add(tmp_path, "a", xml(item(xmin=1, ymin=1, xmax=40, ymax=20), size=size))
    index = read(tmp_path)
    assert index.photos[0].annotations[0].box_xyxyn == (0, 0, 1, 1)
    assert "gives no size" in index.notes[0]


def test_a_size_that_contradicts_the_photo_is_noted_and_the_photos_wins(tmp_path):
    add(tmp_path, "a", xml(item(xmin=1, ymin=1, xmax=40, ymax=20), size=SIZE.replace("20", "200")))
    index = read(tmp_path)
    assert index.photos[0].annotations[0].box_xyxyn == (0, 0, 1, 1)
    assert "another size" in index.notes[0]


def test_a_photo_that_cannot_be_read_needs_the_declared_size(tmp_path):
    def broken(path: Path) -> tuple[int, int]:
        raise ImageError(f"{path.name}: truncated", code="truncated")

    add(tmp_path, "a")
    add(tmp_path, "b", xml(item(), size=""))
    index = read_voc(tmp_path, group_of=None, size_of=broken)
    assert [p.key for p in index.photos] == ["JPEGImages/a.png"]
    assert codes(index) == [("Annotations/b.xml", None, "truncated")]


def test_lists_give_the_splits_and_lists_of_one_class_are_left_alone(tmp_path):
    for stem in ("a", "b", "site 1", "d", "unlisted"):
        add(tmp_path, stem)
    main = tmp_path / "ImageSets/Main"
    write(main / "train.txt", "a\nsite 1\n")
    write(main / "val.txt", "b\n\n")
    write(main / "trainval.txt", "a\nb\nsite 1\n")
    write(main / "test.txt", "")
    write(main / "fold 2.txt", "d\r\n")
    write(main / "rust_train.txt", "a -1\nb  1\n")
    write(tmp_path / "ImageSets/Layout/train.txt", "unlisted")
    index = read(tmp_path)
    assert index.splits == ("train", "valid", "test", "fold 2")
    assert [(p.key.split("/")[1], p.split) for p in index.photos] == [
        ("a.png", "train"),
        ("b.png", "valid"),
        ("d.png", "fold 2"),
        ("site 1.png", "train"),
    ]
    assert index.quarantined == ()
    assert "left out" in index.notes[0]


def test_trainval_alone_is_the_training_split(tmp_path):
    add(tmp_path, "a")
    write(tmp_path / "ImageSets/Main/trainval.txt", "a 1\n")
    index = read(tmp_path)
    assert index.splits == ("train",)
    assert len(index.photos) == 1


def test_listed_photos_that_are_missing_or_in_two_lists_are_reported_where_they_are_listed(tmp_path):
    add(tmp_path, "a")
    write(tmp_path / "ImageSets/Main/train.txt", "a\ngone\na\n")
    write(tmp_path / "ImageSets/Main/val.txt", "a\n../../x\n")
    assert codes(read(tmp_path)) == [
        ("ImageSets/Main/train.txt", 2, "missing-photo"),
        ("ImageSets/Main/train.txt", 3, "duplicate-row"),
        ("ImageSets/Main/val.txt", 1, "two-splits"),
        ("ImageSets/Main/val.txt", 2, "missing-photo"),
    ]


def test_photos_and_labels_without_each_other_are_reported(tmp_path):
    add(tmp_path, "a")
    photo(tmp_path / "JPEGImages/lonely.png")
    write(tmp_path / "Annotations/orphan.xml", xml(item()))
    index = read(tmp_path)
    assert codes(index) == [
        ("Annotations/orphan.xml", None, "orphan-label"),
        ("JPEGImages/lonely.png", None, "missing-label"),
    ]


def test_roboflows_layout_has_the_labels_beside_the_photos(tmp_path):
    for split in ("train", "valid", "test"):
        photo(tmp_path / split / "a_jpg.rf.1.png")
        write(tmp_path / split / "a_jpg.rf.1.xml", xml(item()))
    photo(tmp_path / "train/lonely.png")
    index = read(tmp_path)
    assert [(p.key, p.split) for p in index.photos] == [(f"{s}/a_jpg.rf.1.png", s) for s in ("test", "train", "valid")]
    assert codes(index) == [("train/lonely.png", None, "missing-label")]


def test_what_has_no_place_is_noted_once(tmp_path):
    for stem in "abc":
        more = "<difficult>1</difficult><truncated>0</truncated>"
        add(tmp_path, stem, xml(item(more=more), item(xmin=6, more=more)))
    index = read(tmp_path)
    assert [note for note in index.notes if "difficult" in note] == [
        "Annotations/a.xml:1: an object marked `difficult`: kept, the mark is not (6 times, this is the first)"
    ]


def test_a_folder_without_xml_is_a_data_error(tmp_path):
    with pytest.raises(DataError, match="got no XML file"):
        read(tmp_path)


def test_what_is_written_is_read_back_and_an_independent_parser_agrees(tmp_path):
    annotations = (
        Annotation(1, (0.1, 0.2, 0.7123456789, 1.0)),
        Annotation(0, (0.0, 0.0, 1e-4, 1e-4)),
        Annotation(0, (0.0, 0.0, 1.0, 1.0)),
    )
    names = ["a & b", "<rock> / tœ"]
    text = format_voc(Labelled("a<&>.png", SIZE_PX, annotations), names)
    tree = ElementTree.fromstring(text)
    assert tree.findtext("filename") == "a<&>.png"
    assert [o.findtext("name") for o in tree.findall("object")] == ["<rock> / tœ", "a & b", "a & b"]
    corners = [tree.findall("object")[2].findtext(f"bndbox/{tag}") for tag in ("xmin", "ymin", "xmax", "ymax")]
    assert corners == ["1", "1", "40", "20"]
    add(tmp_path, "a", text)
    write(tmp_path / "classes.txt", "\n".join(names))
    index = read(tmp_path)
    assert index.quarantined == ()
    for got, expected in zip(index.photos[0].annotations, annotations, strict=True):
        assert got.class_id == expected.class_id
        assert got.box_xyxyn == pytest.approx(expected.box_xyxyn, abs=1e-12)


def test_names_are_fitted_to_xml_the_same_way_when_written_and_when_read():
    for name in (" a\tb\n c ", "\x00\x1b", "x\ud800y", "a\u00a0b", "\u2028"):
        assert xml_text(xml_text(name)) == xml_text(name)
        assert ElementTree.fromstring(f"<a>{xml_text(name)}</a>").text == xml_text(name)
