"""What several heads share: scaling blocks, class weights, and the exact reduction of wide features."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from clipspect.errors import HeadError
from clipspect.types import Bool, Float64, Int64, ObjectFeatures

SPATIAL = "spatial"
"""Name under which the geometry of the boxes stands beside the views; no view has this name."""

_ROTATED = "rotated/"  # then the number of columns before the rotation

_ABSENT_MARGIN = 30.0  # logits: e^-30 of the likeliest class's probability is nothing


@dataclass(frozen=True, slots=True)
class Scaling:
    """Per block mean and spread, so that every view weighs the same however wide it is.

    Attributes:
        mean: Block to (D,).
        spread: Block to (D,): standard deviation times sqrt(D); 1 where a column is constant.
    """

    mean: Mapping[str, Float64]
    spread: Mapping[str, Float64]

    def apply(self, features: ObjectFeatures) -> Float64:
        """(N, sum of D) float64, blocks side by side in the order of `mean`."""
        for name in self.mean:
            width = _block(features, name).shape[1]
            if width != len(self.mean[name]):
                raise HeadError(f"features: view {name!r}: expected {len(self.mean[name])} columns, got {width}")
        return np.hstack([(_block(features, n) - self.mean[n]) / self.spread[n] for n in self.mean])

    def state(self) -> dict[str, np.ndarray]:
        """Arrays of a head's state; `scaling_from_state` reads them back."""
        arrays = {}
        for name in self.mean:
            arrays[f"mean/{name}"] = np.asarray(self.mean[name])
            arrays[f"spread/{name}"] = np.asarray(self.spread[name])
        return arrays


def scaling_from_state(names: Sequence[str], arrays: Mapping[str, np.ndarray]) -> Scaling:
    """The scaling that gave `Scaling.state()`."""
    return Scaling({n: arrays[f"mean/{n}"] for n in names}, {n: arrays[f"spread/{n}"] for n in names})


def fit_scaling(features: ObjectFeatures, names: Sequence[str]) -> Scaling:
    """Column means and standard deviations of the named blocks; `SPATIAL` names the geometry of the boxes.

    Raises:
        HeadError: No block is named.
    """
    mean, spread = {}, {}
    if not names:
        raise HeadError("features: expected at least one view, got none: name some in [views] heads")
    for name in names:
        block = _block(features, name).astype(np.float64)
        if name.startswith(_ROTATED):  # scaled before it was rotated; its columns are not alike and must not be made so
            mean[name], spread[name] = np.zeros(block.shape[1]), np.ones(block.shape[1])
            continue
        deviation = block.std(axis=0)
        mean[name] = block.mean(axis=0)
        spread[name] = np.where(deviation > 1e-12, deviation, 1.0) * np.sqrt(block.shape[1])
    return Scaling(mean, spread)


def view_names(features: ObjectFeatures, *, spatial: bool = False) -> list[str]:
    """Names of the blocks that a head reads: all views, then perhaps the geometry, which alone is not enough."""
    return [*features.blocks, SPATIAL] if spatial and features.blocks else list(features.blocks)


def check_fit(features: ObjectFeatures, labels: Int64, mask: Bool, weights: Float64 | None = None) -> None:
    """Refuse what no head can be fitted on.

    Raises:
        HeadError: No objects, lengths that differ, labels out of range, features that are not finite, or weights that
            are negative, not finite or all zero.
    """
    n, k = mask.shape
    if n == 0:
        raise HeadError("fit: expected at least one object, got none")
    if not len(features) == len(labels) == n:
        raise HeadError(
            f"fit: expected as many labels and mask rows as objects ({len(features)}), got {len(labels)}, {n}"
        )
    if labels.min() < 0 or labels.max() >= k:
        raise HeadError(f"fit: expected labels 0 to {k - 1}, got {labels.min()} to {labels.max()}")
    _check_weights(weights, n)
    for name, block in [*features.blocks.items(), ("joint", features.joint), ("spatial", features.spatial)]:
        if block is not None and len(block) != n:
            raise HeadError(f"fit: features {name!r}: expected {n} rows, got {len(block)}")
        if block is not None and not np.isfinite(block).all():
            row = int(np.argmax(~np.isfinite(block).all(axis=1)))
            raise HeadError(f"fit: features {name!r}: expected finite numbers, got NaN or infinity in row {row}")


def _check_weights(weights: Float64 | None, n: int) -> None:
    if weights is None:
        return
    if len(weights) != n:
        raise HeadError(f"fit: expected as many weights as objects ({n}), got {len(weights)}")
    if not (np.isfinite(weights).all() and (weights >= 0).all() and (weights > 0).any()):
        raise HeadError(
            f"fit: weights: expected finite numbers of 0 or more, some above 0, got {weights.min()} to {weights.max()}"
        )


def class_weights(labels: Int64, n_classes: int) -> Float64:
    """(N,) inverse-frequency weights n_max / n_c of each object's class."""
    counts = np.bincount(labels, minlength=n_classes)
    return np.asarray(counts.max() / counts[labels], dtype=np.float64)


def below_present(logits: Float64, present: Bool) -> Float64:
    """Logits whose absent classes are below all present ones, however far out the object lies.

    A class without a training example is never preferred to one that has some.

    Args:
        logits: (N, K).
        present: (K,) bool, at least one True.
    """
    lowest = logits[:, present].min(axis=1, keepdims=True) - _ABSENT_MARGIN
    return np.where(present, logits, lowest)


@dataclass(frozen=True, slots=True)
class Rotation:
    """Rows in few dimensions, and the way back for what is fitted on them.

    An L2-penalised linear model is invariant to rotation, so fitting it on `z` and mapping its weights back gives the
    same model as fitting on the wide rows, at a fraction of the cost.

    Attributes:
        z: (N, R) rotated rows, R at most N; all inner products are those of the rows.
        rows: (N, D) the rows.
        back: (N, R) with z = rows @ rows.T @ back, or None where nothing was rotated.
    """

    z: Float64
    rows: Float64
    back: Float64 | None

    def lift(self, weights: Float64) -> Float64:
        """(R, P) weights of z to the (D, P) weights of the rows that give the same products."""
        return weights if self.back is None else np.asarray(self.rows.T @ (self.back @ weights), dtype=np.float64)


def rotate(x: Float64) -> Rotation:
    """Rotate N rows of D > N columns into at most N columns without changing any inner product."""
    n, d = x.shape
    if d <= n:
        return Rotation(x, x, None)
    gram = x @ x.T
    with one_thread():
        values, vectors = np.linalg.eigh(gram)
    keep = values > max(values[-1], 0.0) * 1e-12
    if not keep.any():  # all rows are zero: one empty column, as fitting needs some
        return Rotation(np.zeros((n, 1)), x, np.zeros((n, 1)))
    root = np.sqrt(values[keep])
    return Rotation(vectors[:, keep] * root, x, vectors[:, keep] / root)


def rotated_once(
    features: ObjectFeatures, fit_rows: Int64, names: Sequence[str], score_rows: Int64
) -> tuple[ObjectFeatures, ObjectFeatures]:
    """Scale and rotate the views once, for many heads that are fitted on the same objects or some of them.

    A head fitted on the first result and asked about the second says what it would have said of the views: scaling is
    fitted on `fit_rows`, inner products are the same, and L2-penalised linear maps and Gaussians see only these.

    Args:
        features: N objects.
        fit_rows: The M objects that heads may be fitted on.
        names: Views, and perhaps `SPATIAL`.
        score_rows: Objects to be scored.

    Returns:
        Features of `fit_rows` and of `score_rows`, whose one block is (.., R) with R at most M.
    """
    own, away = features.take(fit_rows), features.take(score_rows)
    scaling = fit_scaling(own, names)
    rotation = rotate(scaling.apply(own))
    away_z = scaling.apply(away) if len(away) else np.zeros((0, rotation.rows.shape[1]))
    if rotation.back is not None:
        away_z = away_z @ rotation.rows.T @ rotation.back
    block = f"{_ROTATED}{rotation.rows.shape[1]}"
    return _with_block(own, block, rotation.z), _with_block(away, block, away_z)


def true_width(features: ObjectFeatures, names: Sequence[str]) -> int:
    """Columns of the named blocks side by side, before any rotation."""
    widths = (int(n.removeprefix(_ROTATED)) if n.startswith(_ROTATED) else _block(features, n).shape[1] for n in names)
    return sum(widths)


def _with_block(features: ObjectFeatures, name: str, block: Float64) -> ObjectFeatures:
    return dataclasses.replace(features, blocks={name: block})  # type: ignore[dict-item] # float64 keeps L-BFGS exact


def reduce_exactly(x: Float64) -> tuple[Float64, Float64]:
    """As `rotate`, with the basis written out.

    Returns:
        (z (N, R), basis (D, R)) with z = x @ basis and z @ z.T = x @ x.T.
    """
    rotation = rotate(x)
    return rotation.z, rotation.lift(np.eye(rotation.z.shape[1]))


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Let the linear algebra inside use one thread.

    Small eigenvalue problems and minimisers meet at thousands of barriers; where the cores are busy, two threads that
    wait for each other at each are a hundred times slower than one (measured: 5 s against 0.05 s for 700 objects).
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1, user_api="blas"):
        yield


def with_absent(scores: Float64, present: Int64, n_classes: int) -> Float64:
    """(N, P) scores of the classes that had an example, `present` (P,), to (N, K) as `below_present` makes them."""
    full = np.zeros((len(scores), n_classes))
    full[:, present] = scores
    return below_present(full, np.isin(np.arange(n_classes), present))


def _block(features: ObjectFeatures, name: str) -> np.ndarray:
    if name == SPATIAL:
        return features.spatial
    if name not in features.blocks:
        raise HeadError(f"features: expected the view {name!r}, got {sorted(features.blocks)}")
    return features.blocks[name]
