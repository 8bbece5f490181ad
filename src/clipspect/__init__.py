"""clipspect: know the condition of every asset in your inspection photos."""

from __future__ import annotations

__version__ = "0.1.0"
