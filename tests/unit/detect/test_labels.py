from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from clipspect.detect.labels import LabelFiles, detections_of
from clipspect.errors import DetectorError
from clipspect.types import Annotation, Problem
from made import taxonomy_of

TAXONOMY = taxonomy_of("drain", "Drain blocked", "drain-blocked", "rock toe")
IMAGE = np.zeros((50, 200, 3), np.uint8)


def test_boxes_are_in_pixels_and_answers_stay_out():
    found = detections_of(
        [Annotation(1, (0.1, 0.2, 0.5, 1.0)), Annotation(3, (0, 0, 1, 1), confidence=0.4)], TAXONOMY, (200, 50)
    )
    assert [d.box_xyxy_px for d in found] == [(20, 10, 100, 50), (0, 0, 200, 50)]
    assert [d.object_type for d in found] == ["drain", "rock toe"]
    assert [d.confidence for d in found] == [1.0, 0.4]
    assert [d.detector_condition for d in found] == [None, None]


def test_two_classes_that_differ_in_the_answer_alone_give_the_same_detection():
    first, second = (detections_of([Annotation(k, (0, 0, 1, 1))], TAXONOMY, (10, 10)) for k in (0, 1))
    assert first == second


def test_the_condition_of_a_prediction_is_a_second_opinion():
    found = detections_of([Annotation(2, (0, 0, 1, 1), confidence=0.4)], TAXONOMY, (9, 9), second_opinion=True)
    assert found[0].detector_condition == "blocked"


def detector(*answers, **options):
    given = iter(answers)
    return LabelFiles("labels:x", lambda _: next(given), TAXONOMY, second_opinion=False, **options)


def test_every_photo_gets_the_objects_of_its_own_file_in_its_own_pixels():
    finder = detector(([Annotation(0, (0, 0, 0.5, 1))], []), ([], []))
    small = np.zeros((10, 10, 3), np.uint8)
    first, second = finder.detect([small, IMAGE], ["a.jpg", "b.jpg"])
    assert first[0].box_xyxy_px == (0, 0, 5, 10) and second == ()
    assert finder.problems == []


def test_rows_that_were_left_out_are_kept_as_problems():
    bad = Problem("a.txt", 3, "too-few-fields", "expected 5, got 3")
    finder = detector(([Annotation(0, (0, 0, 1, 1))], [bad]), ([], [bad]))
    finder.detect([IMAGE], ["a.jpg"])
    finder.detect([IMAGE], ["b.jpg"])
    assert finder.problems == [bad, bad]


def test_a_missing_file_is_not_an_empty_one():
    with pytest.raises(DetectorError, match=r"a\.jpg: expected a label file of this photo, got none"):
        detector((None, [])).detect([IMAGE], ["a.jpg"])
    unreadable = Problem("a.txt", None, "not-text", "expected text, got bytes")
    with pytest.raises(DetectorError, match="expected text, got bytes"):
        detector((None, [unreadable])).detect([IMAGE], ["a.jpg"])


def test_the_photos_path_is_what_is_looked_up():
    asked = []

    def read(photo):
        asked.append(photo)
        return [], []

    LabelFiles("x", read, TAXONOMY, second_opinion=False).detect([IMAGE], ["some/folder/a.jpg"])
    assert asked == [Path("some/folder/a.jpg")]
