"""What an encoder, a head, a tuner and a detector must be able to do. Nothing here is implemented."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol, Self, runtime_checkable

import numpy as np

from clipspect.types import RGB, Bool, Detections, Float32, Float64, Int64, ObjectFeatures, Prototypes

Space = Literal["visual", "joint"]


@runtime_checkable
class Encoder(Protocol):
    """Images to vectors.

    `id` is stable: it names the encoder and carries a hash of weights and preprocessing, and it must be cheap: no
    model is loaded to know it. Models are loaded at the first `encode_*` call.
    """

    @property
    def id(self) -> str:
        """Name, hash of weights and preprocessing: the same id means the same features."""
        ...

    @property
    def input_px(self) -> int:
        """Side of the square that the model sees; a picture of exactly this size is not resampled again."""
        ...

    @property
    def spaces(self) -> tuple[Space, ...]:
        """The spaces that `encode_images` knows; `joint` only where the encoder has text."""
        ...

    def encode_images(self, images: Sequence[RGB], space: Space = "visual") -> Float32:
        """(N, D) float32. `visual`: pooled features for heads. `joint`: unit rows comparable with text."""
        ...


@runtime_checkable
class TextEncoder(Protocol):
    """Texts to unit vectors in the space `joint`."""

    @property
    def text_id(self) -> str:
        """Stable id of the text side; the same id means the same text vectors."""
        ...

    @property
    def logit_scale(self) -> float:
        """Tau = exp(logit scale), at most 100: cosine to logits."""
        ...

    def encode_texts(self, texts: Sequence[str]) -> Float32:
        """(M, D) float32 unit rows."""
        ...


@runtime_checkable
class DenseEncoder(Protocol):
    """One image to a map of features."""

    def encode_dense(self, image: RGB) -> Float32:
        """(h, w, D) float32."""
        ...


@runtime_checkable
class Projecting(Protocol):
    """Encoders whose joint space is a linear map of the visual one."""

    def projection(self) -> Float32:
        """(D_visual, D_joint) float32: unit(visual @ projection) == joint."""
        ...


@runtime_checkable
class JointFromVisual(Protocol):
    """Encoders whose joint vector is a function of the visual one, so that one pass gives both."""

    def joint_of(self, visual: Float32) -> Float32:
        """(N, D_visual) to (N, D_joint) unit rows, equal to `encode_images(images, "joint")`."""
        ...


class Head(Protocol):
    """Object features to class scores, fitted on frozen features; scores with numpy alone."""

    name: str

    def fit(
        self,
        features: ObjectFeatures,
        labels: Int64,
        *,
        prototypes: Prototypes | None,
        mask: Bool,
        weights: Float64 | None,
        rng: np.random.Generator,
    ) -> Self:
        """Fit on N objects and return self.

        Args:
            features: N objects.
            labels: (N,) class indices, 0 to K - 1.
            prototypes: Text vectors of the K classes, or None where the encoder has no text.
            mask: (N, K) bool, the classes each object can have.
            weights: (N,) sample weights, or None for equal ones.
            rng: Source of all randomness.

        Raises:
            HeadError: The head cannot be fitted on these.
        """
        ...

    def scores(self, features: ObjectFeatures) -> Float64:
        """(N, K) float64 logits, not masked."""
        ...

    def state(self) -> tuple[Mapping[str, Any], Mapping[str, np.ndarray]]:
        """(JSON-able settings, arrays): everything `from_state` needs. Never pickled."""
        ...

    @classmethod
    def from_state(cls, settings: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Self:
        """The head that gave `state()`."""
        ...


class Tuner(Protocol):
    """Changes an encoder's weights, as a stream of events; the last event carries the tuned encoder."""

    def tune(self, encoder: Encoder, images: Sequence[RGB], labels: Int64) -> Iterator[Mapping[str, Any]]:
        """Yield one event a step or epoch."""
        ...


class Detector(Protocol):
    """Photos to objects."""

    @property
    def id(self) -> str:
        """How the user named it ("labels:DIR", "onnx:FILE" ...)."""
        ...

    def detect(self, images: Sequence[RGB], names: Sequence[str]) -> list[Detections]:
        """Objects of each image; `names` are the photos' paths, for detectors that read files beside them."""
        ...
