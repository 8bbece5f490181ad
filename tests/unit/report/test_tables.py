import csv
import io
import json

from clipspect.report.tables import (
    INSPECTION_COLUMNS,
    RESULT_COLUMNS,
    inspection_record,
    inspection_rows,
    inspections_csv,
    inspections_json,
    results_csv,
    rows_csv,
)

from .records import HOSTILE, abstention, broken, decision, inspection, metrics, vegetation

OBJECT_KEYS = {
    "index", "number", "object_type", "condition", "label", "class_name", "probability", "probabilities",
    "box_xyxy_px", "confidence", "detector_condition", "abstained", "prediction_set",
}  # fmt: skip


def read(text):
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def test_a_record_holds_every_object_and_relation_and_survives_json():
    record = inspection_record(inspection(decision(), abstention(), vegetation()))
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert [set(o) for o in record["objects"]] == [OBJECT_KEYS] * 3
    assert record["objects"][0]["label"] == "slope drain blocked"
    assert record["objects"][1] | {"box_xyxy_px": None} == {
        "index": 1, "number": 2, "object_type": "pole", "condition": None, "label": "pole ?", "class_name": None,
        "probability": 0.0, "probabilities": {}, "box_xyxy_px": None, "confidence": 0.5, "detector_condition": None,
        "abstained": "object type 'pole' is not in the taxonomy", "prediction_set": [],
    }  # fmt: skip
    assert record["relations"][0] == {
        "subject": {"index": 0, "label": "slope drain blocked"},
        "relation": "left of",
        "near": True,
        "object": {"index": 1, "label": "pole ?"},
    }
    assert (record["photo"], record["width_px"], record["height_px"]) == ("photos/a.jpg", 312, 234)
    assert record["problem"] is None


def test_a_quarantined_photo_has_its_problem_and_no_objects():
    record = inspection_record(broken())
    assert record["objects"] == []
    assert record["problem"] == {
        "file": "photos/broken.jpg", "line": None, "code": "corrupt-image", "reason": "expected a JPEG, got text",
    }  # fmt: skip


def test_the_summary_counts_photos_objects_abstentions_and_what_was_quarantined():
    assert inspections_json([inspection(decision(), abstention(), vegetation()), broken()])["summary"] == {
        "photos": 2,
        "quarantined": 1,
        "objects": 3,
        "abstained": 1,
        "by_condition": {"blocked": 1, "normal": 1},
        "by_object_type": {"pole": {}, "slope drain": {"blocked": 1}, "vegetation": {"normal": 1}},
    }


def test_there_is_one_row_per_object_and_one_for_a_photo_without_any():
    rows = inspection_rows([inspection(decision(), vegetation()), inspection(photo="empty.jpg"), broken()])
    assert [(r["photo"], r["number"]) for r in rows] == [
        ("photos/a.jpg", 1), ("photos/a.jpg", 2), ("empty.jpg", None), ("photos/broken.jpg", None),
    ]  # fmt: skip
    assert all(tuple(r) == INSPECTION_COLUMNS for r in rows)
    assert "corrupt-image" in rows[3]["problem"]


def test_csv_reads_back_with_commas_quotes_line_breaks_and_other_scripts():
    odd = 'a, "b"\nпо-русски'
    rows = read(inspections_csv([inspection(decision(object_type=odd), photo="x/ü.jpg")]))
    assert rows[0]["object_type"] == odd
    assert rows[0]["photo"] == "x/ü.jpg"
    assert [float(rows[0][c]) for c in ("left_px", "top_px", "right_px", "bottom_px")] == [10, 20, 60, 90]
    assert float(rows[0]["probability"]) == 0.87


def test_csv_lines_end_as_rfc_4180_says_and_none_is_empty():
    assert rows_csv([{"a": 1, "b": None, "c": True}]) == "a,b,c\r\n1,,true\r\n"


def test_text_that_a_spreadsheet_would_run_is_defused_and_numbers_are_not_touched():
    for start in ("=", "+", "-", "@", "\t", "\r"):
        (row,) = read(rows_csv([{"name": start + "HYPERLINK(1)", "low": -0.25}]))
        assert row == {"name": "'" + start + "HYPERLINK(1)", "low": "-0.25"}


def test_no_photos_give_a_table_with_a_header_only():
    assert inspections_csv([]) == ",".join(INSPECTION_COLUMNS) + "\r\n"


def test_results_are_one_figure_a_line_with_its_interval():
    rows = read(results_csv(metrics()))
    assert tuple(rows[0]) == RESULT_COLUMNS
    found = {(r["scope"], r["name"], r["metric"]): (r["n"], r["value"], r["low"], r["high"]) for r in rows}
    assert len(found) == len(rows)
    assert found["overall", "conditional", "accuracy"] == ("751", "0.76", "0.7", "0.81")
    assert found["overall", "joint", "accuracy"] == ("751", "0.76", "", "")
    assert found["class", "slope drain", "recall"] == ("300", "0.42", "0.3", "0.55")
    assert found["relation", "above", "accuracy"] == ("900", "0.6", "", "")
    assert found["overall", "calibration", "ece"] == ("751", "0.061", "0.04", "0.09")
    assert ("class", "slope drain blocked", "recall") not in found  # null: no such object in the split
    assert not any(metric == "n" or metric.startswith("n_") for _, _, metric in found)


def test_results_of_an_older_run_with_missing_keys_are_written():
    assert read(results_csv({})) == []
    assert len(read(results_csv({"conditional": {"accuracy": 0.5}, "per_class": None, "spatial": None}))) == 1


def test_hostile_names_stay_text():
    rows = read(inspections_csv([inspection(decision(object_type=HOSTILE))]))
    assert rows[0]["object_type"] == HOSTILE
