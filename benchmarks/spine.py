"""The spine's figures on one data set, side by side in one run: first fit, refit from cache, memory, start-up.

    python benchmarks/spine.py DATA --groups REGEX [--photos 1000]

Prints: seconds and peak memory of the first fit (empty cache) and of a refit with `--head linear`, their ratio, how
many crops the refit encoded, `clipspect --help`, and the memory of `inspect` after 100 and after N photos (copies of
DATA's own).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def timed(arguments: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Seconds and peak memory in GiB of one clipspect command."""
    start = time.monotonic()
    command = [sys.executable, "-m", "clipspect", *arguments]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, errors = process.communicate()
    if process.returncode not in (0, None):
        raise SystemExit(f"{' '.join(arguments)}: {errors.decode()}")
    seconds = time.monotonic() - start
    return seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20


def peak_of(arguments: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """As `timed`, in a process of its own so that peaks of different commands do not mix."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import json, os; from spine import timed; "
        "print(json.dumps(timed(json.loads(sys.argv[2]), dict(os.environ))))"
    )
    here = str(Path(__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", code, here, json.dumps(arguments)], env=environment, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    seconds, gib = json.loads(done.stdout)
    return seconds, gib


def many_photos(data: Path, n: int, target: Path) -> Path:
    """A folder of n photos with labels, copies of the data set's train photos under other names."""
    images = sorted((data / "train" / "images").iterdir())
    for i in range(n):
        source = images[i % len(images)]
        for folder, suffix in (("images", source.suffix), ("labels", ".txt")):
            place = target / folder
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(data / "train" / folder / f"{source.stem}{suffix}", place / f"{i:05d}{suffix}")
    shutil.copy(data / "data.yaml", target / "data.yaml")
    return target


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="a YOLO data set's folder, with train/images and train/labels")
    parser.add_argument("--groups", required=True)
    parser.add_argument("--photos", type=int, default=1000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        environment = {**os.environ, "CLIPSPECT_CACHE": str(place / "cache"), "HF_HUB_OFFLINE": "1"}
        helps = sorted(timed(["--help"], environment)[0] for _ in range(5))
        fit = ["fit", str(args.data), "--groups", args.groups, "--quiet", "--out"]
        first, first_gib = peak_of([*fit, str(place / "first")], environment)
        refits = [peak_of([*fit, str(place / f"refit{i}"), "--head", "linear"], environment) for i in range(3)]
        refit = sorted(s for s, _ in refits)[1]
        crops = json.loads((place / "refit0" / "metrics.json").read_text())["encoded_crops"]
        photos = many_photos(args.data, args.photos, place / "photos")
        inspect = ["inspect", str(place / "first"), str(photos), "--quiet", "--out"]
        _, few = peak_of([*inspect, str(place / "few"), "--limit", "100"], environment)
        seconds, many = peak_of([*inspect, str(place / "many")], environment)
    print(f"--help                 {helps[2]:.2f} s (median of 5)")
    print(f"first fit, all rungs   {first:.1f} s, peak {first_gib:.2f} GiB")
    print(
        f"refit --head linear    {refit:.1f} s (median of 3), {refit / first:.3f} of the first, {crops} crops encoded"
    )
    print(f"inspect                {seconds / args.photos:.3f} s a photo; peak {few:.2f} GiB after 100 photos,")
    print(f"                       {many:.2f} GiB after {args.photos}: ratio {many / few:.2f}")


if __name__ == "__main__":
    main()
