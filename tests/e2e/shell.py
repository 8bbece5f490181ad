"""The real command line, as a user runs it, and what the tests of it share."""

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
GROUPS = r"^(Site\w_L\d)"
FAKE = ("--encoder", "fake", "--groups", GROUPS)


@dataclass(frozen=True)
class Ran:
    """A command that ended."""

    code: int
    out: str
    err: str

    @property
    def last(self) -> str:
        return self.out.splitlines()[-1] if self.out else ""


def environment(cache: Path, **more: str) -> dict[str, str]:
    """Of a fresh process: no network, a cache of the tests' own, one thread, and warnings are errors."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("CLIPSPECT", "HF_", "TRANSFORMERS", "PYTHON"))}
    return kept | {
        "CLIPSPECT_CACHE": str(cache),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(REPOSITORY / "src"),
        "PYTHONWARNINGS": "error",
        **more,
    }


def start(args, env, cwd, timeout_s=120, **kinds) -> Ran:
    """Run a Python process to its end; whatever happens to it, a traceback must not."""
    done = subprocess.run(
        [sys.executable, *map(str, args)], env=env, cwd=cwd, capture_output=True, text=True, timeout=timeout_s, **kinds
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Ran(done.returncode, done.stdout, done.stderr)


def strict_json(path: Path):
    """JSON without NaN and Infinity."""
    return json.loads(path.read_text("utf-8"), parse_constant=lambda name: pytest.fail(f"{path}: {name} is no JSON"))


def fingerprint(folder: Path) -> dict[str, tuple]:
    """Names, bytes and times of change of all files and folders; equal means untouched."""
    found = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        state = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
        found[path.relative_to(folder).as_posix()] = (state.st_mode, state.st_mtime_ns, content)
    return found


def without(metrics: dict, *keys: str) -> dict:
    return {k: v for k, v in metrics.items() if k not in keys}


def figures(value, where=""):
    """Every number of a JSON value by its place, for comparing with a tolerance."""
    if isinstance(value, dict):
        return {k: v for key, item in value.items() for k, v in figures(item, f"{where}/{key}").items()}
    if isinstance(value, list):
        return {k: v for i, item in enumerate(value) for k, v in figures(item, f"{where}/{i}").items()}
    return {where: value}


def label_rows(site: Path, split: str) -> list[list[str]]:
    """All rows of a split's label files, in fields."""
    files = sorted((site / split / "labels").glob("*.txt"))
    return [line.split() for file in files for line in file.read_text().splitlines()]


def rewrite_labels(site: Path, change, splits=("train", "valid", "test")) -> None:
    """`change(fields)` gives the new fields of each row, or None to leave the row out."""
    for split in splits:
        for file in (site / split / "labels").glob("*.txt"):
            rows = [change(line.split()) for line in file.read_text().splitlines()]
            file.write_text("".join(" ".join(row) + "\n" for row in rows if row is not None))
