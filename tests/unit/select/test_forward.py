from __future__ import annotations

from clipspect.select.forward import Step, forward

WORTH = {"a": 0.5, "b": 0.6, "c": 0.1, "d": 0.3}


def saturating(names):
    """What two share counts once: the largest, and a tenth of the others; c takes away."""
    rest = sorted((WORTH[n] for n in names), reverse=True)
    return round(rest[0] + 0.1 * sum(rest[1:]) - 0.5 * ("c" in names), 6)


def test_it_starts_with_the_best_single_one_and_adds_while_the_score_rises():
    steps = forward(list(WORTH), saturating)
    assert steps == (Step(("b",), 0.6, 4), Step(("b", "a"), 0.65, 3), Step(("b", "a", "d"), 0.68, 2))


def test_no_set_is_larger_than_asked_or_not_allowed():
    assert forward(list(WORTH), saturating, most=2)[-1].names == ("b", "a")
    assert forward(list(WORTH), saturating, allowed=lambda names: "b" not in names)[-1].names == ("a", "d")
    assert forward(list(WORTH), saturating, allowed=lambda _: False) == ()


def test_of_equally_good_ones_the_first_wins_and_an_equal_score_is_no_rise():
    assert forward(["x", "y"], lambda names: 1.0) == (Step(("x",), 1.0, 2),)


def test_after_pairs_only_the_best_candidates_are_tried():
    asked = []

    def score(names):
        asked.append(names)
        return sum({"p": 5, "q": 4, "r": 3, "s": 2, "t": 1}[n] for n in names)

    forward(list("pqrst"), score, keep=1)
    assert [n for n in asked if len(n) == 3] == [("p", "q", "r")]
    assert len({tuple(sorted(n)) for n in asked}) == len(asked)
