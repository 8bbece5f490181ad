"""How a view is written, "tiles:count=3,scale=1.2", and what it may say. Pure."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import Literal, get_args

from clipspect.errors import ConfigError

Kind = Literal["tight", "square", "tiles", "context", "image", "dense"]
Aspect = Literal["squash", "pad", "square"]
Background = Literal["keep", "dim", "blur", "grey"]
Pool = Literal["mean+max", "mean", "max", "attention"]

_SHIFTS = 5  # in place, left, right, up, down


@dataclass(frozen=True, slots=True)
class View:
    """One way to look at an object.

    Attributes:
        kind: `tight`: the box, squashed to a square. `square`: a square around the box. `tiles`: squares along the
            box's long side, their features pooled. `context`: a larger square. `image`: the photo. `dense`: the photo
            is encoded once for all its objects, and its feature map pooled inside each box.
        margin: `tight`, `dense`: added on every side, as a fraction of the box's width and height.
        scale: `square`, `context`: side as a multiple of the box's longer side. `tiles`: side of a tile as a multiple
            of the box's shorter side (never smaller than needed to cover the long side); more is more overlap.
        count: `tiles` only: how many.
        aspect: `tight` only: `squash` to a square, `pad` with grey to one, or show the `square` of photo around it.
        background: `tight`, `square`, `context`: outside the box `dim` (faded to mid-grey), `blur`, `grey`, or `keep`.
        pool: `tiles`, `dense`: how features become one row; `attention` is for tiles only.
        turn: `tight`, `tiles`: turn the crops of a box that is taller than wide, so that its long side lies.
        flip: Average with the mirror images (not `dense`).
        shift: Average with crops moved by this fraction of their sides to the left, right, up and down (0: do not).
        windows: `dense` only: the photo is encoded as so many by so many overlapping windows.
    """

    kind: Kind
    margin: float = 0.0
    scale: float = 1.0
    count: int = 1
    aspect: Aspect = "squash"
    background: Background = "keep"
    pool: Pool = "mean+max"
    turn: bool = False
    flip: bool = False
    shift: float = 0.0
    windows: int = 1

    @property
    def name(self) -> str:
        """Text form, "tiles:count=3,scale=1.2"; `parse_view` reads it back.

        Options of `_ALWAYS` always stand there, others where they are not the default, so that a name that was
        written before an option existed goes on meaning the same pixels.
        """
        said = [
            f"{option}={_text(getattr(self, option))}"
            for option in _OPTIONS[self.kind]
            if option in _ALWAYS or getattr(self, option) != getattr(_DEFAULTS[self.kind], option)
        ]
        return ":".join(filter(None, [self.kind, ",".join(said)]))

    @property
    def places(self) -> int:
        """How many crops are pooled, not counting those that are averaged."""
        return self.count if self.kind == "tiles" else 1

    @property
    def crops(self) -> int:
        """How many crops of one object go through the encoder; 0 for `dense`."""
        if self.kind == "dense":
            return 0
        return self.places * (_SHIFTS if self.shift else 1) * (2 if self.flip else 1)


_DEFAULTS: dict[str, View] = {
    "tight": View("tight"),
    "square": View("square", scale=1.2),
    "tiles": View("tiles", scale=1.2, count=3),
    "context": View("context", scale=2.0),
    "image": View("image"),
    "dense": View("dense"),
}
_OPTIONS: dict[str, tuple[str, ...]] = {
    "tight": ("margin", "aspect", "background", "turn", "flip", "shift"),
    "square": ("scale", "background", "flip", "shift"),
    "tiles": ("count", "scale", "pool", "turn", "flip", "shift"),
    "context": ("scale", "background", "flip", "shift"),
    "image": ("flip", "shift"),
    "dense": ("margin", "windows", "pool"),
}
_ALWAYS = ("margin", "count", "scale")
_CHOICES: dict[str, tuple[str, ...]] = {
    "aspect": get_args(Aspect),
    "background": get_args(Background),
    "pool": get_args(Pool),
}
_SWITCHES = ("turn", "flip")
_WHOLE = ("count", "windows")


def parse_view(text: str) -> View:
    """Read "tight:margin=0.15"; options that are left out take the view's default.

    Raises:
        ConfigError: Unknown view or option, or a value out of range.
    """
    kind, _, rest = text.partition(":")
    if kind not in _DEFAULTS:
        raise ConfigError(f"view {text!r}: expected one of {list(get_args(Kind))}, got {kind!r}")
    values: dict[str, object] = {}
    for option in filter(None, rest.split(",")):
        key, _, value = option.partition("=")
        if key not in _OPTIONS[kind]:
            raise ConfigError(f"view {text!r}: expected options of {list(_OPTIONS[kind])}, got {key!r}")
        values[key] = _value(key, value, text)
    view = dataclasses.replace(_DEFAULTS[kind], **values)  # type: ignore[arg-type] # checked one by one above
    return _in_range(view, text)


def _value(key: str, value: str, text: str) -> object:
    choices = _CHOICES.get(key, ("0", "1") if key in _SWITCHES else ())
    if choices:
        if value not in choices:
            raise ConfigError(f"view {text!r}: {key}: expected one of {list(choices)}, got {value!r}")
        return value == "1" if key in _SWITCHES else value
    if not re.fullmatch(r"\d+(\.\d+)?", value):
        raise ConfigError(f"view {text!r}: {key}: expected a number of 0 or more, got {value!r}")
    number = float(value)
    return int(number) if key in _WHOLE and number == int(number) else number


def _in_range(view: View, text: str) -> View:
    if not (0 <= view.margin <= 5 and 0.1 <= view.scale <= 20 and view.count in range(1, 33)):
        raise ConfigError(f"view {text!r}: expected margin 0 to 5, scale 0.1 to 20 and count 1 to 32 (whole)")
    if view.windows not in range(1, 5) or view.shift > 0.5:
        raise ConfigError(f"view {text!r}: expected windows 1 to 4 (whole) and shift 0 to 0.5")
    if view.kind == "dense" and view.pool == "attention":
        raise ConfigError(f"view {text!r}: pool: expected one of ['mean+max', 'mean', 'max'], got 'attention'")
    return view


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(int(value))
    return f"{value:g}" if isinstance(value, (int, float)) else str(value)
