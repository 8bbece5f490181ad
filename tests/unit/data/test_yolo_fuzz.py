"""2,000 fuzzed label files and data.yaml: no uncaught exception, every reject located, every good row kept."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clipspect.data.read import read_dataset
from clipspect.data.yolo import format_data_yaml, format_labels, parse_data_yaml, parse_labels
from clipspect.errors import ClipspectError
from clipspect.types import Annotation
from unit.data.yolo_site import put

N_CLASSES = 9


def fuzz(examples):
    return settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )


def number(value):
    return st.sampled_from([repr(value), f"{value:.6f}", f"{value:e}"])


fraction = st.integers(1, 999).map(lambda n: n / 1000)


@st.composite
def good_box(draw):
    width, height = draw(fraction), draw(fraction)
    cx = draw(st.floats(width / 2, 1 - width / 2))
    cy = draw(st.floats(height / 2, 1 - height / 2))
    fields = [draw(number(value)) for value in (cx, cy, width, height)]
    return " ".join([str(draw(st.integers(0, N_CLASSES - 1))), *fields])


@st.composite
def good_polygon(draw):
    corners = [("0.1", "0.1"), ("0.9", "0.2")]  # an area, whatever else is drawn
    points = corners + draw(
        st.lists(st.tuples(fraction.flatmap(number), fraction.flatmap(number)), min_size=1, max_size=4)
    )
    return " ".join([str(draw(st.integers(0, N_CLASSES - 1))), *(value for point in points for value in point)])


good_row = st.one_of(good_box(), good_box(), good_polygon())

bad_field = st.sampled_from(
    ["nan", "inf", "-inf", "1e308", "1e999", "1.2", "-0.5", "640", "x", "0,5", "0x1p-2", "1_0", "--1", "é", "\x00", "٣"]
)


@st.composite
def bad_row(draw):
    fields = draw(good_row).split()
    kind = draw(st.sampled_from(["class", "field", "fewer", "more", "noise"]))
    if kind == "class":
        fields[0] = draw(st.sampled_from(["-1", "9", "1.5", "1_0", "+1", "drain", "99999999999999999999", "٣", "\x01"]))
    elif kind == "field":
        fields[draw(st.integers(1, len(fields) - 1))] = draw(bad_field)
    elif kind == "fewer":
        fields = fields[: draw(st.integers(1, 4))]
    elif kind == "more":
        fields.append("0.5")
    else:
        return draw(st.sampled_from(["\x00\x01\x02", "{'a': 1}", "# a comment", "\ud7ff", "% 0.5 0.5 0.1 0.1"]))
    return " ".join(fields)


@st.composite
def label_file(draw):
    """(content, lines of good rows, lines of bad rows), with any line end, blanks and blank lines."""
    lines, good, bad, boxes = [], [], [], set()
    for number_, kind in enumerate(draw(st.text("gggb ", max_size=8)), start=1):
        if kind == " ":
            lines.append(draw(st.sampled_from(["", "  ", "\t"])))
        elif kind == "b":
            lines.append(draw(bad_row()))
            bad.append(number_)
        else:
            good_text = draw(good_row)
            lines.append(draw(st.sampled_from(["", " ", "\t"])) + good_text + draw(st.sampled_from(["", "  "])))
            (annotation,), _ = parse_labels(good_text.encode(), "x", n_classes=N_CLASSES)
            key = (annotation.class_id, *(round(edge, 9) for edge in annotation.box_xyxyn))
            (bad if key in boxes else good).append(number_)
            boxes.add(key)
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    bom = draw(st.sampled_from(["", "\ufeff"]))
    return (bom + end.join(lines) + draw(st.sampled_from(["", end]))).encode(), good, bad


@fuzz(800)
@given(label_file())
def test_every_good_row_is_kept_in_order_and_every_bad_row_is_located(drawn):
    content, good, bad = drawn
    kept, problems = parse_labels(content, "labels/a.txt", n_classes=N_CLASSES)
    assert [annotation.line for annotation in kept] == good
    assert all(problem.file == "labels/a.txt" for problem in problems)
    if [problem.code for problem in problems if problem.line is None]:
        assert not good
        assert [(problem.line, problem.code) for problem in problems] == [(None, "binary")]
    else:
        assert [problem.line for problem in problems] == bad


@fuzz(700)
@given(st.one_of(st.binary(max_size=300), st.text("0123456789.- e\t\n\r,xnaif_\x00٣", max_size=200).map(str.encode)))
def test_any_bytes_as_a_label_file_give_records_or_located_problems(content):
    kept, problems = parse_labels(content, "a.txt", n_classes=N_CLASSES)
    n_lines = len(content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"))
    lines = [record.line for record in (*kept, *problems) if record.line is not None]
    assert len(set(lines)) == len(lines)
    assert all(1 <= line <= n_lines for line in lines)
    assert kept or problems or not content.removeprefix(b"\xef\xbb\xbf").strip()
    for annotation in kept:
        left, top, right, bottom = annotation.box_xyxyn
        assert 0 <= left < right <= 1
        assert 0 <= top < bottom <= 1
        assert 0 <= annotation.class_id < N_CLASSES
    json.dumps([str(problem) for problem in problems]).encode()


yaml_text = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12).filter(str.strip)
yaml_names = st.lists(yaml_text, min_size=1, max_size=6, unique=True)
split_name = st.sampled_from(["train", "valid", "test", "north", "a b"])
yaml_splits = st.dictionaries(split_name, st.lists(yaml_text, min_size=1, max_size=3, unique=True), min_size=1)

FRAGMENTS = [
    *("names:", "nc:", "path:", "train:", "val:", "download:", "kpt_shape:", "[", "]", "{", "}", ",", "- ", ": ", "\n"),
    *(
        "&a ",
        "*a",
        "<<: ",
        "!!python/object:os.system ",
        "!!binary ",
        "!!int ",
        "!!timestamp ",
        "'",
        '"',
        "|",
        ">",
        "#",
    ),
    *("---\n", "...\n", "%YAML 9.9\n", "\t", "  ", "x", "drain", "1", "yes", "null", "2020-13-45", "0b", "1e999", "~"),
    *("\\U99999999", "\\x", "\ufeff", "\x00", "\x85", "../", "/", "C:\\", "é", "?", "=", "@", "`"),
]


@fuzz(300)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=25).map("".join), st.booleans())
def test_any_text_as_a_data_yaml_gives_a_record_or_an_error_with_its_place(text, with_names):
    content = (text + ("\nnames: [x, y]\n" if with_names else "")).encode()
    try:
        spec = parse_data_yaml(content, "data.yaml")
    except ClipspectError as error:
        assert str(error).startswith("data.yaml")
        assert "expected" in str(error)
    else:
        assert len(set(spec.names)) == len(spec.names) > 0


@fuzz(100)
@given(st.binary(max_size=200))
def test_any_bytes_as_a_data_yaml_give_a_record_or_an_error(content):
    try:
        parse_data_yaml(content, "data.yaml")
    except ClipspectError as error:
        assert str(error).startswith("data.yaml")


@fuzz(150)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=6).map("".join), label_file())
def test_a_whole_data_set_of_fuzzed_files_is_read_or_refused(tmp_path, text, drawn):
    content, good, _ = drawn
    head = "names: [a, b, c, d, e, f, g, h, i]\ntrain: train\n"
    put(tmp_path, {"data.yaml": head + text, "train/a.jpg": b"", "train/a.txt": content})
    try:
        index = read_dataset(tmp_path)
    except ClipspectError as error:
        assert str(tmp_path) in str(error)
        return
    if "train" in index.splits and index.photos and len(index.names) == N_CLASSES:
        assert [annotation.line for annotation in index.photos[0].annotations] == good


@st.composite
def annotation(draw):
    if draw(st.booleans()):
        x, y = (sorted(draw(st.lists(st.integers(0, 10**6), min_size=2, max_size=2, unique=True))) for _ in "xy")
        left, right, top, bottom = (n / 10**6 for n in (*x, *y))
        return Annotation(draw(st.integers(0, N_CLASSES - 1)), (left, top, right, bottom))
    points = draw(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=6))
    points += [(0.25, 0.25), (0.75, 0.5)]
    x, y = zip(*points, strict=True)
    return Annotation(draw(st.integers(0, N_CLASSES - 1)), (min(x), min(y), max(x), max(y)), tuple(points))


@fuzz(150)
@given(
    st.lists(annotation(), max_size=8, unique_by=lambda a: (a.class_id, *(round(edge, 6) for edge in a.box_xyxyn))),
    st.one_of(st.none(), st.floats(0, 1)),
)
def test_written_labels_come_back(annotations, confidence):
    annotations = [Annotation(a.class_id, a.box_xyxyn, a.polygon_xyn, confidence) for a in annotations]
    content = format_labels(annotations).encode()
    # Two points and a confidence would be a box: such polygons are not drawn, three points are the fewest.
    kept, problems = parse_labels(content, "a.txt", n_classes=N_CLASSES, predictions=confidence is not None)
    assert not problems
    assert len(kept) == len(annotations)
    for before, after in zip(annotations, kept, strict=True):
        assert (after.class_id, after.polygon_xyn, after.confidence) == (
            before.class_id,
            before.polygon_xyn,
            before.confidence,
        )
        assert after.box_xyxyn == pytest.approx(before.box_xyxyn, abs=1e-11)


@fuzz(150)
@given(yaml_names, yaml_splits)
def test_a_written_data_yaml_comes_back(names, splits):
    spec = parse_data_yaml(format_data_yaml(names, splits).encode(), "data.yaml")
    assert spec.names == tuple(names)
    assert {**spec.splits, **spec.others} == {split: tuple(entries) for split, entries in splits.items()}
    assert (spec.path, spec.problems, spec.notes) == (".", (), ())


def test_the_fuzzed_files_add_up_to_two_thousand_besides_round_trips():
    tests = [value for name, value in globals().items() if name.startswith("test_") and hasattr(value, "hypothesis")]
    fuzzed = [value for value in tests if "comes_back" not in value.__name__ and "come_back" not in value.__name__]
    assert sum(value._hypothesis_internal_use_settings.max_examples for value in fuzzed) >= 2000
