from __future__ import annotations

import numpy as np
import pytest

from clipspect.errors import HeadError
from clipspect.heads.arrays import (
    SPATIAL,
    Scaling,
    below_present,
    check_fit,
    class_weights,
    fit_scaling,
    reduce_exactly,
    rotated_once,
    true_width,
)
from made import objects_of, only, taxonomy_of


def features_of(**blocks):
    features = objects_of(taxonomy_of(), [0] * len(next(iter(blocks.values()))))
    return only(features, blocks={k: np.asarray(v, dtype=np.float32) for k, v in blocks.items()})


def test_every_view_weighs_the_same_however_wide_it_is():
    rng = np.random.default_rng(0)
    features = features_of(a=5 + 3 * rng.standard_normal((50, 2)), b=rng.standard_normal((50, 30)))
    x = fit_scaling(features, ["a", "b"]).apply(features)
    assert x.shape == (50, 32) and x.dtype == np.float64
    np.testing.assert_allclose(x.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose((x[:, :2] ** 2).sum() / 50, 1, atol=1e-6)
    np.testing.assert_allclose((x[:, 2:] ** 2).sum() / 50, 1, atol=1e-6)


def test_a_constant_column_is_centred_and_not_blown_up():
    features = features_of(a=[[0.1, 1], [0.1, 3]])
    np.testing.assert_allclose(fit_scaling(features, ["a"]).apply(features)[:, 0], 0, atol=1e-6)


def test_views_stand_in_the_order_they_were_fitted_in():
    features = features_of(a=[[1.0], [3.0]], b=[[10.0], [30.0]])
    scaling = Scaling({"b": np.zeros(1), "a": np.zeros(1)}, {"b": np.ones(1), "a": np.ones(1)})
    np.testing.assert_array_equal(scaling.apply(features), [[10, 1], [30, 3]])


def test_scaling_without_any_view_is_refused():
    with pytest.raises(HeadError, match=r"at least one view.*\[views\] heads"):
        fit_scaling(features_of(a=[[1.0]]), [])


def test_class_weights_are_n_max_over_n_c():
    np.testing.assert_allclose(class_weights(np.array([0, 0, 0, 2]), 4), [1, 1, 1, 3])


@pytest.mark.parametrize("shape", [(6, 40), (40, 6), (6, 6), (1, 9)])
def test_the_reduction_changes_no_inner_product(shape):
    x = np.random.default_rng(0).standard_normal(shape)
    z, basis = reduce_exactly(x)
    assert z.shape[1] <= min(shape)
    np.testing.assert_allclose(z @ z.T, x @ x.T, atol=1e-9)
    np.testing.assert_allclose(x @ basis, z, atol=1e-9)
    np.testing.assert_allclose(basis.T @ basis, np.eye(basis.shape[1]), atol=1e-9)


def test_the_reduction_of_rows_that_depend_on_each_other_has_their_rank():
    x = np.random.default_rng(0).standard_normal((3, 40))
    z, basis = reduce_exactly(np.vstack([x, x, x[:1] + x[1:2]]))
    assert z.shape == (7, 3) and basis.shape == (40, 3)
    np.testing.assert_allclose(z @ basis.T, np.vstack([x, x, x[:1] + x[1:2]]), atol=1e-9)


def test_the_reduction_of_nothing_but_zeros_leaves_a_column_to_fit_on():
    z, basis = reduce_exactly(np.zeros((3, 40)))
    assert z.shape == (3, 1) and basis.shape == (40, 1)
    assert not z.any() and not basis.any()


def test_absent_classes_are_below_all_present_ones_in_every_row():
    logits = np.array([[1.0, 500.0, -2.0], [-900.0, 0.0, -800.0]])
    pushed = below_present(logits, np.array([True, False, True]))
    np.testing.assert_array_equal(pushed[:, [0, 2]], logits[:, [0, 2]])
    np.testing.assert_array_equal(pushed[:, 1], [-32, -930])


def test_blocks_of_another_length_are_refused():
    features, taxonomy = objects_of(taxonomy_of(), [0, 1, 2]), taxonomy_of()
    broken = only(features, blocks={**features.blocks, "view1": features.blocks["view1"][:2]})
    with pytest.raises(HeadError, match="'view1': expected 3 rows, got 2"):
        check_fit(broken, np.array([0, 1, 2]), taxonomy.mask(features.object_types))


def test_weights_of_zero_for_everything_are_refused():
    features, taxonomy = objects_of(taxonomy_of(), [0, 1]), taxonomy_of()
    with pytest.raises(HeadError, match="weights"):
        check_fit(features, np.array([0, 1]), taxonomy.mask(features.object_types), np.zeros(2))


def test_features_that_are_rotated_once_keep_all_inner_products_of_the_scaled_views():
    rng = np.random.default_rng(0)
    features = features_of(a=5 + 3 * rng.standard_normal((20, 30)), b=rng.standard_normal((20, 8)))
    own, away = np.arange(12), np.arange(12, 20)
    fit, score = rotated_once(features, own, ["a", "b", SPATIAL], away)
    scaling = fit_scaling(features.take(own), ["a", "b", SPATIAL])
    x, x_away = scaling.apply(features.take(own)), scaling.apply(features.take(away))
    (name,), z, z_away = fit.blocks, *(next(iter(f.blocks.values())) for f in (fit, score))
    assert z.shape[1] <= 12 and true_width(fit, [name]) == x.shape[1] == true_width(features, ["a", "b", SPATIAL])
    np.testing.assert_allclose(z @ z.T, x @ x.T, atol=1e-9)
    np.testing.assert_allclose(z_away @ z.T, x_away @ x.T, atol=1e-9)


def test_rotated_features_are_not_scaled_again():
    rng = np.random.default_rng(0)
    features = features_of(a=rng.standard_normal((20, 30)))
    fit, _ = rotated_once(features, np.arange(12), ["a"], np.arange(12, 20))
    (name,) = fit.blocks
    np.testing.assert_array_equal(fit_scaling(fit, [name]).apply(fit), fit.blocks[name])
