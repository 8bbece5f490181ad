"""Frozen records that travel between the parts. Arrays are numpy; nothing here reads or writes a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]
RGB = npt.NDArray[np.uint8]
"""A picture, (H, W, 3) uint8, red green blue, already turned by its EXIF orientation."""

Box = tuple[float, float, float, float]
"""Left, top, right, bottom. The variable's name says the unit: `box_xyxy_px` or `box_xyxyn` (0 to 1)."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with the input, and where.

    Attributes:
        file: Path relative to the data set's folder (POSIX), or as the user gave it.
        line: Line number from 1, or None for the whole file.
        code: Stable short name ("class-out-of-range", "corrupt-image" ...), see docs/data.md.
        reason: What was expected and what was got, for a person.
    """

    file: str
    line: int | None
    code: str
    reason: str

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{where}: {self.code}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Annotation:
    """One labelled object of a photo.

    Attributes:
        class_id: Index into the data set's class names.
        box_xyxyn: Box as fractions of the photo's width and height, clipped to [0, 1].
        polygon_xyn: Corner points where the label was a polygon or an oriented box, else empty.
        confidence: Of a prediction; None for a label.
        line: Line of the label file, from 1 (row or object number in formats without lines).
    """

    class_id: int
    box_xyxyn: Box
    polygon_xyn: tuple[tuple[float, float], ...] = ()
    confidence: float | None = None
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Photo:
    """One photo of a data set with its labels.

    Attributes:
        path: Where the file is.
        key: Path relative to the data set's folder, POSIX; unique in the data set.
        split: "train", "valid", "test" or a name of the user's.
        group: Photos with the same group must stay in one split (a flight line, a site, a day).
        annotations: Kept labels, in the order of the label file.
        label_path: The label file, or None where there is none.
    """

    path: Path
    key: str
    split: str
    group: str
    annotations: tuple[Annotation, ...] = ()
    label_path: Path | None = None


@dataclass(frozen=True, slots=True)
class Detection:
    """One object that was found (or given) in a photo; its condition is not known yet.

    Attributes:
        box_xyxy_px: In pixels of the EXIF-turned photo.
        object_type: As in the taxonomy ("slope drain").
        confidence: Detector's confidence, 0 to 1; 1.0 for a label.
        detector_condition: What a detector with object x condition classes said, a second opinion; else None.
    """

    box_xyxy_px: Box
    object_type: str
    confidence: float = 1.0
    detector_condition: str | None = None


Detections = tuple[Detection, ...]


@dataclass(frozen=True, slots=True)
class ObjectSample:
    """One object whose class is known, for fitting and measuring.

    Attributes:
        photo_key: `Photo.key` of its photo.
        group: `Photo.group` of its photo.
        split: `Photo.split` of its photo.
        index: Position among the kept annotations of the photo.
        detection: Box and object type, all that scoring may look at.
        class_index: Index into `Taxonomy.classes`: the answer.
    """

    photo_key: str
    group: str
    split: str
    index: int
    detection: Detection
    class_index: int


@dataclass(frozen=True, slots=True)
class PromptContext:
    """What a prompt may say of one object besides its class; from its box and the other boxes, never from its answer.

    Attributes:
        position: "top", "middle" or "bottom": thirds of the photo's height by the y of the box centre.
        others: Object types of the other objects in the photo, each once, sorted.
    """

    position: str
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Prototypes:
    """The prompts of K classes as unit text vectors.

    Attributes:
        vectors: (K, D) float32 unit rows: the normalised mean of each class's prompts that hold for every object.
        prompts: P prompt texts.
        prompt_vectors: (P, D) float32 unit rows.
        class_index: (P,) which class each prompt is of.
        template: P names; prompts of different classes with the same name say the same of each class.
        only_where: P conditions: "" (every object), "position:top" or "near:rock toe".
        logit_scale: tau, from cosine to logits.
        ensemble: How a class's prompts become one score (see prompts/ensemble.py).
    """

    vectors: Float32
    prompts: tuple[str, ...]
    prompt_vectors: Float32
    class_index: Int64
    template: tuple[str, ...]
    only_where: tuple[str, ...]
    logit_scale: float
    ensemble: str = "mean"


@dataclass(frozen=True, slots=True)
class ObjectFeatures:
    """What heads read about N objects.

    Attributes:
        blocks: Per view, (N, D_view) float32 pooled features of space `visual`.
        joint: (N, D) unit rows comparable with text prototypes, or None where the encoder has no text.
        spatial: (N, S) float32 geometry of the boxes in their photo.
        object_types: N object type names, from the detector or the label file.
        contexts: N contexts for prompts that speak of position and neighbours.
    """

    blocks: Mapping[str, Float32]
    joint: Float32 | None
    spatial: Float32
    object_types: tuple[str, ...]
    contexts: tuple[PromptContext, ...]

    def __len__(self) -> int:
        return len(self.object_types)

    def take(self, rows: npt.NDArray[np.intp] | Sequence[int]) -> ObjectFeatures:
        """The same features for some of the objects, in the order of `rows`."""
        rows = np.asarray(rows, dtype=np.intp)
        return ObjectFeatures(
            blocks={view: block[rows] for view, block in self.blocks.items()},
            joint=None if self.joint is None else self.joint[rows],
            spatial=self.spatial[rows],
            object_types=tuple(self.object_types[i] for i in rows),
            contexts=tuple(self.contexts[i] for i in rows),
        )


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores of N objects over K classes.

    Attributes:
        logits: (N, K) float64, natural-log scale, before any mask.
        mask: (N, K) bool, True where the class belongs to the object's type.
    """

    logits: Float64
    mask: Bool


@dataclass(frozen=True, slots=True)
class Relation:
    """How two objects of one photo lie to each other; `subject` and `object` are positions in the photo."""

    subject: int
    relation: str
    object: int
    near: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """What is said of one object.

    Attributes:
        detection: The object.
        condition: The condition, or None where clipspect abstains.
        class_name: The user's own class name for (object type, condition), or None where it abstains.
        probability: Of `condition` among the conditions that the type can have, 0 to 1; 0 where it abstains.
        probabilities: Condition to probability, for every condition that the type can have.
        abstained: Why nothing is said ("object type 'x' is not in the taxonomy", "confidence 0.54 under 0.70"), or
        None. prediction_set: Conditions that together hold the right one with the coverage that the model was fitted
            for, the likeliest first; empty where the model was fitted without conformal thresholds.
    """

    detection: Detection
    condition: str | None
    class_name: str | None
    probability: float
    probabilities: Mapping[str, float] = field(default_factory=dict)
    abstained: str | None = None
    prediction_set: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """`{object type} {condition}`, or `{object type} ?` where clipspect abstains."""
        return f"{self.detection.object_type} {self.condition or '?'}"


@dataclass(frozen=True, slots=True)
class Inspection:
    """All decisions of one photo, or the reason why there are none.

    Attributes:
        photo: The photo's path as the user gave it.
        size_px: (width, height) after the EXIF turn; (0, 0) where the photo could not be read.
        decisions: One per detected object, in the detector's order.
        relations: Every unordered pair of objects; `subject` and `object` index `decisions`.
        problem: Why the photo was quarantined, or None.
    """

    photo: Path
    size_px: tuple[int, int]
    decisions: tuple[Decision, ...] = ()
    relations: tuple[Relation, ...] = ()
    problem: Problem | None = None
