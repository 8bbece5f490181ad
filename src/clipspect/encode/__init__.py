"""Encoders: pictures and texts to vectors. `load_encoder("starter")` is where to begin."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from clipspect.encode import fake, huggingface, onnx, openclip, starter
from clipspect.encode.cache import CacheInfo, FeatureCache, cache_root, feature_key, text_key
from clipspect.encode.device import Device
from clipspect.encode.inputs import require_text
from clipspect.encode.installed import missing
from clipspect.errors import EncoderError, EncoderNotFoundError
from clipspect.protocols import Encoder

__all__ = [
    "ENCODERS",
    "CacheInfo",
    "Device",
    "EncoderStatus",
    "FeatureCache",
    "available",
    "cache_root",
    "feature_key",
    "load_encoder",
    "require_text",
    "text_key",
]


@dataclass(frozen=True, slots=True)
class Options:
    """What every factory is told."""

    device: Device = "auto"
    offline: bool = False
    batch_size: int | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """One prefix of encoder ids.

    Attributes:
        build: From what stands after the colon, and the options.
        usage: How an id of this kind is written.
        abilities: Of its encoders: "text", "dense", "projection".
        packages: Top-level packages that it needs.
        extra: The extra of clipspect that installs them, "" for the base install.
    """

    build: Callable[[str, Options], Encoder]
    usage: str
    abilities: tuple[str, ...]
    packages: Sequence[str] = ()
    extra: str = ""

    @property
    def takes_name(self) -> bool:
        """Whether something has to stand after the colon."""
        return ":" in self.usage


def _starter(_: str, options: Options) -> Encoder:
    return starter.StarterEncoder(device=options.device, batch_size=options.batch_size)


def _fake(_: str, __: Options) -> Encoder:
    return fake.FakeEncoder()


def _huggingface(name: str, options: Options) -> Encoder:
    return huggingface.build(name, device=options.device, offline=options.offline, batch_size=options.batch_size)


def _openclip(name: str, options: Options) -> Encoder:
    return openclip.OpenClipEncoder(name, device=options.device, offline=options.offline, batch_size=options.batch_size)


def _onnx(name: str, options: Options) -> Encoder:
    return onnx.OnnxEncoder(Path(name).expanduser(), device=options.device, batch_size=options.batch_size)


ENCODERS = {
    "starter": Kind(_starter, "starter", ("text", "dense"), starter.PACKAGES, "fit"),
    "hf": Kind(
        _huggingface,
        "hf:OWNER/NAME or hf:FOLDER",
        ("text (CLIP, MetaCLIP 2, SigLIP, SigLIP 2)", "dense", "projection (where text)"),
        huggingface.PACKAGES,
        "fit",
    ),
    "onnx": Kind(_onnx, "onnx:FILE", (), onnx.PACKAGES),
    "openclip": Kind(_openclip, "openclip:MODEL/PRETRAINED", ("text",), openclip.PACKAGES, "openclip"),
    "fake": Kind(_fake, "fake", ("text", "dense", "projection")),
}
"""Prefix of an id to how it is built."""


def load_encoder(
    id: str,  # noqa: A002 - it is called so everywhere
    *,
    device: Device = "auto",
    offline: bool = False,
    batch_size: int | None = None,
) -> Encoder:
    """The encoder that an id names. No model is loaded before the first picture or text.

    Args:
        id: `starter`, `hf:openai/clip-vit-large-patch14`, `hf:FOLDER`, `onnx:FILE`, `openclip:MODEL/TAG`, `fake`.
        device: Where the model runs; `auto` is the first of cuda, mps, cpu that is there.
        offline: Open no socket.
        batch_size: Pictures or texts at a time; None for what suits the device.

    Raises:
        EncoderNotFoundError: No such kind of encoder, no such file or model.
        MissingExtraError: A package that it needs is not installed.
        OfflineError: A hub id that is not on this machine, and no network.
        EncoderError: Anything else that is wrong with it.
    """
    if batch_size is not None and batch_size < 1:
        raise EncoderError(f"batch size: expected 1 or more, got {batch_size}")
    prefix, colon, name = id.partition(":")
    kind = ENCODERS.get(prefix)
    if kind is None or kind.takes_name != bool(name) or (colon and not name):
        usages = ", ".join(k.usage for k in ENCODERS.values())
        raise EncoderNotFoundError(f"encoder: expected one of {usages}; got {id!r}")
    return kind.build(name, Options(device, offline, batch_size))


@dataclass(frozen=True, slots=True)
class EncoderStatus:
    """Whether one kind of encoder can be loaded here.

    Attributes:
        usage: How its ids are written.
        loadable: Whether all it needs is installed (a model's files aside).
        reason: Why it cannot be loaded and what to install; "" where it can.
        abilities: What its encoders can do besides `encode_images`.
    """

    usage: str
    loadable: bool
    reason: str
    abilities: tuple[str, ...]


def available() -> list[EncoderStatus]:
    """All kinds of encoders, for `clipspect doctor`. Looks packages up without importing them."""
    return [_status(kind) for kind in ENCODERS.values()]


def _status(kind: Kind) -> EncoderStatus:
    absent = missing(kind.packages)
    install = f"pip install 'clipspect[{kind.extra}]'" if kind.extra else "pip install clipspect"
    reason = f"{', '.join(absent)} not installed; {install}" if absent else ""
    return EncoderStatus(kind.usage, not absent, reason, kind.abilities)
