"""Every error that clipspect raises on purpose.

All of them say *where*, what was *expected* and what was *got*, and carry the exit code of the command line.

    ClipspectError                   exit 2
     +-- ConfigError                 a settings file or an option
     +-- TaxonomyError               class names that cannot be read as (object type, condition)
     +-- DataError                   a data set as a whole cannot be used
     |    +-- SplitNotFoundError     the split does not exist in this data set
     |    +-- EmptyDataError         no photo or no object is left to work on
     |    +-- UnsafePathError        a path leaves the data set through `..` or a link
     +-- ImageError                  one photo cannot be decoded (has a `code`); runs quarantine it and go on
     +-- EncoderError                an encoder cannot be built or run
     |    +-- EncoderNotFoundError   unknown id, no such folder or file
     |    +-- OfflineError           a hub id that is not on this machine, and no network
     |    +-- MissingAbilityError    the encoder lacks what the verb needs (text, dense features ...)
     +-- MissingExtraError           an optional dependency is not installed
     +-- HeadError                   a head was given features or labels that it cannot be fitted on
     +-- DetectorError               a detector cannot be built, or found nothing to read
     +-- BundleError                 a saved model cannot be read
     |    +-- BundleVersionError     it was written by a newer clipspect
     +-- OutputError                 a result cannot be written
     |    +-- OutputExistsError      `--out` is already there
     |    +-- DiskFullError          no space left; what was there before is untouched
     +-- RefusedError                exit 1: the result would be worse than what it replaces
"""

from __future__ import annotations

from typing import ClassVar


class ClipspectError(Exception):
    """Base of all errors raised on purpose; `str(error)` is one message fit for a user."""

    exit_code: ClassVar[int] = 2


class ConfigError(ClipspectError):
    """A settings file or an option is wrong."""


class TaxonomyError(ClipspectError):
    """Class names cannot be read as (object type, condition)."""


class DataError(ClipspectError):
    """A data set as a whole cannot be used."""


class SplitNotFoundError(DataError):
    """The split does not exist in this data set."""


class EmptyDataError(DataError):
    """No photo, or no object, is left to work on."""


class UnsafePathError(DataError):
    """A path leaves the data set's folder through `..` or a link."""


class ImageError(ClipspectError):
    """One photo cannot be decoded.

    Attributes:
        code: Stable short name of the reason, as it stands in quarantine lists ("corrupt", "too-large" ...).
    """

    def __init__(self, message: str, *, code: str) -> None:
        super().__init__(message)
        self.code = code


class EncoderError(ClipspectError):
    """An encoder cannot be built or run."""


class EncoderNotFoundError(EncoderError):
    """No encoder has this id, or the folder or file it names does not exist."""


class OfflineError(EncoderError):
    """A hub id is not on this machine and the network may not, or cannot, be used."""


class MissingAbilityError(EncoderError):
    """The encoder lacks an ability that the verb needs; the message names encoders that have it."""


class MissingExtraError(ClipspectError):
    """An optional dependency is not installed; the message names the extra to install."""


class HeadError(ClipspectError):
    """A head was given features or labels that it cannot be fitted on."""


class DetectorError(ClipspectError):
    """A detector cannot be built, or found nothing to read."""


class BundleError(ClipspectError):
    """A saved model cannot be read."""


class BundleVersionError(BundleError):
    """The bundle was written by a newer clipspect."""


class OutputError(ClipspectError):
    """A result cannot be written."""


class OutputExistsError(OutputError):
    """The output is already there, and neither `--overwrite` nor `--resume` was given."""


class DiskFullError(OutputError):
    """No space is left on the device; what was there before is untouched."""


class RefusedError(ClipspectError):
    """The result would be worse than what it replaces, so it was not made."""

    exit_code: ClassVar[int] = 1
