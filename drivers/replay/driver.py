"""A recorded tag file in the place of a time tagger."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import ClassVar

from drivers.replay import protocol
from labctl.device import Device, Identity, Setting
from labctl.tags.frames import FrameDecoder

__all__ = ["Replay"]

#: More than the largest frame, so that a read is a whole frame.
_READ_BYTES = 1 << 20


class Replay(Device):
    """Plays any readable tag file through the live pipeline."""

    kinds = ("time_tagger",)
    wire = protocol.WIRE

    latency_s: ClassVar[float] = 0.02
    is_patient: ClassVar[bool] = True

    speed = Setting(
        protocol.GET_SPEED,
        protocol.set_speed,
        limits=(0.0, 1e6),
        doc="Seconds of the recording per second; 0 plays as fast as the consumers take it.",
    )

    @cached_property
    def recording(self) -> protocol.Recording:
        """What is played."""
        return self.execute(protocol.GET_RECORDING)

    @property
    def resolution_ps(self) -> int:
        """Time step of the recording; 1 where the file does not tell."""
        return self.recording.resolution_ps

    @property
    def channels(self) -> tuple[int, ...]:
        """Every channel that the recording's format can hold."""
        return tuple(range(self.recording.n_channels))

    def identify(self) -> Identity:
        """Return the file's name and format."""
        return Identity(
            "labctl", f"replay of {self.recording.format}", Path(self.recording.path).name
        )

    def start_stream(self) -> FrameDecoder:
        """Play from the beginning."""
        with self.link.transaction() as link:
            protocol.STOP.perform(link)
            link.discard_input()
            protocol.PLAY.perform(link)
            link.begin_stream()
        return FrameDecoder()

    def read_stream(self, timeout_s: float) -> bytes:
        """Return the next frame."""
        return self.link.read_available(_READ_BYTES, timeout_s)

    def stop_stream(self) -> None:
        """End playing."""
        with self.link.transaction() as link:
            link.end_stream()
            protocol.STOP.perform(link)
            link.discard_input()
