"""What a command's exit code says."""

from __future__ import annotations

from enum import IntEnum

from labctl.errors import (
    ConfigError,
    InterlockError,
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
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, (LinkError, ReplyTimeoutError)):
            return ExitCode.UNREACHABLE
        cause = cause.__cause__ if isinstance(cause.__cause__, LabError) else None
    if isinstance(error, InterlockError):
        return ExitCode.FAILED
    return ExitCode.USAGE if isinstance(error, (ConfigError, LimitError)) else ExitCode.FAILED
