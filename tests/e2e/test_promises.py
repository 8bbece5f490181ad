"""What is promised to every user: inputs stay, nothing goes to the network, the same seed gives the same numbers."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from e2e.shell import FAKE, GROUPS, environment, fingerprint, rewrite_labels, start, strict_json, without

HEAVY = ("torch", "transformers", "sklearn", "pandas", "matplotlib", "onnxruntime", "scipy", "fastapi")

NO_NETWORK = """
import os, sys

def hook(event, args):
    if event in ("socket.__new__", "socket.connect", "socket.getaddrinfo", "socket.gethostbyname"):
        with open(os.environ["SOCKETS"], "a") as stream:
            stream.write(f"{event}\\n")
        raise OSError(101, "Network is unreachable")

sys.addaudithook(hook)
"""

STATE = """
import json, logging, os, sys, threading, warnings
def state():
    rc = {k: str(v) for k, v in sys.modules["matplotlib"].rcParams.items()} if "matplotlib" in sys.modules else None
    return {
        "env": dict(os.environ), "threads": threading.active_count(), "filters": list(map(repr, warnings.filters)),
        "root": [repr(h) for h in logging.getLogger().handlers], "level": logging.getLogger().level,
        "disabled": logging.root.manager.disable, "rc": rc, "hook": repr(sys.excepthook), "cwd": os.getcwd(),
        "limit": sys.getrecursionlimit(), "path": list(sys.path), "mask": repr(__import__("signal").getsignal(2)),
    }
"""


def python(code: str, cache: Path, cwd: Path, **env: str) -> str:
    ran = start(("-c", code), environment(cache, **env), cwd, timeout_s=60)
    assert ran.code == 0, ran.err
    return ran.out


@pytest.fixture
def no_network(tmp_path):
    """Environment of a process in which every socket is noted and refused, and the note."""
    (tmp_path / "site-hook").mkdir()
    (tmp_path / "site-hook/sitecustomize.py").write_text(NO_NETWORK)
    src = Path(__file__).parents[2] / "src"
    note = tmp_path / "sockets.txt"
    return {"PYTHONPATH": f"{tmp_path / 'site-hook'}:{src}", "SOCKETS": str(note), "PYTHONWARNINGS": "ignore"}, note


@pytest.mark.parametrize("code", ["import clipspect", "import clipspect.cli.app", "import clipspect; dir(clipspect)"])
def test_an_import_loads_nothing_heavy(cache, tmp_path, code):
    loaded = python(f"{code}\nimport sys; print(*sys.modules)", cache, tmp_path).split()
    assert [name for name in HEAVY if name in loaded] == []


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["fit", "--help"], ["cache", "info"]])
def test_help_loads_nothing_heavy(cache, tmp_path, arguments):
    code = (
        f"import sys, clipspect.cli.app as app; sys.argv[1:] = {arguments!r}\n"
        "try:\n    app.main()\nexcept SystemExit as left:\n    assert not left.code\nprint(*sys.modules)"
    )
    loaded = python(code, cache, tmp_path).splitlines()[-1].split()
    assert [name for name in HEAVY if name in loaded] == []


def test_an_import_changes_nothing_in_the_process(cache, tmp_path):
    modules = "clipspect, clipspect.cli.app, clipspect.tasks.fit, clipspect.tasks.inspect, clipspect.report.html"
    code = f"{STATE}\nimport numpy  # sets warning filters of its own\nbefore = state()\nimport {modules}\n"
    code += "print(json.dumps([before, state()]))"
    before, after = json.loads(python(code, cache, tmp_path, PYTHONWARNINGS="default"))
    for name in before:
        assert after[name] == before[name], name
    assert list(tmp_path.iterdir()) == []


def test_an_import_leaves_the_settings_of_matplotlib_alone(cache, tmp_path):
    code = f"{STATE}\nimport matplotlib\nbefore = state()\nimport clipspect.report.html, clipspect.report.charts\n"
    code += "print(json.dumps([before['rc'], state()['rc']]))"
    out = python(code, cache, tmp_path, PYTHONWARNINGS="ignore")
    before, after = json.loads(out)
    assert before and before == after


def test_no_command_changes_the_data_or_the_model(here, copied, run_folder, tmp_path):
    model = Path(shutil.copytree(run_folder, tmp_path / "model"))
    before = fingerprint(copied), fingerprint(model)
    (tmp_path / "classes.txt").write_text("vegetation\nslope drain\n")
    for command in (
        ("data", "check", copied), ("data", "stats", copied), ("data", "split", copied, "--groups", GROUPS),
        ("data", "convert", copied, "--to", "voc"), ("zeroshot", copied, *FAKE), ("fit", copied, *FAKE, "--limit", "6"),
        ("zeroshot", copied / "test/images", "--classes", "classes.txt", "--encoder", "fake"),
        ("evaluate", model, copied), ("inspect", model, copied / "test/images"), ("info", model), ("doctor",),
    ):  # fmt: skip
        here(*command)
        assert (fingerprint(copied), fingerprint(model)) == before, command


def test_the_config_of_a_run_gives_the_same_run_again_and_the_second_fit_encodes_nothing(
    clipspect, site, run_folder, tmp_path
):
    again = tmp_path / "again"
    made = clipspect("fit", site, "--config", run_folder / "config.toml", "--out", again, "--quiet")
    assert made.out == f"{again}\n"
    first, second = (strict_json(folder / "metrics.json") for folder in (run_folder, again))
    assert first["encoded_crops"] > 0
    assert second["encoded_crops"] == 0
    assert without(first, "seconds", "encoded_crops") == without(second, "seconds", "encoded_crops")
    for name in ("model/manifest.json", "model/head.safetensors", "results.csv", "config.toml"):
        assert (again / name).read_bytes() == (run_folder / name).read_bytes(), name


def test_the_same_command_without_the_cache_gives_the_same_numbers(clipspect, site, run_folder, tmp_path):
    clipspect("fit", site, *FAKE, "--head", "linear", "--out", tmp_path / "r", CLIPSPECT_CACHE=str(tmp_path / "new"))
    assert without(strict_json(tmp_path / "r/metrics.json"), "seconds") == without(
        strict_json(run_folder / "metrics.json"), "seconds"
    )


def test_another_seed_changes_the_intervals_but_no_accuracy(here, site, tmp_path):
    for seed in ("0", "7"):
        here("fit", site, *FAKE, "--head", "majority", "--seed", seed, "--out", seed)
    first, other = (strict_json(tmp_path / seed / "metrics.json")["conditional"] for seed in ("0", "7"))
    assert other["accuracy"] == first["accuracy"]
    assert other["ci95"] != first["ci95"]


@pytest.mark.parametrize("rest", [["--offline"], []])
def test_offline_work_opens_no_socket(clipspect, site, tmp_path, no_network, rest):
    env, note = no_network
    env |= {"HF_HUB_OFFLINE": ""} if rest else {}
    out = tmp_path / "r"
    clipspect("fit", site, *FAKE, "--head", "majority", *rest, "--out", out, **env)
    clipspect("inspect", out, site / "test/images", "--limit", "2", *rest, "--out", tmp_path / "i", **env)
    assert not note.exists()


@pytest.mark.parametrize("rest", [["--offline"], []])
def test_a_hub_id_is_refused_offline_without_opening_a_socket(clipspect, site, tmp_path, no_network, rest):
    pytest.importorskip("huggingface_hub")
    env, note = no_network
    env |= {"HF_HUB_OFFLINE": "" if rest else "1", "HF_HOME": str(tmp_path / "hub")}
    ran = clipspect("zeroshot", site, "--encoder", "hf:some/model", *rest, code=2, timeout_s=20, **env)
    last = ran.err.splitlines()[-1]
    assert last.startswith("clipspect: hf:some/model: offline") and "--encoder starter" in last
    assert not note.exists()


def test_a_hub_id_without_network_says_so_and_how_to_go_on(clipspect, site, tmp_path, no_network):
    pytest.importorskip("huggingface_hub")
    env, note = no_network
    env |= {"HF_HUB_OFFLINE": "", "HF_HOME": str(tmp_path / "hub")}
    ran = clipspect("zeroshot", site, "--encoder", "hf:some/model", code=2, timeout_s=40, **env)
    last = ran.err.splitlines()[-1]
    assert last.startswith("clipspect: hf:some/model: the hub cannot be reached") and "--encoder starter" in last
    assert note.exists(), "the guard of these tests sees no socket"


def test_fit_reads_neither_the_photos_nor_the_answers_of_test(clipspect, copied, run_folder, tmp_path):
    for photo in (copied / "test/images").iterdir():
        photo.write_bytes(b"no photo")
    rewrite_labels(copied, lambda row: ["0", *row[1:]], splits=("test",))
    clipspect("fit", copied, *FAKE, "--head", "linear", "--out", tmp_path / "r")
    got, expected = (strict_json(folder / "metrics.json") for folder in (tmp_path / "r", run_folder))
    assert without(got, "seconds", "encoded_crops") == without(expected, "seconds", "encoded_crops")


def test_fit_gives_the_same_figures_where_test_is_gone(here, site, copied, tmp_path):
    for file in (copied / "test").rglob("*.*"):
        file.unlink()
    for name, data in (("whole", site), ("rest", copied)):
        here("fit", data, *FAKE, "--head", "majority", "--out", name)
    whole, rest = (strict_json(tmp_path / name / "metrics.json") for name in ("whole", "rest"))
    assert without(whole, "seconds", "encoded_crops") == without(rest, "seconds", "encoded_crops")


def test_help_is_there_within_half_a_second(cache, tmp_path):
    import time

    times = []
    for _ in range(3):
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-m", "clipspect", "--help"], env=environment(cache), capture_output=True)
        times.append(time.perf_counter() - begun)
    assert min(times) <= 0.5
