"""A Cobolt 06-01 laser: the controller's states behind the dialogue in yaml/cobolt_06.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from labctl.errors import LimitError
from simulated_devices.dialogue import DialogueDevice
from simulated_devices.instrument import Fault, Surroundings
from simulated_devices.wire import Port
from simulated_devices.world import Slice
from simulated_devices.world.pump import Pump

__all__ = ["Cobolt06", "build"]

_DIALOGUE = Path(__file__).parent.parent / "yaml" / "cobolt_06.yaml"
_OFF, _WAITING_FOR_KEY, _CONTINUOUS, _FAULT = 0, 1, 2, 5
_INTERLOCK_FAULT = 3
#: Numbers of `f?` with which the controller stops by itself: temperature, constant power.
_TRIPS = (1, 4)
_NOT_IN_AUTOSTART = "Syntax error: not allowed in autostart mode."

# A violet diode of this class: threshold near 30 mA, slope near 1 W/A.
_THRESHOLD_MA = 30.0
_SLOPE_MW_PER_MA = 1.0


class Cobolt06:
    """The laser's controller; `pump` is its light in the world.

    The interlock and the key are the room's: tests and the fault menu set them. Opening
    either ends emission at once, and closing it again never restores it.
    """

    is_streaming = False
    companion_ports: Mapping[int, Port] = MappingProxyType({})

    def __init__(self, pump: Pump) -> None:
        self._pump = pump
        self._pump.target_mw = 1.0
        #: The light over its set-point.
        self._drift = 1.0
        self._interlock_is_open = False
        self._key_is_on = True
        self._fault = 0
        self._emitted_ps = 0
        self.autostart: int = 0
        self.base_temperature_degc = 27.5
        self.port = Port(self._receive)
        self._dialogue = DialogueDevice(_DIALOGUE, self, self.port.send)
        self.faults: Mapping[str, Fault] = MappingProxyType(
            {
                "interlock": self._break_interlock,
                "key": self._take_key,
                "trip": self._trip,
                "power_drift": self._let_power_drift,
            }
        )

    def advance(self, slice_: Slice) -> None:
        """Count the hours of emission."""
        if self._pump.emitting:
            self._emitted_ps += slice_.stop_ps - slice_.start_ps

    @property
    def emission(self) -> bool:
        """Whether light comes out."""
        return self._pump.emitting

    @property
    def power_w(self) -> float:
        """The set-point of the constant-power loop."""
        return self._pump.target_mw * 1e-3 / self._drift

    @power_w.setter
    def power_w(self, power_w: float) -> None:
        self._pump.target_mw = power_w * 1e3 * self._drift

    @property
    def output_w(self) -> float:
        """What the monitor photodiode sees."""
        return self._pump.output_mw * 1e-3

    @property
    def drive_current_ma(self) -> float:
        """The diode current that the present output needs."""
        if not self._pump.emitting:
            return 0.0
        return _THRESHOLD_MA + self._pump.output_mw / _SLOPE_MW_PER_MA

    @property
    def interlock_is_open(self) -> bool:
        """True when the interlock circuit is interrupted."""
        return self._interlock_is_open

    @interlock_is_open.setter
    def interlock_is_open(self, is_open: bool) -> None:
        self._interlock_is_open = is_open
        if is_open:
            self._pump.emitting = False
            self._fault = _INTERLOCK_FAULT

    @property
    def key_is_on(self) -> bool:
        """Position of the key switch."""
        return self._key_is_on

    @key_is_on.setter
    def key_is_on(self, is_on: bool) -> None:
        was_on, self._key_is_on = self._key_is_on, is_on
        if not is_on:
            self._pump.emitting = False
        elif not was_on and self.autostart and self._may_emit():
            self._pump.emitting = True

    @property
    def mode(self) -> int:
        """The operating mode's number, as `gom?` gives it."""
        if self._fault:
            return _FAULT
        if not self._key_is_on or (self.autostart and not self._pump.emitting):
            return _WAITING_FOR_KEY
        return _CONTINUOUS if self._pump.emitting else _OFF

    @property
    def fault(self) -> int:
        """The fault's number, as `f?` gives it."""
        return self._fault

    @property
    def operating_hours(self) -> float:
        """Hours of the laser head, with emission."""
        return 812.0 + self._emitted_ps / 3.6e15

    def switch_on(self) -> str | None:
        """`l1`: light, unless autostart, key, interlock or a fault forbids it."""
        if self.autostart:
            return _NOT_IN_AUTOSTART
        # The controller accepts the command and stays dark when it may not emit.
        self._pump.emitting = self._may_emit()
        return None

    def switch_off(self) -> None:
        """`l0`, `@cob0`: dark."""
        self._pump.emitting = False

    def force_autostart(self) -> None:
        """`@cob1`: arm autostart; light comes once the key was turned off and on again."""
        self.autostart = 1

    def clear_fault(self) -> None:
        """`cf`: forget a fault whose cause is gone; the laser stays dark."""
        if not self._interlock_is_open:
            self._fault = 0

    def enter_constant_power(self) -> None:
        """`cp`: hold the power; the only mode this simulation has."""

    def enter_constant_current(self) -> str:
        """`ci`: hold the current, which this simulation does not model."""
        return "Syntax error: not available"

    def _break_interlock(self, *, is_open: bool = True) -> None:
        """Open the interlock circuit, which ends emission, or close it."""
        self.interlock_is_open = is_open

    def _take_key(self, *, is_removed: bool = True) -> None:
        """Turn the key off and take it out, which ends emission, or put it back and turn it on."""
        self.key_is_on = not is_removed

    def _trip(self, *, fault: int = 1) -> None:
        """Let the controller stop with a fault: 1 temperature, 4 constant power timeout."""
        if fault not in _TRIPS:
            raise LimitError(f"fault = {fault} is not one of {_TRIPS}: temperature, constant power")
        self._pump.emitting = False
        self._fault = fault

    def _let_power_drift(self, *, factor: float = 0.9) -> None:
        """Let the light be off its set-point by a factor, which the photodiode sees; 1 mends it."""
        if not 0.0 < factor <= 10.0:  # noqa: PLR2004  the sentence says it
            raise LimitError(f"factor = {factor} is outside 0 to 10")
        power_w = self.power_w
        self._drift = factor
        self.power_w = power_w

    def _may_emit(self) -> bool:
        return self._key_is_on and not self._interlock_is_open and not self._fault

    def _receive(self, data: bytes) -> None:
        self._dialogue.receive(data)


def build(surroundings: Surroundings) -> Cobolt06:
    """Return the laser that pumps the world's crystal."""
    return Cobolt06(surroundings.world.pump)
