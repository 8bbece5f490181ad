"""One small site and one fitted run that all tests share. Nothing may change the site: every test is checked for it."""

import shutil
import sys
from pathlib import Path

import pytest

from clipspect.cli.app import main
from clipspect.data.site import NAMES, make_site
from e2e import shell
from e2e.shell import FAKE, Ran


@pytest.fixture(scope="session")
def base(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("e2e")


@pytest.fixture(scope="session")
def cache(base) -> Path:
    return base / "cache"


@pytest.fixture(scope="session")
def site(base) -> Path:
    return make_site(base / "site", photos=30, size_px=(320, 240), lines=10).parent


@pytest.fixture(scope="session")
def clipspect(base, cache):
    """The command line in a process of its own: `clipspect("fit", site)`; `code` is the exit code to expect."""

    def run(*args, code=0, cwd=None, timeout_s=120, **env) -> Ran:
        ran = shell.start(("-m", "clipspect", *args), shell.environment(cache, **env), cwd or base, timeout_s)
        assert ran.code == code, (ran.code, ran.out[-2000:], ran.err[-2000:])
        return ran

    return run


@pytest.fixture
def here(capfd, monkeypatch, cache, tmp_path):
    """The same command line inside this process, in the test's own folder: where a new process would add nothing."""

    def run(*args, code=0) -> Ran:
        monkeypatch.setenv("CLIPSPECT_CACHE", str(cache))
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["clipspect", *map(str, args)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as left:
            main()
        ran = Ran(int(left.value.code or 0), *capfd.readouterr())
        assert ran.code == code, (ran.code, ran.out[-2000:], ran.err[-2000:])
        return ran

    return run


@pytest.fixture(scope="session")
def run_folder(clipspect, site, base) -> Path:
    """A linear head, so that decisions differ from object to object."""
    out = base / "run"
    made = clipspect("fit", site, *FAKE, "--head", "linear", "--out", out)
    assert made.last == str(out)
    return out


@pytest.fixture(scope="session")
def evaluated(clipspect, run_folder, site, base) -> dict:
    """Metrics of the run on test."""
    clipspect("evaluate", run_folder, site, "--json", base / "evaluated.json")
    return shell.strict_json(base / "evaluated.json")


@pytest.fixture(scope="session")
def inspected(clipspect, run_folder, site, base) -> Path:
    """The run's decisions on the photos of test, without interruption."""
    out = base / "inspected"
    assert clipspect("inspect", run_folder, site / "test/images", "--out", out).last == str(out)
    return out


@pytest.fixture(scope="session")
def names() -> tuple[str, ...]:
    return tuple(NAMES)


@pytest.fixture
def copied(site, tmp_path) -> Path:
    """A copy of the site that a test may change."""
    return Path(shutil.copytree(site, tmp_path / "copied"))


@pytest.fixture(scope="session")
def _pristine(site):
    return shell.fingerprint(site)


@pytest.fixture(autouse=True)
def _data_is_untouched(site, _pristine):
    yield
    assert shell.fingerprint(site) == _pristine, "a command changed the data set"
