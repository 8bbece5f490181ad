"""Made-up records that the tests of report/ share."""

import itertools
from pathlib import Path

import numpy as np

from clipspect.types import Decision, Detection, Inspection, Problem, Relation

HOSTILE = "<script>alert('x')</script><img src=x onerror=y>\"&"


def decision(box=(10.0, 20.0, 60.0, 90.0), condition="blocked", probability=0.87, object_type="slope drain"):
    other = "blocked" if condition == "normal" else "normal"
    probabilities = {condition: probability, other: 1 - probability}
    name = f"{object_type} {condition}"
    return Decision(Detection(box, object_type, 0.9), condition, name, probability, probabilities)


def abstention(box=(100.0, 20.0, 150.0, 90.0)):
    why = "object type 'pole' is not in the taxonomy"
    return Decision(Detection(box, "pole", 0.5), None, None, 0.0, {}, why)


def vegetation(box=(30.0, 120.0, 90.0, 180.0)):
    return Decision(Detection(box, "vegetation"), "normal", "vegetation", 1.0, {"normal": 1.0})


def inspection(*decisions, photo="photos/a.jpg", size_px=(312, 234)):
    pairs = itertools.combinations(range(len(decisions)), 2)
    relations = tuple(Relation(i, "left of", j, near=i == 0) for i, j in pairs)
    return Inspection(Path(photo), size_px, tuple(decisions), relations)


def broken(photo="photos/broken.jpg"):
    return Inspection(Path(photo), (0, 0), problem=Problem(photo, None, "corrupt-image", "expected a JPEG, got text"))


def grass(width=312, height=234):
    rng = np.random.default_rng(0)
    return (np.array([90, 120, 70]) + rng.integers(-30, 30, (height, width, 1))).astype(np.uint8)


def metrics():
    recall = {"recall": 0.42, "precision": 0.5, "f1": 0.456, "ci95": {"recall": [0.3, 0.55]}}
    empty = {"recall": None, "precision": None, "f1": None, "n": 0, "ci95": {"recall": None}}
    names = ["slope drain", "slope drain blocked", "vegetation"]
    four = {"accuracy": 0.76, "balanced_accuracy": 0.61, "macro_f1": 0.6, "weighted_f1": 0.75}
    return {
        "n": 751,
        "n_groups": 17,
        "classes": [
            {"name": "slope drain", "object_type": "slope drain", "condition": "normal"},
            {"name": "slope drain blocked", "object_type": "slope drain", "condition": "blocked"},
            {"name": "vegetation", "object_type": "vegetation", "condition": "normal"},
        ],
        "conditional": four | {"accuracy_nontrivial": 0.7, "n_nontrivial": 500, "ci95": {"accuracy": [0.7, 0.81]}},
        "joint": four | {"ci95": {}},
        "per_class": {
            "slope drain": {"object_type": "slope drain", "condition": "normal", "n": 300, **recall},
            "slope drain blocked": {"object_type": "slope drain", "condition": "blocked", **empty},
        },
        "per_condition": {"normal": {"n": 500, **recall}},
        "per_object_type": {"slope drain": {"accuracy": 0.7, "n": 300, "n_conditions": 2, "ci95": {}}},
        "binary": {"accuracy": 0.83, "balanced_accuracy": None, "n": 751, "ci95": {"accuracy": [0.8, 0.86]}},
        "spatial": {
            "relation_accuracy": 0.58, "n": 2000, "ci95": {}, "per_relation": {"above": {"accuracy": 0.6, "n": 900}},
        },
        "calibration": {
            "ece": 0.061, "mean_confidence": 0.8, "ci95": {"ece": [0.04, 0.09]},
            "bins": [
                {"low": 0.0, "high": 0.5, "n": 0, "confidence": None, "accuracy": None},
                {"low": 0.5, "high": 1.0, "n": 751, "confidence": 0.8, "accuracy": 0.76},
            ],
        },
        "selective": {
            "n": 500, "aurc": 0.14, "accuracy_at": {"0.7": 0.83, "1": 0.75},
            "curve": [
                {"confidence": 0.9, "share": 0.2, "risk": 0.05},
                {"confidence": 0.7, "share": 0.7, "risk": 0.17},
                {"confidence": 0.4, "share": 1.0, "risk": 0.25},
            ],
            "risks": {
                "0.05": {"share_answered": 0.0, "risk": None, "n_answered": 0},
                "0.1": {"share_answered": 0.43, "risk": 0.109, "n_answered": 215},
            },
        },
        "conformal": {
            "coverage_target": 0.9, "n": 500, "coverage": 0.903, "coverage_ci95": [0.87, 0.92], "verdict": "consistent",
            "mean_size": 1.71, "single": 0.42, "sizes": {"1": 210, "2": 290}, "score": "lac", "thresholds_per": "class",
            "warnings": ["class 'slope drain blocked': 3 objects to calibrate 90 % sets on, 9 are needed"],
            "per_class": {"slope drain": {"n": 300, "coverage": 0.9, "coverage_ci95": [0.86, 0.93], "mean_size": 1.6}},
            "per_group": {"L1": {"n": 500, "coverage": 0.903, "coverage_ci95": [0.87, 0.92], "mean_size": 1.71}},
            "one_threshold": {
                "coverage": 0.904, "coverage_ci95": [0.88, 0.92], "verdict": "consistent", "mean_size": 1.53,
                "per_class": {},
            },
        },
        "abstention": {
            "rule": "risk=0.1", "n": 751, "n_answered": 500, "share_answered": 0.66, "accuracy_answered": 0.9,
            "ci95": {},
        },
        "confusion": {"classes": names, "matrix": [[200, 100, 0], [3, 5, 0], [0, 0, 443]]},
        "joint_confusion": {"classes": names, "matrix": [[190, 100, 10], [3, 5, 0], [7, 0, 436]]},
    }  # fmt: skip
