"""metrics.json: its keys, its figures by hand and against a slow bootstrap, and what it does at the edges."""

import json
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clipspect.errors import DataError, EmptyDataError
from clipspect.metrics.summary import predict, summarise
from clipspect.taxonomy import ObjectClass, read_taxonomy

TAXONOMY = read_taxonomy(["drain normal", "drain blocked", "toe good", "toe damaged", "vegetation", "drain damaged"])
CLASSES = TAXONOMY.classes
KEYS = (
    "n n_groups classes conditional joint per_class per_condition per_object_type binary spatial calibration selective "
    "confusion joint_confusion"
).split()


def site(n=120, n_groups=6, seed=0, k_used=6):
    """Objects with logits that are right more often than not; classes from `k_used` on have none."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, k_used, n)
    types = [CLASSES[k].object_type for k in labels]
    return {
        "logits": rng.normal(size=(n, 6)) + 1.5 * np.eye(6)[labels],
        "mask": TAXONOMY.mask(types),
        "labels": labels,
        "classes": CLASSES,
        "groups": [f"flight {g}" for g in rng.integers(0, n_groups, n)],
        "pairs": rng.integers(0, n, (2 * n, 2)),
        "relations": rng.choice(["above", "left of", "overlapping"], 2 * n).tolist(),
    }


def measured(given, **options):
    found = summarise(**given, rng=np.random.default_rng(7), **{"n_resamples": 200, **options})
    json.dumps(found, allow_nan=False)  # strict JSON, always
    return found


def leaves(value):
    if isinstance(value, dict):
        value = list(value.values())
    return [leaf for item in value for leaf in leaves(item)] if isinstance(value, list) else [value]


def worked():
    """Two flights: a blocked drain called normal, a normal one right, vegetation and a damaged toe right."""
    labels = np.array([1, 0, 4, 3])
    logits = np.log(
        [
            [0.40, 0.10, 0.01, 0.01, 0.38, 0.10],  # given "drain": normal, wrong; at all: normal
            [0.20, 0.10, 0.01, 0.01, 0.58, 0.10],  # given "drain": normal, right; at all: vegetation
            [0.10, 0.10, 0.30, 0.10, 0.30, 0.10],  # right; at all: the first of two equals, toe good
            [0.01, 0.01, 0.19, 0.76, 0.01, 0.02],  # right
        ]
    )
    types = ["drain", "drain", "vegetation", "toe"]
    return {
        "logits": logits,
        "mask": TAXONOMY.mask(types),
        "labels": labels,
        "classes": CLASSES,
        "groups": ["a", "a", "b", "b"],
        "pairs": np.array([[0, 1], [2, 3]]),
        "relations": ["above", "left of"],
    }


def test_the_worked_case_gives_the_figures_computed_by_hand():
    found = measured(worked())
    assert found["n"] == 4 and found["n_groups"] == 2
    conditional = found["conditional"]
    assert conditional["accuracy"] == 3 / 4
    assert conditional["balanced_accuracy"] == 3 / 4  # recalls 1, 0, 1, 1
    assert conditional["macro_f1"] == pytest.approx((2 / 3 + 0 + 1 + 1) / 4)
    assert (conditional["accuracy_nontrivial"], conditional["n_nontrivial"]) == (pytest.approx(2 / 3), 3)
    assert found["joint"]["accuracy"] == 1 / 4
    assert found["per_class"]["drain normal"]["precision"] == 0.5
    assert found["per_class"]["drain blocked"]["recall"] == 0
    assert found["per_condition"]["normal"] == {
        "n": 2,
        "recall": 1.0,
        "precision": pytest.approx(2 / 3),
        "f1": pytest.approx(4 / 5),
        "ci95": found["per_condition"]["normal"]["ci95"],
    }
    assert found["per_object_type"]["drain"]["accuracy"] == 0.5
    assert (found["per_object_type"]["drain"]["n"], found["per_object_type"]["drain"]["n_conditions"]) == (2, 3)
    assert found["binary"]["accuracy"] == 3 / 4
    assert found["spatial"]["relation_accuracy"] == 0.5 and found["spatial"]["n"] == 2
    assert found["spatial"]["per_relation"]["above"] == {"accuracy": 0.0, "n": 1}
    # Confidences 2/3 wrong, 1/2 right, 1 right, 4/5 right, each alone in its bin.
    assert found["calibration"]["ece"] == pytest.approx((2 / 3 + 1 / 2 + 0 + 1 / 5) / 4)
    assert found["calibration"]["mean_confidence"] == pytest.approx((2 / 3 + 1 / 2 + 1 + 4 / 5) / 4)
    assert found["confusion"]["matrix"][1] == [1, 0, 0, 0, 0, 0]
    assert found["joint_confusion"]["matrix"][4] == [0, 0, 1, 0, 0, 0]


def test_the_keys_are_those_of_the_contract():
    found = measured(site())
    assert list(found) == KEYS
    four = {"accuracy", "balanced_accuracy", "macro_f1", "weighted_f1"}
    assert set(found["joint"]) == four | {"ci95"} and set(found["joint"]["ci95"]) == four
    assert set(found["conditional"]) == four | {"accuracy_nontrivial", "n_nontrivial", "ci95"}
    assert set(found["conditional"]["ci95"]) == four | {"accuracy_nontrivial"}
    assert set(found["per_class"]) == {c.name for c in CLASSES}
    three = {"recall", "precision", "f1"}
    for name, row in found["per_class"].items():
        assert set(row) == three | {"object_type", "condition", "n", "ci95"} and set(row["ci95"]) == three, name
    for row in found["per_condition"].values():
        assert set(row) == three | {"n", "ci95"} and set(row["ci95"]) == three
    for row in found["per_object_type"].values():
        assert set(row) == {"accuracy", "n", "n_conditions", "ci95"} and set(row["ci95"]) == {"accuracy"}
    assert set(found["binary"]) == {"accuracy", "balanced_accuracy", "n", "ci95"}
    assert set(found["spatial"]) == {"relation_accuracy", "n", "per_relation", "ci95"}
    assert set(found["calibration"]) == {"ece", "ece_debiased", "mean_confidence", "bins", "ci95"}
    assert set(found["calibration"]["bins"][0]) == {"low", "high", "n", "confidence", "accuracy"}
    assert set(found["classes"][0]) == {"name", "object_type", "condition"}
    assert {type(leaf) for leaf in leaves(found)} <= {int, float, str, type(None)}


def test_intervals_equal_measuring_the_drawn_objects_anew():
    given = site(n=80, n_groups=4)
    found = measured(given, n_resamples=30)
    names = sorted(set(given["groups"]))
    counts = np.random.default_rng(7).multinomial(len(names), [1 / len(names)] * len(names), size=30)
    drawn = []
    for row in counts:
        rows = np.concatenate(
            [np.flatnonzero(np.array(given["groups"]) == g).repeat(t) for g, t in zip(names, row, strict=True)]
        )
        again = {k: given[k][rows] for k in ("logits", "mask", "labels")}
        again |= {"classes": CLASSES, "groups": ["g"] * len(rows), "pairs": np.zeros((0, 2)), "relations": []}
        drawn.append(measured(again, n_resamples=0))

    def slow(*path):
        values = []
        for one in drawn:
            for key in path:
                one = one[key]
            values.append(np.nan if one is None else one)
        return pytest.approx(np.nanquantile(values, [0.025, 0.975]).tolist())

    for name in ("accuracy", "balanced_accuracy", "macro_f1", "weighted_f1", "accuracy_nontrivial"):
        assert found["conditional"]["ci95"][name] == slow("conditional", name), name
    assert found["joint"]["ci95"]["macro_f1"] == slow("joint", "macro_f1")
    assert found["per_class"]["toe good"]["ci95"]["precision"] == slow("per_class", "toe good", "precision")
    assert found["per_condition"]["damaged"]["ci95"]["f1"] == slow("per_condition", "damaged", "f1")
    assert found["per_object_type"]["drain"]["ci95"]["accuracy"] == slow("per_object_type", "drain", "accuracy")
    assert found["binary"]["ci95"]["balanced_accuracy"] == slow("binary", "balanced_accuracy")
    assert found["calibration"]["ci95"]["ece"] == slow("calibration", "ece")


@settings(max_examples=15)
@given(st.integers(0, 10_000))
def test_the_order_of_the_objects_changes_nothing(seed):
    given = site(n=40, seed=seed)
    order = np.random.default_rng(seed).permutation(40)
    back = np.argsort(order)
    mixed = given | {k: given[k][order] for k in ("logits", "mask", "labels")}
    mixed |= {"groups": [given["groups"][i] for i in order], "pairs": back[given["pairs"]]}
    for one, other in zip(leaves(measured(given)), leaves(measured(mixed)), strict=True):
        assert one == (pytest.approx(other) if isinstance(other, float) else other)


def test_the_same_seed_gives_the_same_numbers():
    assert measured(site()) == measured(site())


def test_a_class_without_objects_is_listed_with_null_and_left_out_of_means():
    found = measured(site(k_used=5))
    row = found["per_class"]["drain damaged"]
    assert row["n"] == 0 and row["recall"] is row["precision"] is row["f1"] is None
    assert set(row["ci95"].values()) == {None}
    recalls = [r["recall"] for r in found["per_class"].values() if r["n"]]
    assert len(recalls) == 5 and found["conditional"]["balanced_accuracy"] == pytest.approx(np.mean(recalls))


def test_an_object_type_without_objects_has_no_accuracy():
    found = measured(site(k_used=4))
    assert found["per_object_type"]["vegetation"] == {
        "n": 0,
        "n_conditions": 1,
        "accuracy": None,
        "ci95": {"accuracy": None},
    }


def test_an_unknown_type_has_no_prediction_and_is_wrong_but_not_trivial_and_not_unsure():
    given = site()
    before = measured(given)
    given["mask"] = given["mask"].copy()
    given["mask"][0] = False
    given["labels"][0] = int(predict(given["logits"])[0])  # the joint answer may well be right
    found = measured(given)
    assert predict(given["logits"], given["mask"])[0] == -1
    assert sum(map(sum, found["confusion"]["matrix"])) == 119
    assert sum(b["n"] for b in found["calibration"]["bins"]) == 119
    assert sum(map(sum, found["joint_confusion"]["matrix"])) == 120
    assert found["n"] == before["n"] == 120
    given["mask"][:] = False
    nothing = measured(given)
    assert nothing["conditional"]["accuracy"] == 0 and nothing["binary"]["accuracy"] == 0
    assert nothing["conditional"]["n_nontrivial"] == 120
    calibration = nothing["calibration"]
    assert calibration["ece"] is calibration["ece_debiased"] is calibration["mean_confidence"] is None


def test_one_group_gives_figures_without_intervals():
    given = site()
    given["groups"] = ["only"] * 120
    found = measured(given)
    blocks = [found[b] for b in ("conditional", "joint", "binary", "spatial", "calibration")]
    blocks += [row for b in ("per_class", "per_condition", "per_object_type") for row in found[b].values()]
    assert all(set(block["ci95"].values()) == {None} for block in blocks)
    assert found["n_groups"] == 1 and found["conditional"]["accuracy"] > 0.5


def test_a_class_seen_in_one_group_only_has_no_interval():
    given = site()
    given["groups"] = ["flight 0" if k == 3 else g for k, g in zip(given["labels"], given["groups"], strict=True)]
    found = measured(given)
    assert set(found["per_class"]["toe damaged"]["ci95"].values()) == {None}
    assert found["per_class"]["toe damaged"]["recall"] is not None
    assert None not in found["per_class"]["toe good"]["ci95"].values()


def test_a_single_class_is_always_right():
    one = (ObjectClass("vegetation", "vegetation", "normal"),)
    found = measured(
        {
            "logits": np.zeros((3, 1)),
            "mask": np.ones((3, 1), dtype=bool),
            "labels": np.zeros(3, dtype=np.int64),
            "classes": one,
            "groups": ["a", "b", "b"],
            "pairs": np.array([[0, 1]]),
            "relations": ["above"],
        }
    )
    assert found["conditional"]["accuracy"] == found["joint"]["accuracy"] == 1
    assert found["conditional"]["accuracy_nontrivial"] is None and found["conditional"]["n_nontrivial"] == 0
    assert found["calibration"]["ece"] == 0 and found["conditional"]["ci95"]["accuracy"] == [1, 1]


def test_no_pairs_give_no_relation_accuracy():
    found = measured(site() | {"pairs": [], "relations": []})
    assert found["spatial"] == {
        "relation_accuracy": None,
        "ci95": {"relation_accuracy": None},
        "n": 0,
        "per_relation": {},
    }


def test_no_objects_are_a_clear_error():
    empty = site() | {"logits": np.zeros((0, 6)), "mask": np.zeros((0, 6), dtype=bool), "labels": [], "groups": []}
    with pytest.raises(EmptyDataError, match="at least one object"):
        measured(empty | {"pairs": [], "relations": []})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"logits": np.full((120, 6), np.nan)}, "row 0: expected finite"),
        ({"logits": np.full((120, 6), -np.inf)}, "row 0: expected finite"),
        ({"logits": np.zeros((120, 5))}, r"logits: expected shape \(120, 6\), got \(120, 5\)"),
        ({"mask": np.ones((119, 6), dtype=bool)}, "mask: expected shape"),
        ({"groups": ["a"]}, r"groups: expected shape \(120,\), got \(1,\)"),
        ({"labels": np.full(120, 6)}, "labels: expected integers 0 to 5, got 6 to 6"),
        ({"labels": np.zeros(120)}, "labels: expected integers"),
        ({"relations": ["above"]}, "240 relation names"),
        ({"pairs": np.full((240, 2), 120)}, "objects 0 to 119"),
        ({"classes": CLASSES[:5] + CLASSES[:1]}, "different names"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(change, message):
    with pytest.raises(DataError, match=message):
        measured(site() | change)


def test_a_thousand_resamples_of_nine_hundred_objects_take_well_under_half_a_second():
    given = site(n=900, n_groups=11)
    start = time.perf_counter()
    measured(given, n_resamples=1000)
    assert time.perf_counter() - start < 0.5  # 0.01 s alone
