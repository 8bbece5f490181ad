"""The Python API: the verbs of the command line, typed. `import clipspect` loads this at the first use of a name."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipspect.config import Settings
from clipspect.data import images
from clipspect.encode import Device
from clipspect.errors import ConfigError, MissingExtraError
from clipspect.export.bundle import Bundle, load_bundle
from clipspect.report import pictures, tables
from clipspect.tasks import data as data_tasks
from clipspect.tasks import runs, wire
from clipspect.tasks.evaluate import evaluate as evaluate_task
from clipspect.tasks.fit import fit as fit_task
from clipspect.tasks.photos import make_detector
from clipspect.taxonomy import ObjectClass, Taxonomy
from clipspect.types import RGB, Decision, Detection, Photo, Problem, Relation
from clipspect.types import Inspection as Record

if TYPE_CHECKING:
    import pandas
    from PIL.Image import Image


class Dataset:
    """A labelled data set: photos, classes, what is wrong with it, what is in it. Nothing is ever written to it."""

    def __init__(
        self,
        data: Path | str,
        *,
        groups: str | None = None,
        taxonomy: Mapping[str, Sequence[str]] | None = None,
        settings: Settings | None = None,
        format: str = "auto",  # noqa: A002 - the option's name everywhere
    ) -> None:
        """Read the index; no photo is decoded.

        Args:
            data: A `data.yaml`, its folder, or a data set in COCO, VOC or folder-per-class layout.
            groups: Regular expression on file names; what it captures is the photo's group.
            taxonomy: Class name to [object type] or [object type, condition], where names do not say it.
            settings: Everything else; by default `clipspect.toml` beside the data.
            format: "auto", "yolo", "coco", "voc" or "folders".

        Raises:
            DataError: It cannot be used as a whole.
        """
        self.path = Path(data)
        self.format = format
        given = wire.override(settings or wire.load_settings(self.path, None), data={"groups": groups})
        if taxonomy is not None:
            given = dataclasses.replace(given, taxonomy={k: tuple(v) for k, v in taxonomy.items()})
        self.settings = given
        self._opened = wire.open_dataset(self.path, given, format=format)

    def __len__(self) -> int:
        """How many photos were kept."""
        return len(self._opened.index.photos)

    @property
    def photos(self) -> tuple[Photo, ...]:
        """Kept photos with their labels."""
        return self._opened.index.photos

    @property
    def classes(self) -> tuple[ObjectClass, ...]:
        """Classes as (name, object type, condition)."""
        return self._opened.taxonomy.classes

    @property
    def taxonomy(self) -> Taxonomy:
        """Classes, and how the class ids of the labels map to them."""
        return self._opened.taxonomy

    @property
    def splits(self) -> tuple[str, ...]:
        """Splits that the data set declares."""
        return self._opened.index.splits

    @property
    def quarantined(self) -> tuple[Problem, ...]:
        """Rows and files that were left out, and why; `check()` looks into the photos too."""
        return self._opened.index.quarantined

    def check(self) -> dict[str, Any]:
        """Decode every photo and look for leaks; the same as `clipspect data check --json`."""
        return data_tasks.check(self.path, settings=self.settings, format=self.format)

    def stats(self) -> dict[str, Any]:
        """Counts, imbalance, relations; the same as `clipspect data stats --json`."""
        return data_tasks.stats(self.path, settings=self.settings, format=self.format)


class Model:
    """A fitted model: what it is, how it did, and how it does on a split that it has not seen."""

    def __init__(self, path: Path | str) -> None:
        """Read a run folder or a bundle.

        Raises:
            BundleError: Not there, damaged, or written by a newer clipspect.
        """
        self.path = Path(path)
        self.bundle: Bundle = load_bundle(self.path)

    @property
    def classes(self) -> tuple[ObjectClass, ...]:
        """Classes that it tells apart."""
        return self.bundle.taxonomy.classes

    @property
    def metrics(self) -> dict[str, Any]:
        """The run's `metrics.json`, or the headline figures where only the bundle is at hand."""
        file = self.path / runs.METRICS
        metrics: dict[str, Any] = json.loads(file.read_text("utf-8")) if file.is_file() else dict(self.bundle.metrics)
        return metrics

    def evaluate(
        self, data: Dataset | Path | str, *, split: str = "test", abstain: str | None = None
    ) -> dict[str, Any]:
        """Measure on one split; see `clipspect evaluate`."""
        if isinstance(data, Dataset):
            return evaluate_task(
                self.path, data.path, split=split, settings=data.settings, format=data.format, abstain=abstain
            )
        return evaluate_task(self.path, Path(data), split=split, abstain=abstain)


@dataclasses.dataclass(frozen=True, slots=True)
class Inspection:
    """All that is said of one photo.

    Attributes:
        record: The decisions, relations and, where the photo could not be used, the problem.
        image: The photo, (H, W, 3) uint8; None where it could not be read.
    """

    record: Record
    image: RGB | None

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """One per object."""
        return self.record.decisions

    @property
    def relations(self) -> tuple[Relation, ...]:
        """One per pair of objects; `subject` and `object` index `decisions`."""
        return self.record.relations

    @property
    def problem(self) -> Problem | None:
        """Why nothing is said of this photo, or None."""
        return self.record.problem

    def to_dict(self) -> dict[str, Any]:
        """JSON-able, as in inspections.json."""
        return tables.inspection_record(self.record)

    def to_pandas(self) -> pandas.DataFrame:
        """One row an object.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        try:
            import pandas
        except ModuleNotFoundError as error:
            raise MissingExtraError("to_pandas: expected pandas, got none: pip install 'clipspect[pandas]'") from error

        return pandas.DataFrame(tables.inspection_rows([self.record]), columns=list(tables.INSPECTION_COLUMNS))

    def plot(self) -> Image:
        """The photo with every decision drawn on it, as a Pillow picture.

        Raises:
            ConfigError: The photo could not be read; `problem` says why.
        """
        from PIL import Image

        if self.image is None:
            raise ConfigError(f"{self.record.photo}: expected a photo to draw on, got: {self.record.problem}")
        return Image.fromarray(pictures.draw_inspection(self.image, self.record))


class Inspector:
    """A fitted model at work: photos in, inspections out."""

    def __init__(
        self,
        model: Model | Path | str,
        *,
        detector: str | None = None,
        device: Device = "auto",
        offline: bool = False,
        abstain: str | None = None,
    ) -> None:
        """Load the head; the encoder is loaded at the first photo.

        Args:
            model: A model, a run folder or a bundle.
            detector: What finds the objects ("labels:DIR"); by default the label files beside the photos.
            device: For the encoder.
            offline: Open no socket.
            abstain: When to say nothing: "risk=0.1", "size=1" or "confidence=0.7".

        Raises:
            ConfigError: The rule cannot be read, or the model was fitted without what it needs.
        """
        self.model = model if isinstance(model, Model) else Model(model)
        self.detector = detector
        self._two_stage = wire.make_two_stage(self.model.bundle, device=device, offline=offline, abstain=abstain)

    def __call__(self, photo: Path | str | RGB, objects: Sequence[Detection] | None = None) -> Inspection:
        """Inspect one photo.

        Args:
            photo: A file, or a decoded picture, (H, W, 3) uint8.
            objects: What is in it; by default the detector says.
        """
        if isinstance(photo, (str, Path)):
            path = Path(photo)
            if objects is None:
                return next(self.inspect([path]))
            picture = images.read(path, max_pixels=self.model.bundle.max_pixels)
        else:
            path, picture = Path("array"), photo
            if objects is None:
                raise ConfigError("photo: expected `objects` with a decoded picture, as label files go by file names")
        return Inspection(self._two_stage.decide_photo(path, picture, tuple(objects)), picture)

    def inspect(self, photos: Iterable[Path | str]) -> Iterator[Inspection]:
        """Inspect many photos, one after the other; a photo that cannot be read comes with its `problem`."""
        paths = [Path(p) for p in photos]
        detector = make_detector(self.detector, paths, self.model.bundle)
        for record, image in self._two_stage.inspect(paths, detector):
            yield Inspection(record, image)


def fit(
    data: Dataset | Path | str,
    *,
    out: Path | str,
    encoder: str | None = None,
    head: str | None = None,
    seed: int | None = None,
    overwrite: bool = False,
    offline: bool = False,
) -> Model:
    """Fit on train and valid, estimate on groups never seen, write a run folder; see `clipspect fit`.

    Args:
        data: A data set or its path.
        out: Run folder to make.
        encoder: Encoder id; by default the data set's settings say ("starter").
        head: "auto" or the name of a head.
        seed: Of all randomness.
        overwrite: Replace an existing `out`.
        offline: Open no socket.
    """
    data = data if isinstance(data, Dataset) else Dataset(data)
    settings = wire.override(data.settings, encoder={"id": encoder}, head={"name": head})
    if seed is not None:
        settings = dataclasses.replace(settings, seed=seed)
    made = fit_task(
        data.path,
        out=Path(out),
        settings=wire.checked(settings),
        format=data.format,
        overwrite=overwrite,
        offline=offline,
    )
    return Model(made)


def load(path: Path | str) -> Model:
    """A fitted model from a run folder or a bundle."""
    return Model(path)
