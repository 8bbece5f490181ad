"""The command line, sent a signal when it decodes its n-th photo: `stopped.py N SIGNAL ARGS...`."""

import os
import signal
import sys
from pathlib import Path

from clipspect.cli.app import main
from clipspect.data import images


def stop_at(n: int, number: int) -> None:
    real, seen = images.read, []

    def read(path, **options):
        seen.append(path)
        if len(seen) == n:
            os.kill(os.getpid(), number)
        return real(path, **options)

    images.read = read


if __name__ == "__main__":
    sys.path.pop(0)  # this file's folder
    stop_at(int(sys.argv[1]), getattr(signal, sys.argv[2]))
    sys.argv = [str(Path(sys.argv[0])), *sys.argv[3:]]
    main()
