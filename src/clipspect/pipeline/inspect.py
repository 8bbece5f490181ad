"""Photos to inspections: detect, describe, decide. One pass, bounded memory, a bad photo never ends it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from clipspect.data import images
from clipspect.errors import DetectorError, ImageError
from clipspect.metrics.conformal import ConformalThresholds
from clipspect.pipeline.abstain import Abstain
from clipspect.pipeline.decide import decide
from clipspect.pipeline.features import FeatureExtractor, PhotoObjects
from clipspect.protocols import Detector, Head
from clipspect.spatial.relations import relate
from clipspect.taxonomy import Taxonomy
from clipspect.types import RGB, Detections, Float64, Inspection, Problem, Scores


class TwoStage:
    """A detector says what and where, a head says in what state."""

    def __init__(
        self,
        extractor: FeatureExtractor,
        head: Head,
        taxonomy: Taxonomy,
        *,
        temperature: float,
        conformal: ConformalThresholds | None = None,
        abstain: Abstain | None = None,
        offsets: Float64 | None = None,
    ) -> None:
        self.extractor = extractor
        self.head = head
        self.taxonomy = taxonomy
        self.temperature = temperature
        self.conformal = conformal
        self.abstain = abstain
        self.offsets = np.zeros(len(taxonomy)) if offsets is None else offsets  # (K,) added after the temperature

    def inspect(self, photos: Iterable[Path], detector: Detector) -> Iterator[tuple[Inspection, RGB | None]]:
        """Yield each photo's inspection with its pixels (None where it could not be read), one at a time."""
        for path in photos:
            try:
                image = images.read(path, max_pixels=self.extractor.max_pixels)
            except ImageError as error:
                yield Inspection(path, (0, 0), problem=Problem(str(path), None, error.code, str(error))), None
                continue
            size_px = (image.shape[1], image.shape[0])
            try:
                (detections,) = detector.detect([image], [str(path)])
                inspection = self.decide_photo(path, image, detections)
            except DetectorError as error:
                inspection = Inspection(path, size_px, problem=Problem(str(path), None, "no-detections", str(error)))
            yield inspection, image

    def decide_photo(self, path: Path, image: RGB, detections: Detections) -> Inspection:
        """Decisions and relations for the given objects of one decoded photo.

        Raises:
            DetectorError: A box has no area, or a corner that is no number.
        """
        for i, detection in enumerate(detections):
            x0, y0, x1, y1 = detection.box_xyxy_px
            if not (np.isfinite(detection.box_xyxy_px).all() and x1 > x0 and y1 > y0):
                expected = "expected left < right and top < bottom in pixels"
                raise DetectorError(f"{path}: object {i}: {expected}, got {detection.box_xyxy_px}")
        size_px = (image.shape[1], image.shape[0])
        if not detections:
            return Inspection(path, size_px)
        extracted = self.extractor.extract([PhotoObjects(path, str(path), size_px, detections, image)])
        mask = self.taxonomy.mask(extracted.features.object_types)
        scores = Scores(self.head.scores(extracted.features) + self.temperature * self.offsets, mask)
        boxes = np.array([d.box_xyxy_px for d in detections], dtype=np.float64)
        decisions = decide(
            detections,
            scores,
            self.taxonomy,
            temperature=self.temperature,
            conformal=self.conformal,
            abstain=self.abstain,
        )
        return Inspection(path, size_px, decisions, relate(boxes))
