"""How input from files is quoted in messages."""

from __future__ import annotations


def shown(value: object, longest: int = 60) -> str:
    """`repr` of a value, which escapes what no terminal should print, cut where it is long."""
    # Cut first: the repr of a megabyte is another megabyte.
    text = repr(value[: longest + 1] if isinstance(value, (str, bytes)) else value)
    return text if len(text) <= longest + 3 else text[:longest] + "..."
