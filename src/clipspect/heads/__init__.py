"""Object features to class scores: one method a file, all in `HEADS`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clipspect.config import strict
from clipspect.errors import ConfigError
from clipspect.heads.centroid import Centroid, CentroidConfig
from clipspect.heads.ensemble import Ensemble, EnsembleConfig
from clipspect.heads.gda import GDA, GDAConfig
from clipspect.heads.linear import Linear, LinearConfig
from clipspect.heads.lpp import LPP, LPPConfig
from clipspect.heads.majority import Majority, MajorityConfig
from clipspect.heads.per_type import PerType, PerTypeConfig
from clipspect.heads.proker import ProKeR, ProKeRConfig
from clipspect.heads.prolip import ProLIP, ProLIPConfig
from clipspect.heads.sstext import SSText, SSTextConfig
from clipspect.heads.tip import Tip, TipConfig
from clipspect.heads.zeroshot import ZeroShot, ZeroShotConfig
from clipspect.protocols import Head


@dataclass(frozen=True, slots=True)
class HeadEntry:
    """A head, its config, and what it reads.

    Attributes:
        head: The class.
        config: Its frozen config.
        needs_text: Whether it reads prototypes and the joint space.
        needs_views: Whether it reads the view blocks.
        may_use_text: Whether it reads prototypes and the joint space where the encoder has them.
    """

    head: type[Any]
    config: type[Any]
    needs_text: bool
    needs_views: bool
    may_use_text: bool = False


HEADS: dict[str, HeadEntry] = {
    "majority": HeadEntry(Majority, MajorityConfig, needs_text=False, needs_views=False),
    "zeroshot": HeadEntry(ZeroShot, ZeroShotConfig, needs_text=True, needs_views=False),
    "sstext": HeadEntry(SSText, SSTextConfig, needs_text=True, needs_views=False),
    "lpp": HeadEntry(LPP, LPPConfig, needs_text=True, needs_views=False),
    "prolip": HeadEntry(ProLIP, ProLIPConfig, needs_text=True, needs_views=False),
    "proker": HeadEntry(ProKeR, ProKeRConfig, needs_text=True, needs_views=True),
    "tip": HeadEntry(Tip, TipConfig, needs_text=False, needs_views=True, may_use_text=True),
    "centroid": HeadEntry(Centroid, CentroidConfig, needs_text=False, needs_views=True),
    "linear": HeadEntry(Linear, LinearConfig, needs_text=False, needs_views=True),
    "per-type": HeadEntry(PerType, PerTypeConfig, needs_text=False, needs_views=True),
    "gda": HeadEntry(GDA, GDAConfig, needs_text=False, needs_views=True, may_use_text=True),
    "ensemble": HeadEntry(Ensemble, EnsembleConfig, needs_text=False, needs_views=True, may_use_text=True),
}
"""Every head by its name."""

LADDER = ("majority", "zeroshot", "heads")
"""What `--head auto` climbs, in order: two heads, then `heads`, which is whatever the nested search finds best (see
`clipspect.select.nested`): choosing on the folds that estimate would flatter the winner, so the choice is made anew
inside each of them."""


def head_entry(name: str) -> HeadEntry:
    """The entry of one head.

    Raises:
        ConfigError: No head has this name; names those that exist.
    """
    if name not in HEADS:
        raise ConfigError(f"head: expected 'auto' or one of {sorted(HEADS)}, got {name!r}")
    return HEADS[name]


def make_head(name: str, options: Mapping[str, Any], where: str = "settings") -> Head:
    """An unfitted head with the options of `[head.<name>]`."""
    entry = head_entry(name)
    head: Head = entry.head(strict(entry.config, options, f"{where}: [head.{name}]"))
    return head


def load_head(name: str, settings: Mapping[str, Any], arrays: Mapping[str, Any]) -> Head:
    """A fitted head from what `Head.state` gave."""
    head: Head = head_entry(name).head.from_state(settings, arrays)
    return head
