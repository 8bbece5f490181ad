"""Class names to (object type, condition) and back.

A class is read once, here; everything after it works with `ObjectClass` and never looks into a name again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from clipspect.errors import TaxonomyError
from clipspect.types import Bool

NORMAL = "normal"
"""The condition of a class whose name has none."""

NORMAL_WORDS = frozenset(
    {"normal", "good", "ok", "okay", "intact", "healthy", "undamaged", "unblocked", "fine", "clear", "clean"}
)
"""Conditions that count as normal in the normal-against-not figures."""

CONDITION_WORDS = NORMAL_WORDS | frozenset(
    """
    abnormal bad bent blocked broken burnt burned chipped choked clogged closed collapsed corroded cracked crushed
    damaged debris-filled defective deformed degraded deteriorated detached dirty discoloured discolored dislodged
    displaced eroded exposed faded failed faulty flashed flooded fouled graffitied hanging leaking leaky leaning loose
    misaligned missing moss-covered obscured obstructed open overgrown peeling poor polluted punctured rotten rusted
    rusty sagging scoured scratched settled shattered shifted silted soiled spalled stained stolen tilted torn twisted
    unhealthy unstable vandalised vandalized vegetated warped washed-out waterlogged weathered wet worn
    """.split()
)
"""Words that are conditions wherever they begin or end a class name."""

_DEGREES = ("partially", "partly", "slightly", "heavily", "severely", "fully", "completely", "badly", "not")
"""Words before a condition that belong to it: "partially blocked" is one condition, and so is "not blocked"."""

_CONDITION_PHRASES = ("silted up", "overgrown with plants", "out of order")


@dataclass(frozen=True, slots=True)
class ObjectClass:
    """One class: an object type in a condition.

    Attributes:
        name: The user's own name ("Toe drain- Blocked"), the first of them where several names mean the same.
        object_type: Lower case, single spaces ("toe drain").
        condition: Lower case ("blocked"); `normal` where the name has none.
    """

    name: str
    object_type: str
    condition: str

    @property
    def label(self) -> str:
        """`{object type} {condition}`."""
        return f"{self.object_type} {self.condition}"

    @property
    def is_normal(self) -> bool:
        """Whether the condition counts as normal in the normal-against-not figures."""
        return self.condition in NORMAL_WORDS


@dataclass(frozen=True)
class Taxonomy:
    """The classes of a data set or a model.

    Attributes:
        classes: K different (object type, condition) pairs, in the order of the data set's ids.
        class_index_of_id: For each id of the data set, its position in `classes`.
        notes: What a person should look at ("class 'rust' names a condition but no object type").
    """

    classes: tuple[ObjectClass, ...]
    class_index_of_id: tuple[int, ...]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.classes)

    @cached_property
    def object_types(self) -> tuple[str, ...]:
        """Object types in the order of first appearance."""
        return tuple(dict.fromkeys(c.object_type for c in self.classes))

    @cached_property
    def conditions(self) -> tuple[str, ...]:
        """Conditions in the order of first appearance, the normal ones first."""
        seen = dict.fromkeys(c.condition for c in self.classes)
        return tuple(sorted(seen, key=lambda c: c not in NORMAL_WORDS))

    @cached_property
    def index(self) -> Mapping[tuple[str, str], int]:
        """(object type, condition) to class index."""
        return {(c.object_type, c.condition): k for k, c in enumerate(self.classes)}

    def of_type(self, object_type: str) -> tuple[int, ...]:
        """Class indices of one object type; empty where the type is unknown."""
        return tuple(k for k, c in enumerate(self.classes) if c.object_type == object_type)

    def mask(self, object_types: Sequence[str]) -> Bool:
        """(N, K) bool: which classes each object can have. A row is all False where the type is unknown."""
        known = {t: np.array([c.object_type == t for c in self.classes], dtype=bool) for t in set(object_types)}
        if not object_types:
            return np.zeros((0, len(self)), dtype=bool)
        return np.stack([known[t] for t in object_types])


def read_taxonomy(
    names: Sequence[str],
    given: Mapping[str, Sequence[str]] | None = None,
    *,
    conditions: Iterable[str] = (),
    where: str = "[taxonomy]",
) -> Taxonomy:
    """Read class names as (object type, condition).

    Args:
        names: Class names in the order of their ids.
        given: The user's own reading, class name to ("toe drain", "blocked") or ("vegetation",).
        conditions: Condition words besides the built-in ones.
        where: Place for error messages.

    Raises:
        TaxonomyError: `given` names a class that does not exist, or has other than one or two parts.
    """
    given = dict(given or {})
    _check_given(names, given, where)
    words = CONDITION_WORDS | {normalise(w) for w in conditions}
    read = [_parts(name, given.get(name), words) for name in names]
    notes = [
        f"class {name!r} names a condition but no object type; give it in [taxonomy], e.g. "
        f'{name!r} = ["sign", "{condition}"]'
        for name, (object_type, condition) in zip(names, read, strict=True)
        if name not in given and condition == NORMAL and _is_condition(object_type, words)
    ]
    classes: dict[tuple[str, str], ObjectClass] = {}
    for name, parts in zip(names, read, strict=True):
        if parts in classes:
            notes.append(f"classes {classes[parts].name!r} and {name!r} are both read as {parts}: counted as one")
        else:
            classes[parts] = ObjectClass(name, *parts)
    order = list(classes)
    return Taxonomy(tuple(classes.values()), tuple(order.index(parts) for parts in read), tuple(notes))


def normalise(text: str) -> str:
    """Lower case, camelCase split, every run of separators one space: "Toe_drain- Blocked" -> "toe drain blocked"."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    return re.sub(r"[\W_]+", " ", spaced).strip().lower()


def _check_given(names: Sequence[str], given: Mapping[str, Sequence[str]], where: str) -> None:
    for name, parts in given.items():
        if name not in names:
            raise TaxonomyError(f"{where}: expected one of the classes {list(names)}, got {name!r}")
        if not _are_parts(parts):
            raise TaxonomyError(
                f'{where}: {name!r}: expected ["object type"] or ["object type", "condition"], got {parts!r}'
            )


def _are_parts(parts: object) -> bool:
    """One or two texts; a settings file is checked before, a caller's mapping only here."""
    if isinstance(parts, str) or not isinstance(parts, Sequence) or len(parts) not in (1, 2):
        return False
    return all(isinstance(p, str) and normalise(p) for p in parts)


def _parts(name: str, given: Sequence[str] | None, words: frozenset[str]) -> tuple[str, str]:
    if given is not None:
        object_type, *rest = (normalise(p) for p in given)
        return object_type, rest[0] if rest else NORMAL
    text = normalise(name)
    if not text:
        raise TaxonomyError(f"class names: expected a name with a letter or digit, got {name!r}")
    if _is_condition(text, words):
        return text, NORMAL
    for condition in _longest_first(words):
        if text.endswith(" " + condition):
            return _with_degree(text.removesuffix(" " + condition), condition)
        if text.startswith(condition + " "):
            return text.removeprefix(condition + " "), condition
    return text, NORMAL


def _with_degree(object_type: str, condition: str) -> tuple[str, str]:
    """Move a degree from the end of the type to the condition: "drain partially", "blocked"."""
    rest, _, last = object_type.rpartition(" ")
    return (rest, f"{last} {condition}") if rest and last in _DEGREES else (object_type, condition)


def _phrases(words: frozenset[str]) -> set[str]:
    return {w.replace("-", " ") for w in words} | set(_CONDITION_PHRASES)


def _longest_first(words: frozenset[str]) -> list[str]:
    return sorted(_phrases(words), key=lambda w: (-len(w), w))


def _is_condition(text: str, words: frozenset[str]) -> bool:
    """Whether a whole class name says a condition and nothing else."""
    nouns = {"rust", "corrosion", "crack", "damage", "blockage", "debris", "leak", "erosion"}
    last = text.removeprefix(text.split(" ")[0] + " ") if text.split(" ")[0] in _DEGREES else text
    return last in _phrases(words) | nouns
