"""The exception tree is the one that its docstring draws."""

import inspect
import pickle
import re

import pytest

from clipspect import errors

CLASSES = {
    name: value
    for name, value in vars(errors).items()
    if inspect.isclass(value) and value.__module__ == errors.__name__
}


def drawn_tree() -> dict[str, str]:
    """Error to its parent, as drawn: each level is indented by five columns."""
    parents, open_at = {}, {}
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"(?P<indent>[ |]*)(\+-- )?(?P<name>[A-Z]\w+Error)\b", line)
        if match is None:
            continue
        column = len(match["indent"])
        above = [c for c in open_at if c < column]
        parents[match["name"]] = open_at[max(above)] if above else "Exception"
        open_at = {c: n for c, n in open_at.items() if c < column} | {column: match["name"]}
    return parents


def test_every_error_is_drawn_under_its_parent():
    assert {name: cls.__base__.__name__ for name, cls in CLASSES.items()} == drawn_tree()


def test_the_drawing_explains_every_error_and_every_class_has_a_docstring():
    for name, cls in CLASSES.items():
        (line,) = [line for line in errors.__doc__.splitlines() if re.search(rf"\b{name}\b", line)]
        assert len(line.split(name)[1].split()) >= 2
        assert inspect.cleandoc(cls.__doc__).endswith(".") or "Attributes:" in cls.__doc__


@pytest.mark.parametrize("name", CLASSES)
def test_exit_codes_are_2_but_for_a_refusal(name):
    assert CLASSES[name].exit_code == (1 if issubclass(CLASSES[name], errors.RefusedError) else 2)


@pytest.mark.parametrize("name", sorted(CLASSES.keys() - {"ImageError"}))
def test_an_error_says_its_message_and_nothing_else(name):
    assert str(CLASSES[name]("labels/a.txt:3: expected 5 fields, got 3")) == "labels/a.txt:3: expected 5 fields, got 3"


def test_an_image_error_carries_the_code_of_the_quarantine_list():
    error = errors.ImageError("a.jpg: truncated", code="corrupt")
    assert (str(error), error.code) == ("a.jpg: truncated", "corrupt")
    with pytest.raises(TypeError):
        errors.ImageError("a.jpg: truncated")


@pytest.mark.parametrize("name", sorted(CLASSES.keys() - {"ImageError"}))
def test_errors_travel_between_processes(name):
    error = pickle.loads(pickle.dumps(CLASSES[name]("x")))
    assert (type(error), str(error)) == (CLASSES[name], "x")
