"""Photos to objects. Ids: `labels:DIR`; others come with their own files."""

from __future__ import annotations

DETECTORS: tuple[str, ...] = ("labels:DIR",)
"""What `--detector` understands; `tasks/wire.py` builds them."""
