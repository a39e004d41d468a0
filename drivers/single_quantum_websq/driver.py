"""The WebSQ as nanowire detectors of the bench."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import Any, ClassVar, cast

from drivers.single_quantum_websq import bias, protocol
from drivers.single_quantum_websq.bias_control import BiasControl
from drivers.single_quantum_websq.counts import CountsLine
from drivers.single_quantum_websq.counts_stream import CountsStream
from labctl.device import Companion, Device, Identity, Limits, Reading, Setting, action
from labctl.errors import InstrumentError, InterlockError, LimitError
from labctl.transport import Link

__all__ = ["SingleQuantumWebSq"]

#: The instrument may take some exchanges to follow a command.
_READ_BACKS = 5


def _websq(device: Device) -> SingleQuantumWebSq:
    return cast("SingleQuantumWebSq", device)


def _refuse_wrong_count(device: Device, value: Any) -> None:
    _websq(device).check_channel_count(value)


def _refuse_jump(device: Device, value: Any) -> None:
    websq = _websq(device)
    if not value or websq.detectors_enabled:
        return
    currents = websq.bias_ua
    if any(abs(current) > bias.RAMP_STEP_UA for current in currents):
        raise InterlockError(
            f"{websq.name}.detectors_enabled is refused: the bias would jump to "
            f"{', '.join(f'{current:g}' for current in currents)} µA.",
            device=websq.name,
            hint=f"Set {websq.name}.bias_ua to zero, enable, then set the bias: it is ramped.",
        )


def _ramp_bias(device: Device, value: Any) -> None:
    for _ in _websq(device).bias_control.steps(value):
        pass


def _confirm_level(device: Device, value: Any) -> None:
    # The level's DAC is unknown; a tenth of a millivolt is below any amplifier's noise.
    _confirm(device, "trigger_level_mv", value, tolerance=0.1)


def _confirm_enabled(device: Device, value: Any) -> None:
    _confirm(device, "detectors_enabled", (value,), tolerance=0.0)


def _confirm_period(device: Device, value: Any) -> None:
    _confirm(device, "measurement_period_ms", (value,), tolerance=0.5)


def _confirm(device: Device, name: str, value: tuple[float, ...], *, tolerance: float) -> None:
    read: Any = None
    for _ in range(_READ_BACKS):
        read = getattr(device, name)
        numbers = read if isinstance(read, tuple) else (read,)
        if len(numbers) == len(value) and all(
            abs(a - b) <= tolerance for a, b in zip(numbers, value, strict=True)
        ):
            return
    raise InstrumentError(
        f"{device.name}.{name} was set to {value} and reads back {read}", device=device.name
    )


class SingleQuantumWebSq(Device):
    """Superconducting nanowire detectors with their bias sources and counters.

    May be used from any thread; the counts have one buffer for all their readers.
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
        apply=_ramp_bias,
        doc="Bias current of each detector; goes there in steps of 0.5 µA.",
    )
    trigger_level_mv = Setting(
        protocol.GET_TRIGGER_LEVEL_MV,
        protocol.set_trigger_level_mv,
        unit="mV",
        # Amplified pulses are below a volt; the instrument refuses what its own bounds exclude.
        limits=(-1000.0, 1000.0),
        is_array=True,
        guard=_refuse_wrong_count,
        confirm=_confirm_level,
        doc="Level that a pulse of each detector must cross to be counted.",
    )
    detectors_enabled = Setting(
        protocol.GET_DETECTORS_ENABLED,
        protocol.set_detectors_enabled,
        choices=(False, True),
        guard=_refuse_jump,
        confirm=_confirm_enabled,
        is_emission=True,
        doc="Bias sources of all detectors: on or off.",
    )
    measurement_period_ms = Setting(
        protocol.GET_MEASUREMENT_PERIOD_MS,
        protocol.set_measurement_period_ms,
        unit="ms",
        # Only the lower limit is the instrument's; a minute is more than anybody waits for.
        limits=(protocol.MIN_PERIOD_MS, 60_000.0),
        confirm=_confirm_period,
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
        self.bias_control = BiasControl(self)
        self._counts = CountsStream(self.companions["counts"])

    def identify(self) -> Identity:
        """Return the number of detectors; the instrument tells no serial number."""
        self.bias_control.channel_count = self.detector_count
        return Identity(
            "Single Quantum", f"WebSQ with {self.bias_control.channel_count} detectors", ""
        )

    def check_channel_count(self, values: Sequence[float]) -> None:
        """Raise LimitError unless there is one value per detector."""
        count = self.detector_count
        if len(values) != count:
            raise LimitError(
                f"{self.name} has {count} detectors, {len(values)} values were given",
                device=self.name,
            )

    def ramp_bias(self, target_ua: Sequence[float]) -> Generator[float, None, None]:
        """Ramp the bias; yields after each step the seconds to wait before the next.

        Setting `bias_ua` takes the same steps without the waits. Closing the generator leaves
        the bias where it is; `make_safe` from another thread ends the ramp.

        Raises:
            LimitError: the target is refused, before anything is sent.
            InterlockError: the bias was made safe or changed by somebody else meanwhile.
            InstrumentError: the instrument did not follow.
        """
        target = type(self).bias_ua.check(
            tuple(target_ua), name=self.name, limits=self.limits.get("bias_ua")
        )
        self.check_channel_count(target)
        return self.bias_control.ramp(target)

    def latched_channels(self) -> tuple[int, ...]:
        """Return the channels, from 1, that are latched: normal, and blind until re-armed."""
        return self.bias_control.latched()

    @action
    def rearm_latched(self) -> Generator[float, None, None]:
        """Bring latched channels back to their bias; yields seconds to wait.

        Their bias goes to zero, is held there and ramped back, at most three times; the other
        channels stay as they are. Does nothing when no channel is latched.

        Raises:
            InterlockError: the bias was made safe or changed by somebody else meanwhile.
            InstrumentError: channels latched again each time; they stay at zero bias.
        """
        return self.bias_control.rearm()

    def auto_bias(
        self, dark_counts: Sequence[float], *, is_dark: bool
    ) -> Generator[float, None, tuple[float, ...]]:
        """Let the instrument raise each bias to these dark counts; yields seconds to wait.

        The generator's value is what the instrument found, in µA. `is_dark` is the caller's
        word that no light reaches the detectors: with light the search ends at a wrong bias.
        Closing the generator ends the search and takes the bias off.

        Raises:
            InterlockError: it is not dark, the detectors are off, or made safe meanwhile.
            LimitError: the number of values is wrong, or the bias found is beyond the limit.
            InstrumentError: the search does not end.
        """
        if not is_dark:
            raise InterlockError(
                f"the automatic bias of {self.name} is refused: it needs dark detectors.",
                device=self.name,
                hint="Switch the light off or block it, then say so (is_dark=True).",
            )
        if not self.detectors_enabled:
            raise InterlockError(
                f"the automatic bias of {self.name} is refused: the detectors are off",
                device=self.name,
            )
        self.check_channel_count(dark_counts)
        return self.bias_control.auto_bias(tuple(dark_counts))

    def read_counts(self, timeout_s: float = 0.0) -> list[CountsLine]:
        """Return the lines of counts since the last call; none is lost or told twice.

        Waits at most `timeout_s` of wall-clock time for the first.

        Raises:
            ProtocolError: a line is damaged; the sound ones come with the next call.
            LinkError: the connection was lost.
        """
        return self._counts.take(timeout_s)

    def latest_rates_hz(self) -> tuple[float, ...]:
        """Return each channel's count rate in the newest period; empty before the first."""
        line = self._counts.latest()
        if line is None:
            return ()
        period_s = self.measurement_period_ms * 1e-3
        return tuple(count / period_s for count in line.counts)

    def make_safe(self) -> None:
        """Take the bias off every detector and confirm it; ramps under way end."""
        self.bias_control.make_safe()
