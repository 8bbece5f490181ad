"""Which device a model runs on. torch is imported only when asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from clipspect.errors import EncoderError

if TYPE_CHECKING:
    import torch

Device = Literal["auto", "cpu", "cuda", "mps"]


def check_device(name: str) -> None:
    """Refuse an unknown device before anything is loaded.

    Raises:
        EncoderError: Names the devices that exist.
    """
    if name not in get_args(Device):
        raise EncoderError(f"device: expected one of {list(get_args(Device))}, got {name!r}")


def resolve_device(name: Device) -> torch.device:
    """The torch device; `auto` is the first of cuda, mps, cpu that is there.

    Raises:
        EncoderError: The device is not on this machine.
    """
    import torch

    check_device(name)
    found = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(device for device, there in found.items() if there))
    if not found[name]:
        there = [device for device, is_there in found.items() if is_there]
        raise EncoderError(f"device: {name!r} is not on this machine; expected auto or one of {there}")
    return torch.device(name)
