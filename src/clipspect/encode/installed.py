"""Finding optional packages and the files in them without importing them."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from clipspect.errors import MissingExtraError


def missing(packages: Iterable[str]) -> list[str]:
    """Those of the top-level packages that are not installed."""
    return [name for name in packages if find_spec(name) is None]


def require(packages: Iterable[str], *, extra: str, needed_by: str) -> None:
    """Refuse to go on without the packages.

    Raises:
        MissingExtraError: Names the extra to install.
    """
    absent = missing(packages)
    if absent:
        raise MissingExtraError(
            f"{needed_by}: needs {', '.join(absent)}, not installed here; pip install 'clipspect[{extra}]'"
        )


def package_folder(package: str) -> Path:
    """Where an installed package's files lie; the package itself is not run.

    Raises:
        MissingExtraError: It is not installed as a folder of files.
    """
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError(f"{package}: not installed here; pip install 'clipspect[fit]'")
    return Path(next(iter(spec.submodule_search_locations)))
