"""`data.yaml` as a record and back: text in, records out; nothing here touches a disk.

The file is taken apart node by node and no YAML object is ever constructed, so a tag cannot run anything, `yes` stays
the text `yes` in a path, and every message can name its line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import yaml

from clipspect.data.shown import shown
from clipspect.errors import ConfigError, DataError
from clipspect.types import Problem

MAX_YAML_BYTES = 2**20
"""A data.yaml larger than 1 MiB is refused."""

SPLIT_OF_KEY: Mapping[str, str] = {
    "train": "train",
    "val": "valid",
    "valid": "valid",
    "validation": "valid",
    "test": "test",
}
"""Keys of data.yaml that declare a split, and what the split is called here."""

_MAX_DEPTH = 16
_RESERVED = frozenset({"path", "nc", "names", "download", "kpt_shape"}) | frozenset(SPLIT_OF_KEY)
_CONTROL = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
_TAG = "tag:yaml.org,2002:"
_TAGS = frozenset(_TAG + name for name in ("str", "int", "float", "bool", "null", "map", "seq", "timestamp", "merge"))


@dataclass(frozen=True)
class DataYaml:
    """What a data.yaml says; nothing is looked up on disk yet.

    Attributes:
        names: Class names in the order of their ids.
        path: The data set's folder as written, or None.
        splits: Split ("train", "valid", "test") to the folders or .txt lists as written.
        others: Keys of the user's own that hold text or a list of texts: splits, if they turn out to name photos.
        lines: Key of `splits` and `others`, and "path", to its line, from 1.
        problems: What is wrong but does not stop the reading ("nc-mismatch", "duplicate-key").
        notes: Harmless oddities ("unknown key 'roboflow' is ignored").
    """

    names: tuple[str, ...]
    path: str | None = None
    splits: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    others: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()


def parse_data_yaml(content: bytes, file: str) -> DataYaml:
    """Read a data.yaml: `path`, splits (`train val valid validation test`), `names` as a list or a mapping, `nc`.

    Args:
        content: The file as it is on disk, UTF-8 with or without BOM.
        file: Its name for messages.

    Raises:
        DataError: It is no YAML mapping, has no usable class names, or holds what this reader refuses: tags, aliases of
            lists and mappings, deep nesting, more than 1 MiB, keypoints.
    """
    nodes, problems = _top_level(content, file)
    if "kpt_shape" in nodes:
        raise DataError(
            f"{file}:{nodes['kpt_shape'].line}: expected boxes, polygons or oriented boxes, got keypoints (kpt_shape)"
        )
    if "names" not in nodes:
        raise DataError(f"{file}: expected the key 'names' (a list of class names), got the keys {shown(list(nodes))}")
    names = _names(nodes["names"].node, file)
    if "nc" in nodes:
        problems += _check_nc(nodes["nc"].node, len(names), file)
    path = _texts(nodes["path"].node, "path", file) if "path" in nodes else ()
    if len(path) > 1:
        raise DataError(f"{file}:{nodes['path'].line}: path: expected one folder, got {len(path)}")
    splits, notes = _splits(nodes, file)
    others, more_notes = _others(nodes, file)
    lines = {SPLIT_OF_KEY.get(key, key): entry.line for key, entry in nodes.items()}
    return DataYaml(names, path[0] if path else None, splits, others, lines, tuple(problems), tuple(notes + more_notes))


def format_data_yaml(names: Sequence[str], splits: Mapping[str, Sequence[str]]) -> str:
    """Write a data.yaml that Ultralytics and `parse_data_yaml` read.

    Args:
        names: Class names in the order of their ids.
        splits: Split to folders or .txt lists, relative to the file's own folder. "valid" is written as `val`; names
            other than train, valid and test come back in `DataYaml.others`.

    Raises:
        ConfigError: A name is empty, twice there or holds control characters; a split has the name of another key.
    """
    problem = _names_problem(names)
    if problem is not None:
        raise ConfigError(f"names: {problem}")
    document: dict[str, object] = {"path": "."}
    for split, entries in splits.items():
        if isinstance(entries, str) or not entries or not all(entries):
            raise ConfigError(f"split {split!r}: expected folders or .txt lists, got {entries!r}")
        if not split or _CONTROL.search(split) or (split in _RESERVED and SPLIT_OF_KEY.get(split) != split):
            raise ConfigError(f"splits: expected a name such as train, valid, test, got {split!r}")
        document["val" if split == "valid" else split] = entries[0] if len(entries) == 1 else list(entries)
    document |= {"nc": len(names), "names": list(names)}
    return str(yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100))


class _Loader(yaml.SafeLoader):
    """Composes nodes; refuses what a data.yaml never needs before it can grow."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]  # the stubs leave the parser untyped
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent) and not isinstance(self.anchors.get(event.anchor), yaml.ScalarNode):
            raise _RefusedError(f"{line}: expected lists and mappings written out, got the alias *{event.anchor}")
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise _RefusedError(f"{line}: expected at most {_MAX_DEPTH} levels, got more")
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        if node is not None and node.tag not in _TAGS:
            raise _RefusedError(f"{line}: expected plain text, numbers, lists and mappings, got the tag {node.tag!r}")
        return node


@dataclass(frozen=True)
class _Entry:
    """The value of a key, and the line of the key."""

    line: int
    node: yaml.Node


class _RefusedError(Exception):
    """Legal YAML that is refused: "line: expected, got". Never leaves this file."""


def _top_level(content: bytes, file: str) -> tuple[dict[str, _Entry], list[Problem]]:
    root = _compose(content, file)
    if not isinstance(root, yaml.MappingNode):
        got = "an empty file" if root is None else _kind(root)
        raise DataError(f"{file}: expected keys and values (path, train, val, names ...), got {got}")
    nodes: dict[str, _Entry] = {}
    problems = []
    for key_node, value in root.value:
        key = _key(key_node, file)
        if key in nodes:
            reason = f"expected the key {shown(key)} once, got it again; the last one counts"
            problems.append(Problem(file, _line(key_node), "duplicate-key", reason))
        nodes[key] = _Entry(_line(key_node), value)
    return nodes, problems


def _compose(content: bytes, file: str) -> yaml.Node | None:
    if len(content) > MAX_YAML_BYTES:
        raise DataError(f"{file}: expected at most {MAX_YAML_BYTES} bytes, got more")
    try:
        loader = _Loader(content.decode("utf-8-sig"))
        node: yaml.Node | None = loader.get_single_node()
    except _RefusedError as error:
        raise DataError(f"{file}:{error}") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = file if mark is None else f"{file}:{mark.line + 1}"
        raise DataError(f"{where}: expected YAML, got {error.problem or error.context}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{file}: expected UTF-8 text, got another encoding or a binary file") from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # PyYAML's scanner lets chr() and int() errors through
        raise DataError(f"{file}: expected YAML, got {shown(str(error), 100)}") from error
    return node


def _key(node: yaml.Node, file: str) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise DataError(f"{file}:{_line(node)}: expected a key, got {_kind(node)}")
    return str(node.value)


def _names(node: yaml.Node, file: str) -> tuple[str, ...]:
    where = f"{file}:{_line(node)}: names"
    if isinstance(node, yaml.SequenceNode):
        values = list(node.value)
    elif isinstance(node, yaml.MappingNode):
        values = _names_by_id(node, file)
    else:
        raise DataError(f"{where}: expected a list of class names, got {_kind(node)}")
    for value in values:
        if not isinstance(value, yaml.ScalarNode) or value.tag != _TAG + "str":
            raise DataError(
                f"{file}:{_line(value)}: names: expected a text, got {_kind(value)}; put a name like 1 or yes in quotes"
            )
    names = tuple(str(value.value) for value in values)
    problem = _names_problem(names)
    if problem is not None:
        raise DataError(f"{where}: {problem}")
    return names


def _names_by_id(node: yaml.MappingNode, file: str) -> list[yaml.Node]:
    by_id: dict[int, yaml.Node] = {}
    for key_node, value in node.value:
        key = _key(key_node, file)
        if not re.fullmatch("[0-9]{1,9}", key):
            raise DataError(f"{file}:{_line(key_node)}: names: expected a class id, a whole number, got {shown(key)}")
        if int(key) in by_id:
            raise DataError(f"{file}:{_line(key_node)}: names: expected each class id once, got {int(key)} again")
        by_id[int(key)] = value
    if sorted(by_id) != list(range(len(by_id))):
        raise DataError(
            f"{file}:{_line(node)}: names: expected the class ids 0 to {len(by_id) - 1}, got {shown(sorted(by_id))}"
        )
    return [by_id[class_id] for class_id in range(len(by_id))]


def _names_problem(names: Sequence[str]) -> str | None:
    if not names:
        return "expected at least one class name, got none"
    first: dict[str, int] = {}
    for class_id, name in enumerate(names):
        if not name.strip() or _CONTROL.search(name):
            return f"expected a name for class {class_id}, got {shown(name)}"
        if first.setdefault(name, class_id) != class_id:
            return f"expected different names, got {shown(name)} for the classes {first[name]} and {class_id}"
    return None


def _check_nc(node: yaml.Node, n_names: int, file: str) -> list[Problem]:
    value = node.value if isinstance(node, yaml.ScalarNode) else _kind(node)
    if re.fullmatch("0*[0-9]{1,9}", value) and int(value) == n_names:
        return []
    reason = f"expected nc: {n_names}, the number of names, got {shown(value)}; the names count"
    return [Problem(file, _line(node), "nc-mismatch", reason)]


def _splits(nodes: Mapping[str, _Entry], file: str) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    splits: dict[str, tuple[str, ...]] = {}
    notes = []
    for key, entry in nodes.items():
        if key not in SPLIT_OF_KEY:
            continue
        entries = _texts(entry.node, key, file)
        split = SPLIT_OF_KEY[key]
        if entries and split in splits:
            notes.append(f"{file}:{entry.line}: key {key!r} adds to the split {split!r}, which another key declares")
        if entries:
            splits[split] = tuple(dict.fromkeys(splits.get(split, ()) + entries))
    return splits, notes


def _others(nodes: Mapping[str, _Entry], file: str) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    others: dict[str, tuple[str, ...]] = {}
    notes = []
    for key, entry in nodes.items():
        if key == "download":
            notes.append(f"{file}:{entry.line}: key 'download' is never run")
        elif key not in _RESERVED and _is_texts(entry.node) and not _CONTROL.search(key):
            others[key] = _texts(entry.node, key, file)
        elif key not in _RESERVED:
            notes.append(f"{file}:{entry.line}: unknown key {shown(key)} is ignored")
    return others, notes


def _is_texts(node: yaml.Node) -> bool:
    items = node.value if isinstance(node, yaml.SequenceNode) else [node]
    return bool(items) and all(
        isinstance(item, yaml.ScalarNode)
        and item.tag == _TAG + "str"
        and item.value.strip()
        and not _CONTROL.search(item.value)
        for item in items
    )


def _texts(node: yaml.Node, key: str, file: str) -> tuple[str, ...]:
    """Folders or .txt lists of one key; empty where the key stands there without a value (`test:  # optional`)."""
    items = node.value if isinstance(node, yaml.SequenceNode) else [node]
    texts = []
    for item in items:
        if not isinstance(item, yaml.ScalarNode):
            raise DataError(
                f"{file}:{_line(item)}: {key}: expected a folder, a .txt file or a list of them, got {_kind(item)}"
            )
        if _CONTROL.search(item.value):
            raise DataError(f"{file}:{_line(item)}: {key}: expected a path, got {shown(item.value)}")
        if item.tag != _TAG + "null" and item.value.strip():
            texts.append(str(item.value))  # as written: a folder may be called 2024 or yes
    return tuple(texts)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _kind(node: yaml.Node) -> str:
    if isinstance(node, yaml.ScalarNode):
        return f"{shown(node.value)} ({node.tag.removeprefix(_TAG)})"
    return "a list" if isinstance(node, yaml.SequenceNode) else "a mapping"
