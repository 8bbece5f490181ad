"""Small things that many tests are made of: features without photos, and a site that a fake encoder can learn."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
from PIL import Image

from clipspect.export.bundle import Bundle, FittedOn
from clipspect.prompts.bank import build_prototypes, unit
from clipspect.prompts.templates import expand
from clipspect.taxonomy import Taxonomy, read_taxonomy
from clipspect.types import ObjectFeatures, PromptContext, Prototypes

NAMES = ("drain", "drain blocked", "drain damaged", "rock toe", "rock toe damaged", "vegetation")
"""Three types with three, two and one condition."""

D_JOINT = 12


def taxonomy_of(*names: str) -> Taxonomy:
    return read_taxonomy(names or NAMES)


def words(texts) -> np.ndarray:
    """One fixed unit vector a text."""
    rows = [np.random.default_rng(list(t.encode())).standard_normal(D_JOINT) for t in texts]
    return unit(np.asarray(rows, dtype=np.float32))


def prototypes_of(taxonomy: Taxonomy, *families: str, ensemble: str = "mean") -> Prototypes:
    prompts = expand(taxonomy.classes, families or ("basic",))
    return build_prototypes(prompts, len(taxonomy), words, logit_scale=20.0, ensemble=ensemble)


def objects_of(
    taxonomy: Taxonomy, labels, *, seed: int = 0, noise: float = 0.3, widths: tuple[int, ...] = (7, 40)
) -> ObjectFeatures:
    """Features of objects of the given classes: each class has a centre in every view, and in the joint space.

    Args:
        taxonomy: The classes.
        labels: N class indices.
        seed: Of the noise; the centres are the same for all seeds.
        noise: Its standard deviation; the centres' is 1.
        widths: Columns of each view.
    """
    labels = np.asarray(labels, dtype=np.int64)
    rng, k = np.random.default_rng([seed, 1]), len(taxonomy)
    blocks = {}
    for view, width in enumerate(widths):
        centres = np.random.default_rng([99, view]).standard_normal((k, width))
        rows = centres[labels] + noise * rng.standard_normal((len(labels), width))
        blocks[f"view{view}"] = rows.astype(np.float32)
    near = prototypes_of(taxonomy).vectors[labels] + noise * rng.standard_normal((len(labels), D_JOINT))
    types = tuple(taxonomy.classes[c].object_type for c in labels)
    positions = rng.choice(["top", "middle", "bottom"], len(labels))
    others = [
        tuple(
            sorted(
                rng.choice(
                    taxonomy.object_types, int(rng.integers(0, min(3, len(taxonomy.object_types) + 1))), replace=False
                )
            )
        )
        for _ in labels
    ]
    return ObjectFeatures(
        blocks=blocks,
        joint=unit(near.astype(np.float32)),
        spatial=rng.standard_normal((len(labels), 5)).astype(np.float32),
        object_types=types,
        contexts=tuple(PromptContext(str(p), tuple(map(str, o))) for p, o in zip(positions, others, strict=True)),
    )


def only(features: ObjectFeatures, **parts) -> ObjectFeatures:
    return dataclasses.replace(features, **parts)


def bundle_of(taxonomy: Taxonomy, head, **changed) -> Bundle:
    """A bundle around a fitted head."""
    settings, arrays = head.state()
    bundle = Bundle(
        clipspect="0.0.1",
        encoder="fake",
        encoder_id="fake:64-0@1",
        taxonomy=taxonomy,
        given_taxonomy={},
        class_names=tuple(c.name for c in taxonomy.classes),
        views=("tight:margin=0.15",),
        joint_view="square:scale=1.2",
        head=head.name,
        head_settings=settings,
        temperature=1.5,
        max_pixels=1_000_000,
        groups=None,
        fitted_on=FittedOn(("00ff",), ("L1", "L2"), 12, "abcd"),
        metrics={"n": 12},
        arrays=arrays,
    )
    return dataclasses.replace(bundle, **changed)


COLOURS = {"drain": (200, 200, 205), "drain blocked": (70, 50, 30), "bush": (40, 130, 50)}


def site(
    root: Path, *, lines: int = 4, photos: int = 2, size_px: tuple[int, int] = (160, 120), test_lines: int = 1
) -> Path:
    """A YOLO data set: `lines` flight lines of `photos` photos with three objects each; colours tell the classes.

    The last `test_lines` lines are the split `test`, all others `train`. Photos are PNG, so that pixels are exact.

    Returns:
        The data.yaml.
    """
    names = list(COLOURS)
    for line in range(lines):
        split = "test" if line >= lines - test_lines else "train"
        for n in range(photos):
            rng = np.random.default_rng([line, n])
            pixels = rng.integers(110, 150, (size_px[1], size_px[0], 3)).astype(np.uint8)
            rows = []
            for place in range(3):
                # Every class is in every line, each time at another place.
                c = (place + line + n) % 3
                x, y, w, h = 0.2 + 0.3 * place, 0.3 + 0.2 * (place % 2), 0.15, 0.3
                left, top = round((x - w / 2) * size_px[0]), round((y - h / 2) * size_px[1])
                right, bottom = round((x + w / 2) * size_px[0]), round((y + h / 2) * size_px[1])
                shade = np.array(COLOURS[names[c]]) + rng.integers(-15, 16, 3)
                pixels[top:bottom, left:right] = np.clip(shade, 0, 255)
                rows.append(f"{c} {x} {y} {w} {h}\n")
            photo = root / split / "images" / f"L{line}_{n}.png"
            label = root / split / "labels" / f"L{line}_{n}.txt"
            photo.parent.mkdir(parents=True, exist_ok=True)
            label.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(photo)
            label.write_text("".join(rows))
    (root / "data.yaml").write_text(f"train: train/images\ntest: test/images\nnames: {names}\n")
    return root / "data.yaml"
