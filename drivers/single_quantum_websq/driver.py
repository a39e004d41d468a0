"""The WebSQ as nanowire detectors of the bench."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Any, ClassVar, cast

from drivers.single_quantum_websq import bias, protocol
from drivers.single_quantum_websq.counts import CountsLine
from drivers.single_quantum_websq.counts_stream import CountsStream
from labctl.device import Companion, Device, Identity, Limits, Reading, Setting
from labctl.errors import InstrumentError, InterlockError, LimitError
from labctl.transport import Link

__all__ = ["SingleQuantumWebSq"]

#: Time between the steps of a ramp: the pace at which the lab ramps laser diodes too.
RAMP_INTERVAL_S = 0.05
#: Time at zero bias before a latched wire is biased again. The hot spot is gone within
#: nanoseconds; this covers the low-pass filters of the bias line.
REARM_HOLD_S = 0.5
REARM_ATTEMPTS = 3
_POLL_S = 0.1
#: The search for the bias is given up after 5 minutes.
_MAX_AUTO_BIAS_POLLS = 3000
#: A command is done once it is read back; the instrument may take some exchanges to follow.
_READ_BACKS = 5
_SAFE_ATTEMPTS = 3


def _refuse_wrong_count(device: Device, value: Any) -> None:
    _websq(device).check_channel_count(value)


def _refuse_jump(device: Device, value: Any) -> None:
    websq = _websq(device)
    if value and not websq.detectors_enabled and any(websq.bias_ua):
        raise InterlockError(
            f"{websq.name}.detectors_enabled is refused: the bias would jump to "
            f"{', '.join(f'{current:g}' for current in websq.bias_ua)} µA",
            device=websq.name,
            hint=f"Set {websq.name}.bias_ua to zero, enable, then set the bias: it is ramped.",
        )


def _ramp_to(device: Device, value: Any) -> None:
    for _ in _websq(device).steps_to(value):
        pass


def _confirm(name: str) -> Any:
    def confirm(device: Device, value: Any) -> None:
        for _ in range(_READ_BACKS):
            read = getattr(device, name)
            if read == value or (isinstance(value, tuple) and bias.is_same_bias(read, value)):
                return
        raise InstrumentError(
            f"{device.name}.{name} was set to {value} and reads back {read}", device=device.name
        )

    return confirm


def _websq(device: Device) -> SingleQuantumWebSq:
    return cast("SingleQuantumWebSq", device)


class SingleQuantumWebSq(Device):
    """Superconducting nanowire detectors with their bias sources and counters.

    Settings may be used from any thread. The counts have one buffer for all readers.
    """

    kinds = ("detector",)
    wire = protocol.WIRE
    companion_wires: ClassVar[Mapping[str, Companion]] = {
        "counts": Companion(protocol.COUNTS_PORT, protocol.COUNTS_WIRE)
    }

    bias_ua = Setting(
        protocol.GET_BIAS_UA,
        protocol.set_bias_ua,
        unit="µA",
        limits=(0.0, protocol.MAX_BIAS_UA),
        is_array=True,
        guard=_refuse_wrong_count,
        apply=_ramp_to,
        doc="Bias current of each detector; goes there in steps.",
    )
    trigger_level_mv = Setting(
        protocol.GET_TRIGGER_LEVEL_MV,
        protocol.set_trigger_level_mv,
        unit="mV",
        # Pulses behind the amplifiers are below a volt; the instrument knows its own bounds.
        limits=(-1000.0, 1000.0),
        is_array=True,
        guard=_refuse_wrong_count,
        confirm=_confirm("trigger_level_mv"),
        doc="Level that a pulse of each detector must cross to be counted.",
    )
    detectors_enabled = Setting(
        protocol.GET_DETECTORS_ENABLED,
        protocol.set_detectors_enabled,
        choices=(False, True),
        guard=_refuse_jump,
        confirm=_confirm("detectors_enabled"),
        is_emission=True,
        doc="Bias sources of all detectors: on or off.",
    )
    measurement_period_ms = Setting(
        protocol.GET_MEASUREMENT_PERIOD_MS,
        protocol.set_measurement_period_ms,
        unit="ms",
        # A minute is more than anyone waits for; only the lower limit is the instrument's.
        limits=(protocol.MIN_PERIOD_MS, 60_000.0),
        confirm=_confirm("measurement_period_ms"),
        doc="How long each line of counts counts.",
    )
    bias_voltage_mv = Reading(
        protocol.GET_BIAS_VOLTAGE_MV,
        unit="mV",
        doc="Voltage at each detector's bias; high where the detector is latched.",
    )
    auto_bias_is_running = Reading(
        protocol.GET_AUTO_BIAS_RUNNING, doc="Whether the instrument searches for the bias itself."
    )
    detector_count = Reading(protocol.GET_DETECTOR_COUNT, doc="How many detectors there are.")

    def __init__(
        self,
        link: Link,
        *,
        name: str,
        limits: Mapping[str, Limits] | None = None,
        companions: Mapping[str, Link] | None = None,
    ) -> None:
        super().__init__(link, name=name, limits=limits, companions=companions)
        self._counts = CountsStream(self.companions["counts"])
        #: Counts the calls of make_safe; what raises the bias stops when it sees a new one.
        self._safe_calls = 0

    def identify(self) -> Identity:
        """Return the number of detectors; the instrument tells no serial number."""
        return Identity("Single Quantum", f"WebSQ with {self.detector_count} detectors", "")

    def check_channel_count(self, values: Sequence[float]) -> None:
        """Raise LimitError unless there is one value per detector."""
        count = self.detector_count
        if len(values) != count:
            raise LimitError(
                f"{self.name} has {count} detectors, {len(values)} values were given",
                device=self.name,
            )

    def ramp_bias(self, target_ua: Sequence[float]) -> Iterator[float]:
        """Ramp the bias; yields after each step the seconds to wait before the next.

        The link is free while the caller waits. Closing the iterator leaves the bias where it
        is; `make_safe` from another thread ends the ramp.

        Raises:
            LimitError: the target is refused, before anything is sent.
            InterlockError: somebody else changed the bias during the ramp.
            InstrumentError: the instrument did not follow.
        """
        target = type(self).bias_ua.check(
            tuple(target_ua), name=self.name, limits=self.limits.get("bias_ua")
        )
        self.check_channel_count(target)
        return self._ramp(target)

    def _ramp(self, target: tuple[float, ...]) -> Iterator[float]:
        for reached in self.steps_to(target):
            self._announce_bias(reached)
            yield RAMP_INTERVAL_S

    def steps_to(self, target: tuple[float, ...]) -> Iterator[tuple[float, ...]]:
        """Send the bias currents up to a checked target one after the other and yield each."""
        safe_calls = self._safe_calls
        present = self.bias_ua
        while present != target:
            step = bias.next_step(present, target)
            self._send_step(present, step, safe_calls)
            present = step
            yield step

    def _send_step(
        self, present: tuple[float, ...], step: tuple[float, ...], safe_calls: int
    ) -> None:
        with self.link.transaction():
            self._refuse_after_safe(safe_calls)
            found = self.bias_ua
            if not bias.is_same_bias(found, present):
                raise InterlockError(
                    f"the bias of {self.name} is {found} µA instead of {present} µA: somebody "
                    "else changed it; the ramp stops",
                    device=self.name,
                )
            self.execute(protocol.set_bias_ua(step))
            _confirm("bias_ua")(self, step)

    def _refuse_after_safe(self, safe_calls: int) -> None:
        if self._safe_calls != safe_calls:
            raise InterlockError(
                f"{self.name} was made safe; its bias stays at zero until it is set again",
                device=self.name,
            )

    def latched_channels(self) -> tuple[int, ...]:
        """Return the channels, from 1, that are latched: normal, and blind until re-armed."""
        with self.link.transaction():
            return bias.latched(self.bias_ua, self.bias_voltage_mv)

    def rearm_latched(self) -> Generator[float, None, None]:
        """Bring latched channels back to their bias; yields seconds to wait.

        Their bias goes to zero, is held there and ramped back, at most three times; the other
        channels stay as they are. Does nothing when no channel is latched.

        Raises:
            InstrumentError: channels latched again each time; they stay at zero bias.
        """
        target = self.bias_ua
        latched = self.latched_channels()
        safe_calls = self._safe_calls
        for _ in range(REARM_ATTEMPTS):
            if not latched:
                return
            self._drop(latched, safe_calls)
            yield REARM_HOLD_S
            self._refuse_after_safe(safe_calls)
            others = [n for n in range(1, len(target) + 1) if n not in latched]
            low = bias.without_bias(target, others)
            yield from self._ramp(
                tuple(a or b for a, b in zip(low, self.bias_ua, strict=True))
            )
            latched = tuple(channel for channel in latched if channel in self.latched_channels())
        if latched:
            self._drop(latched, safe_calls)
            raise InstrumentError(
                f"detectors {', '.join(str(n) for n in latched)} of {self.name} latched again "
                f"after {REARM_ATTEMPTS} attempts; their bias stays at zero",
                device=self.name,
                hint="Reduce their bias or the light on them, then set the bias again.",
            )
