from __future__ import annotations

import io
import sys

import pytest

from clipspect.cli import terminal
from clipspect.cli.terminal import Terminal
from clipspect.tasks.ui import Silent, Ui


class Screen(io.StringIO):
    def isatty(self):
        return True


def test_results_go_to_standard_output_and_warnings_to_standard_error(capsys):
    shown: Ui = Terminal(False)
    shown.say("0.76")
    shown.warn("a leak")
    assert capsys.readouterr() == ("0.76\n", "warning: a leak\n")


def test_a_quiet_one_still_warns(capsys):
    Terminal(True).say("0.76")
    Terminal(True).warn("a leak")
    assert capsys.readouterr() == ("", "warning: a leak\n")


@pytest.mark.parametrize("quiet", [True, False])
def test_nobody_watching_means_no_bar(capsys, quiet):
    with Terminal(quiet).track("work", 3) as step:
        step()
    assert capsys.readouterr() == ("", "")


def test_short_work_shows_no_bar_and_long_work_does(monkeypatch):
    for patience_s, expected in ((60.0, False), (-1.0, True)):
        screen = Screen()
        monkeypatch.setattr(sys, "stderr", screen)
        monkeypatch.setattr(terminal, "_PATIENCE_S", patience_s)
        with Terminal(False).track("decoding", 2) as step:
            step()
            step()
        assert ("decoding" in screen.getvalue()) == expected


def test_an_error_in_the_work_goes_through_and_ends_the_bar(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Screen())
    monkeypatch.setattr(terminal, "_PATIENCE_S", -1.0)
    with pytest.raises(ValueError, match="broken"), Terminal(False).track("work", 2) as step:
        step()
        raise ValueError("broken")


def test_the_library_is_silent(capsys):
    silent: Ui = Silent()
    silent.say("a")
    silent.warn("b")
    with silent.track("c", 3) as step:
        step()
    assert capsys.readouterr() == ("", "")
