"""`hf:`: encoders of the Hugging Face hub, or of a local folder in its layout, run by transformers.

Preparation of pictures and texts is the model's own. Only safetensors are read, and no code of a model is ever run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from clipspect.encode.device import Device, check_device, resolve_device
from clipspect.encode.fingerprint import fingerprint
from clipspect.encode.hub import image_files, read_config, read_tensor, resolve, text_files
from clipspect.encode.inputs import batches, check_image, check_request, check_texts, unit_rows
from clipspect.encode.installed import require
from clipspect.encode.pictures import Pictures
from clipspect.encode.quiet import first_line, quiet_transformers
from clipspect.errors import EncoderError, MissingAbilityError
from clipspect.protocols import Space
from clipspect.types import RGB, Float32

if TYPE_CHECKING:
    import torch

PACKAGES = ("torch", "transformers", "huggingface_hub", "safetensors")

_MAX_LOGIT_SCALE = 100.0
"""Radford et al. 2021, section 2.5: clipped to keep logits from being scaled by more."""


@dataclass(frozen=True, slots=True)
class Family:
    """How a kind of model gives its features.

    Attributes:
        text: "projected" where a matrix leads from pooled features to the joint space (CLIP), "pooled" where the pooled
            features are already there (SigLIP), None for models without text.
        pool: Where the pooled features are: the model's `pooler_output`, or the class token's last state.
        patch_tokens: Whether the last states are a list of tokens, patches at its end; else a map of channels.
        pads_text: Whether texts are always padded to the context length.
    """

    text: Literal["projected", "pooled"] | None
    pool: Literal["pooler", "class-token"] = "pooler"
    patch_tokens: bool = True
    pads_text: bool = False


FAMILIES: Final = {
    "clip": Family("projected"),
    "metaclip_2": Family("projected"),
    "siglip": Family("pooled", pads_text=True),
    "siglip2": Family("pooled", pads_text=True),
    "dinov2": Family(None),
    "dinov2_with_registers": Family(None),
    "dinov3_vit": Family(None),
    "dinov3_convnext": Family(None),
    # ViT's pooler is a layer of its first task that classification checkpoints do not even hold.
    "vit": Family(None, pool="class-token"),
    "convnext": Family(None, patch_tokens=False),
    "convnextv2": Family(None, patch_tokens=False),
}
"""By `model_type` of config.json."""


class HuggingFaceEncoder:
    """Pictures to features.

    Args:
        folder: The model: config.json, preprocessor_config.json, safetensors.
        name: How the user named it, for the id.
        device: Where the model runs.
        batch_size: Pictures or texts at a time; None for what suits the device.

    Raises:
        EncoderError: The folder holds no model of a known kind.
    """

    def __init__(self, folder: Path, name: str, *, device: Device = "auto", batch_size: int | None = None) -> None:
        check_device(device)
        self.folder = folder
        self._name = name
        self._device = device
        self._batch_size = batch_size
        self._model_type = model_type(folder)
        self._family = FAMILIES[self._model_type]
        self._pictures = Pictures(folder, self._model_type)

    @property
    def spaces(self) -> tuple[Space, ...]:
        """Only `visual`: no text."""
        return ("visual",)

    @property
    def input_px(self) -> int:
        """Side of the square that the model sees, from the processor's settings."""
        return self._pictures.input_px

    @cached_property
    def id(self) -> str:
        """`hf:{name}@{hash of weights and settings}`; the same model has the same hash wherever it lies."""
        return f"hf:{self._name}@{fingerprint(image_files(self.folder), {'version': 1})}"

    def encode_images(self, images: Sequence[RGB], space: Space = "visual") -> Float32:
        """(N, D) float32: pooled features before any projection, or unit rows of the joint space."""
        check_request(self, images, space)
        if not images:
            return self.encode_images([np.zeros((self.input_px, self.input_px, 3), np.uint8)], space)[:0]
        visual = np.concatenate([self._pooled(part) for part in batches(images, self._batch)])
        return visual if space == "visual" else self._to_joint(visual)

    def encode_dense(self, image: RGB) -> Float32:
        """(h, w, D) float32: the last states of the patches, after the final norm, without class or register tokens.

        The whole picture is squashed to a square first and nothing is cropped, so the map covers all of it; SigLIP 2
        with flexible resolution keeps the aspect ratio instead.
        """
        check_image(image)
        import torch

        inputs = self._pictures.squashed(image, self._torch_device)
        with torch.inference_mode():
            states = self._vision(**inputs).last_hidden_state[0]
            if not self._family.patch_tokens:
                return _numpy(states.permute(1, 2, 0))
            height, width = self._grid(inputs)
            # Patches come last, or first before padding where resolution is flexible (which has no other tokens).
            count = height * width
            patches = states[:count] if "spatial_shapes" in inputs else states[len(states) - count :]
            if self._family.text == "projected":
                patches = self._vision.post_layernorm(patches)
        return _numpy(patches.reshape(height, width, -1))

    def _grid(self, inputs: dict[str, torch.Tensor]) -> tuple[int, int]:
        if "spatial_shapes" in inputs:
            height, width = (int(n) for n in inputs["spatial_shapes"][0])
            return height, width
        if self._model_type == "dinov3_convnext":
            side = self.input_px // 32
            return side, side
        side = self.input_px // int(self._vision.config.patch_size)
        return side, side

    def _pooled(self, images: Sequence[RGB]) -> Float32:
        import torch

        inputs = self._pictures.tensors(images, self._torch_device)
        with torch.inference_mode():
            outputs = self._vision(**inputs)
            if self._family.pool == "class-token":
                return _numpy(outputs.last_hidden_state[:, 0])
            return _numpy(outputs.pooler_output.flatten(1))

    def _to_joint(self, visual: Float32) -> Float32:
        raise MissingAbilityError(f"{self.id}: this encoder has no text")

    @property
    def _vision(self) -> Any:  # noqa: ANN401 - transformers is not typed here
        return self._model

    @property
    def _batch(self) -> int:
        return self._batch_size or (8 if self._torch_device.type == "cpu" else 64)

    @cached_property
    def _torch_device(self) -> torch.device:
        return resolve_device(self._device)

    @cached_property
    def _model(self) -> Any:  # noqa: ANN401 - transformers is not typed here
        options = {"add_pooling_layer": False} if self._family.pool == "class-token" else {}
        return load_model(self.folder, **options).to(self._torch_device)


class HuggingFaceTextEncoder(HuggingFaceEncoder):
    """Pictures and texts to one joint space: CLIP, MetaCLIP 2, SigLIP, SigLIP 2."""

    @property
    def spaces(self) -> tuple[Space, ...]:
        """`visual` and `joint`."""
        return ("visual", "joint")

    @cached_property
    def text_id(self) -> str:
        """`hf:{name}@{hash of weights and tokenizer}`."""
        return f"hf:{self._name}@{fingerprint(text_files(self.folder), {'version': 1})}/text"

    @cached_property
    def logit_scale(self) -> float:
        """exp(logit scale), at most 100; read without loading the model."""
        return min(float(np.exp(read_tensor(self.folder, "logit_scale")).item()), _MAX_LOGIT_SCALE)

    @cached_property
    def logit_bias(self) -> float:
        """Added to SigLIP's logits, negative; 0 for models without one."""
        if self._family.text == "projected":
            return 0.0
        return float(read_tensor(self.folder, "logit_bias").item())

    def projection(self) -> Float32:
        """(D_visual, D_joint) float32; the identity for SigLIP, whose pooled features are in the joint space."""
        return self._projection

    @cached_property
    def _projection(self) -> Float32:
        if self._family.text == "projected":
            return np.ascontiguousarray(read_tensor(self.folder, "visual_projection.weight").T)
        return np.eye(len(read_tensor(self.folder, "vision_model.post_layernorm.weight")), dtype=np.float32)

    def joint_of(self, visual: Float32) -> Float32:
        """(N, D_visual) visual features to (N, D_joint) unit rows, without loading the model."""
        return unit_rows(visual @ self._projection)

    def encode_texts(self, texts: Sequence[str]) -> Float32:
        """(M, D) float32 unit rows. Texts longer than the context are cut off as the model's own tokenizer does it."""
        check_texts(texts)
        if not texts:
            return self.encode_texts([""])[:0]
        return np.concatenate([self._text_vectors(list(part)) for part in batches(texts, self._batch)])

    def _text_vectors(self, texts: list[str]) -> Float32:
        import torch

        tokens = self.tokenize(texts)
        with torch.inference_mode():
            outputs = self._model.get_text_features(
                **{key: value.to(self._torch_device) for key, value in tokens.items()}
            )
        return unit_rows(_numpy(outputs.pooler_output))

    def tokenize(self, texts: Sequence[str]) -> dict[str, torch.Tensor]:
        """Token ids (M, L) and what else the text model takes, as the model's own tokenizer makes them."""
        context = int(self._model.config.text_config.max_position_embeddings)
        padding = "max_length" if self._family.pads_text else True
        tokens = self._tokenizer(list(texts), padding=padding, truncation=True, max_length=context, return_tensors="pt")
        return dict(tokens)

    def _to_joint(self, visual: Float32) -> Float32:
        return self.joint_of(visual)

    @property
    def _vision(self) -> Any:  # noqa: ANN401 - transformers is not typed here
        return self._model.vision_model

    @cached_property
    def _tokenizer(self) -> Any:  # noqa: ANN401 - transformers is not typed here
        text_files(self.folder)  # without one, transformers would make up an empty tokenizer
        try:
            with quiet_transformers():
                from transformers import AutoTokenizer

                return AutoTokenizer.from_pretrained(str(self.folder), local_files_only=True, trust_remote_code=False)
        except (OSError, ValueError, TypeError, KeyError, ImportError) as error:
            raise EncoderError(f"{self.folder}: its tokenizer cannot be loaded: {first_line(error)}") from error


def build(
    name: str, *, device: Device = "auto", offline: bool = False, batch_size: int | None = None
) -> HuggingFaceEncoder:
    """The encoder of a hub id or a local folder, with text where the model has it.

    Raises:
        EncoderNotFoundError: Neither a folder nor a model on the hub.
        OfflineError: Not on this machine, and no network.
        EncoderError: Not a model of a known kind.
    """
    folder = resolve(name, offline=offline)
    require(PACKAGES, extra="fit", needed_by=f"hf:{name}")
    kind = HuggingFaceTextEncoder if FAMILIES[model_type(folder)].text else HuggingFaceEncoder
    local = Path(name).expanduser().is_dir()
    return kind(folder, folder.resolve().name if local else name, device=device, batch_size=batch_size)


def model_type(folder: Path) -> str:
    """The kind of model in a folder.

    Raises:
        EncoderError: Not one of `FAMILIES`.
    """
    kind = read_config(folder).get("model_type")
    if not isinstance(kind, str) or kind not in FAMILIES:
        raise EncoderError(f"{folder / 'config.json'}: model_type: expected one of {sorted(FAMILIES)}, got {kind!r}")
    return kind


def load_model(folder: Path, **options: Any) -> Any:  # noqa: ANN401 - transformers is not typed here
    """The model in float32 and eval mode.

    Raises:
        EncoderError: The weights are damaged, pickled, or do not fill the model.
    """
    image_files(folder)  # says what is wrong with the weights' files in our own words
    import torch
    from safetensors import SafetensorError

    try:
        with quiet_transformers():
            from transformers import AutoModel

            model, report = AutoModel.from_pretrained(
                str(folder),
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
                dtype=torch.float32,
                output_loading_info=True,
                **options,
            )
    except (OSError, ValueError, TypeError, KeyError, RuntimeError, ImportError, SafetensorError) as error:
        raise EncoderError(f"{folder}: the model cannot be loaded: {first_line(error)}") from error
    absent = sorted(report["missing_keys"])
    if absent:
        raise EncoderError(f"{folder}: the weights lack {len(absent)} tensors of the model, the first is {absent[0]}")
    return model.eval()


def _numpy(tensor: torch.Tensor) -> Float32:
    return np.ascontiguousarray(tensor.detach().float().cpu().numpy())
