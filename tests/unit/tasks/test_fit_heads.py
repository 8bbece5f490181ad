from __future__ import annotations

import pytest

from clipspect.config import Settings
from clipspect.export.bundle import load_bundle
from clipspect.heads import HEADS
from clipspect.tasks import wire
from clipspect.tasks.evaluate import evaluate
from clipspect.tasks.fit import fit
from made import site


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return site(tmp_path_factory.mktemp("site"), lines=3, photos=2)


@pytest.mark.parametrize("name", list(HEADS))
def test_every_head_is_fitted_saved_and_measured_from_photos(name, data, tmp_path, monkeypatch):
    monkeypatch.setenv("CLIPSPECT_CACHE", str(tmp_path / "cache"))
    settings = wire.override(Settings(), encoder={"id": "fake"}, head={"name": name}, data={"groups": r"^(L\d)"})
    run = fit(data, out=tmp_path / "run", settings=settings)
    bundle = load_bundle(run)
    entry = HEADS[name]
    assert bundle.head == name
    assert (bundle.joint_view is not None) == (entry.needs_text or entry.may_use_text)
    assert bool(bundle.views) == entry.needs_views
    assert evaluate(run, data)["n"] == 6
