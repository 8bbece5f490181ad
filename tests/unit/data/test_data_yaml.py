import time

import pytest
import yaml

from clipspect.data.data_yaml import MAX_YAML_BYTES, format_data_yaml, parse_data_yaml
from clipspect.errors import ClipspectError, ConfigError, DataError


def parse(text):
    return parse_data_yaml(text if isinstance(text, bytes) else text.encode(), "data.yaml")


@pytest.mark.parametrize(
    "names",
    ["[drain, rock toe]", "{0: drain, 1: rock toe}", "\n  - drain\n  - rock toe", "\n  1: rock toe\n  '0': drain"],
)
def test_names_are_a_list_or_a_mapping(names):
    spec = parse(f"path: .\ntrain: train/images\nval: valid/images\nnc: 2\nnames: {names}\n")
    assert spec.names == ("drain", "rock toe")
    assert spec.path == "."
    assert spec.splits == {"train": ("train/images",), "valid": ("valid/images",)}
    assert (spec.problems, spec.notes) == ((), ())


@pytest.mark.parametrize(
    ("key", "split"),
    [("train", "train"), ("val", "valid"), ("valid", "valid"), ("validation", "valid"), ("test", "test")],
)
def test_split_keys_are_normalised(key, split):
    assert parse(f"{key}: a\nnames: [x]\n").splits == {split: ("a",)}


def test_a_split_is_a_text_or_a_list_and_may_have_no_value():
    spec = parse("train: [a, b, a]\nval: c.txt\ntest:  # optional\nnames: [x]\n")
    assert spec.splits == {"train": ("a", "b"), "valid": ("c.txt",)}
    assert spec.lines["train"] == 1


def test_two_keys_of_one_split_add_up_with_a_note():
    spec = parse("val: a\nvalid: b\nnames: [x]\n")
    assert spec.splits == {"valid": ("a", "b")}
    assert "key 'valid' adds to the split 'valid'" in spec.notes[0]


def test_a_folder_called_like_a_number_or_a_truth_value_keeps_its_name():
    assert parse("train: 2024\nval: yes\nnames: [x]\n").splits == {"train": ("2024",), "valid": ("yes",)}


def test_names_keep_spaces_slashes_and_other_scripts():
    names = ("Toe drain- Blocked", "rock toe / left", "насыпь", "a: b", "yes", "1")
    spec = parse(format_data_yaml(names, {"train": ["a"]}))
    assert spec.names == names


@pytest.mark.parametrize("nc", ["3", "1", "two", "[2]", "2.0", "-2"])
def test_nc_against_names_is_a_problem_and_the_names_count(nc):
    spec = parse(f"train: a\nnc: {nc}\nnames: [x, y]\n")
    assert spec.names == ("x", "y")
    assert [(p.file, p.line, p.code) for p in spec.problems] == [("data.yaml", 2, "nc-mismatch")]


def test_unknown_keys_are_noted_and_a_download_is_never_run():
    spec = parse("train: a\nnames: [x]\nroboflow:\n  license: CC\ndownload: |\n  import os\nholdout: c\n")
    assert spec.notes == (
        "data.yaml:3: unknown key 'roboflow' is ignored",
        "data.yaml:5: key 'download' is never run",
    )
    assert spec.others == {"holdout": ("c",)}


def test_a_key_given_twice_is_a_problem():
    spec = parse("train: a\nnames: [x]\ntrain: b\n")
    assert spec.splits == {"train": ("b",)}
    assert [(p.line, p.code) for p in spec.problems] == [(3, "duplicate-key")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected keys and values"),
        ("- a\n- b\n", "got a list"),
        ("just text", "got 'just text'"),
        ("train: a\n", "expected the key 'names'"),
        ("names: []\n", "at least one class name"),
        ("names: drains.names\n", "data.yaml:1: names: expected a list of class names"),
        ("train: a\nnames: [x, '']\n", "data.yaml:2: names: expected a name for class 1"),
        ("names: [x, ' ']\n", "expected a name for class 1"),
        ("names: [x, y, x]\n", "got 'x' for the classes 0 and 2"),
        ("names: [yes, no]\n", "put a name like 1 or yes in quotes"),
        ("names:\n- 1\n", "data.yaml:2: names: expected a text, got '1' (int)"),
        ("names: [x, null]\n", "expected a text"),
        ("names: [x, [y]]\n", "got a list"),
        ("names: {0: x, 2: y}\n", "expected the class ids 0 to 1, got [0, 2]"),
        ("names: {a: x}\n", "expected a class id"),
        ("names: {0: x, 00: y}\n", "got 0 again"),
        ('names: ["a\\nb"]\n', "expected a name"),
        ('names: ["\\uD800"]\n', "expected a name"),
        ("names: [x]\ntrain: {a: b}\n", "data.yaml:2: train: expected a folder"),
        ('names: [x]\ntrain: "a\\0b"\n', "expected a path"),
        ("names: [x]\npath: [a, b]\n", "path: expected one folder"),
        ("names: [x]\nkpt_shape: [17, 3]\n", "got keypoints"),
        ("names: [x\n", "data.yaml:2: expected YAML"),
        ("names: [x]\n\ttrain: a\n", "data.yaml:2: expected YAML"),
        ("--- {names: [x]}\n--- {}\n", "expected YAML"),
        ('names: ["\\UFFFFFFFF"]\n', "expected YAML"),
        ("[a]: b\nnames: [x]\n", "expected a key, got a list"),
        ("names: !!python/object/apply:os.system ['true']\n", "got the tag"),
        ("names: [!x y]\n", "got the tag '!x'"),
        ("names: *unknown\n", "expected lists and mappings written out"),
        (b"names: [\xff]\n", "expected UTF-8"),
        ("names: [x]\n".encode("utf-16"), "expected UTF-8"),
    ],
)
def test_a_data_yaml_that_cannot_be_used_is_refused_with_its_place(text, message):
    with pytest.raises(DataError) as caught:
        parse(text)
    assert str(caught.value).startswith("data.yaml")
    assert "expected" in str(caught.value)
    assert message in str(caught.value)


def test_an_alias_bomb_and_deep_nesting_are_refused_at_once():
    bomb = "a: &a [x, x]\n" + "".join(f"{c}: &{c} [*{p}, *{p}]\n" for p, c in zip("abcdefg", "bcdefgh", strict=True))
    merges = "a: &a {k: v}\nb: {<<: [*a, *a]}\nnames: [x]\n"
    start = time.perf_counter()
    for text in (bomb + "names: [x]\n", merges, "names: " + "[" * 500_000, "a: &a [*a]\n"):
        with pytest.raises(DataError):
            parse(text)
    assert time.perf_counter() - start < 2


def test_an_alias_of_a_plain_text_is_accepted():
    assert parse("train: &t a\nval: *t\nnames: [x]\n").splits == {"train": ("a",), "valid": ("a",)}


def test_a_huge_file_is_refused():
    with pytest.raises(DataError, match="at most"):
        parse(b"#" * (MAX_YAML_BYTES + 1))


def test_a_bom_and_crlf_are_accepted():
    assert parse("\ufefftrain: a\r\nnames: [x]\r\n".encode()).names == ("x",)


def test_what_is_written_is_read_by_plain_yaml_and_by_us():
    text = format_data_yaml(["x", "y"], {"train": ["train/images"], "valid": ["a", "b"], "north": ["n"]})
    assert yaml.safe_load(text) == {
        "path": ".",
        "train": "train/images",
        "val": ["a", "b"],
        "north": "n",
        "nc": 2,
        "names": ["x", "y"],
    }
    spec = parse(text)
    assert {**spec.splits, **spec.others} == {"train": ("train/images",), "valid": ("a", "b"), "north": ("n",)}


@pytest.mark.parametrize(
    ("names", "splits"),
    [
        ([], {"train": ["a"]}),
        (["x", "x"], {"train": ["a"]}),
        (["x"], {"names": ["a"]}),
        (["x"], {"val": ["a"]}),
        (["x"], {"": ["a"]}),
        (["x"], {"train": []}),
        (["x"], {"train": "train/images"}),
    ],
)
def test_nothing_is_written_that_would_not_be_read(names, splits):
    with pytest.raises(ConfigError, match="expected"):
        format_data_yaml(names, splits)
    assert issubclass(ConfigError, ClipspectError)
