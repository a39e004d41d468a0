"""The TDC1 as a time tagger of the bench."""

from __future__ import annotations

from typing import ClassVar

from drivers.s15_tdc1 import protocol
from drivers.s15_tdc1.decoder import RESOLUTION_PS, Tdc1Decoder
from drivers.s15_tdc1.protocol import ClockSource
from labctl.device import Device, Identity, Reading, Setting

__all__ = ["Tdc1"]

#: One USB read of this size carries 64 Ki words, a block.
_READ_BYTES = 262_144


class Tdc1(Device):
    """Four inputs, one common threshold, 2 ns steps."""

    kinds = ("time_tagger",)
    wire = protocol.WIRE

    resolution_ps: ClassVar[int] = RESOLUTION_PS
    channels: ClassVar[tuple[int, ...]] = (1, 2, 3, 4)
    #: The USB port delivers at least every 10 ms; the same again for a busy host.
    latency_s: ClassVar[float] = 0.02
    is_patient: ClassVar[bool] = False

    threshold_v = Setting(
        protocol.GET_THRESHOLD_V,
        protocol.set_threshold_v,
        unit="V",
        limits=(-2.0, 3.3),
        doc="Voltage that a pulse must cross; negative for negative pulses.",
    )
    clock_source = Setting(
        protocol.GET_CLOCK_SOURCE,
        protocol.set_clock_source,
        choices=tuple(ClockSource),
        doc="Where the time base comes from.",
    )
    mode = Reading(protocol.GET_MODE, doc="What the counter does with clicks.")
    external_clock_is_present = Reading(
        protocol.GET_EXTERNAL_CLOCK, doc="Whether a reference clock is connected."
    )

    def identify(self) -> Identity:
        """Return what `*IDN?` says; its last word is the serial number."""
        serial = self.execute(protocol.GET_IDENTITY).split()[-1]
        return Identity("S-Fifteen Instruments", "TDC1", serial)

    def start_stream(self) -> Tdc1Decoder:
        """Stream time tags until `stop_stream`."""
        # First of all: loading its compiled loops may take seconds, in which bytes would wait.
        decoder = Tdc1Decoder()
        with self.link.transaction() as link:
            protocol.ABORT.perform(link)
            link.discard_input()
            protocol.ENTER_TIMESTAMP_MODE.perform(link)
            protocol.START_STREAM.perform(link)
            link.begin_stream()
        return decoder

    def read_stream(self, timeout_s: float) -> bytes:
        """Return the bytes that have arrived."""
        return self.link.read_available(_READ_BYTES, timeout_s)

    def stop_stream(self) -> None:
        """End the stream and forget its rest, so that commands are answered again."""
        with self.link.transaction() as link:
            link.end_stream()
            protocol.ABORT.perform(link)
            link.discard_until_quiet()
