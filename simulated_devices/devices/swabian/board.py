"""The hardware: what happens between the inputs and the host's end of the cable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from labctl.errors import LimitError, LinkError
from simulated_devices.devices.swabian.inputs import Inputs
from simulated_devices.devices.swabian.library import TimeTaggerLibrary
from simulated_devices.devices.swabian.models import Model
from simulated_devices.devices.swabian.packet import Marks, Packet
from simulated_devices.instrument import Fault, Surroundings
from simulated_devices.library_port import LibraryPort
from simulated_devices.wire import Port
from simulated_devices.world.site_clock import SiteClock
from simulated_devices.world.slices import Slice

if TYPE_CHECKING:
    from simulated_devices.devices.swabian.measurements import IteratorBase
    from simulated_devices.devices.swabian.tagger import TimeTagger

__all__ = ["Board"]

_ANY_SERIAL = "SIMULATED1"


class Board:
    """A Time Tagger: it digitizes while it is open, and sends what measurements ask for.

    An overflow lasts from the packet whose tags find the buffer full until half of it is free
    again; its tags are counted, not timed. How long tags wait in the buffer is not simulated.

    Attributes:
        model: which one of the series.
        serial: what it says it is; empty until a host has asked for one.
        tagger: the host's object while the instrument is open.
        position_ps: up to where, by its clock, its tags are with the host.
        overflows: how often the buffer has overflowed since `createTimeTagger`.
    """

    companion_ports: Mapping[int, Port] = MappingProxyType({})

    def __init__(
        self, model: Model, serial: str, inputs: Inputs, surroundings: Surroundings
    ) -> None:
        self.model = model
        self.serial = serial
        self.inputs = inputs
        self.library = TimeTaggerLibrary(self)
        self.port = LibraryPort(self.library)
        self.faults: Mapping[str, Fault] = MappingProxyType(
            {
                "overflow": self.overflow,
                "reference_lost": self.reference_lost,
                "reference_regained": self.reference_regained,
            }
        )
        self.tagger: TimeTagger | None = None
        self.position_ps = 0
        self.overflows = 0
        self._world = surroundings.world
        self._truth = surroundings.truth
        self._measurements: list[IteratorBase] = []
        self._shown_ps = surroundings.world.time_ps
        self._zero_ps = 0
        self._marks = Marks.NONE
        self._is_overflowing = False
        self._burst_until_ps = 0
        self._backlog = 0.0

    @property
    def clock(self) -> SiteClock | None:
        """The oscillator on board; None for a perfect one."""
        return self.inputs.clock

    @property
    def is_streaming(self) -> bool:
        """True while a measurement takes tags."""
        return any(measurement.isRunning() for measurement in self._measurements)

    def open(self, tagger: TimeTagger, serial: str) -> None:
        """Start: the clock shows 0, all settings are the defaults."""
        self.tagger = tagger
        self.serial = self.serial or serial or _ANY_SERIAL
        self.inputs.reset()
        self.position_ps = self.overflows = 0
        self._zero_ps = self._shown_ps
        self._measurements.clear()
        self._marks, self._is_overflowing = Marks.NONE, False
        self._burst_until_ps, self._backlog = 0, 0.0

    def release(self) -> None:
        """Stop: measurements get no more tags."""
        self.tagger = None
        self._measurements.clear()

    def reach(self, tagger: TimeTagger) -> None:
        """Use the cable for `tagger`.

        Raises:
            RuntimeError: the cable is unplugged, or the tagger was released.
        """
        try:
            self.port.use()
        except LinkError as error:
            raise RuntimeError(
                f"Time Tagger '{self.serial}' disconnected because of an USB error. {error}"
            ) from error
        if tagger is not self.tagger:
            raise RuntimeError("The Time Tagger was released.")

    def add(self, measurement: IteratorBase) -> None:
        """Send a measurement the tags of its channels from now on."""
        self._measurements.append(measurement)

    def remove(self, measurement: IteratorBase) -> None:
        """Forget a measurement."""
        if measurement in self._measurements:
            self._measurements.remove(measurement)

    def advance(self, slice_: Slice) -> None:
        """Digitize the slice and send it to the measurements."""
        self._shown_ps = self.inputs.advance(slice_)
        if self.tagger is None:
            return
        if not self.port.is_connected:
            # The library takes the stream up again once the cable is back; the gap shows as an
            # error of the time base.
            self._marks |= Marks.TIME_BASE_BROKEN
            return
        running = [m for m in self._measurements if m.isRunning()]
        channels = sorted({channel for m in running for channel in m.channels})
        start_ps = self.position_ps
        late_ps = self.inputs.latency_ps(channels)
        stop_ps = max(start_ps, self._shown_ps - self._zero_ps - late_ps)
        self.position_ps = stop_ps
        if not channels:
            return
        times_ps, codes = self.inputs.tags(slice_, channels, self._zero_ps, (start_ps, stop_ps))
        sent = frozenset(channels)
        packet = Packet(start_ps, stop_ps, times_ps, codes, sent, marks=self._marks)
        self._marks = Marks.NONE
        packet = self._transferred(packet)
        if any(m.delivers_tags for m in running):
            numbers = np.abs(codes).view(np.uint8)
            if self._is_overflowing:
                self._truth.lose(numbers)
            else:
                self._truth.write(times_ps, numbers)
        for measurement in running:
            measurement.receive(packet)
        self.port.announce()

    def overflow(self, *, for_s: float = 0.05) -> None:
        """Let the buffer overflow for a time: tags are counted, their times are lost."""
        if not for_s > 0:
            raise LimitError(f"for_s = {for_s} is not positive")
        self._burst_until_ps = self.position_ps + round(for_s * 1e12)

    def reference_lost(self) -> None:
        """Pull the cable of the reference clock: the board's own oscillator takes over."""
        self._set_reference(present=False)

    def reference_regained(self) -> None:
        """Put the cable of the reference clock back."""
        self._set_reference(present=True)

    def _set_reference(self, *, present: bool) -> None:
        if self.inputs.clock is None or self.inputs.clock.parameters.reference != "external":
            raise LimitError(
                "this tagger has no reference clock; it has one with clock = { reference = "
                '"external" } in its table'
            )
        self.inputs.clock.has_reference = present
        # The library reports a change of the clock as an error of the stream (class Tag).
        self._marks |= Marks.TIME_BASE_BROKEN

    def _transferred(self, packet: Packet) -> Packet:
        """Return what gets through the cable of a packet."""
        count = packet.times_ps.size
        carried = self.model.tags_per_s * (packet.stop_ps - packet.start_ps) * 1e-12
        waiting = max(0.0, self._backlog + count - carried)
        room = self.model.buffer_tags * (0.5 if self._is_overflowing else 1.0)
        was_overflowing = self._is_overflowing
        self._is_overflowing = waiting > room or packet.start_ps < self._burst_until_ps
        if not self._is_overflowing:
            self._backlog = waiting
            ends = Marks.OVERFLOW_ENDS if was_overflowing else Marks.NONE
            return replace(packet, marks=packet.marks | ends) if was_overflowing else packet
        self._backlog = max(0.0, self._backlog - carried)
        begins = Marks.NONE if was_overflowing else Marks.OVERFLOW_BEGINS
        self.overflows += not was_overflowing
        channels = tuple(packet.sent)
        return replace(
            packet,
            times_ps=packet.times_ps[:0],
            channels=packet.channels[:0],
            missed=dict(zip(channels, packet.counts(channels).tolist(), strict=True)),
            marks=packet.marks | begins,
        )
