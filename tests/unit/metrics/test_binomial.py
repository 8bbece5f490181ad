from __future__ import annotations

import pytest

from clipspect.metrics.binomial import clopper_pearson


@pytest.mark.parametrize(("hits", "n"), [(0, 7), (1, 1), (3, 10), (90, 100), (604, 669), (4999, 5000)])
def test_the_interval_is_that_of_scipy(hits, n):
    stats = pytest.importorskip("scipy.stats", reason="scipy comes with the extra fit")
    expected = stats.binomtest(hits, n).proportion_ci(0.95, method="exact")
    assert clopper_pearson(hits, n) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_nothing_is_known_of_no_trial():
    assert clopper_pearson(0, 0) == (0.0, 1.0)


def test_a_wider_level_is_a_wider_interval():
    narrow, wide = clopper_pearson(8, 10, level=0.5), clopper_pearson(8, 10, level=0.99)
    assert wide[0] < narrow[0] < 0.8 < narrow[1] < wide[1]
