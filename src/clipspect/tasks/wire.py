"""The only place where parts are chosen and joined: settings, data, encoder, cache, head, detector."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from clipspect.config import FILE_NAME, Settings, parse_settings, read_settings, settings_toml
from clipspect.data.dataset import DatasetIndex
from clipspect.data.groups import GroupRule, group_rule
from clipspect.data.read import read_dataset
from clipspect.data.views import parse_view
from clipspect.encode import Device, FeatureCache, cache_root, load_encoder
from clipspect.errors import BundleError, ConfigError, DataError
from clipspect.export.bundle import Bundle
from clipspect.heads import head_entry, load_head, make_head
from clipspect.pipeline.abstain import read_abstain
from clipspect.pipeline.features import FeatureExtractor
from clipspect.pipeline.inspect import TwoStage
from clipspect.protocols import Encoder
from clipspect.taxonomy import Taxonomy, read_taxonomy


@dataclass(frozen=True, slots=True)
class Opened:
    """A data set with what is known about it.

    Attributes:
        index: Photos and labels.
        taxonomy: Its classes.
        settings: In force for this run.
        group_rule: What gave the photos their groups.
    """

    index: DatasetIndex
    taxonomy: Taxonomy
    settings: Settings
    group_rule: GroupRule


def load_settings(data: Path | None, config: Path | None) -> Settings:
    """`--config FILE`, else `clipspect.toml` beside the data, else the defaults."""
    if config is not None:
        return _checked_parts(read_settings(config), str(config))
    if data is not None:
        beside = (data if data.is_dir() else data.parent) / FILE_NAME
        if beside.is_file():
            return _checked_parts(read_settings(beside), str(beside))
    return Settings()


def _checked_parts(settings: Settings, where: str) -> Settings:
    """The settings, once the names of views and heads in them and the tables of heads are known to be right."""
    try:
        for view in (*settings.views.heads, settings.views.joint):
            parse_view(view)
        if settings.head.name != "auto":
            head_entry(settings.head.name)
        for name, options in settings.head.options.items():
            make_head(name, options, where)
    except ConfigError as error:
        message = str(error)
        raise ConfigError(message if message.startswith(where) else f"{where}: {message}") from error
    return settings


def override(settings: Settings, **sections: Mapping[str, object] | None) -> Settings:
    """Settings with the options of the command line in place; values of None change nothing."""
    changed: dict[str, object] = {}
    for section, values in sections.items():
        given = {k: v for k, v in (values or {}).items() if v is not None}
        if given:
            changed[section] = dataclasses.replace(getattr(settings, section), **given)
    return dataclasses.replace(settings, **changed)  # type: ignore[arg-type] # sections are dataclasses


def checked(settings: Settings) -> Settings:
    """The settings, held to the same rules as a file's.

    Raises:
        ConfigError: An option has a value that the file could not have either.
    """
    return _checked_parts(parse_settings(tomllib.loads(settings_toml(settings)), "options"), "options")


def open_dataset(data: Path, settings: Settings, *, format: str = "auto", groups_csv: Path | None = None) -> Opened:
    """Read the index and the taxonomy of a data set; `groups_csv` stands in place of `settings.data.groups`."""
    if not data.exists():
        raise DataError(f"{data}: expected a data.yaml or a data set's folder, got nothing there")
    rule = group_rule(regex=settings.data.groups if groups_csv is None else None, csv=groups_csv)
    given = settings.data.groups is not None or groups_csv is not None
    index = read_dataset(
        data,
        format=format,
        group_of=rule if given else None,  # without a rule the key is the group: file names may repeat
        missing_labels=settings.data.missing_labels,
    )
    taxonomy = read_taxonomy(index.names, settings.taxonomy)
    return Opened(index, taxonomy, settings, rule)


def open_cache() -> FeatureCache:
    """The feature cache of this user."""
    return FeatureCache(cache_root())


def make_encoder(settings: Settings, *, offline: bool = False) -> Encoder:
    """The encoder of the settings; nothing is loaded before its first use."""
    return load_encoder(
        settings.encoder.id,
        device=settings.encoder.device,
        offline=offline,
        batch_size=settings.encoder.batch_size,
    )


def make_extractor(
    encoder: Encoder,
    settings: Settings,
    taxonomy: Taxonomy,
    *,
    use_views: bool,
    use_text: bool,
    cache: FeatureCache | None,
) -> FeatureExtractor:
    """An extractor for what the heads will read."""
    return FeatureExtractor(
        encoder,
        views=[parse_view(v) for v in settings.views.heads] if use_views else [],
        joint_view=parse_view(settings.views.joint) if use_text else None,
        known_types=taxonomy.object_types,
        max_pixels=settings.data.max_pixels,
        cache=cache,
    )


def bundle_extractor(bundle: Bundle, encoder: Encoder, cache: FeatureCache | None) -> FeatureExtractor:
    """The extractor that a fitted model needs."""
    if encoder.id != bundle.encoder_id:
        raise BundleError(
            f"encoder {bundle.encoder!r}: expected the weights and preprocessing {bundle.encoder_id}, "
            f"got {encoder.id}: the model was fitted on other features; fit it again with this encoder"
        )
    return FeatureExtractor(
        encoder,
        views=[parse_view(v) for v in bundle.views],
        joint_view=None if bundle.joint_view is None else parse_view(bundle.joint_view),
        known_types=bundle.taxonomy.object_types,
        max_pixels=bundle.max_pixels,
        cache=cache,
    )


def make_two_stage(
    bundle: Bundle,
    *,
    device: Device = "auto",
    offline: bool = False,
    batch_size: int | None = None,
    cache: FeatureCache | None = None,
    encoder: Encoder | None = None,
    abstain: str | None = None,
) -> TwoStage:
    """A fitted model ready to inspect photos; `abstain` is a rule in words (`pipeline.abstain`)."""
    rule = None if abstain is None else read_abstain(abstain, bundle.conformal, bundle.risk)
    encoder = encoder or load_encoder(bundle.encoder, device=device, offline=offline, batch_size=batch_size)
    head = load_head(bundle.head, bundle.head_settings, bundle.arrays)
    extractor = bundle_extractor(bundle, encoder, cache)
    return TwoStage(
        extractor,
        head,
        bundle.taxonomy,
        temperature=bundle.temperature,
        offsets=bundle.class_offsets,
        conformal=bundle.conformal,
        abstain=rule,
    )
