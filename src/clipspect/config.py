"""One settings file to frozen dataclasses. An unknown key is an error.

`clipspect.toml` beside the data, or `--config FILE`. Methods keep their own config beside their code; here they are
tables that `strict` turns into the method's dataclass once the method is known.
"""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import tomli_w

from clipspect.errors import ConfigError

FILE_NAME = "clipspect.toml"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class DataSettings:
    """How a data set is read.

    Attributes:
        groups: Regular expression on file names; what it captures (or matches) is the photo's group.
        missing_labels: A photo without a label file is quarantined, or is a photo without objects.
        max_pixels: Photos with more pixels are quarantined before they are decoded.
    """

    groups: str | None = None
    missing_labels: Literal["quarantine", "background"] = "quarantine"
    max_pixels: int = 178_956_970

    def __post_init__(self) -> None:
        at_least(1, "max_pixels", self.max_pixels)


@dataclass(frozen=True, slots=True)
class EncoderSettings:
    """Which encoder, and how it runs; `batch_size` None leaves it to the encoder, which knows what is quick here."""

    id: str = "starter"
    batch_size: int | None = None
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"

    def __post_init__(self) -> None:
        if self.batch_size is not None:
            at_least(1, "batch_size", self.batch_size)


@dataclass(frozen=True, slots=True)
class ViewSettings:
    """Which crops of an object heads and prompts see (see docs/views.md).

    Attributes:
        heads: Views whose features are put side by side for heads.
        joint: The one view that is compared with text.
    """

    heads: tuple[str, ...] = ("tight:margin=0.15", "square:scale=1.2", "tiles:count=3", "context:scale=2")
    joint: str = "square:scale=1.2"

    def __post_init__(self) -> None:
        if not self.heads or len(set(self.heads)) < len(self.heads):
            raise ConfigError(f"heads: expected at least one view, each once, got {list(self.heads)}")


@dataclass(frozen=True, slots=True)
class PromptSettings:
    """How classes become prompts (see docs/prompts.md).

    Attributes:
        families: Prompt families that are used together.
        ensemble: Over a class's prompts: `mean` of text vectors, or `score-mean`, `score-max`, `score-weighted`.
        words: A user's own words for a condition or type: name to synonyms.
        templates: A user's own templates for the family `custom`, each with `{label}`.
    """

    families: tuple[str, ...] = ("basic",)
    ensemble: Literal["mean", "score-mean", "score-max", "score-weighted"] = "mean"
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    templates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HeadSettings:
    """Which head, and the config tables of heads by name (`[head.linear]`)."""

    name: str = "auto"
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EvaluationSettings:
    """How figures are estimated.

    Attributes:
        max_folds: Leave one group out up to this many groups; more are packed into so many folds.
        resamples: Bootstrap resamples of groups for intervals.
    """

    max_folds: int = 12
    resamples: int = 1000

    def __post_init__(self) -> None:
        at_least(2, "max_folds", self.max_folds)
        at_least(20, "resamples", self.resamples)  # without an interval no rung could be told from chance


Criterion = Literal["accuracy", "balanced_accuracy", "macro_f1", "worst_recall"]
"""What a selection goes by: of conditional predictions, over classes; `worst_recall` is the lowest of any class."""


@dataclass(frozen=True, slots=True)
class SelectionSettings:
    """How `--head auto` chooses, and what decisions are tilted towards (see docs/selection.md).

    Attributes:
        by: What candidates are chosen by.
        inner_folds: Grouped folds inside each outer fold's training objects.
        time_limit_s: No further candidate is begun that would end after it; 0 for no limit.
        recall: Condition to the recall that decisions should reach at least.
    """

    by: Criterion = "accuracy"
    inner_folds: int = 4
    time_limit_s: float = 0.0
    recall: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        at_least(2, "inner_folds", self.inner_folds)
        at_least(0, "time_limit_s", self.time_limit_s)
        for condition, target in self.recall.items():
            if not 0 < target <= 1:
                raise ConfigError(f"recall: {condition}: expected a number above 0, at most 1, got {target}")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a run depends on besides its data.

    Attributes:
        taxonomy: Class name to [object type] or [object type, condition].
    """

    seed: int = 0
    taxonomy: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    data: DataSettings = field(default_factory=DataSettings)
    encoder: EncoderSettings = field(default_factory=EncoderSettings)
    views: ViewSettings = field(default_factory=ViewSettings)
    prompts: PromptSettings = field(default_factory=PromptSettings)
    head: HeadSettings = field(default_factory=HeadSettings)
    evaluation: EvaluationSettings = field(default_factory=EvaluationSettings)
    selection: SelectionSettings = field(default_factory=SelectionSettings)

    def __post_init__(self) -> None:
        at_least(0, "seed", self.seed)


def at_least(least: float, name: str, value: float) -> None:
    """Refuse a value under `least`, and NaN.

    Raises:
        ConfigError: It is.
    """
    if not value >= least:
        raise ConfigError(f"{name}: expected {least} or more, got {value}")


def read_settings(path: Path) -> Settings:
    """Read one settings file.

    Raises:
        ConfigError: No such file, no TOML, an unknown key or a value of the wrong type; says where.
    """
    try:
        table = tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{path}: expected a settings file, got: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: expected TOML, got: {error}") from error
    return parse_settings(table, str(path))


def parse_settings(table: Mapping[str, Any], where: str) -> Settings:
    """Settings of a parsed TOML document; `where` is the place for error messages."""
    table = dict(table)
    head = table.get("head")
    if isinstance(head, Mapping) and isinstance(
        head.get("options", {}), Mapping
    ):  # `[head.linear]` is friendlier to write than `[head.options.linear]`
        options = {k: v for k, v in head.items() if isinstance(v, Mapping) and k != "options"}
        rest = {k: v for k, v in head.items() if k not in options}
        table["head"] = {**rest, "options": {**rest.get("options", {}), **options}}
    return strict(Settings, table, where)


def settings_toml(settings: Settings) -> str:
    """The settings as TOML that `read_settings` turns into an equal object."""
    table = _plain(dataclasses.asdict(settings))
    options = table["head"].pop("options", {})
    table["head"].update(options)
    return tomli_w.dumps(table)


def strict(cls: type[T], table: Mapping[str, Any], where: str) -> T:
    """Build a frozen dataclass from a table.

    Raises:
        ConfigError: An unknown key (the nearest known one is named) or a value of the wrong type or out of range.
    """
    known = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type] # T is a dataclass by contract
    hints = typing.get_type_hints(cls)
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ConfigError(f"{where}: unknown key {key!r}, expected one of {sorted(known)}{hint}")
    values = {key: _convert(hints[key], value, f"{where}: {key}") for key, value in table.items()}
    try:
        return cls(**values)
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error


def _convert(hint: Any, value: Any, where: str) -> Any:  # noqa: ANN401, C901 - one case a type, over any value
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if value is None:
            return None
        return _convert(next(a for a in args if a is not types.NoneType), value, where)
    if origin is Literal:
        if value not in args:
            raise ConfigError(f"{where}: expected one of {list(args)}, got {value!r}")
        return value
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            raise ConfigError(f"{where}: expected a list, got {value!r}")
        return tuple(_convert(args[0], v, f"{where}[{i}]") for i, v in enumerate(value))
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            raise ConfigError(f"{where}: expected a table, got {value!r}")
        return {str(k): _convert(args[1], v, f"{where}.{k}") for k, v in value.items()}
    if hint is Any:
        return value
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, Mapping):
            raise ConfigError(f"{where}: expected a table, got {value!r}")
        return strict(typing.cast(type, hint), value, where)
    return _scalar(hint, value, where)


def _scalar(hint: type, value: Any, where: str) -> Any:  # noqa: ANN401 - any TOML value
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise ConfigError(f"{where}: expected {hint.__name__}, got {value!r}")
    return value


def _plain(value: Any) -> Any:  # noqa: ANN401 - TOML has no None: such keys are left out
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items() if v is not None}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value
