"""Checks that the configs of heads share."""

from __future__ import annotations

import math

from clipspect.errors import ConfigError


def check_positive(**options: float) -> None:
    """Refuse options that are not finite numbers above 0.

    Raises:
        ConfigError: Names the first one.
    """
    for name, value in options.items():
        if not 0 < value < math.inf:
            raise ConfigError(f"{name}: expected a number above 0, got {value}")


def check_at_least(least: float, **options: float) -> None:
    """Refuse options below `least`, or not finite.

    Raises:
        ConfigError: Names the first one.
    """
    for name, value in options.items():
        if not least <= value < math.inf:
            raise ConfigError(f"{name}: expected {least} or more, got {value}")
