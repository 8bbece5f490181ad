from __future__ import annotations

import json

import pytest

from clipspect.errors import ConfigError
from clipspect.tasks.data import check, parse_fractions, split, stats
from made import site


def test_fractions_are_read_in_their_order():
    assert list(parse_fractions("train=0.7, valid=.15,my-test_2=0.15").items()) == [
        ("train", 0.7),
        ("valid", 0.15),
        ("my-test_2", 0.15),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "train",
        "train=",
        "=1",
        "train=a",
        "train=nan",
        "train=-1",
        "train=1,",
        "train=.5,train=.5",
        "../up=1",
        "a/b=1",
    ],
)
def test_fractions_of_another_form_are_refused(text):
    with pytest.raises(ConfigError, match=r"--fractions: expected train=0\.7,valid=0\.15,test=0\.15, got"):
        parse_fractions(text)


def test_a_clean_data_set_is_ok_and_an_unclean_one_says_why(tmp_path, settings, ui):
    data = site(tmp_path / "site")
    assert check(data, settings=settings)["ok"]
    root = data.parent
    (root / "train" / "labels" / "L0_0.txt").write_text("0 0.5 0.5 0.2 0.4\n7 0.5 0.5 0.1 0.1\n")
    (root / "test" / "images" / "L1_9.png").write_bytes((root / "train" / "images" / "L1_0.png").read_bytes())
    (root / "test" / "labels" / "L1_9.txt").write_text("0 0.5 0.5 0.2 0.4\n")
    (root / "train" / "images" / "L2_0.png").write_bytes(b"no picture")
    result = check(data, settings=settings, json=tmp_path / "c.json", ui=ui)
    assert not result["ok"] and result["photos"] == 8
    assert [(q["file"], q["line"]) for q in result["quarantined"]] == [
        ("train/labels/L0_0.txt", 2),
        ("train/images/L2_0.png", None),
    ]
    assert [(d["a"], d["b"], d["exact"]) for d in result["duplicates"]] == [
        ("test/images/L1_9.png", "train/images/L1_0.png", True)
    ]
    assert [s["group"] for s in result["shared_groups"]] == ["L1"]
    assert json.loads((tmp_path / "c.json").read_text()) == result
    assert sum(w.startswith("leak") for w in ui.warned) == 2 and ui.said[-1].startswith("8 photos")


def test_splits_share_no_group(tmp_path, settings):
    out = split(
        site(tmp_path / "site", lines=6), out=tmp_path / "out", fractions={"train": 0.5, "test": 0.5}, settings=settings
    )
    result = check(out, settings=settings)
    assert result["ok"] and result["photos"] == 12 and result["boxes"] == 36


def test_counts_are_of_all_splits(tmp_path, settings):
    result = stats(site(tmp_path / "site"), settings=settings)
    assert (result["photos"], result["boxes"], result["groups"]) == (8, 24, 4)
    assert result["relationships"]["pairs"] == 24
