"""Loading a model without its progress bars and load reports; what was set before is set again after."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def quiet_transformers() -> Iterator[None]:
    """Keep transformers from printing in this block; the caller checks what was loaded, nobody reads it off a log."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from transformers.utils import logging

        verbosity, with_bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        try:
            yield
        finally:
            logging.set_verbosity(verbosity)
            if with_bars:
                logging.enable_progress_bar()


def first_line(error: BaseException) -> str:
    """The start of an error of another library, whose messages run over many lines of advice."""
    return (str(error).splitlines() or [type(error).__name__])[0]
