"""Words for conditions: what a blocked drain looks like, said in other words. Editable in the settings file."""

from __future__ import annotations

from collections.abc import Mapping

STATE_WORDS: Mapping[str, tuple[str, ...]] = {
    "normal": ("clean", "intact", "in good condition", "well maintained"),
    "blocked": ("clogged", "choked with debris", "silted up", "filled with soil and leaves", "overgrown"),
    "damaged": ("broken", "cracked", "collapsed", "displaced", "with missing parts"),
    "broken": ("shattered", "cracked", "in pieces", "snapped"),
    "cracked": ("with a visible crack", "fractured", "split"),
    "rusty": ("corroded", "covered with rust", "with brown rust stains"),
    "corroded": ("rusty", "covered with rust", "eaten away"),
    "missing": ("absent", "gone", "removed"),
    "bent": ("deformed", "twisted", "crooked"),
    "dirty": ("soiled", "covered with dirt", "stained"),
    "overgrown": ("covered with plants", "hidden by vegetation", "with weeds growing in it"),
    "faded": ("bleached", "worn out", "hard to read"),
    "leaking": ("dripping", "with wet stains", "with water coming out"),
    "leaning": ("tilted", "not upright", "crooked"),
}
"""Synonyms by condition; a condition that is not listed stands for itself."""


def state_words(condition: str, own: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The condition and its synonyms, the user's own (`[prompts.words]`) in place of the built-in ones."""
    synonyms = own.get(condition, STATE_WORDS.get(condition, ()))
    return tuple(dict.fromkeys((condition, *synonyms)))
