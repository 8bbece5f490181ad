"""`labels:DIR` and label files beside the photos: objects that a person or an earlier detector has found.

The condition in a label is the answer, so only its object type is taken. In a predictions folder (lines with a
confidence) the detector's own condition is kept as a second opinion.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from clipspect.errors import DetectorError
from clipspect.taxonomy import Taxonomy
from clipspect.types import RGB, Annotation, Detection, Detections, Problem

ReadLabels = Callable[[Path], tuple[Sequence[Annotation] | None, Sequence[Problem]]]
"""Photo path to its kept annotations (None: there is no file, or none that can be read) and what was left out."""


class LabelFiles:
    """Reads boxes and object types from YOLO files."""

    def __init__(self, id: str, read: ReadLabels, taxonomy: Taxonomy, *, second_opinion: bool) -> None:
        """Store the parts.

        Args:
            id: As the user named it.
            read: Photo path to annotations.
            taxonomy: How class ids of these files are read; may differ from the model's.
            second_opinion: Whether the files are predictions, whose conditions may be shown.
        """
        self.id = id
        self.read = read
        self.taxonomy = taxonomy
        self.second_opinion = second_opinion
        self.problems: list[Problem] = []

    def detect(self, images: Sequence[RGB], names: Sequence[str]) -> list[Detections]:
        """Objects of each photo; rows that cannot be read are added to `problems`.

        Raises:
            DetectorError: A photo has no label file, or none that can be read: missing is not empty.
        """
        found = []
        for image, name in zip(images, names, strict=True):
            annotations, problems = self.read(Path(name))
            self.problems += problems
            if annotations is None:
                got = problems[-1].reason if problems else "got none"
                raise DetectorError(f"{name}: expected a label file of this photo, {got}")
            size_px = (image.shape[1], image.shape[0])
            found.append(detections_of(annotations, self.taxonomy, size_px, second_opinion=self.second_opinion))
        return found


def detections_of(
    annotations: Sequence[Annotation], taxonomy: Taxonomy, size_px: tuple[int, int], *, second_opinion: bool = False
) -> Detections:
    """Annotations as detections: boxes in pixels, object types, and no answers unless they are predictions."""
    width, height = size_px
    detections = []
    for annotation in annotations:
        object_class = taxonomy.classes[taxonomy.class_index_of_id[annotation.class_id]]
        x0, y0, x1, y1 = annotation.box_xyxyn
        detections.append(
            Detection(
                box_xyxy_px=(x0 * width, y0 * height, x1 * width, y1 * height),
                object_type=object_class.object_type,
                confidence=1.0 if annotation.confidence is None else annotation.confidence,
                detector_condition=object_class.condition if second_opinion else None,
            )
        )
    return tuple(detections)
