from __future__ import annotations

import pytest

from clipspect.errors import ConfigError
from clipspect.heads import make_head


@pytest.mark.parametrize(
    ("head", "options"),
    [
        ("linear", {"tol": 0.0}),
        ("per-type", {"C": -1.0}),
        ("per-type", {"max_iter": 0}),
        ("centroid", {"scale": 0.0}),
        ("gda", {"alpha": float("nan")}),
        ("sstext", {"lam": 0.0}),
        ("proker", {"beta": -1.0}),
        ("proker", {"lam": float("inf")}),
        ("tip", {"epochs": 0}),
        ("tip", {"weight_decay": -0.1}),
        ("lpp", {"alpha_every": 0}),
        ("prolip", {"lam": -1.0}),
        ("prolip", {"max_iter": 0}),
    ],
)
def test_options_out_of_range_are_refused_by_name(head, options):
    with pytest.raises(ConfigError, match=next(iter(options))):
        make_head(head, options)
