"""One colour per condition, the same in every picture and table.

Eight colours, at least 10 apart in OKLab (x 100) for normal sight and for full protanopia, deuteranopia and tritanopia
(simulated after Machado et al. 2009); found by a greedy search over OKLCH. Colour is never the only sign: every
chip and table cell carries the condition's name too.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass

from clipspect.taxonomy import NORMAL_WORDS, normalise

_TEAL, _AMBER, _CRIMSON = 0, 1, 2
_FILLS = ("#12A594", "#FFB000", "#B5124F", "#4442C7", "#CB76FA", "#B4C8EF", "#6F0D15", "#4A177F")
_FREE = tuple(range(3, len(_FILLS)))  # the slots that no family of words owns

_BLOCKED_WORDS = frozenset(
    """
    blocked choked clogged debris-filled dirty flooded fouled moss-covered obscured obstructed overgrown polluted silted
    soiled vegetated waterlogged partially-blocked fully-blocked silted-up debris-filled
    """.split()
)
_DAMAGED_WORDS = frozenset(
    """
    abnormal bad bent broken burnt burned collapsed corroded cracked crushed damaged defective deformed degraded
    deteriorated destroyed eroded failed faulty leaking punctured rotten rusted rusty shattered spalled torn washed-out
    """.split()
)


@dataclass(frozen=True, slots=True)
class Colour:
    """A surface and the ink that is legible on it, both `#rrggbb`; their contrast is at least 4.5 to 1 (WCAG AA)."""

    fill: str
    ink: str

    @property
    def fill_rgb(self) -> tuple[int, int, int]:
        """`fill` as three numbers, 0 to 255."""
        return _rgb(self.fill)

    @property
    def ink_rgb(self) -> tuple[int, int, int]:
        """`ink` as three numbers, 0 to 255."""
        return _rgb(self.ink)


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two `#rrggbb` colours, 1 to 21 (WCAG 2.2, relative luminance)."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def colour_of(condition: str | None) -> Colour:
    """The colour of one condition by its name alone; grey for None, where clipspect abstains.

    Names outside the known families share five colours by a hash of the name, so two of them may meet: use
    `colours_of` where all conditions are known.
    """
    return ABSTAINED if condition is None else _COLOURS[_home(condition)]


def colours_of(conditions: Iterable[str]) -> dict[str, Colour]:
    """Colours of all conditions of a taxonomy, in the order given; different for up to eight conditions.

    The answer depends on the set of names only, not on their order. `normal`, `blocked` and `damaged` always keep
    their colours; further names take the nearest free colour after their own.
    """
    names = list(dict.fromkeys(conditions))
    taken: dict[str, int] = {}
    for name in sorted(names, key=lambda n: (normalise(n) not in _HEADS, n)):
        home = _home(name)
        order = [home, *_FREE[_offset(name) :], *_FREE[: _offset(name)], *range(len(_FILLS))]
        used = list(taken.values())
        taken[name] = min(order, key=lambda slot: (used.count(slot), order.index(slot)))
    return {name: _COLOURS[taken[name]] for name in names}


def _home(condition: str) -> int:
    word = normalise(condition)
    if word in _NORMAL:
        return _TEAL
    if word in _BLOCKED:
        return _AMBER
    if word in _DAMAGED:
        return _CRIMSON
    return _FREE[_offset(condition)]


def _offset(condition: str) -> int:
    return zlib.crc32(normalise(condition).encode("utf-8")) % len(_FREE)


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _luminance(colour: str) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in _rgb(colour))]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _with_ink(fill: str) -> Colour:
    return Colour(fill, max(("#FFFFFF", "#10201E"), key=lambda ink: contrast(fill, ink)))


_NORMAL = frozenset(map(normalise, NORMAL_WORDS))
_BLOCKED = frozenset(map(normalise, _BLOCKED_WORDS))
_DAMAGED = frozenset(map(normalise, _DAMAGED_WORDS))
_HEADS = ("normal", "blocked", "damaged")
_COLOURS = tuple(map(_with_ink, _FILLS))
ABSTAINED = _with_ink("#D3D7D6")
