"""A simulated VOA-1 in an arm of the world; written from its manual, not from the driver."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pydantic import Field

from labctl.errors import ConfigError, nearest
from simulated_devices.instrument import Surroundings
from simulated_devices.options import InstrumentOptions, checked_options
from simulated_devices.wire import Port
from simulated_devices.world import Arm, Slice

__all__ = ["Voa1", "build"]


class VoaOptions(InstrumentOptions):
    """`[simulation.instruments.NAME]` of an attenuator."""

    arm: str = Field(description="Arm whose light goes through it.")


class Voa1:
    """The instrument: what it is told, the photons of its arm feel."""

    is_streaming = False
    companion_ports: Mapping[int, Port] = MappingProxyType({})

    def __init__(self, arm: Arm) -> None:
        self._arm = arm
        self._loss_without_db = arm.parameters.loss_db
        self._attenuation_db = 0.0
        self._pending = b""
        self._errors: list[str] = []
        self.port = Port(self._receive)

    @property
    def unread_errors(self) -> tuple[str, ...]:
        """The error queue, for labctl.testing."""
        return tuple(self._errors)

    def advance(self, slice_: Slice) -> None:
        """Do nothing: the attenuator changes when it is told to."""

    def _receive(self, data: bytes) -> None:
        *lines, self._pending = (self._pending + data).split(b"\n")
        for line in lines:
            self._obey(line.decode("ascii", "replace").strip())

    def _obey(self, line: str) -> None:
        command, _, argument = line.partition(" ")
        if command == "*IDN?":
            self._say("Example Optics,VOA-1,1701,1.0")
        elif command == "ATT?":
            self._say(f"{self._attenuation_db:.2f}")
        elif command == "SYST:ERR?":
            self._say(self._errors.pop(0) if self._errors else '0,"No error"')
        elif command == "ATT":
            self._attenuate(argument)
        else:
            self._errors.append('-113,"Undefined header"')

    def _attenuate(self, argument: str) -> None:
        try:
            attenuation_db = float(argument)
        except ValueError:
            self._errors.append('-104,"Data type error"')
            return
        if not 0.0 <= attenuation_db <= 60.0:  # the range of its manual
            self._errors.append('-222,"Data out of range"')
            return
        self._attenuation_db = attenuation_db
        self._arm.change(loss_db=self._loss_without_db + attenuation_db)

    def _say(self, text: str) -> None:
        self.port.send(text.encode() + b"\n")


def build(surroundings: Surroundings) -> Voa1:
    """Return an attenuator in the arm that the options name.

    Raises:
        ConfigError: the options are wrong, or the world has no such arm.
    """
    options = checked_options(VoaOptions, surroundings)
    arms = surroundings.world.arms
    if options.arm not in arms:
        raise ConfigError(
            f'[simulation.instruments.{surroundings.name}] arm = "{options.arm}" is no arm of the '
            f"simulated world{nearest(options.arm, arms)}; arms are: {', '.join(arms)}"
        )
    return Voa1(arms[options.arm])
