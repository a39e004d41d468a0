"""What stands in for the module `Swabian.TimeTagger`: its functions, classes and numbers."""

# The names are the vendor's.
# ruff: noqa: N802

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.errors import LinkError
from simulated_devices.devices.swabian import tagger as taggers
from simulated_devices.devices.swabian.enums import (
    CHANNEL_UNUSED,
    ChannelEdge,
    Resolution,
    TagType,
)
from simulated_devices.devices.swabian.measurements import Counter, Countrate, IteratorBase
from simulated_devices.devices.swabian.stream import TimeTagStream, TimeTagStreamBuffer

if TYPE_CHECKING:
    from simulated_devices.devices.swabian.board import Board

__all__ = ["TimeTaggerLibrary"]


class TimeTaggerLibrary:
    """The module as one simulated instrument's host sees it: that instrument and no other."""

    CHANNEL_UNUSED = CHANNEL_UNUSED
    ChannelEdge = ChannelEdge
    Counter = Counter
    Countrate = Countrate
    IteratorBase = IteratorBase
    Resolution = Resolution
    TagType = TagType
    TimeTagger = taggers.TimeTagger
    TimeTagStream = TimeTagStream
    TimeTagStreamBuffer = TimeTagStreamBuffer

    def __init__(self, board: Board) -> None:
        self._board = board

    def getVersion(self) -> str:
        """Return the version of the package whose names these are."""
        return "2.22.6"

    def scanTimeTagger(self, include_model_name: bool = False) -> tuple[str, ...]:  # noqa: FBT001, FBT002
        """Return the serial numbers of connected taggers that nobody has opened."""
        if self._board.tagger is not None or not self._board.port.is_connected:
            return ()
        serial = self._board.serial
        return (f"{serial},{self._board.model.name}" if include_model_name else serial,)

    def getTimeTaggerModel(self, serial: str) -> str:
        """Return the model of a tagger."""
        self._refuse_stranger(serial)
        return self._board.model.name

    def createTimeTagger(
        self, serial: str = "", resolution: int = Resolution.Standard
    ) -> taggers.TimeTagger:
        """Return the tagger with this serial number, or the first; it starts with defaults.

        Raises:
            RuntimeError: there is none, it is open already, or it has no such resolution.
        """
        board = self._board
        with board.port.guard:
            try:
                board.port.connect()
            except LinkError as error:
                raise RuntimeError("No Time Tagger attached or already in use.") from error
            self._refuse_stranger(serial)
            if board.tagger is not None:
                raise RuntimeError("No Time Tagger attached or already in use.")
            if resolution != Resolution.Standard:
                raise RuntimeError("The license of this device has no HighRes mode.")
            tagger = taggers.TimeTagger(board)
            board.open(tagger, serial)
            return tagger

    def freeTimeTagger(self, tagger: taggers.TimeTagger) -> None:
        """Release a tagger; doing it twice does nothing."""
        if not isinstance(tagger, taggers.TimeTagger):
            raise TypeError("in method 'freeTimeTagger', argument 1 of type 'TimeTaggerBase'")
        with self._board.port.guard:
            if tagger is self._board.tagger:
                self._board.release()

    def _refuse_stranger(self, serial: str) -> None:
        known = self._board.serial
        if serial and known and serial != known:
            raise RuntimeError(
                f"The serial number argument '{serial}' is not a valid Time Tagger serial number."
            )
