"""The Cobolt 06-01 as a laser of the bench."""

from __future__ import annotations

from typing import Any

from drivers.cobolt_06 import protocol
from drivers.cobolt_06.protocol import Fault
from labctl.device import Device, Identity, Reading, Setting, action
from labctl.errors import (
    InstrumentError,
    InterlockError,
    LabError,
    ProtocolError,
    ReplyTimeoutError,
)

__all__ = ["Cobolt06"]

#: The instrument is there, and what it did is not known.
_UNCLEAR = (InstrumentError, ProtocolError, ReplyTimeoutError)


def _refuse_unsafe_emission(device: Device, value: Any) -> None:
    if value:
        _assert_may_emit(device)


def _switch_emission(device: Device, value: Any) -> None:
    try:
        device.execute(protocol.set_emission(value))
    except _UNCLEAR:
        # The command may have been obeyed although its answer is lost.
        if value:
            device.make_safe()
        raise


def _confirm_emission(device: Device, value: Any) -> None:
    if value:
        try:
            _assert_may_emit(device)
        except InterlockError:
            device.make_safe()
            raise
    if device.execute(protocol.GET_EMISSION) != value:
        raise InstrumentError(
            f"{device.name} was told to switch emission {'on' if value else 'off'} "
            f"and reports it {'off' if value else 'on'}",
            device=device.name,
            address=device.link.address,
        )


def _assert_may_emit(device: Device) -> None:
    """Raise InterlockError where the interlock, the key, a fault or autostart forbids light."""
    reason = None
    if device.execute(protocol.GET_INTERLOCK_OPEN):
        reason = "its interlock is open. Close it, then try again"
    elif (fault := device.execute(protocol.GET_FAULT)) is not Fault.NONE:
        reason = f'it reports "{fault.value}". Remove the cause and clear the fault'
    elif not device.execute(protocol.GET_KEY_ON):
        reason = "its key switch is off. Turn the key on"
    elif device.execute(protocol.GET_AUTOSTART):
        reason = (
            "it is in autostart mode, where only the key starts it. "
            f"Set {device.name}.autostart off to control it from here"
        )
    if reason:
        raise InterlockError(
            f"emission of {device.name} is refused: {reason}.",
            device=device.name,
            address=device.link.address,
        )


class Cobolt06(Device):
    """A continuous-wave laser in constant-power mode.

    The power limit below bounds the whole series; narrow it to the rating of your laser head
    in instruments.toml.
    """

    kinds = ("laser",)
    wire = protocol.WIRE

    power_mw = Setting(
        protocol.GET_POWER_MW,
        protocol.set_power_mw,
        unit="mW",
        limits=(0.0, 500.0),
        doc="Set-point of the output power.",
    )
    emission = Setting(
        protocol.GET_EMISSION,
        protocol.set_emission,
        choices=(False, True),
        guard=_refuse_unsafe_emission,
        apply=_switch_emission,
        confirm=_confirm_emission,
        is_emission=True,
        doc="Light out: on or off.",
    )
    autostart = Setting(
        protocol.GET_AUTOSTART,
        protocol.set_autostart,
        choices=(False, True),
        doc="Whether the laser starts by itself when the key is turned.",
    )
    output_mw = Reading(protocol.GET_OUTPUT_MW, unit="mW", doc="Power measured by the laser.")
    drive_current_ma = Reading(
        protocol.GET_DRIVE_CURRENT_MA, unit="mA", doc="Current through the laser diode."
    )
    interlock_is_open = Reading(protocol.GET_INTERLOCK_OPEN, doc="True when light is blocked.")
    key_is_on = Reading(protocol.GET_KEY_ON, doc="Position of the key switch.")
    mode = Reading(protocol.GET_MODE, doc="What the controller is doing.")
    fault = Reading(protocol.GET_FAULT, doc="Why the controller stopped.")
    base_temperature_degc = Reading(
        protocol.GET_TEMPERATURE_DEGC, unit="°C", doc="Temperature of the base plate."
    )
    operating_hours = Reading(protocol.GET_HOURS, unit="h", doc="Hours the laser head has run.")

    def identify(self) -> Identity:
        """Return the serial number; the series does not tell its model by a common command.

        A serial number may be any text, so that a laser answers is asked separately.
        """
        self.execute(protocol.GET_EMISSION)
        return Identity("HÜBNER Photonics", "Cobolt 06-01", self.execute(protocol.GET_SERIAL))

    def make_safe(self) -> None:
        """Switch emission off, by force if need be, and confirm it."""
        failure: LabError | None = None
        for switch_off in (protocol.OFF, protocol.FORCE_OFF):
            try:
                self.execute(switch_off)
                if not self.execute(protocol.GET_EMISSION):
                    self.changed("emission", value=False, unit="")
                    return
            except _UNCLEAR as error:
                failure = error
        raise InstrumentError(
            f"EMISSION OF {self.name} COULD NOT BE SWITCHED OFF",
            device=self.name,
            address=self.link.address,
            hint="Use the key switch or the interlock now.",
        ) from failure

    @action
    def clear_fault(self) -> None:
        """Clear a fault whose cause was removed; emission stays off."""
        self.execute(protocol.CLEAR_FAULT)
