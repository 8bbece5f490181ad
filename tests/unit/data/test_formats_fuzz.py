"""Mutated COCO and VOC files: nothing but a ClipspectError comes out, and every good row stays."""

import json
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clipspect.data.coco import read_coco
from clipspect.data.coco_parse import parse_coco
from clipspect.data.rows import Labelled
from clipspect.data.voc import read_voc
from clipspect.data.voc_parse import format_voc, parse_voc
from clipspect.errors import ClipspectError
from clipspect.types import Annotation

SIZE_PX = (40, 20)
quick = settings(max_examples=75, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def size_of(path: Path) -> tuple[int, int]:
    return SIZE_PX


def good_row(number: int) -> dict:
    return {"id": number, "image_id": 1, "category_id": 1, "bbox": [number, 1, 2, 3], "segmentation": []}


COCO = {
    "images": [{"id": 1, "file_name": "a.png", "width": 40, "height": 20}],
    "annotations": [good_row(k) for k in range(3)],
    "categories": [{"id": 1, "name": "rust", "supercategory": "none"}],
}
VOC = format_voc(Labelled("a.png", SIZE_PX, tuple(Annotation(0, (k / 9, 0.1, 1.0, 0.5)) for k in range(3))), ["rust"])

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([10**400, -1, 1e308, "../x", "a.png", "\ud800", "NaN"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
fields = st.sampled_from(["id", "image_id", "category_id", "bbox", "segmentation", "iscrowd", "score", "extra"])
bytes_changes = st.lists(st.tuples(st.integers(0, 5000), st.binary(max_size=6)), min_size=1, max_size=5)


def changed(content: bytes, changes) -> bytes:
    for position, new in changes:
        at = position % (len(content) + 1)
        content = content[:at] + new + content[at + len(new) :]
    return content


def folder_with(root: Path, key: str, content: bytes) -> Path:
    for name in ("a.png", key):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / "a.png").touch()
    (root / key).write_bytes(content)
    return root


def check_index(index):
    for photo in index.photos:
        for annotation in photo.annotations:
            left, top, right, bottom = annotation.box_xyxyn
            assert 0 <= left < right <= 1
            assert 0 <= top < bottom <= 1
            assert 0 <= annotation.class_id < len(index.names)
    for text in (*map(str, index.quarantined), *index.notes, *index.names):
        text.encode("utf-8")


@quick
@given(st.dictionaries(fields, anything, max_size=3) | anything, st.integers(0, 3))
def test_rows_around_an_arbitrary_row_of_coco_are_kept(bad, position):
    good = [good_row(k) for k in range(3)]
    row = {**good_row(7), **bad} if isinstance(bad, dict) else bad
    content = json.dumps({**COCO, "annotations": good[:position] + [row] + good[position:]}).encode()
    with tempfile.TemporaryDirectory() as folder:
        index = read_coco(folder_with(Path(folder), "a.json", content), size_of=size_of)
    check_index(index)
    lines = {k + 1 for k in range(4) if k != position}
    # A row that repeats the id or box of a good one may win over it where it comes first.
    kept = {a.line for p in index.photos for a in p.annotations}
    lost = lines - kept
    assert all(p.code in ("duplicate-row", "duplicate-id") for p in index.quarantined if p.line in lost)
    assert len(lost) <= 1
    assert lost <= {p.line for p in index.quarantined}


@quick
@given(st.sampled_from(["images", "annotations", "categories"]), st.lists(anything, max_size=3), anything)
def test_arbitrary_lists_of_coco_give_an_index_or_a_data_error(key, entries, entry):
    content = json.dumps({**COCO, key: [*entries, {**COCO[key][0], "id": entry}, {"file_name": entry, "id": 1}]})
    with tempfile.TemporaryDirectory() as folder:
        check_index(read_coco(folder_with(Path(folder), "a.json", content.encode()), size_of=size_of))


@quick
@given(bytes_changes)
def test_changed_bytes_of_coco_give_an_index_or_a_clipspect_error(changes):
    content = changed(json.dumps(COCO).encode(), changes)
    try:
        parse_coco(content, "a.json")
        with tempfile.TemporaryDirectory() as folder:
            check_index(read_coco(folder_with(Path(folder), "a.json", content), size_of=size_of))
    except ClipspectError as error:
        assert "a.json" in str(error)


@quick
@given(bytes_changes)
def test_changed_bytes_of_voc_are_quarantined_with_their_place(changes):
    content = changed(VOC.encode(), changes)
    parsed = parse_voc(content, "a.xml")
    assert parsed.readable or [p.line for p in parsed.quarantined] == [None]
    with tempfile.TemporaryDirectory() as folder:
        check_index(read_voc(folder_with(Path(folder), "a.xml", content), size_of=size_of))


texts = st.text(max_size=8) | st.sampled_from(["nan", "-1", "1e999", "1_0", "41", "0x1", " 5 ", "٣"])


@quick
@given(st.sampled_from(["name", "xmin", "ymin", "xmax", "ymax"]), texts)
def test_objects_around_an_arbitrary_object_of_voc_are_kept(tag, text):
    escaped = "".join(f"&#{ord(c)};" for c in text)
    first, last = VOC.index(f"<{tag}>") + len(tag) + 2, VOC.index(f"</{tag}>")
    parsed = parse_voc((VOC[:first] + escaped + VOC[last:]).encode(), "a.xml")
    lines = {o.line for o in parsed.objects}
    assert lines >= {2, 3} or not parsed.readable  # a character that XML cannot hold ends the file
    assert lines | {p.line for p in parsed.quarantined} >= ({1, 2, 3} if parsed.readable else {None})
