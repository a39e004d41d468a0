"""The Time Tagger as a time tagger of the bench."""

from __future__ import annotations

from typing import Any, ClassVar

from drivers.swabian_timetagger import protocol
from drivers.swabian_timetagger.decoder import TimeTaggerDecoder
from drivers.swabian_timetagger.protocol import Call
from drivers.swabian_timetagger.stream import TagStream
from labctl.device import Device, Guard, Identity, Reading, Setting
from labctl.errors import LimitError, LinkError
from labctl.units import format_quantity, unit_of

__all__ = ["SwabianTimeTagger"]


def _one_per_input(device: Device, values: Any) -> None:
    """Refuse a list that is not as long as the tagger has inputs."""
    inputs = device.execute(protocol.GET_INPUTS)
    if len(values) != len(inputs):
        raise LimitError(
            f"{len(values)} values do not fit the tagger's {len(inputs)} inputs; give one for each",
            device=device.name,
        )


def _within(name: str, get_range: Call[tuple[float, ...]]) -> Guard:
    """Return a guard of the setting `name`: one number per input, within the model's range."""

    def guard(device: Device, values: Any) -> None:
        _one_per_input(device, values)
        low, high = device.execute(get_range)
        for number, value in enumerate(values, 1):
            if not low <= value <= high:
                unit = unit_of(name)
                raise LimitError(
                    f"{device.name}.{name} of channel {number} = {format_quantity(value, unit)} "
                    f"is outside {low:g} to {format_quantity(high, unit)} (this model's range)",
                    device=device.name,
                )

    return guard


class SwabianTimeTagger(Device):
    """Up to 18 inputs, times in ps; the vendor's library is imported with the first one."""

    kinds = ("time_tagger",)
    wire = protocol.WIRE
    #: Of the address `library://swabian/SERIAL`.
    vendor_library: ClassVar[str] = "swabian"

    resolution_ps: ClassVar[int] = 1
    #: The most that a model has; `identify` knows how many this one has.
    channels: tuple[int, ...] = tuple(range(1, 19))
    #: Tags wait 20 ms at most on board (docstring of setStreamBlockSize), then up to 5 ms for
    #: the next look; the same again for a busy host.
    latency_s: ClassVar[float] = 0.05
    is_patient: ClassVar[bool] = False
    #: The library's calls do not meet the stream, which it keeps in a buffer of its own.
    answers_while_streaming: ClassVar[bool] = True

    trigger_levels_v = Setting(
        protocol.GET_TRIGGER_LEVELS_V,
        protocol.set_trigger_levels_v,
        unit="V",
        limits=protocol.TRIGGER_LIMITS_V,
        is_array=True,
        guard=_within("trigger_levels_v", protocol.GET_TRIGGER_RANGE_V),
        doc="Voltage that a pulse must cross, per input; negative for negative pulses.",
    )
    dead_times_ns = Setting(
        protocol.GET_DEAD_TIMES_NS,
        protocol.set_dead_times_ns,
        unit="ns",
        limits=protocol.DEAD_TIME_LIMITS_NS,
        is_array=True,
        guard=_within("dead_times_ns", protocol.GET_DEAD_TIME_RANGE_NS),
        doc="Time after a tag in which its input makes no other, per input.",
    )
    delays_ps = Setting(
        protocol.GET_DELAYS_PS,
        protocol.set_delays_ps,
        unit="ps",
        limits=protocol.DELAY_LIMITS_PS,
        is_array=True,
        guard=_one_per_input,
        doc="Added to the times of an input, per input; on board where the model can.",
    )
    test_signal = Setting(
        protocol.GET_TEST_SIGNAL,
        protocol.set_test_signal,
        choices=(False, True),
        doc="Whether the inputs see the generator on board (about 800 kHz), not their sockets.",
    )
    overflows = Reading(
        protocol.GET_OVERFLOWS, doc="How often tags were lost because the buffer was full."
    )
    pcb_version = Reading(protocol.GET_PCB_VERSION, doc="Version of the tagger's board.")

    _stream: TagStream | None = None

    def identify(self) -> Identity:
        """Return model, serial number and firmware; makes sure that the tagger answers."""
        identity = self.execute(protocol.GET_IDENTITY)
        self.channels = self.execute(protocol.GET_INPUTS)
        return identity

    def start_stream(self) -> TimeTaggerDecoder:
        """Stream the tags of all inputs until `stop_stream`."""
        with self.link.transaction() as link:
            self._stream = link.call(TagStream)
            link.begin_stream()
        return TimeTaggerDecoder()

    def read_stream(self, timeout_s: float) -> bytes:
        """Return the next frame of tags."""
        stream = self._stream
        if stream is None:
            raise LinkError("no stream was started", device=self.name)
        return self.link.call_alongside(lambda _library, _tagger: stream.read(timeout_s))

    def stop_stream(self) -> None:
        """End the stream."""
        with self.link.transaction() as link:
            link.end_stream()
            stream, self._stream = self._stream, None
            if stream is not None:
                link.call(lambda _library, _tagger: stream.stop())
