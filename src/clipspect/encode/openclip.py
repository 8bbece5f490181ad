"""`openclip:MODEL/PRETRAINED`: encoders of open_clip, only where the user has installed it (it needs torchvision)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from PIL import Image

from clipspect.encode.device import Device, check_device, resolve_device
from clipspect.encode.fingerprint import fingerprint
from clipspect.encode.hub import offline_by_environment
from clipspect.encode.inputs import batches, check_request, check_texts, unit_rows
from clipspect.encode.installed import require
from clipspect.encode.quiet import first_line
from clipspect.errors import EncoderError, EncoderNotFoundError, OfflineError
from clipspect.protocols import Space
from clipspect.types import RGB, Float32

if TYPE_CHECKING:
    import torch

PACKAGES = ("torch", "open_clip")

_MAX_LOGIT_SCALE = 100.0


class OpenClipEncoder:
    """Pictures and texts to one joint space; `visual` is the unscaled embedding: open_clip has no common earlier one.

    Args:
        name: "MODEL/PRETRAINED", PRETRAINED a tag of open_clip or a safetensors file.
        device: Where the model runs.
        offline: Open no socket.
        batch_size: Pictures or texts at a time.

    Raises:
        EncoderNotFoundError: `name` is not of this form.
        MissingExtraError: open_clip is not installed.
    """

    spaces: Final[tuple[Space, ...]] = ("visual", "joint")

    def __init__(
        self, name: str, *, device: Device = "auto", offline: bool = False, batch_size: int | None = None
    ) -> None:
        check_device(device)
        self._architecture, _, self._pretrained = name.partition("/")
        if not self._architecture or not self._pretrained:
            raise EncoderNotFoundError(f"openclip:{name}: expected MODEL/PRETRAINED, as ViT-B-32/laion2b_s34b_b79k")
        require(PACKAGES, extra="openclip", needed_by=f"openclip:{name}")
        self._name = name
        self._device = device
        self._offline = offline
        self._batch = batch_size or 8

    @cached_property
    def id(self) -> str:
        """`openclip:{MODEL}@{hash of the weights}`."""
        return f"openclip:{self._architecture}@{fingerprint([self._weights], {'version': 1})}"

    @property
    def text_id(self) -> str:
        """The same weights hold the text model."""
        return f"{self.id}/text"

    @cached_property
    def input_px(self) -> int:
        """Side of the square that the model sees."""
        size = self._loaded[0].visual.image_size
        return int(size if isinstance(size, int) else size[0])

    @cached_property
    def logit_scale(self) -> float:
        """exp(logit scale), at most 100."""
        return min(float(self._loaded[0].logit_scale.exp().item()), _MAX_LOGIT_SCALE)

    def encode_images(self, images: Sequence[RGB], space: Space = "visual") -> Float32:
        """(N, D) float32; `joint` rows are scaled to length 1."""
        check_request(self, images, space)
        if not images:
            return self.encode_images([np.zeros((self.input_px, self.input_px, 3), np.uint8)], space)[:0]
        rows = np.concatenate([self._image_rows(part) for part in batches(images, self._batch)])
        return rows if space == "visual" else self.joint_of(rows)

    def joint_of(self, visual: Float32) -> Float32:
        """(N, D) embeddings to unit rows."""
        return unit_rows(visual)

    def encode_texts(self, texts: Sequence[str]) -> Float32:
        """(M, D) float32 unit rows."""
        check_texts(texts)
        if not texts:
            return self.encode_texts([""])[:0]
        return np.concatenate([self._text_rows(list(part)) for part in batches(texts, self._batch)])

    def _image_rows(self, images: Sequence[RGB]) -> Float32:
        import torch

        model, prepare, _ = self._loaded
        pixels = torch.stack([prepare(Image.fromarray(image)) for image in images]).to(self._torch_device)
        with torch.inference_mode():
            rows = model.encode_image(pixels)
        return np.asarray(rows.float().cpu().numpy(), dtype=np.float32)

    def _text_rows(self, texts: list[str]) -> Float32:
        import torch

        model, _, tokenizer = self._loaded
        with torch.inference_mode():
            rows = model.encode_text(tokenizer(texts).to(self._torch_device))
        return unit_rows(rows.float().cpu().numpy())

    @cached_property
    def _torch_device(self) -> torch.device:
        return resolve_device(self._device)

    @cached_property
    def _weights(self) -> Path:
        """The safetensors file; downloaded if it must and may be."""
        given = Path(self._pretrained).expanduser()
        if given.is_file():
            if given.suffix != ".safetensors":
                raise EncoderError(f"openclip:{self._name}: expected a .safetensors file, got {given.name}")
            return given
        import open_clip
        from huggingface_hub import errors, hf_hub_download

        known = open_clip.get_pretrained_cfg(self._architecture, self._pretrained)
        if not known:
            there = open_clip.list_pretrained_tags_by_model(self._architecture)
            raise EncoderNotFoundError(f"openclip:{self._name}: expected one of {there}, got {self._pretrained!r}")
        repository = str(known.get("hf_hub", "")).strip("/")
        if not repository:
            raise EncoderError(f"openclip:{self._name}: these weights exist only as a pickle; take others, or hf:")
        local = self._offline or offline_by_environment()
        try:
            return Path(hf_hub_download(repository, "open_clip_model.safetensors", local_files_only=local))
        except (errors.HfHubHTTPError, errors.HTTPError, OSError) as error:
            raise OfflineError(
                f"openclip:{self._name}: {repository} is not in the local hub cache and cannot be fetched: "
                f"{first_line(error)}; name a local .safetensors file instead"
            ) from error

    @cached_property
    def _loaded(self) -> tuple[Any, Any, Any]:
        import open_clip

        try:
            model, prepare = open_clip.create_model_from_pretrained(
                self._architecture, pretrained=str(self._weights), device=self._torch_device
            )
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise EncoderError(f"openclip:{self._name}: the model cannot be loaded: {first_line(error)}") from error
        return model.float().eval(), prepare, open_clip.get_tokenizer(self._architecture)
