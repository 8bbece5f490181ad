"""What views cost is measured where the encoder is loaded anyway, and remembered."""

from __future__ import annotations

import numpy as np
from PIL import Image

from clipspect.data.views import parse_view
from clipspect.encode import FeatureCache
from clipspect.encode.fake import FakeEncoder
from clipspect.pipeline.features import PhotoObjects
from clipspect.tasks.latency import predicted_seconds
from clipspect.tasks.objects import Labelled
from clipspect.types import Detection


class Unloadable(FakeEncoder):
    def encode_images(self, images, space="visual"):
        raise AssertionError("the encoder was loaded")


def test_a_fit_from_cached_features_loads_no_encoder_to_say_what_views_cost(tmp_path):
    Image.fromarray(np.full((40, 60, 3), 90, np.uint8)).save(tmp_path / "a.png")
    found = (Detection((1.0, 1.0, 20.0, 20.0), "drain"), Detection((5.0, 5.0, 30.0, 20.0), "drain"))
    labelled = Labelled((PhotoObjects(tmp_path / "a.png", "a.png", (60, 40), found),), (), (), ())
    asked = {"views": [parse_view("square")], "max_pixels": 10_000}
    with FeatureCache(tmp_path / "cache") as cache:
        assert predicted_seconds(labelled, Unloadable(), **asked, cache=cache, loaded=False) is None
        measured = predicted_seconds(labelled, FakeEncoder(), **asked, cache=cache, loaded=True)
        assert measured is not None and measured > 0
        remembered = predicted_seconds(labelled, Unloadable(), **asked, cache=cache, loaded=False)
    assert np.isclose(remembered, measured, rtol=1e-6)
