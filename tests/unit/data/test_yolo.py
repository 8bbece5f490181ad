import math

import pytest

from clipspect.data import yolo
from clipspect.types import Annotation

GOOD = "0 0.5 0.5 0.2 0.4"


def parse(text, *, n_classes=9, predictions=False):
    content = text if isinstance(text, bytes) else text.encode()
    return yolo.parse_labels(content, "labels/a.txt", n_classes=n_classes, predictions=predictions)


def codes(problems):
    return [(problem.line, problem.code) for problem in problems]


def test_a_box_becomes_its_corners():
    (annotation,), problems = parse("3 0.5 0.25 0.2 0.1\n")
    assert not problems
    assert annotation.class_id == 3
    assert annotation.box_xyxyn == pytest.approx((0.4, 0.2, 0.6, 0.3))
    assert annotation.polygon_xyn == ()
    assert annotation.confidence is None
    assert annotation.line == 1


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("9 0.5 0.5 0.2 0.4", "class-out-of-range"),
        ("99999999999999999999 0.5 0.5 0.2 0.4", "class-out-of-range"),
        ("1" * 5000 + " 0.5 0.5 0.2 0.4", "class-out-of-range"),
        ("-1 0.5 0.5 0.2 0.4", "class-out-of-range"),
        ("-0 0.5 0.5 0.2 0.4", "class-out-of-range"),
        ("1.5 0.5 0.5 0.2 0.4", "class-not-integer"),
        ("1.0 0.5 0.5 0.2 0.4", "class-not-integer"),
        ("1_0 0.5 0.5 0.2 0.4", "class-not-integer"),
        ("+1 0.5 0.5 0.2 0.4", "class-not-integer"),
        ("0x1 0.5 0.5 0.2 0.4", "class-not-integer"),
        ("١ 0.5 0.5 0.2 0.4", "class-not-integer"),
        ("drain 0.5 0.5 0.2 0.4", "class-not-integer"),
        ("0 0.5 0.5 wide 0.4", "not-a-number"),
        ("0 0.5 0.5 0.2_0 0.4", "not-a-number"),
        ("0 0.5 0.5 0x1p-3 0.4", "not-a-number"),
        ("0 0.5 0.5 ٠.٢ 0.4", "not-a-number"),
        ("0 320 240 50 60", "pixel-coordinates"),
        ("0 100 100 200 100 200 200", "pixel-coordinates"),
        ("0 1.2 0.5 0.2 0.4", "out-of-range"),
        ("0 0.5 0.5 2.5 0.4", "out-of-range"),
        ("0 0.5 -0.2 0.2 0.4", "out-of-range"),
        ("0 0.5 0.5 1.2 0.4", "out-of-range"),
        ("0 0.1 0.1 1.2 0.1 0.5 0.5", "out-of-range"),
        ("0 0.5 0.5 1e308 0.4", "out-of-range"),
        ("0 0.95 0.5 0.11 0.4", "box-outside-photo"),
        ("0 0.5 0.049 0.2 0.1003", "box-outside-photo"),
        ("0 0.5 0.5 0 0.4", "zero-size"),
        ("0 0.5 0.5 0.2 0.0", "zero-size"),
        ("0 0.5 0.5 1e-300 0.4", "zero-size"),
        ("0 0.1 0.1 0.1 0.2 0.1 0.3", "zero-size"),
        ("0 1.0008 0.5 0.0002 0.4", "zero-size"),
        ("0 0.5 0.5 -0.2 0.4", "negative-size"),
        ("0 nan 0.5 0.2 0.4", "not-finite"),
        ("0 0.5 0.5 inf 0.4", "not-finite"),
        ("0 0.5 -Infinity 0.2 0.4", "not-finite"),
        ("0 0.5 0.5 1e309 0.4", "not-finite"),
        ("0 0.5 0.5 0.2", "too-few-fields"),
        ("0", "too-few-fields"),
        ("0 0.5 0.5 0.2 0.4 0.9", "confidence-in-label"),
        ("0 0.1 0.1 0.2 0.1 0.2 0.2 0.9", "even-field-count"),
        ("0 0.1 0.1 0.2 0.1 0.2 0.2 0.1 0.2 0.9", "even-field-count"),
        ("0,0.5,0.5,0.2,0.4", "commas"),
        ("0 0,5 0,5 0,2 0,4", "commas"),
        ("0 0.5 0.5 0.2 0.4\x00", "binary"),
        ("0\u00a00.5\u00a00.5\u00a00.2\u00a00.4", "too-few-fields"),
    ],
)
def test_a_bad_row_is_located_and_its_good_neighbours_are_kept(row, code):
    kept, problems = parse(f"1 0.5 0.5 0.2 0.4\n{row}\n2 0.5 0.5 0.2 0.4\n")
    assert codes(problems) == [(2, code)]
    assert [annotation.class_id for annotation in kept] == [1, 2]
    assert [annotation.line for annotation in kept] == [1, 3]
    assert problems[0].file == "labels/a.txt"
    assert "expected" in problems[0].reason
    assert len(problems[0].reason) < 250


def test_the_row_alone_has_line_and_code_too():
    kept, problems = parse("0 1.2 0.5 0.2 0.4")
    assert not kept
    assert str(problems[0]) == "labels/a.txt:1: out-of-range: expected coordinates from 0 to 1, got 1.2"


def test_the_same_class_and_box_twice_keeps_the_first():
    kept, problems = parse(f"{GOOD}\n1 0.5 0.5 0.2 0.4\n\n0 0.50 5e-1 0.2 .4\n")
    assert codes(problems) == [(4, "duplicate-row")]
    assert "line 1" in problems[0].reason
    assert [a.class_id for a in kept] == [0, 1]


def test_a_polygon_with_the_box_of_another_row_is_a_duplicate():
    _, problems = parse("0 0.5 0.5 0.2 0.2\n0 0.4 0.4 0.6 0.4 0.6 0.6 0.4 0.6\n")
    assert codes(problems) == [(2, "duplicate-row")]


def test_boxes_and_polygons_stand_in_one_file():
    kept, problems = parse(f"{GOOD}\n1 0.1 0.2 0.3 0.2 0.2 0.6\n2 0.1 0.1 0.2 0.1 0.2 0.3 0.1 0.3\n")
    assert not problems
    assert kept[1].box_xyxyn == (0.1, 0.2, 0.3, 0.6)
    assert kept[1].polygon_xyn == ((0.1, 0.2), (0.3, 0.2), (0.2, 0.6))
    assert kept[2].box_xyxyn == (0.1, 0.1, 0.2, 0.3)
    assert len(kept[2].polygon_xyn) == 4


@pytest.mark.parametrize(
    "content",
    [
        f"{GOOD}\r\n\r\n1 0.5 0.5 0.2 0.4\r\n".encode(),
        f"{GOOD}\r\r1 0.5 0.5 0.2 0.4\r".encode(),
        f"\ufeff{GOOD}\n   \t \n1 0.5 0.5 0.2 0.4".encode(),
        b"0\t0.5\t0.5\t0.2\t0.4   \n\n  1  0.5 0.5 0.2 0.4\t\n",
    ],
)
def test_line_ends_a_bom_tabs_and_blanks_are_accepted(content):
    kept, problems = parse(content)
    assert not problems
    assert [(a.class_id, a.line) for a in kept] == [(0, 1), (1, 3)]


@pytest.mark.parametrize("content", [b"", b"\n", b"  \r\n\t\n", b"\xef\xbb\xbf"])
def test_an_empty_file_is_background(content):
    assert parse(content) == ([], [])


@pytest.mark.parametrize(
    ("row", "box"),
    [
        ("0 0.0995 0.5 0.2 0.4", (0.0, 0.3, 0.1995, 0.7)),
        ("0 0.901 0.5 0.2 0.4", (0.801, 0.3, 1.0, 0.7)),  # over the edge by 1e-3 exactly
        ("0 0.5 0.5 1.002 1.002", (0.0, 0.0, 1.0, 1.0)),
        ("0 -0.001 0.1 0.5 1.001 0.2 0.2", (0.0, 0.1, 0.5, 1.0)),
    ],
)
def test_what_reaches_over_the_edge_by_at_most_a_thousandth_is_clipped(row, box):
    (annotation,), problems = parse(row)
    assert not problems
    assert annotation.box_xyxyn == pytest.approx(box, abs=1e-12)
    assert all(0 <= edge <= 1 for edge in annotation.box_xyxyn)
    assert all(0 <= value <= 1 for point in annotation.polygon_xyn for value in point)


@pytest.mark.parametrize("row", ["0 0.9011 0.5 0.2 0.4", "0 -0.0011 0.1 0.5 0.5 0.2 0.2"])
def test_a_hair_more_than_a_thousandth_is_not(row):
    kept, problems = parse(row)
    assert not kept
    assert problems[0].code in ("box-outside-photo", "out-of-range")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_named_as_such(encoding):
    kept, problems = parse(f"{GOOD}\n".encode(encoding))
    assert not kept
    assert codes(problems) == [(None, "utf-16")]


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\1", bytes(range(256)) * 40, b"\0\0\0\0"])
def test_a_binary_file_is_one_problem(content):
    assert codes(parse(content)[1]) == [(None, "binary")]


def test_a_file_that_ends_in_nul_bytes_keeps_its_good_rows():
    kept, problems = parse(f"{GOOD}\n1 0.5 0.5 0.2 0.4\n".encode() + b"\0" * 512)
    assert [a.class_id for a in kept] == [0, 1]
    assert codes(problems) == [(3, "binary")]


def test_a_huge_file_is_refused_as_a_whole():
    kept, problems = parse(b" " * (yolo.MAX_LABEL_BYTES + 1))
    assert not kept
    assert codes(problems) == [(None, "too-large")]


def test_predictions_carry_a_confidence():
    kept, problems = parse(
        "0 0.5 0.5 0.2 0.4 0.875\n1 0.1 0.2 0.3 0.2 0.2 0.6 1\n2 0.1 0.1 0.2 0.1 0.2 0.3 0.1 0.3 0\n", predictions=True
    )
    assert not problems
    assert [a.confidence for a in kept] == [0.875, 1.0, 0.0]
    assert [len(a.polygon_xyn) for a in kept] == [0, 3, 4]


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (GOOD, "missing-confidence"),
        ("0 0.1 0.2 0.3 0.2 0.2 0.6", "missing-confidence"),
        (f"{GOOD} 1.2", "confidence-out-of-range"),
        (f"{GOOD} -0.1", "confidence-out-of-range"),
        (f"{GOOD} nan", "not-finite"),
        (f"{GOOD} high", "not-a-number"),
        ("0 0.5 0.5 0.2", "too-few-fields"),
        ("0 320 240 50 60 0.5", "pixel-coordinates"),
    ],
)
def test_a_bad_prediction_is_quarantined(row, code):
    kept, problems = parse(f"{row}\n1 0.5 0.5 0.2 0.4 0.5\n", predictions=True)
    assert codes(problems) == [(1, code)]
    assert len(kept) == 1


def test_labels_written_and_read_again_are_the_same():
    annotations = [
        Annotation(0, (0.1, 0.2, 0.30000000001, 0.4)),
        Annotation(1, (0.0, 0.0, 1.0, 1.0)),
        Annotation(2, (0.1, 0.1, 0.2, 1 / 3), ((0.1, 0.1), (0.2, 0.1), (0.15, 1 / 3))),
    ]
    text = yolo.format_labels(annotations)
    kept, problems = parse(text)
    assert not problems
    assert [a.class_id for a in kept] == [0, 1, 2]
    for before, after in zip(annotations, kept, strict=True):
        assert after.polygon_xyn == before.polygon_xyn
        assert after.box_xyxyn == pytest.approx(before.box_xyxyn, abs=1e-11)
    assert yolo.format_labels([]) == ""


def test_six_digits_stay_six_digits():
    row = "6 0.489491 0.580939 0.031277 0.424841\n"
    assert yolo.format_labels(parse(row)[0]) == row


def test_a_written_confidence_is_read_again():
    text = yolo.format_labels([Annotation(0, (0.1, 0.2, 0.3, 0.4), (), 1 / 3)])
    (annotation,), problems = parse(text, predictions=True)
    assert not problems
    assert annotation.confidence is not None
    assert math.isclose(annotation.confidence, 1 / 3, abs_tol=0)
