"""Pillow's warnings are ignored while a block runs, and only they, and only then."""

import types
import warnings

import pytest

from clipspect.data.quiet import pillow_is_quiet


def module_that_warns(name):
    module = types.ModuleType(name)
    exec("import warnings\ndef warn():\n    warnings.warn('odd file')\n", module.__dict__)
    return module


PILLOW, OTHER = module_that_warns("PIL.TiffImagePlugin"), module_that_warns("PILLAR")


def test_only_pillow_is_quiet_and_only_inside():
    before = list(warnings.filters)
    with pillow_is_quiet():
        PILLOW.warn()
        with pytest.warns(UserWarning, match="odd file"):
            OTHER.warn()
    assert warnings.filters == before
    with pytest.warns(UserWarning, match="odd file"):
        PILLOW.warn()


def test_the_last_to_leave_takes_the_filter_away():
    before = list(warnings.filters)
    first, second = pillow_is_quiet(), pillow_is_quiet()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    PILLOW.warn()
    second.__exit__(None, None, None)
    assert warnings.filters == before


def test_filters_that_others_swapped_in_the_meantime_are_cleaned_too():
    before = list(warnings.filters)
    first, second, other = pillow_is_quiet(), pillow_is_quiet(), warnings.catch_warnings()
    first.__enter__()
    other.__enter__()  # copies the list with the filter in it
    warnings.simplefilter("error")
    second.__enter__()
    PILLOW.warn()
    first.__exit__(None, None, None)
    second.__exit__(None, None, None)
    with pytest.raises(UserWarning):
        PILLOW.warn()
    other.__exit__(None, None, None)
    assert warnings.filters == before


def test_an_error_inside_leaves_nothing_behind():
    before = list(warnings.filters)
    with pytest.raises(ZeroDivisionError), pillow_is_quiet():
        raise ZeroDivisionError
    assert warnings.filters == before
