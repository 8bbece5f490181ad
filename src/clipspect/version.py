"""The version, where every layer may read it; `pyproject.toml` reads it from here too."""

__version__ = "0.1.0"
