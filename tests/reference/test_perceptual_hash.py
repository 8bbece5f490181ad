"""The perceptual hash, bit for bit against the imagehash package (BSD-2-Clause)."""

import numpy as np
import pytest
from PIL import Image

from clipspect.data.audit import perceptual_hash

imagehash = pytest.importorskip("imagehash", reason="the reference for perceptual hashes is not installed")


@pytest.mark.parametrize("seed", range(40))
def test_the_hash_is_that_of_imagehash(seed):
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (*rng.integers(2, 30, 2), 3), dtype=np.uint8)
    image = Image.fromarray(small).resize(tuple(rng.integers(20, 400, 2).tolist()), Image.Resampling.BICUBIC)
    assert f"{perceptual_hash(np.asarray(image)):016x}" == str(imagehash.phash(image))
