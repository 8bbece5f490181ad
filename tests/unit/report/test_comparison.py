from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from clipspect.report.comparison import Comparison, differences_svg, render, verdict

SVG = "{http://www.w3.org/2000/svg}"


def row(difference, low, high, metric="conditional accuracy", run="new"):
    return {
        "run": run, "metric": metric, "n": 9, "reference": 0.5, "value": 0.5 + difference, "difference": difference,
        "low": low, "high": high,
    }  # fmt: skip


BETTER, WORSE, CHANCE, ALONE = row(0.1, 0.02, 0.2), row(-0.1, -0.2, -0.01), row(0.1, -0.1, 0.2), row(0.1, None, None)


def report(*rows, runs=("old", "new"), notes=()):
    about = tuple(
        {"name": n, "run": f"runs/{n}", "head": "linear", "estimate": "e", "n": 9, "left_out": 0} for n in runs
    )
    return Comparison("new against old", "clipspect compare", {"numpy": "2"}, "now", about, 9, 3, rows, notes)


@pytest.mark.parametrize(
    ("one", "said"),
    [(BETTER, "better"), (WORSE, "worse"), (CHANCE, "may be chance"), (ALONE, "one group: no interval")],
)
def test_a_verdict_needs_the_whole_interval_on_one_side(one, said):
    assert verdict(one) == said


def test_dots_and_intervals_stand_where_the_figures_are():
    root = ET.fromstring(differences_svg([BETTER, WORSE, row(0.0, -0.2, 0.2)]))
    dots = [float(c.get("cx")) for c in root.iter(f"{SVG}circle")]
    zero = dots[2]
    assert dots[0] - zero == pytest.approx(zero - dots[1], abs=0.11) and dots[0] > zero > dots[1]
    bars = [p for p in root.iter(f"{SVG}path") if p.get("stroke-width")]
    low, high = bars[0].get("d").removeprefix("M").split(" ")[0], bars[0].get("d").split("H")[1]
    assert (float(low) - zero) / (dots[0] - zero) == pytest.approx(0.2, abs=0.01)
    assert (float(high) - zero) / (dots[0] - zero) == pytest.approx(2.0, abs=0.01)
    assert len({c.get("fill") for c in root.iter(f"{SVG}circle")}) == 3


def test_a_difference_without_an_interval_is_a_dot_alone_and_no_rows_are_no_picture():
    assert 'stroke-width="2.5"' not in differences_svg([ALONE])
    assert differences_svg([]) == ""


def test_names_from_strangers_are_escaped():
    text = render(report(row(0.1, 0.0, 0.2, metric="recall <script>"), runs=("<b>", "new"), notes=("<i>",)))
    assert "<script>" not in text and "<b>:" not in text and "<i>" not in text


def test_the_page_says_first_what_the_accuracy_did():
    text = render(report(BETTER, row(0.3, 0.2, 0.4, metric="recall blocked")))
    assert "Against old: new: +10.0 points of conditional accuracy, better by more than chance." in text
    assert "9 objects in 3 groups of photos, paired" in text
    assert render(report(BETTER)) == render(report(BETTER))
