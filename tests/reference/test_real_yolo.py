"""The YOLO reader on real data sets whose counts are known; they are not part of the project."""

from pathlib import Path

import pytest

from clipspect.data.read import read_dataset


def real(name):
    for parent in Path(__file__).resolve().parents:
        if (parent / "shared/data" / name / "data.yaml").is_file():
            return parent / "shared/data" / name
    pytest.skip(f"the photos of {name} are not there: expected shared/data/{name} beside the checkout")


@pytest.mark.real
@pytest.mark.parametrize(
    ("name", "photos", "boxes", "polygons", "notes"),
    [("embankment", (102, 32, 41), 915, 0, 0), ("hardhats", (160, 45, 45), 1436, 605, 1)],
)
def test_every_row_of_a_real_data_set_is_kept(name, photos, boxes, polygons, notes):
    index = read_dataset(real(name))
    annotations = [annotation for photo in index.photos for annotation in photo.annotations]
    assert tuple(len(index.of_split(split)) for split in ("train", "valid", "test")) == photos
    assert len(annotations) == boxes
    assert sum(bool(annotation.polygon_xyn) for annotation in annotations) == polygons
    assert index.quarantined == ()
    assert len(index.notes) == notes
