"""Every error labctl raises on purpose; `str(error)` is written for the operator.

A message says what happened, the value, what is allowed and what to do. Programs read the
fields; people read the text. Foreign exceptions (pyvisa, pyserial, sockets, HDF5) are
translated at one boundary each and chained with `raise ... from`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "ConfigError",
    "InstrumentError",
    "InterlockError",
    "LabError",
    "LimitError",
    "LinkError",
    "ProtocolError",
    "ReplyTimeoutError",
    "RunError",
    "RunFileError",
    "TagLossError",
    "nearest",
]


class LabError(Exception):
    """The base of all errors of labctl.

    `device` is the instrument's name on the bench, `address` its wire, `hint` what to do.
    """

    def __init__(
        self,
        message: str,
        *,
        device: str | None = None,
        address: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.device = device
        self.address = address
        self.hint = hint

    def __str__(self) -> str:
        prefix = f"{self.device}: " if self.device and self.device not in self.message else ""
        place = f" [{self.address}]" if self.address and self.address not in self.message else ""
        said = f"{prefix}{self.message}{place}"
        if not self.hint:
            return said
        ends = self.message.endswith((".", "?", "!"))
        return f"{said} {self.hint}" if ends else f"{said}. {self.hint}"


class ConfigError(LabError):
    """instruments.toml or the parameters of an experiment are wrong."""


class LimitError(LabError, ValueError):
    """A value was refused before anything was sent to the instrument."""


class InterlockError(LabError):
    """An action was refused because of the state of the instrument or the bench."""


class LinkError(LabError, OSError):
    """A wire cannot be opened, or was lost."""

    # OSError.__str__ would print the errno form; the operator reads the LabError text.
    __str__ = LabError.__str__


class ReplyTimeoutError(LabError, TimeoutError):
    """The instrument did not answer in time."""

    __str__ = LabError.__str__


class ProtocolError(LabError):
    """The instrument said what its manual does not allow."""


class InstrumentError(LabError):
    """The instrument reports a fault of its own."""


class TagLossError(LabError):
    """Time tags were lost between the instrument and the recorder."""


class RunFileError(LabError):
    """A run file or a tag file is missing, damaged or foreign."""


class RunError(LabError):
    """A plan failed; an abort is a result state, not an error."""


def nearest(name: str, allowed: Iterable[str]) -> str:
    """Return ' (did you mean "x"?)' for the closest allowed name, or an empty string."""
    close = difflib.get_close_matches(name, list(allowed), n=1, cutoff=0.6)
    return f' (did you mean "{close[0]}"?)' if close else ""
