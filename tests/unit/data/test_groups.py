"""Which group a photo is in, and splits and folds that never cut a group."""

import time
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clipspect.data import groups
from clipspect.errors import ConfigError, DataError

FLIGHT_LINES = r"^(Lagoon\w+_[BR]\d|Stage\d-Lagoon\d_R\d)"


def rng(seed=0):
    return np.random.default_rng(seed)


# --- rules


@pytest.mark.parametrize(
    ("key", "group"),
    [
        ("train/images/Lagoon1_B0_112.jpg", "Lagoon1_B0"),
        ("Lagoon2and3_R5_0730.jpg", "Lagoon2and3_R5"),
        ("test/images/Stage1-Lagoon1_R5-Berm-108_35m_299.jpg", "Stage1-Lagoon1_R5"),
    ],
)
def test_flight_lines_are_read_from_file_names(key, group):
    assert groups.group_rule(regex=FLIGHT_LINES)(key) == group


def test_without_a_capturing_group_the_whole_match_counts():
    assert groups.group_rule(regex=r"day\d+")("a/photo-day12-003.jpg") == "day12"


def test_the_first_of_several_capturing_groups_counts():
    assert groups.group_rule(regex=r"(\w+)-(\d+)")("site-7.jpg") == "site"


def test_photos_that_do_not_match_are_groups_of_their_own_and_can_be_counted():
    rule = groups.group_rule(regex=FLIGHT_LINES)
    keys = ["train/Lagoon1_B0_1.jpg", "train/other.jpg", "test/other.jpg"]
    assert [rule(k) for k in keys] == ["Lagoon1_B0", "train/other.jpg", "test/other.jpg"]
    assert rule.unmatched(keys) == ("train/other.jpg", "test/other.jpg")


@pytest.mark.parametrize("regex", [r"^(\d*)", r"^(x)?a"])
def test_an_empty_group_is_no_match(regex):
    rule = groups.group_rule(regex=regex)
    assert rule("a.jpg") == "a.jpg" and rule.unmatched(["a.jpg"]) == ("a.jpg",)


def test_without_a_rule_every_photo_is_its_own_group():
    rule = groups.group_rule()
    assert rule("a/b.jpg") == "a/b.jpg" and rule.unmatched(["a/b.jpg"]) == ("a/b.jpg",)


def test_an_invalid_expression_says_where():
    with pytest.raises(ConfigError, match=r"expected a regular expression, got '\^\(Lagoon': .*position 1"):
        groups.group_rule(regex="^(Lagoon")


def test_two_rules_at_once_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="got both"):
        groups.group_rule(regex="a", csv=tmp_path / "a.csv")


def table(tmp_path, content):
    path = tmp_path / "groups.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_table_names_photos_by_key_or_file_name(tmp_path):
    content = '\ufeffphoto,note,group\r\ntrain/a.jpg,x,north\r\n"b, c.jpg",y,"south ü"\r\n'
    rule = groups.group_rule(csv=table(tmp_path, content))
    names = ["train/a.jpg", "test/a.jpg", "test/b, c.jpg"]
    assert [rule(n) for n in names] == ["north", "test/a.jpg", "south ü"]
    assert rule.unmatched(names) == ("test/a.jpg",)


@pytest.mark.parametrize(
    ("content", "where", "what"),
    [
        ("", ":1:", "expected the columns 'photo,group', got nothing"),
        ("a.jpg,north\n", ":1:", "expected the columns"),
        ("photo,group\na.jpg,north\nb.jpg\n", ":3:", "as many fields"),
        ("photo,group\na.jpg,north,x\n", ":2:", "as many fields"),
        ("photo,group\n,north\n", ":2:", "expected a photo and a group"),
        ("photo,group\na.jpg, \n", ":2:", "expected a photo and a group"),
        ("photo,group\na.jpg,n\na.jpg,s\n", ":3:", "expected one group for 'a.jpg', got 'n' and 's'"),
        ('photo,group\na.jpg,"north\n', ":2:", "a broken row"),
        ("photo,group\na\0.jpg,n\n".encode("utf-16"), ":1:", "expected UTF-8 text"),
        (b"photo,group\na.jpg,\xff\n", ":2:", "expected UTF-8 text, got byte 0xff"),
    ],
)
def test_a_broken_table_is_located(content, where, what, tmp_path):
    path = table(tmp_path, content)
    with pytest.raises(ConfigError) as caught:
        groups.group_rule(csv=path)
    assert str(caught.value).startswith(f"{path}{where}") and what in str(caught.value)


def test_a_missing_table_is_a_config_error(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        groups.group_rule(csv=tmp_path / "none.csv")


# --- splits


SHARES = {"train": 0.6, "valid": 0.2, "test": 0.2}
many_groups = st.lists(st.sampled_from([f"line{i}" for i in range(12)]), min_size=1, max_size=80)


@settings(max_examples=60, deadline=None)
@given(groups_=many_groups, seed=st.integers(0, 99))
def test_no_group_is_ever_in_two_splits_and_no_split_is_empty(groups_, seed):
    labels = [[i % 4] * (i % 3) for i in range(len(groups_))]
    if len(set(groups_)) < 3:
        with pytest.raises(DataError):
            groups.split_by_group(groups_, labels, SHARES, n_classes=4, rng=rng(seed))
        return
    got = groups.split_by_group(groups_, labels, SHARES, n_classes=4, rng=rng(seed))
    assert len(got) == len(groups_)
    assert len(set(zip(groups_, got, strict=True))) == len(set(groups_))
    assert set(got) == set(SHARES)


def test_photos_and_classes_are_shared_out_as_asked():
    generator = rng(1)
    names = [f"line{i // 8}" for i in range(320)]
    labels = [generator.choice(5, size=5, p=[0.5, 0.3, 0.14, 0.04, 0.02]).tolist() for _ in names]
    got = groups.split_by_group(names, labels, SHARES, n_classes=5, rng=rng(0))
    assert {s: got.count(s) / 320 for s in SHARES} == pytest.approx(SHARES, abs=0.05)
    total = Counter(c for row in labels for c in row)
    for split, share in SHARES.items():
        mine = Counter(c for row, s in zip(labels, got, strict=True) if s == split for c in row)
        for c in range(5):
            assert mine[c] / total[c] == pytest.approx(share, abs=0.08)


def test_a_rare_class_in_three_groups_reaches_every_split():
    names = [f"line{i // 4}" for i in range(80)]
    labels = [[0, 0, 0] + ([1] if i in (0, 40, 60) else []) for i in range(80)]
    got = groups.split_by_group(names, labels, dict.fromkeys("abc", 1 / 3), n_classes=2, rng=rng(0))
    assert {got[0], got[40], got[60]} == set("abc")


def test_the_best_of_all_assignments_is_found_where_they_can_be_counted():
    sizes = [7, 5, 4, 3, 3, 2]
    names = [f"g{i}" for i, n in enumerate(sizes) for _ in range(n)]
    got = groups.split_by_group(names, [[]] * 24, {"a": 0.5, "b": 0.5}, n_classes=3, rng=rng(0))
    assert got.count("a") == 12


@pytest.mark.parametrize("seed", range(20))
def test_moving_groups_about_never_makes_an_assignment_worse(seed):
    generator, shares = rng(seed), np.array([0.5, 0.3, 0.2])
    parts = generator.dirichlet(np.ones(9), 4).T
    bins = np.array([0, 1, 2, *generator.integers(0, 3, 6)])

    def cost():
        return sum(((parts[bins == b].sum(axis=0) - shares[b]) ** 2).sum() for b in range(3))

    before = cost()
    claimed = groups._improve(parts, shares, bins)
    assert claimed == pytest.approx(cost()) and cost() <= before
    assert set(bins) == {0, 1, 2}


def test_the_same_seed_gives_the_same_splits():
    names = [f"line{i % 15}" for i in range(100)]
    labels = [[i % 7] for i in range(100)]
    first, second = (groups.split_by_group(names, labels, SHARES, n_classes=7, rng=rng(5)) for _ in range(2))
    assert first == second


def test_a_split_without_a_share_gets_nothing():
    got = groups.split_by_group(["a", "b"], [[], []], {"train": 0.5, "none": 0.0, "test": 0.5}, n_classes=1, rng=rng())
    assert sorted(got) == ["test", "train"]


def test_too_few_groups_say_how_many_are_needed():
    with pytest.raises(DataError, match=r"expected at least 3 groups for the splits .*, got 2"):
        groups.split_by_group(["a", "b", "b"], [[0]] * 3, SHARES, n_classes=1, rng=rng())


@pytest.mark.parametrize("fractions", [{}, {"a": 0.5}, {"a": 1.5, "b": -0.5}, {"a": float("nan"), "b": 1.0}])
def test_shares_that_are_none_are_config_errors(fractions):
    with pytest.raises(ConfigError, match="expected shares from 0 to 1 that add up to 1"):
        groups.split_by_group(["a", "b"], [[], []], fractions, n_classes=1, rng=rng())


def test_ten_thousand_groups_take_seconds():
    begin = time.perf_counter()
    names = [str(i) for i in range(10_000)]
    groups.split_by_group(names, [[i % 9] for i in range(10_000)], SHARES, n_classes=9, rng=rng())
    assert time.perf_counter() - begin < 15


# --- folds


@settings(max_examples=60, deadline=None)
@given(groups_=many_groups, max_folds=st.integers(2, 15), seed=st.integers(0, 99))
def test_no_group_is_ever_on_both_sides_of_a_fold(groups_, max_folds, seed):
    labels = np.arange(len(groups_)) % 3
    n_groups = len(set(groups_))
    if n_groups < 2:
        with pytest.raises(DataError, match="at least 2 groups"):
            groups.grouped_folds(groups_, labels, max_folds=max_folds, rng=rng(seed))
        return
    folds = groups.grouped_folds(groups_, labels, max_folds=max_folds, rng=rng(seed))
    assert len(folds) == min(n_groups, max_folds)
    names = np.array(groups_)
    for train, test in folds:
        assert train.size and test.size
        assert not set(names[train]) & set(names[test])
        assert sorted([*train, *test]) == list(range(len(groups_)))
    assert sorted(np.concatenate([test for _, test in folds])) == list(range(len(groups_)))


def test_few_groups_are_left_out_one_by_one_in_the_order_of_their_names():
    folds = groups.grouped_folds(["b", "a", "b", "c"], np.array([0, 1, 0, 1]), max_folds=3, rng=rng())
    assert [test.tolist() for _, test in folds] == [[1], [0, 2], [3]]
    assert folds[0][0].tolist() == [0, 2, 3]


def test_many_groups_are_packed_into_folds_of_like_size_and_classes():
    names = [f"g{i // 6}" for i in range(600)]
    labels = rng(2).choice(4, 600, p=[0.6, 0.25, 0.1, 0.05])
    folds = groups.grouped_folds(names, labels, max_folds=5, rng=rng(0))
    for _, test in folds:
        assert 100 <= len(test) <= 140
        assert np.bincount(labels[test], minlength=4) == pytest.approx(np.bincount(labels) / 5, rel=0.35)


def test_one_fold_is_refused():
    with pytest.raises(ConfigError, match="at least 2, got 1"):
        groups.grouped_folds(["a", "b"], np.array([0, 1]), max_folds=1, rng=rng())
