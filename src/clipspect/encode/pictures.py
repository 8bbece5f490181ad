"""Pictures to a transformers model's input, by the model's own PIL processor (no torchvision)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from clipspect.encode.hub import processor_settings
from clipspect.encode.quiet import first_line, quiet_transformers
from clipspect.errors import EncoderError
from clipspect.types import RGB

if TYPE_CHECKING:
    import torch

_MAX_ASPECT = 16
"""Longer pictures lose their ends before a processor that scales the short side and crops the middle: a 1 x 4000 strip
would else be scaled to 224 x 896,000 for the sake of its middle. What the model sees is the same but for rounding."""


class Pictures:
    """The processor of the model in `folder`, loaded at the first picture."""

    def __init__(self, folder: Path, model_type: str) -> None:
        self._folder = folder
        self._model_type = model_type

    @cached_property
    def input_px(self) -> int:
        """Side of the square that the model sees.

        Raises:
            EncoderError: The settings do not say it, or it is not square.
        """
        settings = processor_settings(self._folder)
        size = _side(settings)
        if size is None:  # left to the processor's defaults: they need transformers
            size = _side(self._processor.to_dict())
        if size is None:
            raise EncoderError(
                f"{self._folder}: expected a square input size in the processor's settings, got {settings}"
            )
        return size

    def tensors(self, images: Sequence[RGB], device: torch.device) -> dict[str, torch.Tensor]:
        """The model's keyword arguments for N pictures."""
        import torch

        parts = [self._one(image) for image in images]
        shapes = {tuple(part["pixel_values"].shape) for part in parts}
        if len(shapes) > 1:
            raise EncoderError(f"{self._folder}: its processor makes inputs of different sizes, {sorted(shapes)[:2]}")
        return {key: torch.cat([part[key] for part in parts]).to(device) for key in parts[0]}

    def squashed(self, image: RGB, device: torch.device) -> dict[str, torch.Tensor]:
        """The arguments for the whole picture squashed to a square, nothing cropped."""
        if self._by_patches:
            return self.tensors([image], device)
        side = (self.input_px, self.input_px)
        return self.tensors([np.asarray(Image.fromarray(image).resize(side, Image.Resampling.BICUBIC))], device)

    @property
    def _by_patches(self) -> bool:
        """NaFlex: any aspect ratio, as many patches as fit."""
        return self._model_type == "siglip2"

    def _one(self, image: RGB) -> Mapping[str, torch.Tensor]:
        options: dict[str, Any] = {}
        if not self._by_patches:
            if image.shape[:2] == (self.input_px, self.input_px):
                options = {"do_resize": False, "do_center_crop": False}
            elif self._crops:
                image = _shorten(image)
        # Pillow pictures, not arrays: an array of 3 rows could be taken for one with channels first.
        inputs: Mapping[str, torch.Tensor] = self._processor(Image.fromarray(image), return_tensors="pt", **options)
        return inputs

    @cached_property
    def _crops(self) -> bool:
        size = self._processor.size
        return bool(getattr(size, "shortest_edge", None) or (isinstance(size, dict) and "shortest_edge" in size))

    @cached_property
    def _processor(self) -> Any:  # noqa: ANN401 - transformers is not typed here
        try:
            with quiet_transformers():
                if self._model_type.startswith("dinov3"):
                    # transformers has only a torchvision processor for it; ViT's does the same steps with Pillow.
                    from transformers import ViTImageProcessorPil

                    kept = ("size", "resample", "image_mean", "image_std", "do_normalize", "rescale_factor")
                    settings = processor_settings(self._folder)
                    return ViTImageProcessorPil(**{key: settings[key] for key in kept if settings.get(key) is not None})
                from transformers import AutoImageProcessor

                return AutoImageProcessor.from_pretrained(
                    str(self._folder), backend="pil", local_files_only=True, trust_remote_code=False
                )
        except (OSError, ValueError, TypeError, KeyError, ImportError) as error:
            raise EncoderError(f"{self._folder}: its image processor cannot be loaded: {first_line(error)}") from error


def _side(settings: Mapping[str, Any]) -> int | None:
    """Side in px that the settings declare, None where they leave it open."""
    if settings.get("max_num_patches") and settings.get("patch_size"):
        return int(settings["max_num_patches"] ** 0.5) * int(settings["patch_size"])
    chosen = settings.get("crop_size") if settings.get("do_center_crop") else settings.get("size")
    if isinstance(chosen, int):
        return chosen
    if not isinstance(chosen, Mapping):
        return None
    if chosen.get("shortest_edge"):
        return int(chosen["shortest_edge"])
    height, width = chosen.get("height"), chosen.get("width")
    return int(height) if height and height == width else None


def _shorten(image: RGB) -> RGB:
    height, width = image.shape[:2]
    keep = _MAX_ASPECT * min(height, width)
    top, left = max(0, (height - keep) // 2), max(0, (width - keep) // 2)
    return image[top : top + keep, left : left + keep]
