from __future__ import annotations

import numpy as np
import pytest

from clipspect.metrics.conformal import ConformalThresholds
from clipspect.metrics.summary import predict
from clipspect.pipeline.abstain import read_abstain
from clipspect.pipeline.decide import decide
from clipspect.types import Detection, Scores
from made import taxonomy_of

TAXONOMY = taxonomy_of()  # drain: normal blocked damaged, rock toe: normal damaged, vegetation


def decided(object_type, logits, temperature=1.0):
    scores = Scores(np.array([logits], dtype=np.float64), TAXONOMY.mask([object_type]))
    return decide((Detection((0, 0, 1, 1), object_type),), scores, TAXONOMY, temperature=temperature)[0]


def test_the_likeliest_condition_of_the_type_wins_and_no_other_types_does():
    decision = decided("drain", [0.0, np.log(3), 0.0, 99.0, 99.0, 99.0])
    assert (decision.condition, decision.class_name) == ("blocked", "drain blocked")
    assert decision.probabilities == pytest.approx({"normal": 0.2, "blocked": 0.6, "damaged": 0.2})
    assert decision.probability == pytest.approx(0.6) and decision.abstained is None
    assert decision.label == "drain blocked"


def test_the_temperature_divides_the_logits_and_keeps_the_winner():
    decision = decided("rock toe", [0, 0, 0, 0, 4 * np.log(3), 0], temperature=4.0)
    assert decision.probabilities == pytest.approx({"normal": 0.25, "damaged": 0.75})


def test_a_type_with_one_condition_is_certain():
    decision = decided("vegetation", [9, 9, 9, 9, 9, -50])
    assert (decision.condition, decision.probability) == ("normal", 1.0)


def test_an_unknown_type_is_abstained_from_with_the_known_ones_named():
    decision = decided("lamp post", [1.0] * 6)
    assert decision.condition is None and decision.class_name is None and decision.probabilities == {}
    assert "'lamp post'" in decision.abstained and "rock toe" in decision.abstained
    assert decision.label == "lamp post ?"


def test_it_says_what_the_metrics_count():
    rng = np.random.default_rng(0)
    types = [str(t) for t in rng.choice(TAXONOMY.object_types, 200)]
    logits, mask = rng.standard_normal((200, 6)) * 50, TAXONOMY.mask(types)
    said = decide(tuple(Detection((0, 0, 1, 1), t) for t in types), Scores(logits, mask), TAXONOMY, temperature=3.0)
    given = [TAXONOMY.index[d.detection.object_type, d.condition] for d in said]
    assert given == predict(logits, mask).tolist()


def test_no_object_gives_no_decision():
    assert decide((), Scores(np.zeros((0, 6)), TAXONOMY.mask([])), TAXONOMY, temperature=1.0) == ()


# Of drain, all but what is 0.7 away from certain is in the set; toes and vegetation have no threshold.
CONFORMAL = ConformalThresholds(0.9, "lac", True, (0.7, 0.7, 0.7, None, None, None), (20, 20, 20, 0, 0, 0))


def doubted(object_type, logits, abstain=None):
    scores = Scores(np.array([logits], dtype=np.float64), TAXONOMY.mask([object_type]))
    rule = None if abstain is None else read_abstain(abstain, CONFORMAL, None)
    return decide(
        (Detection((0, 0, 1, 1), object_type),), scores, TAXONOMY, temperature=1.0, conformal=CONFORMAL, abstain=rule
    )[0]


def test_a_set_names_conditions_the_likeliest_first():
    logits = [np.log(4), np.log(5), np.log(1), 0, 0, 0]
    assert doubted("drain", logits).prediction_set == ("blocked", "normal")
    assert doubted("rock toe", logits).prediction_set == ("normal", "damaged")
    assert decided("drain", logits).prediction_set == ()


def test_it_abstains_where_the_set_is_larger_than_asked_for_and_keeps_what_it_knows():
    logits = [np.log(4), np.log(5), np.log(1), 0, 0, 0]
    decision = doubted("drain", logits, "size=1")
    assert (decision.condition, decision.class_name, decision.probability) == (None, None, 0.0)
    assert decision.abstained == "set {blocked, normal} at 90 %" and decision.label == "drain ?"
    assert decision.prediction_set == ("blocked", "normal") and decision.probabilities["blocked"] == 0.5
    assert doubted("drain", logits, "size=2").condition == "blocked"


def test_it_abstains_where_it_is_less_sure_than_asked_for():
    logits = [np.log(4), np.log(5), np.log(1), 0, 0, 0]
    assert doubted("drain", logits, "confidence=0.6").abstained == "confidence 0.50 under 0.60"
    assert doubted("drain", logits, "confidence=0.4").condition == "blocked"


def test_no_rule_refuses_a_type_with_one_condition_and_an_unknown_type_keeps_its_reason():
    assert doubted("vegetation", [9, 9, 9, 9, 9, -50], "size=1").condition == "normal"
    assert doubted("vegetation", [9, 9, 9, 9, 9, -50], "size=1").prediction_set == ("normal",)
    assert "not known to the model" in doubted("lamp post", [1.0] * 6, "confidence=0.9").abstained
    assert doubted("lamp post", [1.0] * 6).prediction_set == ()
