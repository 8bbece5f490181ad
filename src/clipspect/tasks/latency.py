"""What the chosen views cost on this machine: seconds of encoding for a photo of the data."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Sequence

import numpy as np

from clipspect.data import images
from clipspect.data.views import View
from clipspect.encode import FeatureCache, text_key
from clipspect.errors import EmptyDataError, ImageError
from clipspect.pipeline.cost import Speed, measure_speed, seconds_a_photo
from clipspect.protocols import Encoder
from clipspect.tasks.objects import Labelled
from clipspect.types import RGB, Box


def objects_a_photo(labelled: Labelled) -> float:
    """Mean number of objects of the photos that have any.

    Raises:
        EmptyDataError: None has.
    """
    counts = [len(p.detections) for p in labelled.photos if p.detections]
    if not counts:
        raise EmptyDataError(f"expected photos with labelled objects, got {len(labelled.photos)} photos and no object")
    return sum(counts) / len(counts)


def example(labelled: Labelled, max_pixels: int) -> tuple[RGB, Box]:
    """The first photo that can be read, and its object of middle size.

    Raises:
        EmptyDataError: None can.
    """
    problem: ImageError | None = None
    for photo in labelled.photos:
        if not photo.detections:
            continue
        try:
            image = images.read(photo.path, max_pixels=max_pixels)
        except ImageError as error:
            problem = error
            continue
        boxes = sorted((d.box_xyxy_px for d in photo.detections), key=lambda b: (b[2] - b[0]) * (b[3] - b[1]))
        return image, boxes[len(boxes) // 2]
    raise EmptyDataError(f"expected a photo with objects that can be read, got none; the last: {problem}")


def predicted_seconds(
    labelled: Labelled,
    encoder: Encoder,
    views: Sequence[View],
    *,
    max_pixels: int,
    cache: FeatureCache,
    loaded: bool,
    clock: Callable[[], float] = time.perf_counter,
) -> float | None:
    """Seconds of encoding for a photo with the mean number of objects on this machine; 0 where there is no view.

    Measured where the encoder is loaded anyway, and remembered in the cache: a fit from cached features loads no
    encoder for it.

    Returns:
        None where the encoder is not loaded and nothing is remembered of it.
    """
    if not views:
        return 0.0
    dense = any(v.kind == "dense" for v in views)
    key = text_key("seconds", f"{encoder.id}|{platform.node()}|{dense}")
    (remembered,) = cache.get([key])
    if loaded:
        image, _ = example(labelled, max_pixels)
        speed = measure_speed(encoder, image, clock, dense=dense)
        map_s = np.nan if speed.map_s is None else speed.map_s
        cache.put({key: np.array([speed.crop_s, map_s], dtype=np.float32)})
    elif remembered is None:
        return None
    else:
        speed = Speed(float(remembered[0]), None if np.isnan(remembered[1]) else float(remembered[1]))
    return seconds_a_photo(views, objects_a_photo(labelled), speed)
