"""`make bench`: the benchmarks that need no data of the user's, one after the other.

With a data set, run the others by hand: `benchmarks/reference.py`, `benchmarks/spine.py` (each says how with --help).
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from clipspect.data.site import GROUPS_REGEX, make_site

HERE = Path(__file__).parent


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        site = make_site(Path(name) / "site", photos=60, lines=8).parent
        for script, arguments in (
            ("encoders.py", []),
            ("reference.py", [str(site), "--groups", GROUPS_REGEX]),
            ("spine.py", [str(site), "--groups", GROUPS_REGEX, "--photos", "200"]),
        ):
            print(f"\n== {script} {' '.join(arguments)}", flush=True)
            subprocess.run([sys.executable, str(HERE / script), *arguments], check=True)


if __name__ == "__main__":
    main()
