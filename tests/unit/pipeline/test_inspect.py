from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from clipspect.data.views import parse_view
from clipspect.encode.fake import FakeEncoder
from clipspect.errors import DetectorError
from clipspect.heads.majority import Majority
from clipspect.pipeline.features import FeatureExtractor
from clipspect.pipeline.inspect import TwoStage
from clipspect.types import Detection
from made import objects_of, taxonomy_of

TAXONOMY = taxonomy_of()


class Given:
    """A detector that is told what to find."""

    id = "given"

    def __init__(self, found):
        self.found = found
        self.shapes = []

    def detect(self, images, names):
        self.shapes += [image.shape for image in images]
        found = [self.found[name.rpartition("/")[2]] for name in names]
        if found[0] is None:
            raise DetectorError(f"{names[0]}: expected a label file")
        return found


@pytest.fixture
def two_stage():
    labels = [0, 1, 1, 3, 5]
    features = objects_of(TAXONOMY, labels)
    head = Majority().fit(
        features,
        np.array(labels),
        prototypes=None,
        mask=TAXONOMY.mask(features.object_types),
        weights=None,
        rng=np.random.default_rng(0),
    )
    extractor = FeatureExtractor(
        FakeEncoder(),
        views=[parse_view("square")],
        joint_view=None,
        known_types=TAXONOMY.object_types,
        max_pixels=10_000,
    )
    return TwoStage(extractor, head, TAXONOMY, temperature=1.0)


def photo(folder, name, size=(80, 60), **options):
    Image.new("RGB", size, (90, 120, 60)).save(folder / name, **options)
    return folder / name


def test_objects_are_decided_in_the_detectors_order_and_related(two_stage, tmp_path):
    found = (
        Detection((0, 0, 10, 10), "drain", 0.9, "normal"),
        Detection((0, 40, 10, 50), "lamp post"),
        Detection((60, 0, 70, 10), "rock toe"),
    )
    path = photo(tmp_path, "a.png")
    ((inspection, image),) = two_stage.inspect([path], Given({"a.png": found}))
    assert inspection.photo == path and inspection.size_px == (80, 60) and inspection.problem is None
    assert [d.label for d in inspection.decisions] == ["drain blocked", "lamp post ?", "rock toe normal"]
    assert [d.detection for d in inspection.decisions] == list(found)
    assert [(r.subject, r.relation, r.object) for r in inspection.relations] == [
        (0, "above", 1),
        (0, "left of", 2),
        (1, "left of", 2),
    ]
    assert image.shape == (60, 80, 3)


def test_a_photo_that_cannot_be_read_never_ends_the_run(two_stage, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    paths = [tmp_path / "broken.png", tmp_path / "gone.png", photo(tmp_path, "a.png")]
    done = list(two_stage.inspect(paths, Given({"a.png": ()})))
    assert [i.problem is None for i, _ in done] == [False, False, True]
    assert done[0][0].size_px == (0, 0) and done[0][1] is None
    assert done[0][0].problem.code and "broken.png" in str(done[0][0].problem)


def test_a_photo_over_the_pixel_cap_is_quarantined(two_stage, tmp_path):
    ((inspection, _),) = two_stage.inspect([photo(tmp_path, "a.png", (200, 100))], Given({"a.png": ()}))
    assert inspection.problem.code == "too-large"


def test_a_photo_that_the_detector_refuses_is_quarantined_with_its_reason(two_stage, tmp_path):
    paths = [photo(tmp_path, "a.png"), photo(tmp_path, "b.png")]
    done = list(two_stage.inspect(paths, Given({"a.png": None, "b.png": ()})))
    assert done[0][0].problem.code == "no-detections" and "expected a label file" in done[0][0].problem.reason
    assert done[0][1] is not None, "its pixels are there to be looked at"
    assert done[1][0].problem is None and done[1][0].decisions == ()


def test_the_detector_sees_photos_as_they_are_turned(two_stage, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = photo(tmp_path, "a.jpg", exif=exif)
    detector = Given({"a.jpg": (Detection((0, 0, 5, 70), "drain"),)})
    ((inspection, _),) = two_stage.inspect([path], detector)
    assert detector.shapes == [(80, 60, 3)] and inspection.size_px == (60, 80)


def test_photos_are_read_one_at_a_time(two_stage, tmp_path):
    paths = [photo(tmp_path, "a.png"), tmp_path / "later.png"]
    running = two_stage.inspect(paths, Given({"a.png": (), "later.png": ()}))
    next(running)
    photo(tmp_path, "later.png")
    assert next(running)[0].problem is None


@pytest.mark.parametrize("box", [(1.0, 1.0, float("nan"), 9.0), (5.0, 5.0, 5.0, 9.0), (9.0, 1.0, 3.0, 9.0)])
def test_a_photo_whose_boxes_are_none_is_quarantined_and_the_others_go_on(two_stage, tmp_path, box):
    paths = [photo(tmp_path, "a.png"), photo(tmp_path, "b.png")]
    good = Detection((1.0, 1.0, 20.0, 20.0), TAXONOMY.object_types[0])
    bad = Detection(box, TAXONOMY.object_types[0])
    first, second = (i for i, _ in two_stage.inspect(paths, Given({"a.png": (good, bad), "b.png": (good,)})))
    assert first.problem is not None
    assert "a.png: object 1: expected left < right and top < bottom" in first.problem.reason
    assert second.problem is None
    assert len(second.decisions) == 1
