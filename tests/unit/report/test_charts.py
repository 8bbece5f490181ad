import xml.etree.ElementTree as ET

import pytest

from clipspect.report.charts import bar_svg, confusion_svg, mistakes, reliability_svg, risk_svg

from .records import HOSTILE, metrics

SVG = "{http://www.w3.org/2000/svg}"
NAMES = ["drain", "drain blocked", "vegetation"]
MATRIX = [[8, 2, 0], [3, 1, 0], [0, 0, 5]]


def elements(svg, tag, kind):
    return [e for e in ET.fromstring(svg).iter(SVG + tag) if kind in e.get("class", "").split()]


def test_every_count_is_printed_and_zero_cells_are_left_blank():
    svg = confusion_svg(NAMES, MATRIX, title="Confusion.")
    assert sorted(e.text for e in elements(svg, "text", "number")) == ["1", "2", "3", "5", "8"]
    assert len(elements(svg, "rect", "cell")) == 9


def test_shades_are_shares_of_the_row():
    shares = [e.get("style") for e in elements(confusion_svg(NAMES, MATRIX, title=""), "rect", "cell")]
    assert shares[:4] == ["--share:0.800", "--share:0.200", "--share:0.000", "--share:0.750"]


def test_a_class_without_objects_has_an_empty_row_and_no_division_by_zero():
    svg = confusion_svg(["a", "b"], [[0, 0], [1, 3]], title="")
    assert [e.get("style") for e in elements(svg, "rect", "cell")][:2] == ["--share:0.000"] * 2


def test_the_commonest_mistakes_come_first_and_are_said_to_who_cannot_see():
    assert mistakes(NAMES, MATRIX) == [("drain blocked", "drain", 3, 4), ("drain", "drain blocked", 2, 10)]
    label = ET.fromstring(confusion_svg(NAMES, MATRIX, title="Confusion.")).get("aria-label")
    assert label.startswith("Confusion. Commonest mistakes: drain blocked taken for drain: 3 of 4;")


def test_a_line_is_drawn_where_the_object_type_changes():
    svg = confusion_svg(NAMES, MATRIX, groups=["drain", "drain", "vegetation"], title="")
    assert len(elements(svg, "path", "group")) == 1


@pytest.mark.parametrize("size", [0, 1, 9, 30, 120])
def test_matrices_of_any_size_are_well_formed(size):
    ET.fromstring(confusion_svg([f"c{i}" for i in range(size)], [[1] * size] * size, title=""))


def test_hostile_class_names_are_escaped():
    svg = confusion_svg([HOSTILE, "b"], [[1, 2], [3, 4]], groups=[HOSTILE, "b"], title=HOSTILE)
    assert "<script" not in svg
    assert "<img" not in svg
    ET.fromstring(svg)


def test_a_reliability_point_lies_at_its_confidence_and_accuracy():
    svg = reliability_svg(metrics()["calibration"]["bins"])
    (point,) = elements(svg, "circle", "point")  # the bin without objects has none
    assert (float(point.get("cx")), float(point.get("cy"))) == pytest.approx((46 + 300 * 0.8, 10 + 300 * 0.24))


def test_a_reliability_diagram_without_objects_is_drawn():
    ET.fromstring(reliability_svg([]))


def test_the_risk_curve_goes_through_its_points_and_says_them():
    svg = risk_svg(metrics()["selective"]["curve"])
    (line,) = elements(svg, "polyline", "curve")
    # The axis begins at 75 %, the multiple of 5 under the worst accuracy.
    assert line.get("points").split() == ["106.0,70.0", "256.0,214.0", "346.0,310.0"]
    label = ET.fromstring(svg).get("aria-label").replace("\u202f", " ")
    assert "70 % answered, 83 % of them right; 100 % answered, 75 % of them right" in label


@pytest.mark.parametrize("risk", [0.0, 1.0])
def test_a_risk_curve_of_one_point_or_none_is_drawn(risk):
    svg = risk_svg([{"confidence": 1.0, "share": 1.0, "risk": risk}])
    assert len(elements(svg, "circle", "point")) == 1
    ET.fromstring(risk_svg([]))


def test_a_bar_ends_at_its_value_and_its_whisker_at_the_interval():
    svg = bar_svg(0.5, 0.25, 0.75, width_px=100)
    assert [e.get("width") for e in elements(svg, "rect", "bar")] == ["50.0"]
    assert elements(svg, "path", "whisker")[0].get("d").startswith("M25.0 7H75.0")
    assert not elements(bar_svg(0.5, None, None), "path", "whisker")
    assert bar_svg(None) == bar_svg(float("nan")) == ""
