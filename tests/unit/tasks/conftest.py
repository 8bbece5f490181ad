from __future__ import annotations

import dataclasses

import pytest

from clipspect.config import DataSettings, EncoderSettings, EvaluationSettings, HeadSettings, Settings
from made import site

SETTINGS = Settings(
    data=DataSettings(groups=r"^(L\d)"),
    encoder=EncoderSettings(id="fake"),
    head=HeadSettings("linear"),
    evaluation=EvaluationSettings(resamples=50),
)


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    """No test reads or fills the user's cache."""
    monkeypatch.setenv("CLIPSPECT_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture
def settings():
    return SETTINGS


@pytest.fixture(scope="session")
def fitted(tmp_path_factory):
    """(data.yaml, run folder): read only."""
    from clipspect.tasks.fit import fit

    root = tmp_path_factory.mktemp("fitted")
    data = site(root / "site")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLIPSPECT_CACHE", str(root / "cache"))
        return data, fit(data, out=root / "run", settings=SETTINGS)


class Heard:
    """A `Ui` that keeps what it is told."""

    def __init__(self):
        self.said, self.warned, self.tracked = [], [], []

    def say(self, text):
        self.said.append(text)

    def warn(self, text):
        self.warned.append(text)

    def track(self, label, total):
        import contextlib

        self.tracked.append([label, total, 0])
        entry = self.tracked[-1]

        def step():
            entry[2] += 1

        return contextlib.nullcontext(step)


@pytest.fixture
def ui():
    return Heard()


@pytest.fixture
def changed(settings):
    def change(**sections):
        return dataclasses.replace(
            settings,
            **{
                k: dataclasses.replace(getattr(settings, k), **v) if isinstance(v, dict) and k != "taxonomy" else v
                for k, v in sections.items()
            },
        )

    return change
