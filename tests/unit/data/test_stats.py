"""Counts, imbalance, relationships and places, against a data set worked out by hand."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from clipspect.data import audit, groups, stats
from clipspect.taxonomy import read_taxonomy
from clipspect.types import Annotation, Photo, Relation

NAMES = ("Drain", "drain blocked", "drain- Blocked", "vegetation", "rock toe damaged")
TAXONOMY = read_taxonomy(NAMES)  # ids 1 and 2 are the same class; class 4 is never seen


def box(class_id, left, top, right, bottom):
    return Annotation(class_id, (left, top, right, bottom))


def photo(key, split, group, *annotations):
    return Photo(Path(key), key, split, group, annotations)


PHOTOS = (
    photo("a", "train", "g1", box(0, 0, 0, 0.1, 0.2), box(1, 0.5, 0.5, 0.7, 0.7), box(3, 0, 0.8, 1, 1)),
    photo("b", "train", "g1", box(0, 0, 0.4, 0.1, 0.6)),
    photo("c", "test", "g2", box(2, 0.2, 0.2, 0.4, 0.4), box(0, 0.2, 0.6, 0.4, 1.0)),
    photo("d", "test", "g3"),
)
SIZES_PX = [(100, 200), (10, 10), (40, 20), (5, 5)]


def relate(boxes_xyxy_px):
    """Every pair, all of them called after the shape of the photo."""
    n = len(boxes_xyxy_px)
    return [Relation(i, "above" if i else "left of", j, near=j == 2) for i in range(n) for j in range(i + 1, n)]


@pytest.fixture(scope="module")
def got():
    return stats.dataset_stats(PHOTOS, TAXONOMY, SIZES_PX, relate)


def test_photos_boxes_and_groups_are_counted(got):
    assert (got["photos"], got["boxes"], got["groups"]) == (4, 6, 3)
    assert got["by_split"] == {
        "train": {"photos": 2, "boxes": 4, "groups": 1},
        "test": {"photos": 2, "boxes": 2, "groups": 2},
    }
    assert got["boxes_a_photo"] == {"mean": 1.5, "sd": pytest.approx(1.25**0.5), "max": 3, "photos_without": 1}


def test_classes_are_counted_by_meaning_and_weighted_by_inverse_frequency(got):
    assert list(got["classes"]) == ["Drain", "drain blocked", "vegetation", "rock toe damaged"]
    blocked = got["classes"]["drain blocked"]
    assert (blocked["object_type"], blocked["condition"]) == ("drain", "blocked")
    assert (blocked["count"], blocked["by_split"], blocked["weight"]) == (2, {"train": 1, "test": 1}, 1.5)
    assert got["classes"]["vegetation"]["weight"] == 3.0 and got["classes"]["Drain"]["weight"] == 1.0
    assert got["imbalance_ratio"] == 3.0


def test_an_absent_class_has_no_weight_and_no_place(got):
    absent = got["classes"]["rock toe damaged"]
    assert absent["count"] == 0 and absent["weight"] is None and absent["centre_y_quartiles"] is None


def test_conditions_and_object_types_are_counted_by_split(got):
    assert {k: v["count"] for k, v in got["conditions"].items()} == {"normal": 4, "blocked": 2, "damaged": 0}
    assert {k: v["count"] for k, v in got["object_types"].items()} == {"drain": 5, "vegetation": 1, "rock toe": 0}
    assert got["conditions"]["normal"]["by_split"] == {"train": 3, "test": 1}
    assert got["object_types"]["drain"]["by_split"] == {"train": 3, "test": 2}


def test_quartiles_say_where_a_class_sits(got):
    assert got["classes"]["Drain"]["centre_y_quartiles"] == pytest.approx([0.3, 0.5, 0.65])  # of 0.1, 0.5, 0.8


def test_every_pair_of_a_photo_is_a_relationship(got):
    assert got["relationships"] == {"pairs": 4, "near": 2, "by_relation": {"above": 1, "left of": 3}}


def test_relate_is_given_pixels():
    seen = []
    stats.dataset_stats(PHOTOS, TAXONOMY, SIZES_PX, lambda boxes: seen.append(boxes) or [])
    assert [b.shape for b in seen] == [(3, 4), (1, 4), (2, 4), (0, 4)]
    assert seen[0][1] == pytest.approx([50, 100, 70, 140]) and seen[2][0] == pytest.approx([8, 4, 16, 8])


def test_the_result_is_strict_json(got):
    assert json.loads(json.dumps(got, allow_nan=False)) == got


def test_a_data_set_without_photos_or_boxes_has_numbers_too():
    nothing = stats.dataset_stats([], TAXONOMY, [], relate)
    assert nothing["photos"] == 0 and nothing["boxes_a_photo"]["mean"] is None and nothing["imbalance_ratio"] is None
    json.dumps(nothing, allow_nan=False)
    background = stats.dataset_stats(PHOTOS[3:], TAXONOMY, SIZES_PX[3:], relate)
    assert background["boxes_a_photo"] == {"mean": 0.0, "sd": 0.0, "max": 0, "photos_without": 1}
    assert background["classes"]["Drain"]["weight"] is None


# --- the real photos, where they are


def embankment():
    root = Path(__file__).parents[3].resolve() / "../shared/data/embankment"
    if not (root / "data.yaml").is_file():
        pytest.skip("the real photos are not beside this checkout (../shared/data/embankment)")
    names = re.findall(r"'([^']+)'", (root / "data.yaml").read_text())
    rule = groups.group_rule(regex=r"^(Lagoon\w+_[BR]\d|Stage\d-Lagoon\d_R\d)")
    photos = []
    for path in sorted(root.glob("*/images/*.jpg")):
        rows = np.loadtxt(path.parents[1] / "labels" / f"{path.stem}.txt", ndmin=2)
        corners = np.hstack([rows[:, 1:3] - rows[:, 3:5] / 2, rows[:, 1:3] + rows[:, 3:5] / 2]).clip(0, 1)
        boxes = tuple(Annotation(int(r[0]), tuple(c)) for r, c in zip(rows, corners.tolist(), strict=True))
        key = path.relative_to(root).as_posix()
        photos.append(Photo(path, key, path.parents[1].name, rule(key), boxes))
    return photos, read_taxonomy(names)


@pytest.mark.real
def test_the_embankment_has_the_published_counts_and_no_leak():
    photos, taxonomy = embankment()
    seen = audit.audit_images(photos)
    assert seen.problems == () and seen.findings == ()
    assert audit.find_duplicates(seen.fingerprints) == () and audit.find_shared_groups(photos) == ()
    got = stats.dataset_stats(photos, taxonomy, [f.size_px for f in seen.fingerprints], relate)
    assert (got["photos"], got["boxes"], got["groups"]) == (175, 915, 17)
    assert got["boxes_a_photo"]["mean"] == pytest.approx(5.2, abs=0.05)
    assert {s: v["photos"] for s, v in got["by_split"].items()} == {"train": 102, "valid": 32, "test": 41}
    pairs = sum(len(p.annotations) * (len(p.annotations) - 1) // 2 for p in photos)
    assert got["relationships"]["pairs"] == pairs == 3068
