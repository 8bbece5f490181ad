"""clipspect: know the condition of every asset in your inspection photos."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clipspect.errors import ClipspectError
from clipspect.version import __version__

if TYPE_CHECKING:
    from clipspect.api import Dataset, Inspection, Inspector, Model, fit, load
    from clipspect.types import Decision, Detection

__all__ = [
    "ClipspectError",
    "Dataset",
    "Decision",
    "Detection",
    "Inspection",
    "Inspector",
    "Model",
    "__version__",
    "fit",
    "load",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any exported name
    # Loaded on first use: `import clipspect` and `clipspect --help` stay quick.
    if name in ("Decision", "Detection"):
        import clipspect.types

        return getattr(clipspect.types, name)
    if name in __all__:
        import clipspect.api

        return getattr(clipspect.api, name)
    raise AttributeError(f"module 'clipspect' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
