"""`--abstain`: what evaluate promises is what inspect does."""

import pytest

from e2e.shell import strict_json


@pytest.mark.parametrize("rule", ["size=1", "confidence=0.6", "risk=0.4"])
def test_as_many_objects_are_answered_as_evaluate_says_and_as_well(here, run_folder, site, tmp_path, rule):
    here("evaluate", run_folder, site, "--abstain", rule, "--json", "m.json")
    found = strict_json(tmp_path / "m.json")["abstention"]
    here("inspect", run_folder, site / "test/images", "--abstain", rule, "--out", "i")
    summary = strict_json(tmp_path / "i/inspections.json")["summary"]
    assert found["rule"] == rule and found["n"] == summary["objects"]
    assert found["n_answered"] == summary["objects"] - summary["abstained"]
    assert 0 < found["n_answered"] <= found["n"]


@pytest.mark.parametrize("rule", ["risk=0.0001", "size=0.5", "sometimes"])
@pytest.mark.parametrize("verb", ["inspect", "evaluate"])
def test_a_rule_that_cannot_be_kept_is_wrong_usage_and_makes_nothing(here, run_folder, site, tmp_path, verb, rule):
    place = site if verb == "evaluate" else site / "test/images"
    ran = here(verb, run_folder, place, "--abstain", rule, "--out", "made", code=2)
    assert "abstain: " in ran.err and not (tmp_path / "made").exists()
