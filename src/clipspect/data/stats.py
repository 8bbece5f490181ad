"""What a data set holds, in numbers: counts, imbalance, relationships, and where each class sits in the photo."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from clipspect.taxonomy import Taxonomy
from clipspect.types import Float64, Photo, Relation

Relate = Callable[[Float64], Sequence[Relation]]
"""(N, 4) boxes_xyxy_px of one photo to the relation of every unordered pair of them."""


def dataset_stats(
    photos: Sequence[Photo], taxonomy: Taxonomy, sizes_px: Sequence[tuple[int, int]], relate: Relate
) -> dict[str, Any]:
    """Count photos, boxes, classes and relationships.

    Args:
        photos: N photos with their labels.
        taxonomy: Reads the class ids of the labels.
        sizes_px: (width, height) of each photo.
        relate: Given from outside, as `spatial.relations` and this file do not know each other.

    Returns:
        A JSON-able dict. `photos`, `boxes`, `groups` are counts; `boxes_a_photo` has `mean`, `sd` (of these photos,
        divided by N), `max` and `photos_without`; `by_split` has photos, boxes and groups of each split. `classes` (by
        the user's name), `conditions` and `object_types` have `count` and `by_split`; a class also its `weight`
        n_max / n_c and `centre_y_quartiles` (0 top, 1 bottom), both None where it has no box. `imbalance_ratio` is
        n_max / n_min over classes that have boxes. `relationships` has `pairs`, `near` and `by_relation`.
    """
    class_of_box = [taxonomy.class_index_of_id[a.class_id] for p in photos for a in p.annotations]
    split_of_box = [p.split for p in photos for _ in p.annotations]
    centre_y = np.array([(a.box_xyxyn[1] + a.box_xyxyn[3]) / 2 for p in photos for a in p.annotations])
    splits = list(dict.fromkeys(p.split for p in photos))
    counts = Counter(class_of_box)
    most = max(counts.values(), default=0)
    return {
        "photos": len(photos),
        "boxes": len(class_of_box),
        "groups": len({p.group for p in photos}),
        "boxes_a_photo": _boxes_a_photo(photos),
        "by_split": {split: _of_split(photos, split) for split in splits},
        "classes": {
            c.name: {
                "object_type": c.object_type,
                "condition": c.condition,
                **_counted(k, class_of_box, split_of_box, splits),
                "weight": most / counts[k] if counts[k] else None,
                "centre_y_quartiles": _quartiles(centre_y[np.asarray(class_of_box, dtype=np.intp) == k]),
            }
            for k, c in enumerate(taxonomy.classes)
        },
        "conditions": _by([c.condition for c in taxonomy.classes], class_of_box, split_of_box, splits),
        "object_types": _by([c.object_type for c in taxonomy.classes], class_of_box, split_of_box, splits),
        "imbalance_ratio": most / min(counts.values()) if counts else None,
        "relationships": _relationships(photos, sizes_px, relate),
    }


def _boxes_a_photo(photos: Sequence[Photo]) -> dict[str, float | int | None]:
    n = np.array([len(p.annotations) for p in photos])
    if not n.size:
        return {"mean": None, "sd": None, "max": None, "photos_without": 0}
    return {"mean": float(n.mean()), "sd": float(n.std()), "max": int(n.max()), "photos_without": int((n == 0).sum())}


def _of_split(photos: Sequence[Photo], split: str) -> dict[str, int]:
    mine = [p for p in photos if p.split == split]
    return {
        "photos": len(mine),
        "boxes": sum(len(p.annotations) for p in mine),
        "groups": len({p.group for p in mine}),
    }


def _by(
    name_of_class: Sequence[str], class_of_box: Iterable[int], split_of_box: Sequence[str], splits: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Counts by a property of the classes (condition, object type), in the order of first appearance."""
    name_of_box = [name_of_class[k] for k in class_of_box]
    return {name: _counted(name, name_of_box, split_of_box, splits) for name in dict.fromkeys(name_of_class)}


def _counted(
    value: int | str, values: Sequence[int | str], split_of_box: Sequence[str], splits: Sequence[str]
) -> dict[str, Any]:
    where = Counter(split for v, split in zip(values, split_of_box, strict=True) if v == value)
    return {"count": where.total(), "by_split": {split: where[split] for split in splits}}


def _quartiles(values: Float64) -> list[float] | None:
    """The three quartiles, 0 at the top of the photo and 1 at its bottom."""
    return [float(q) for q in np.quantile(values, [0.25, 0.5, 0.75])] if values.size else None


def _relationships(
    photos: Sequence[Photo], sizes_px: Sequence[tuple[int, int]], relate: Relate
) -> Mapping[str, int | dict[str, int]]:
    by_relation: Counter[str] = Counter()
    near = 0
    for photo, size_px in zip(photos, sizes_px, strict=True):
        boxes_xyxy_px = np.array([a.box_xyxyn for a in photo.annotations]).reshape(-1, 4) * np.tile(size_px, 2)
        for relation in relate(boxes_xyxy_px):
            by_relation[relation.relation] += 1
            near += relation.near
    return {"pairs": by_relation.total(), "near": near, "by_relation": dict(sorted(by_relation.items()))}
