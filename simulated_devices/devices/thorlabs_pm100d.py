"""A Thorlabs PM100D power meter at a pick-off of the pump beam.

The dialogue is in yaml/thorlabs_pm100d.yaml; here is what stands behind it. The sensor is a
silicon photodiode, modelled with a quantum efficiency that does not depend on the wavelength:
its responsivity is proportional to the wavelength, so the meter, which divides the
photocurrent by the responsivity of the wavelength it was told, reads

    P (wavelength of the light) / (wavelength set) + dark offset + noise.

A real sensor deviates from this by its spectral response; that a wavelength not set is a wrong
reading is what the simulation is for. The six ranges are those of the photocurrent, 50 nA to
5 mA (from memory of the data sheet), so their limits in watt depend on the wavelength set.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from pydantic import Field

from labctl.errors import LimitError
from simulated_devices.dialogue import DialogueDevice
from simulated_devices.instrument import Fault, Surroundings
from simulated_devices.options import InstrumentOptions, checked_options
from simulated_devices.wire import Port
from simulated_devices.world import Slice
from simulated_devices.world.pump import Pump
from simulated_devices.world.randomness import component_generator

__all__ = ["PickOffOptions", "Pm100d", "build"]

_DIALOGUE = Path(__file__).parent.parent / "yaml" / "thorlabs_pm100d.yaml"
_POWER_UP_WAVELENGTH_NM = 635.0
_RANGES_A = tuple(5e-8 * 10.0**n for n in range(6))
#: h c / e in nm V: an ideal photodiode gives wavelength / 1239.84 A/W.
_NM_W_PER_A = 1239.84
_QUANTUM_EFFICIENCY = 0.8
#: SCPI-99, 7.2.1.5: what stands for infinity in a reply; the reading is over range.
_INFINITY = 9.9e37
#: SCPI-99, 7.2.1.5: what stands for "not a number".
_NOT_A_NUMBER = 9.91e37
#: What the meter may report by itself: number (SCPI-99, 21.8.10 and 21.8.11) -> its text's name
#: in the dialogue.
_ERRORS = {-240: "hardware_error", -310: "system_error", -350: "queue_overflow"}
#: What `SYST:SENS:IDN?` answers then: "no sensor" in the first of its six fields.
_NO_SENSOR = "no sensor,,,0,0,0"


class PickOffOptions(InstrumentOptions):
    """`[simulation.instruments.NAME]` of a power meter."""

    pickoff_fraction: float = Field(
        0.01,
        ge=0.0,
        le=1.0,
        # An uncoated wedge at a small angle reflects some per cent, a sampler plate about one.
        description="Part of the pump power that reaches the sensor.",
    )
    noise_mw: float = Field(
        1e-6,
        ge=0.0,
        le=1e3,
        # A S120C sensor resolves about 1 nW (from memory of its data sheet).
        description="Standard deviation of a reading, averaging 1; falls with its square root.",
    )
    dark_offset_mw: float = Field(
        2e-6,
        ge=-1e3,
        le=1e3,
        # Dark current of the photodiode and stray light that zeroing has left.
        description="Mean reading without light from the pump.",
    )


class Pm100d:
    """The meter's settings, and what its sensor sees of `pump`."""

    is_streaming = False
    companion_ports: Mapping[int, Port] = MappingProxyType({})

    def __init__(self, name: str, pump: Pump, seed: int, options: PickOffOptions) -> None:
        self._pump = pump
        self._options = options
        self._generator = component_generator(seed, f"power meter/{name}")
        self.port = Port(self._receive)
        self.reset()
        self._has_sensor = True
        self._dialogue = DialogueDevice(_DIALOGUE, self, self.port.send)
        self.faults: Mapping[str, Fault] = MappingProxyType(
            {"report_error": self._report_error, "remove_sensor": self._remove_sensor}
        )

    def advance(self, slice_: Slice) -> None:
        """Do nothing: the meter looks at the pump when it is asked."""

    def reset(self) -> None:
        """`*RST`: settings as after power-up."""
        self.unit = "W"
        self.wavelength_nm = _POWER_UP_WAVELENGTH_NM
        self.averages: int = 1
        self.auto_range: int = 1
        self._range_a = _RANGES_A[-1]

    def clear_errors(self) -> None:
        """`*CLS`: empty the error queue."""
        self._dialogue.clear_error_queues()

    def switch_auto_range_on(self) -> None:
        """`SENS:POW:RANG:AUTO ON`."""
        self.auto_range = 1

    def switch_auto_range_off(self) -> None:
        """`SENS:POW:RANG:AUTO OFF`: stay in the present range."""
        self.auto_range = 0

    def tell_sensor(self) -> str | None:
        """`SYST:SENS:IDN?`: that there is no sensor, or what the dialogue says of it."""
        return None if self._has_sensor else _NO_SENSOR

    @property
    def unread_errors(self) -> tuple[str, ...]:
        """What waits in the error queue, for the leak check of labctl.testing."""
        errors: tuple[str, ...] = self._dialogue.unread_errors
        return errors

    @property
    def reading(self) -> float:
        """A new measurement, in watt or, if so set, in dBm."""
        if not self._has_sensor:
            # Assumed: the manual's pages at hand do not say what is answered without a sensor.
            return _NOT_A_NUMBER
        power_mw = self._power_mw()
        current_a = abs(power_mw) * 1e-3 * self._responsivity()
        if self.auto_range:
            self._range_a = next((r for r in _RANGES_A if current_a <= r), _RANGES_A[-1])
        if current_a > self._range_a:
            return _INFINITY
        if self.unit == "W":
            return power_mw * 1e-3
        return 10.0 * math.log10(power_mw) if power_mw > 0.0 else -_INFINITY

    @property
    def range_w(self) -> float:
        """The most that the present range can measure; setting it ends auto-ranging."""
        return self._range_a / self._responsivity()

    @range_w.setter
    def range_w(self, power_w: float) -> None:
        current_a = power_w * self._responsivity()
        # A limit read back must be accepted, so rounding in the reply is forgiven.
        fitting = [r for r in _RANGES_A if current_a <= r * (1.0 + 1e-6)]
        if not fitting:
            raise ValueError(f"{power_w} W is beyond the largest range")
        self._range_a = fitting[0]
        self.auto_range = 0

    def _report_error(self, *, code: int = -310) -> None:
        """Put an error into the queue: -240 hardware, -310 system, -350 queue overflow."""
        if code not in _ERRORS:
            known = ", ".join(str(number) for number in _ERRORS)
            raise LimitError(f"code = {code} is not one of {known}")
        self._dialogue.error_response(_ERRORS[code])

    def _remove_sensor(self, *, is_removed: bool = True) -> None:
        """Pull the sensor head off the meter, or connect it again."""
        self._has_sensor = not is_removed

    def _power_mw(self) -> float:
        options = self._options
        light_mw = self._pump.output_mw * options.pickoff_fraction
        shown_mw = light_mw * self._pump.parameters.wavelength_nm / self.wavelength_nm
        noise_mw = options.noise_mw / math.sqrt(self.averages)
        return shown_mw + float(self._generator.normal(options.dark_offset_mw, noise_mw))

    def _responsivity(self) -> float:
        """Return the A/W of the wavelength that is set."""
        return _QUANTUM_EFFICIENCY * self.wavelength_nm / _NM_W_PER_A

    @property
    def status_byte(self) -> int:
        """What the bus's serial poll gets (IEEE 488.2, 11.2), waiting replies apart."""
        byte: int = self._dialogue.status_byte
        return byte

    def device_clear(self) -> None:
        """Forget half a command, as the bus's device clear asks (IEEE 488.2, 5.8)."""
        self._dialogue.device_clear()

    def _receive(self, data: bytes) -> None:
        self._dialogue.receive(data)


def build(surroundings: Surroundings) -> Pm100d:
    """Return a meter at a pick-off of the world's pump.

    Raises:
        ConfigError: the options are wrong.
    """
    options = checked_options(PickOffOptions, surroundings)
    world = surroundings.world
    return Pm100d(surroundings.name, world.pump, world.seed, options)
