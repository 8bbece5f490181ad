"""Written COCO files against pycocotools, the format's own reader."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from clipspect.data.convert import convert
from clipspect.data.dataset import DatasetIndex
from clipspect.types import Annotation, Photo

coco = pytest.importorskip("pycocotools.coco", reason="pycocotools (BSD) is not installed")
cocoeval = pytest.importorskip("pycocotools.cocoeval")

NAMES = ("toe drain", "rock toe / damaged", "ungenützt")
SIZE_PX = (80, 40)
TRIANGLE = ((0.25, 0.25), (0.75, 0.25), (0.75, 0.75))


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "in" / "a b.png"
    path.parent.mkdir()
    Image.new("RGB", SIZE_PX).save(path)
    rows = (Annotation(1, (0.25, 0.25, 0.75, 0.75), TRIANGLE), Annotation(0, (0.0, 0.1, 0.123456789, 1.0)))
    index = DatasetIndex(path.parent, NAMES, (Photo(path, "a b.png", "valid", "g", rows),), splits=("train", "valid"))
    convert(index, tmp_path / "out", "coco", size_of=lambda path: SIZE_PX)
    return tmp_path / "out"


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools 2.0 on numpy 2
def test_pycocotools_reads_photos_classes_boxes_and_areas(written, capsys):
    file = written / "annotations/instances_val.json"
    api = coco.COCO(str(file))
    assert [c["name"] for c in api.loadCats(sorted(api.getCatIds()))] == list(NAMES)
    (image,) = api.loadImgs(api.getImgIds())
    assert Path(written / "images/valid" / image["file_name"]).is_file()
    assert (image["width"], image["height"]) == SIZE_PX
    polygon, box = api.loadAnns(api.getAnnIds(imgIds=image["id"]))
    assert polygon["bbox"] == [20, 10, 40, 20]
    assert box["bbox"] == pytest.approx([0, 4, 9.87654312, 36])
    assert box["area"] == pytest.approx(9.87654312 * 36)
    assert polygon["area"] == pytest.approx(400)
    assert api.annToMask(polygon).sum() == pytest.approx(polygon["area"], rel=0.1)
    assert coco.COCO(str(written / "annotations/instances_train.json")).getImgIds() == []


def test_the_labels_scored_against_themselves_are_perfect(written, capsys):
    file = written / "annotations/instances_val.json"
    api = coco.COCO(str(file))
    rows = json.loads(file.read_text())["annotations"]
    found = api.loadRes([{**{k: r[k] for k in ("image_id", "category_id", "bbox")}, "score": 0.9} for r in rows])
    evaluation = cocoeval.COCOeval(api, found, "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert np.isclose(evaluation.stats[0], 1.0)
