"""What a command's exit code says."""

from __future__ import annotations

from enum import IntEnum

from labctl.errors import (
    ConfigError,
    LabError,
    LimitError,
    LinkError,
    ReplyTimeoutError,
)

__all__ = ["ExitCode", "code_of"]


class ExitCode(IntEnum):
    """The exit codes of every command."""

    FINISHED = 0
    FAILED = 1
    USAGE = 2
    ABORTED = 3
    UNREACHABLE = 4


def code_of(error: LabError) -> ExitCode:
    """Return the exit code that tells scripts what kind of error ended a command."""
    while not isinstance(error, (LinkError, ReplyTimeoutError)):
        if not isinstance(error.__cause__, LabError):
            is_usage = isinstance(error, (ConfigError, LimitError))
            return ExitCode.USAGE if is_usage else ExitCode.FAILED
        # What made a run fail says more than that it failed.
        error = error.__cause__
    return ExitCode.UNREACHABLE
