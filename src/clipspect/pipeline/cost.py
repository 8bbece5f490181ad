"""What views cost: seconds a photo that the encoder takes for them, predicted from a short measurement here."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from clipspect.data.views import View, crop
from clipspect.protocols import DenseEncoder, Encoder
from clipspect.types import RGB

_CROPS = 8
_REPEATS = 3


@dataclass(frozen=True, slots=True)
class Speed:
    """How quick an encoder is on this machine.

    Attributes:
        crop_s: Seconds for one crop.
        map_s: Seconds for one map of features; None where the encoder has none, or nobody asked.
    """

    crop_s: float
    map_s: float | None = None


def measure_speed(encoder: Encoder, image: RGB, clock: Callable[[], float], *, dense: bool = False) -> Speed:
    """Time the encoder on crops of one photo: the median of three rounds, after one that loads the model.

    Args:
        encoder: Whatever it is.
        image: A photo.
        clock: Seconds, rising.
        dense: Whether maps are timed, too.
    """
    (shown,) = crop(image, (0.0, 0.0, float(image.shape[1]), float(image.shape[0])), View("tight"), encoder.input_px)

    def timed(call: Callable[[], object]) -> float:
        call()
        rounds = []
        for _ in range(_REPEATS):
            begun = clock()
            call()
            rounds.append(clock() - begun)
        return statistics.median(rounds)

    crop_s = timed(lambda: encoder.encode_images([shown] * _CROPS)) / _CROPS
    if not dense or not isinstance(encoder, DenseEncoder):
        return Speed(crop_s)
    return Speed(crop_s, timed(lambda: encoder.encode_dense(shown)))


def seconds_a_photo(views: Sequence[View], objects_a_photo: float, speed: Speed) -> float:
    """Predicted seconds of encoding for one photo; each view counts once, and dense views share their windows.

    Raises:
        ValueError: A view is dense and the time of a map is not known.
    """
    distinct = {view.name: view for view in views}.values()
    crops = sum(view.crops * (1.0 if view.kind == "image" else objects_a_photo) for view in distinct)
    maps = sum(windows**2 for windows in {view.windows for view in distinct if view.kind == "dense"})
    if maps and speed.map_s is None:
        raise ValueError("seconds a photo: expected the time of a map for a dense view, got none")
    return crops * speed.crop_s + maps * (speed.map_s or 0.0)
