"""Classes to prompts, by family. Pure and deterministic.

Families of this file: `basic` (`a photo of {class}`), `state` (synonyms of the condition), `spatial` (`... at the
bottom of the image`), `multi-object` (`..., with a rock toe nearby`) and `custom` (the user's own templates).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from clipspect.errors import ConfigError
from clipspect.prompts.lexicon import state_words
from clipspect.taxonomy import NORMAL, ObjectClass
from clipspect.types import Box, PromptContext

FAMILIES = ("basic", "state", "spatial", "multi-object", "custom")
POSITIONS = ("top", "middle", "bottom")


@dataclass(frozen=True, slots=True)
class Prompt:
    """One prompt of one class.

    Attributes:
        text: What the text encoder reads.
        class_index: Of which class.
        family: One of `FAMILIES`.
        template: Name of the template; the same for all classes.
        only_where: "" where it holds for every object, else "position:top" or "near:rock toe".
    """

    text: str
    class_index: int
    family: str
    template: str
    only_where: str = ""


def expand(
    classes: Sequence[ObjectClass],
    families: Sequence[str],
    *,
    words: Mapping[str, tuple[str, ...]] | None = None,
    templates: Sequence[str] = (),
) -> tuple[Prompt, ...]:
    """All prompts of all classes, class by class, family by family, in a fixed order.

    Args:
        classes: The K classes.
        families: Families to use, each one of `FAMILIES`.
        words: The user's own synonyms by condition, for `state`.
        templates: The user's own templates, for `custom`; each holds `{label}`.

    Raises:
        ConfigError: Unknown family, none at all, or a custom template without `{label}`.
    """
    _check(families, templates)
    types = tuple(dict.fromkeys(c.object_type for c in classes))
    prompts: list[Prompt] = []
    for index, object_class in enumerate(classes):
        alone = sum(c.object_type == object_class.object_type for c in classes) == 1
        for family in families:
            prompts += _family(family, index, object_class, alone, types, dict(words or {}), templates)
    return tuple(prompts)


def phrase(object_class: ObjectClass, condition: str | None = None, *, alone: bool = False) -> str:
    """How the class is said: "blocked slope drain", "slope drain choked with debris", "vegetation"."""
    word = object_class.condition if condition is None else condition
    if alone and word == NORMAL:
        return object_class.object_type
    if " " in word:  # "choked with debris" follows its noun, "clogged" goes before it
        return f"{object_class.object_type} {word}"
    return f"{word} {object_class.object_type}"


def with_article(noun: str) -> str:
    """The noun with "a" or "an" before it."""
    return f"{'an' if noun[:1] in 'aeiou' else 'a'} {noun}"


def context_of(box_xyxyn: Box, other_types: Sequence[str]) -> PromptContext:
    """The context of one object: its box as fractions of the photo, and the types of the other objects."""
    centre_y = (box_xyxyn[1] + box_xyxyn[3]) / 2
    position = "top" if centre_y < 1 / 3 else "bottom" if centre_y > 2 / 3 else "middle"
    return PromptContext(position, tuple(sorted(set(other_types))))


def holds(only_where: str, context: PromptContext) -> bool:
    """Whether a prompt may be used for an object with this context."""
    kind, _, value = only_where.partition(":")
    return not kind or (value == context.position if kind == "position" else value in context.others)


def _check(families: Sequence[str], templates: Sequence[str]) -> None:
    unknown = [f for f in families if f not in FAMILIES]
    if unknown or not families:
        raise ConfigError(f"prompts: families: expected some of {list(FAMILIES)}, got {list(families)}")
    if "custom" in families and not templates:
        raise ConfigError("prompts: family 'custom': expected `templates` in [prompts], got none")
    for template in templates:
        if "{label}" not in template or "{" in template.replace("{label}", ""):
            raise ConfigError(f"prompts: templates: expected text with {{label}} and no other brace, got {template!r}")


def _family(
    family: str,
    index: int,
    object_class: ObjectClass,
    alone: bool,
    types: Sequence[str],
    words: Mapping[str, tuple[str, ...]],
    templates: Sequence[str],
) -> list[Prompt]:
    label = with_article(phrase(object_class, alone=alone))
    if family == "basic":
        return [Prompt(f"a photo of {label}", index, family, "basic")]
    if family == "state":
        states = (NORMAL,) if alone else state_words(object_class.condition, words)
        texts = [f"a photo of {with_article(phrase(object_class, word, alone=alone))}" for word in states]
        return [Prompt(text, index, family, "state") for text in texts]
    if family == "spatial":
        return [
            Prompt(f"a photo of {label} at the {p} of the image", index, family, "spatial", f"position:{p}")
            for p in POSITIONS
        ]
    if family == "multi-object":
        near = [(other, f"a photo of {label}, with {with_article(other)} nearby") for other in types]
        return [Prompt(text, index, family, "multi-object", f"near:{other}") for other, text in near]
    own = [template.replace("{label}", phrase(object_class, alone=alone)) for template in templates]
    return [Prompt(text, index, family, f"custom-{i}") for i, text in enumerate(own)]
