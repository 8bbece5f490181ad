"""`onnx:FILE`: any picture encoder exported to ONNX, run by onnxruntime, with its preparation in a side file.

The side file is the model's path with the suffix `.json`: see `EXAMPLE` and docs/encoders.md.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from clipspect.encode.device import Device, check_device
from clipspect.encode.fingerprint import fingerprint
from clipspect.encode.inputs import batches, check_request, unit_rows
from clipspect.encode.onnx_files import external_files
from clipspect.encode.quiet import first_line
from clipspect.errors import EncoderError, EncoderNotFoundError
from clipspect.protocols import Space
from clipspect.types import RGB, Float32

PACKAGES = ("onnxruntime",)

EXAMPLE: Final = {
    "input_px": 224,
    "resample": "bicubic",
    "aspect": "squash",
    "scale": 1 / 255,
    "mean": [0.485, 0.456, 0.406],
    "std": [0.229, 0.224, 0.225],
    "layout": "NCHW",
    "spaces": {"visual": "features"},
}
"""A side file: pixels are resized, multiplied by `scale`, then (x - mean) / std; `spaces` name outputs of the model."""

_RESAMPLE = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


@dataclass(frozen=True, slots=True)
class OnnxSettings:
    """How pictures are prepared for an ONNX encoder.

    Attributes:
        input_px: Side of the square input.
        mean: Per channel, after `scale`.
        std: Per channel, after `scale`.
        scale: Factor of the pixels 0 to 255.
        resample: nearest, bilinear, bicubic or lanczos.
        layout: NCHW or NHWC.
        aspect: squash (the only one): width and height are scaled apart.
        spaces: Name of the model's output by space.
    """

    input_px: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    scale: float
    resample: str
    layout: str
    aspect: str
    spaces: Mapping[Space, str]


class OnnxEncoder:
    """One ONNX file with its side file.

    Args:
        path: The model.
        device: cpu, cuda, or auto (cuda where onnxruntime has it).
        batch_size: Pictures at a time, for models with a dynamic batch.
        threads: Of onnxruntime, for this model alone; None for its own choice.

    Raises:
        EncoderNotFoundError: There is no such file.
        EncoderError: The side file is missing or wrong.
    """

    def __init__(
        self, path: Path, *, device: Device = "auto", batch_size: int | None = None, threads: int | None = None
    ) -> None:
        check_device(device)
        if not path.is_file():
            raise EncoderNotFoundError(f"onnx:{path}: expected an ONNX file, found none")
        self.path = path
        self.settings = read_settings(path.with_suffix(".json"))
        self._device = device
        self._batch_size = batch_size
        self._threads = threads

    @property
    def input_px(self) -> int:
        """Side of the square input, from the side file."""
        return self.settings.input_px

    @property
    def spaces(self) -> tuple[Space, ...]:
        """As the side file names them."""
        return tuple(self.settings.spaces)

    @cached_property
    def id(self) -> str:
        """`onnx:{file name}@{hash of the model, its external data and the side file}`."""
        files = [self.path, *external_files(self.path), self.path.with_suffix(".json")]
        return f"onnx:{self.path.stem}@{fingerprint(files, {'version': 1})}"

    def encode_images(self, images: Sequence[RGB], space: Space = "visual") -> Float32:
        """(N, D) float32; `joint` rows are scaled to length 1."""
        check_request(self, images, space)
        if not images:
            return self.encode_images([np.zeros((self.input_px, self.input_px, 3), np.uint8)], space)[:0]
        rows = np.concatenate([self._run(part, space) for part in batches(images, self._batch)])
        return rows if space == "visual" else unit_rows(rows)

    def _run(self, images: Sequence[RGB], space: Space) -> Float32:
        pixels = np.stack([prepare(image, self.settings) for image in images])
        if self._fixed_batch and len(images) < self._fixed_batch:
            pixels = np.concatenate(
                [pixels, np.zeros((self._fixed_batch - len(images), *pixels.shape[1:]), np.float32)]
            )
        output = self.settings.spaces[space]
        try:
            (rows,) = self._session.run([output], {self._session.get_inputs()[0].name: pixels})
        except Exception as error:  # onnxruntime raises bare exceptions of its own C++ module
            raise EncoderError(f"onnx:{self.path}: the model failed: {first_line(error)}") from error
        if rows.ndim != 2 or len(rows) != len(pixels):
            raise EncoderError(f"onnx:{self.path}: output {output!r}: expected ({len(pixels)}, D), got {rows.shape}")
        return np.asarray(rows[: len(images)], dtype=np.float32)

    @property
    def _batch(self) -> int:
        return self._fixed_batch or self._batch_size or 8

    @cached_property
    def _fixed_batch(self) -> int:
        """Pictures that the model takes at once, 0 where it takes any number."""
        size = self._session.get_inputs()[0].shape[0]
        return size if isinstance(size, int) else 0

    @cached_property
    def _session(self) -> Any:  # noqa: ANN401 - onnxruntime is not typed
        import onnxruntime

        external_files(self.path)  # refuses data outside the folder before anything is opened
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        if self._threads is not None:
            options.intra_op_num_threads = self._threads
        try:
            session = onnxruntime.InferenceSession(str(self.path), options, providers=_providers(self._device))
        except Exception as error:  # onnxruntime raises bare exceptions of its own C++ module
            raise EncoderError(f"onnx:{self.path}: cannot be loaded as an ONNX model: {first_line(error)}") from error
        _check_interface(session, self.settings, self.path)
        return session


def prepare(image: RGB, settings: OnnxSettings) -> Float32:
    """One picture as the model's input, (3, px, px) or (px, px, 3) float32."""
    side = (settings.input_px, settings.input_px)
    if image.shape[:2] != side:
        image = np.asarray(Image.fromarray(image).resize(side, _RESAMPLE[settings.resample]))
    mean, std = (np.asarray(values, dtype=np.float32) for values in (settings.mean, settings.std))
    pixels = (image * np.float32(settings.scale) - mean) / std
    if settings.layout == "NCHW":
        pixels = pixels.transpose(2, 0, 1)
    return np.ascontiguousarray(pixels, dtype=np.float32)


def read_settings(path: Path) -> OnnxSettings:
    """The side file.

    Raises:
        EncoderError: It is missing, or not what `EXAMPLE` shows.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        example = json.dumps(EXAMPLE, indent=2)
        raise EncoderError(
            f"{path}: expected a side file that says how pictures are prepared for the model, found none; "
            f"for example:\n{example}"
        ) from error
    except (OSError, ValueError) as error:
        raise EncoderError(f"{path}: expected JSON: {error}") from error
    return parse_settings(content, str(path))


def parse_settings(content: Any, where: str) -> OnnxSettings:  # noqa: ANN401 - JSON is any value
    """Strict: every key of `EXAMPLE` must be there and no other.

    Raises:
        EncoderError: Says which key, what was expected and what was got.
    """
    if not isinstance(content, dict) or set(content) != set(EXAMPLE):
        got = sorted(content) if isinstance(content, dict) else type(content).__name__
        raise EncoderError(f"{where}: expected exactly the keys {sorted(EXAMPLE)}, got {got}")
    px = content["input_px"]
    _expect(isinstance(px, int) and not isinstance(px, bool) and 0 < px <= 4096, where, "input_px", "1 to 4096", px)
    _expect(_is_number(content["scale"]), where, "scale", "a finite number", content["scale"])
    for key, choices in (("resample", list(_RESAMPLE)), ("layout", ["NCHW", "NHWC"]), ("aspect", ["squash"])):
        _expect(content[key] in choices, where, key, f"one of {choices}", content[key])
    for key in ("mean", "std"):
        value = content[key]
        triple = isinstance(value, list) and len(value) == 3 and all(map(_is_number, value))
        _expect(triple and (key == "mean" or 0 not in value), where, key, "three numbers, none of std 0", value)
    spaces = content["spaces"]
    named = isinstance(spaces, dict) and all(isinstance(output, str) for output in spaces.values())
    _expect(
        named and "visual" in spaces and set(spaces) <= {"visual", "joint"},
        where,
        "spaces",
        '{"visual": OUTPUT} or {"visual": OUTPUT, "joint": OUTPUT}',
        spaces,
    )
    return OnnxSettings(**{**content, "mean": tuple(content["mean"]), "std": tuple(content["std"])})


def _expect(holds: bool, where: str, key: str, expected: str, got: object) -> None:
    if not holds:
        raise EncoderError(f"{where}: {key}: expected {expected}, got {got!r}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))


def _check_interface(session: Any, settings: OnnxSettings, path: Path) -> None:  # noqa: ANN401 - not typed
    inputs = session.get_inputs()
    px = settings.input_px
    expected = [3, px, px] if settings.layout == "NCHW" else [px, px, 3]
    shape = inputs[0].shape if len(inputs) == 1 else []
    fits = len(shape) == 4 and all(
        not isinstance(got, int) or got == want for got, want in zip(shape[1:], expected, strict=True)
    )
    if not fits or inputs[0].type != "tensor(float)":
        got = ", ".join(f"{i.name} {i.type} {i.shape}" for i in inputs)
        raise EncoderError(f"onnx:{path}: expected one float input (N, {', '.join(map(str, expected))}), got {got}")
    outputs = {output.name: output for output in session.get_outputs()}
    for space, name in settings.spaces.items():
        if name not in outputs:
            raise EncoderError(
                f"onnx:{path}: spaces.{space}: expected one of the outputs {list(outputs)}, got {name!r}"
            )
        if outputs[name].shape is not None and len(outputs[name].shape) != 2:
            raise EncoderError(f"onnx:{path}: output {name!r}: expected (N, D), got {outputs[name].shape}")


def _providers(device: Device) -> list[str]:
    import onnxruntime

    there = onnxruntime.get_available_providers()
    wanted = {"cuda": "CUDAExecutionProvider", "mps": "CoreMLExecutionProvider"}
    if device in wanted and wanted[device] not in there:
        raise EncoderError(f"device: {device!r}: this onnxruntime has only {there}")
    chosen = [wanted[device]] if device in wanted else [wanted["cuda"]] if device == "auto" else []
    return [name for name in (*chosen, "CPUExecutionProvider") if name in there]
