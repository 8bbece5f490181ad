"""Pictures a second of the starter: the network as its package builds it, folded, and the whole encoder.

    python benchmarks/encoders.py [--threads 2] [--rounds 10]

All are timed in turn, round by round, and the best round of each counts: the machine's other work hits all alike.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch

from clipspect.encode.lite import load_fused, load_original
from clipspect.encode.starter import StarterEncoder, _weights

PX = 260


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    seconds = time_in_turn(candidates(), options.rounds)
    slowest = seconds["original, batch 8"]
    print(f"{torch.get_num_threads()} threads, torch {torch.__version__}, {PX} px; best of {options.rounds} rounds")
    for name, value in seconds.items():
        print(f"{name:42s} {1 / value:7.1f} images/s  {slowest / value:5.2f} x")


def candidates() -> dict[str, tuple[Callable[[], object], int]]:
    original = load_original(_weights())
    folded = load_fused(_weights(), torch.device("cpu")).features
    encoder = StarterEncoder(device="cpu")
    rng = np.random.default_rng(0)
    native = [rng.integers(0, 256, (PX, PX, 3), dtype=np.uint8) for _ in range(8)]
    crops = [rng.integers(0, 256, (400, 180, 3), dtype=np.uint8) for _ in range(8)]
    planes = torch.randn(8, 3, PX, PX)
    last = planes.to(memory_format=torch.channels_last)
    four = last[:4].contiguous(memory_format=torch.channels_last)
    return {
        "original, batch 8": (lambda: original.extract_features(planes), 8),
        "folded, channels last, batch 8": (lambda: folded(last), 8),
        "folded, channels last, batch 4": (lambda: folded(four), 4),
        "encoder, pictures of 260 x 260": (lambda: encoder.encode_images(native), 8),
        "encoder, crops of 180 x 400 to resize": (lambda: encoder.encode_images(crops), 8),
    }


def time_in_turn(work: dict[str, tuple[Callable[[], object], int]], rounds: int) -> dict[str, float]:
    """Best seconds a picture of each."""
    best = dict.fromkeys(work, float("inf"))
    with torch.inference_mode():
        for _ in range(rounds + 1):
            for name, (run, count) in work.items():
                start = time.perf_counter()
                run()
                best[name] = min(best[name], (time.perf_counter() - start) / count)
    return best


if __name__ == "__main__":
    main()
