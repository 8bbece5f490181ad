"""What the README says is what happens: its Python example and its commands are run as they stand."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import clipspect
from clipspect.data.site import make_site

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as after `make demo`, with the synthetic site in demo/site and its test photos in photos/."""
    place = tmp_path_factory.mktemp("readme")
    make_site(place / "demo" / "site", photos=20, size_px=(320, 240), lines=5)
    (place / "photos").symlink_to(place / "demo" / "site" / "test")
    return place


def run(arguments: list[str], place: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(clipspect.__file__).parents[1]),
        "CLIPSPECT_CACHE": str(place / "cache"),
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(place / "hub"),
    }
    return subprocess.run([sys.executable, *arguments], cwd=place, env=environment, capture_output=True, text=True)


def test_the_python_example_runs(workplace: Path) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", README, re.S)
    lines = [line for line in example.splitlines() if line.strip() and not line.startswith("import")]
    assert len(lines) <= 10
    done = run(["-W", "error", "-c", example], workplace)
    assert done.returncode == 0, done.stderr
    assert "object_type" in done.stdout
    assert (workplace / "inspected.jpg").stat().st_size > 10_000


def test_the_commands_run_in_their_order(workplace: Path) -> None:
    commands = re.findall(r"^    (clipspect .*)$", README, re.M)
    assert [c.split()[1] for c in commands] == ["data", "zeroshot", "fit", "evaluate", "inspect"]
    for command in commands:
        words = [str(workplace / "demo" / "site") if w == "DATA" else w for w in shlex.split(command)[1:]]
        words = [r"^(Site\w_L\d)" if w.startswith("^(Lagoon") else w for w in words]
        done = run(["-m", "clipspect", *words], workplace)
        if "hf:openai/clip-vit-large-patch14" in words:  # no hub here: it has to say so, in one message
            assert done.returncode == 2
            assert "hf:openai/clip-vit-large-patch14" in done.stderr
            assert "Traceback" not in done.stderr
            continue
        assert done.returncode == 0, (command, done.stderr)
        if "check" not in words:
            assert (workplace / done.stdout.splitlines()[-1]).exists(), command


def test_every_link_and_picture_is_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
