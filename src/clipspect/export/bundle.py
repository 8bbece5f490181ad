"""A fitted model on disk: manifest.json + head.safetensors. No pickle, no code; loads without torch.

The manifest holds everything a prediction depends on besides the encoder's own weights: taxonomy, views, head,
temperature, and what it was fitted on (hashes of photos and group names, so that a leak is seen at evaluation).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from clipspect.config import strict
from clipspect.errors import BundleError, BundleVersionError, ClipspectError
from clipspect.files import write_bytes, write_text
from clipspect.metrics.conformal import ConformalThresholds
from clipspect.metrics.selective import RiskTable
from clipspect.taxonomy import ObjectClass, Taxonomy
from clipspect.types import Float64

SCHEMA = 1
MANIFEST = "manifest.json"
WEIGHTS = "head.safetensors"


@dataclass(frozen=True, slots=True)
class FittedOn:
    """What the model has seen.

    Attributes:
        photos: SHA-256 of each photo's bytes.
        groups: Names of the groups.
        objects: How many objects.
        data_hash: SHA-256 over the photos' hashes and their labels.
        class_counts: (K,) objects of each class; empty where nothing was fitted, and in older bundles.
    """

    photos: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    objects: int = 0
    data_hash: str = ""
    class_counts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Bundle:
    """A fitted model.

    Attributes:
        clipspect: Version that wrote it.
        encoder: Id as the user gave it ("starter").
        encoder_id: Stable id with the hash of weights and preprocessing; features of another one are refused.
        taxonomy: Classes, and how class ids map to them.
        given_taxonomy: The user's own reading of class names, for label files of other data sets.
        class_names: The data set's class names in the order of their ids.
        views: Views of the head, by name.
        joint_view: View compared with text, or None where the head reads no text.
        head: Name in `HEADS`.
        head_settings: `Head.state()[0]`.
        temperature: Fitted on out-of-fold logits.
        offsets: Condition to what is added to its logits after the temperature, for a recall that was asked for.
        max_pixels: Larger photos are refused.
        groups: The regular expression that gave the groups, or None.
        fitted_on: What it has seen.
        metrics: Headline figures of the honest estimate.
        arrays: `Head.state()[1]`; in head.safetensors.
        conformal: What makes sets of conditions, fitted on out-of-fold probabilities; None in models that were fitted
            without.
        risk: What confidence keeps a risk, fitted on the same; None likewise.
    """

    clipspect: str
    encoder: str
    encoder_id: str
    taxonomy: Taxonomy
    given_taxonomy: Mapping[str, tuple[str, ...]]
    class_names: tuple[str, ...]
    views: tuple[str, ...]
    joint_view: str | None
    head: str
    head_settings: Mapping[str, Any]
    temperature: float
    max_pixels: int
    groups: str | None
    fitted_on: FittedOn
    metrics: Mapping[str, Any] = field(default_factory=dict)
    offsets: Mapping[str, float] = field(default_factory=dict)
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    conformal: ConformalThresholds | None = None
    risk: RiskTable | None = None

    @property
    def class_offsets(self) -> Float64:
        """(K,) offsets of the classes' logits."""
        return np.array([self.offsets.get(c.condition, 0.0) for c in self.taxonomy.classes], dtype=np.float64)


def save_bundle(bundle: Bundle, folder: Path) -> Path:
    """Write the bundle; the manifest comes last, so a folder with one is whole."""
    from safetensors.numpy import save

    weights = save({name: np.ascontiguousarray(a) for name, a in sorted(bundle.arrays.items())})
    manifest = {
        "schema": SCHEMA,
        **{k: v for k, v in asdict(bundle).items() if k not in ("arrays", "taxonomy")},
        "taxonomy": {
            "classes": [asdict(c) for c in bundle.taxonomy.classes],
            "class_index_of_id": list(bundle.taxonomy.class_index_of_id),
        },
        "sha256": {WEIGHTS: hashlib.sha256(weights).hexdigest()},
    }
    write_bytes(folder / WEIGHTS, weights)
    text = json.dumps(manifest, indent=1, ensure_ascii=False, allow_nan=False)
    seal = hashlib.sha256(text.encode("utf-8", errors="backslashreplace")).hexdigest()  # as `write_text` writes
    write_text(folder / MANIFEST, text[:-1].rstrip() + f',\n "seal": "{seal}"\n}}\n')
    return folder


def digest(bundle: Bundle) -> str:
    """SHA-256 of everything that the model's decisions depend on: equal for a model and its copy."""
    content = hashlib.sha256()
    fields = {k: v for k, v in asdict(bundle).items() if k not in ("arrays", "metrics", "clipspect")}
    content.update(json.dumps(fields, sort_keys=True).encode())
    for name, array in sorted(bundle.arrays.items()):
        content.update(f"{name} {array.dtype} {array.shape}".encode() + np.ascontiguousarray(array).tobytes())
    return content.hexdigest()


def load_bundle(path: Path) -> Bundle:
    """Read a bundle, or the bundle of a run folder.

    Raises:
        BundleVersionError: Written by a newer clipspect; both versions are named.
        BundleError: Not there, damaged, or not a bundle; says which file and what was expected.
    """
    folder = path / "model" if (path / "model" / MANIFEST).is_file() else path
    file = folder / MANIFEST
    manifest = _read_manifest(file)
    schema = manifest.pop("schema", None)
    if not isinstance(schema, int):
        raise BundleError(f"{file}: schema: expected a whole number, got {schema!r}")
    if schema > SCHEMA:
        raise BundleVersionError(
            f"{file}: written by clipspect {manifest.get('clipspect', '?')} with bundle schema {schema}; this one "
            f"reads schemas up to {SCHEMA}: install a newer clipspect to use it"
        )
    _check_seal(file)
    manifest.pop("seal", None)
    arrays = _read_arrays(folder / WEIGHTS, manifest.pop("sha256", {}))
    try:
        table = manifest.pop("taxonomy")
        classes = tuple(ObjectClass(**c) for c in table["classes"])
        taxonomy = Taxonomy(classes, tuple(table["class_index_of_id"]))
        manifest["fitted_on"] = strict(FittedOn, manifest["fitted_on"], f"{file}: fitted_on")
        for key, cls in (("conformal", ConformalThresholds), ("risk", RiskTable)):
            if manifest.get(key) is not None:
                manifest[key] = strict(cls, manifest[key], f"{file}: {key}")
        if manifest.get("conformal") is not None and len(manifest["conformal"].thresholds) != len(classes):
            got = len(manifest["conformal"].thresholds)
            raise BundleError(f"{file}: conformal: expected {len(classes)} thresholds, one a class, got {got}")
        for key in ("class_names", "views"):
            manifest[key] = tuple(manifest[key])
        manifest["given_taxonomy"] = {k: tuple(v) for k, v in manifest["given_taxonomy"].items()}
        return Bundle(taxonomy=taxonomy, arrays=arrays, **manifest)
    except (KeyError, TypeError, AttributeError, ClipspectError) as error:
        raise BundleError(f"{file}: expected a clipspect bundle of schema {SCHEMA}, got: {error}") from error


def _read_manifest(file: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(file.read_bytes())
    except FileNotFoundError as error:
        raise BundleError(
            f"{file.parent}: expected a run folder or a bundle (a folder with {MANIFEST}), got none there"
        ) from error
    except OSError as error:
        raise BundleError(f"{file}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{file}: damaged: expected JSON, got: {error}") from error
    if not isinstance(manifest, dict):
        raise BundleError(f"{file}: damaged: expected a JSON object, got {type(manifest).__name__}")
    return manifest


def _check_seal(file: Path) -> None:
    text = file.read_bytes().decode("utf-8", errors="replace")
    body, mark, tail = text.rpartition(',\n "seal": "')
    digest = hashlib.sha256(f"{body}\n}}".encode()).hexdigest()
    if not mark or tail != f'{digest}"\n}}\n':
        raise BundleError(f"{file}: damaged: the content does not match its seal (SHA-256)")


def _read_arrays(file: Path, digests: Mapping[str, str]) -> dict[str, np.ndarray]:
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        content = file.read_bytes()
    except OSError as error:
        raise BundleError(f"{file}: cannot be read: {error.strerror}") from error
    got = hashlib.sha256(content).hexdigest()
    if got != digests.get(file.name):
        raise BundleError(f"{file}: damaged: expected SHA-256 {digests.get(file.name)}, got {got}")
    try:
        return dict(load(content))
    except SafetensorError as error:
        raise BundleError(f"{file}: damaged: expected safetensors, got: {error}") from error
