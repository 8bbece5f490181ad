from __future__ import annotations

from clipspect.report.html import ViewsReport, render_views

from .records import HOSTILE


def row(kind="single", **changed):
    plain = {
        "kind": kind,
        "views": ["tight:margin=0.15"],
        "spatial": False,
        "accuracy": 0.75,
        "ci95": [0.7, 0.8],
        "balanced_accuracy": 0.6,
        "recall": {"normal": 0.9, "blocked": 0.5},
        "seconds_a_photo": 0.0625,
        "difference": -0.02,
        "difference_ci95": [-0.05, 0.01],
    }
    return plain | changed


def report(*rows, **changed):
    plain = {"title": "views", "subtitle": "", "command": "clipspect views", "versions": {}, "created": "2026-01-01"}
    return ViewsReport(**(plain | changed), rows=rows)


def test_a_row_shows_worth_difference_recalls_and_cost():
    page = render_views(report(row(), row("default", difference=None, difference_ci95=None)))
    for text in ("tight:margin=0.15", "75.0", "70–80", "50.0", "0.062", "Single views", "The set in force"):
        assert text in page, text


def test_what_is_missing_stays_missing():
    page = render_views(report(row(ci95=None, difference=None, difference_ci95=None, recall={"normal": None})))
    assert "nan" not in page.lower() and "None" not in page


def test_names_from_strangers_are_escaped():
    page = render_views(
        report(row(recall={HOSTILE: 0.5}), title=HOSTILE, notes=(HOSTILE,), best=(HOSTILE,), pictures={HOSTILE: b"x"})
    )
    assert "<script>" not in page and "&lt;script&gt;" in page
    assert "default-src &#39;none&#39;" in page
