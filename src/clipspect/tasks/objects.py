"""Labelled photos to objects with features, ready to fit or to measure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from clipspect.data import images
from clipspect.detect.labels import detections_of
from clipspect.errors import EmptyDataError, ImageError
from clipspect.pipeline.features import Extracted, FeatureExtractor, PhotoObjects
from clipspect.spatial.relations import relate
from clipspect.taxonomy import Taxonomy
from clipspect.types import Bool, Int64, ObjectFeatures, Photo, Problem


@dataclass(frozen=True, slots=True)
class Labelled:
    """Photos whose objects and answers are known.

    Attributes:
        photos: What detection would have given: boxes and object types.
        records: The same photos as the data set has them.
        answers: Per photo, class indices of its objects.
        problems: Photos whose header cannot be read; they are in none of the others.
    """

    photos: tuple[PhotoObjects, ...]
    records: tuple[Photo, ...]
    answers: tuple[tuple[int, ...], ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Objects:
    """N labelled objects with features.

    Attributes:
        features: Of N objects.
        labels: (N,) class indices.
        mask: (N, K) classes that each object can have.
        groups: N groups.
        photo_index: (N,) position of the photo in `labelled.photos`.
        object_index: (N,) position of the object in its photo.
        pairs: (P, 2) rows of the two objects of every pair in a photo.
        relations: P relation names.
        labelled: Where they come from.
        problems: Photos that could not be read.
        encoded_crops: How many crops went through the encoder.
    """

    features: ObjectFeatures
    labels: Int64
    mask: Bool
    groups: tuple[str, ...]
    photo_index: Int64
    object_index: Int64
    pairs: Int64
    relations: tuple[str, ...]
    labelled: Labelled
    problems: tuple[Problem, ...]
    encoded_crops: int

    @property
    def photo_keys(self) -> tuple[str, ...]:
        """N keys of the objects' photos."""
        return tuple(self.labelled.records[i].key for i in self.photo_index)


def label(photos: Sequence[Photo], taxonomy: Taxonomy) -> Labelled:
    """Read the size of each photo and turn its labels into detections and answers."""
    kept, records, answers, problems = [], [], [], []
    for photo in photos:
        try:
            info = images.probe(photo.path)
        except ImageError as error:
            problems.append(Problem(photo.key, None, error.code, str(error)))
            continue
        size_px = (info.width_px, info.height_px)
        detections = detections_of(photo.annotations, taxonomy, size_px)
        kept.append(PhotoObjects(photo.path, photo.key, size_px, detections))
        records.append(photo)
        answers.append(tuple(taxonomy.class_index_of_id[a.class_id] for a in photo.annotations))
    return Labelled(tuple(kept), tuple(records), tuple(answers), tuple(problems))


def with_features(
    labelled: Labelled, extractor: FeatureExtractor, taxonomy: Taxonomy, on_photo: Callable[[], None]
) -> Objects:
    """Extract the features of all objects.

    Raises:
        EmptyDataError: No object is left.
    """
    if not any(photo.detections for photo in labelled.photos):
        raise EmptyDataError(f"expected photos with labelled objects, got {len(labelled.photos)} photos and no object")
    extracted = extractor.extract(labelled.photos, on_photo)
    if not len(extracted.features):
        raise EmptyDataError(f"expected photos that can be read, got none; the first: {extracted.problems[0]}")
    pairs, relations = _pairs(labelled, extracted)
    return Objects(
        features=extracted.features,
        labels=np.array([labelled.answers[i][j] for i, j in _rows(extracted)], dtype=np.int64),
        mask=taxonomy.mask(extracted.features.object_types),
        groups=tuple(labelled.records[i].group for i in extracted.photo_index),
        photo_index=extracted.photo_index,
        object_index=extracted.object_index,
        pairs=pairs,
        relations=relations,
        labelled=labelled,
        problems=labelled.problems + extracted.problems,
        encoded_crops=extracted.encoded_crops,
    )


def content_hashes(objects: Objects) -> tuple[str, ...]:
    """SHA-256 of each used photo's bytes, in the order of the photos."""
    used = sorted(set(objects.photo_index.tolist()))
    return tuple(images.content_hash(objects.labelled.photos[i].path) for i in used)


def data_hash(objects: Objects, hashes: Sequence[str]) -> str:
    """SHA-256 over the photos' hashes and their labels: the same data give the same hash wherever they lie."""
    digest = hashlib.sha256()
    used = sorted(set(objects.photo_index.tolist()))
    for i, content in zip(used, hashes, strict=True):
        boxes = [a.box_xyxyn for a in objects.labelled.records[i].annotations]
        digest.update(repr((content, objects.labelled.answers[i], boxes)).encode())
    return digest.hexdigest()


def _rows(extracted: Extracted) -> list[tuple[int, int]]:
    return list(zip(extracted.photo_index.tolist(), extracted.object_index.tolist(), strict=True))


def _pairs(labelled: Labelled, extracted: Extracted) -> tuple[Int64, tuple[str, ...]]:
    row_of = {place: row for row, place in enumerate(_rows(extracted))}
    pairs: list[tuple[int, int]] = []
    relations: list[str] = []
    for i in sorted(set(extracted.photo_index.tolist())):
        boxes = np.array([d.box_xyxy_px for d in labelled.photos[i].detections], dtype=np.float64)
        for relation in relate(boxes):
            pairs.append((row_of[i, relation.subject], row_of[i, relation.object]))
            relations.append(relation.relation)
    return np.array(pairs, dtype=np.int64).reshape(-1, 2), tuple(relations)
