"""The K10CR1 as a rotator of the bench."""

from __future__ import annotations

from typing import Any

from drivers.thorlabs_k10cr1 import protocol
from drivers.thorlabs_k10cr1.protocol import Status
from labctl.device import Device, Identity, Reading, Setting, action
from labctl.errors import InterlockError

__all__ = ["K10cr1"]


def _prepare_move(device: Device, value: Any) -> None:
    """Refuse a move before the mount knows its zero; energize the motor where it is off."""
    status = device.execute(protocol.GET_STATUS)
    if not status & Status.HOMED:
        reason = "is homing" if status & Status.HOMING else "has not been homed"
        raise InterlockError(
            f"{device.name}.angle_deg = {value:g}° is refused: the mount {reason}, "
            "so its angles mean nothing.",
            device=device.name,
            address=device.link.address,
            hint=f"Call {device.name}.home() and wait until it has stopped.",
        )
    # Some clients (pnpq) switch the motor off after each move; it then ignores the next one.
    if not status & Status.ENABLED:
        device.execute(protocol.ENABLE)


class K10cr1(Device):
    """A rotation mount with a stepper motor, for wave plates and polarizers.

    Moves run in the mount: starting one returns at once, and reading `angle_deg` tells where
    it is. The link is never held during a move. A mount that was just powered up counts from
    wherever it stands and must be homed before it is sent anywhere.

    `make_safe` is the default, which does nothing: turning a wave plate can do no harm by
    itself, and a mount that stopped half-way would leave the bench in a state that nobody
    asked for.
    """

    kinds = ("rotator",)
    wire = protocol.WIRE

    angle_deg = Setting(
        protocol.GET_POSITION_DEG,
        protocol.move_to_deg,
        unit="°",
        limits=(-protocol.MAX_ANGLE_DEG, protocol.MAX_ANGLE_DEG),
        guard=_prepare_move,
        doc="Where the mount stands, also while it moves; setting it starts a move.",
    )
    is_moving = Reading(protocol.GET_IS_MOVING, doc="True while the mount turns.")
    is_homed = Reading(protocol.GET_IS_HOMED, doc="True once the mount has found its zero.")

    def identify(self) -> Identity:
        """Return model, serial number and firmware; ends status updates first."""
        with self.link.transaction() as link:
            link.discard_input()
            self.execute(protocol.STOP_UPDATES)
            info = self.execute(protocol.GET_IDENTITY)
        return Identity("Thorlabs", info.model, str(info.serial), info.firmware)

    def start_move(self, angle_deg: float) -> None:
        """Start a move to `angle_deg`; the way is the difference of the angles, turns included.

        Raises:
            LimitError: the angle is outside the limits.
            InterlockError: the mount has not been homed.
        """
        self.angle_deg = angle_deg

    @action
    def home(self) -> None:
        """Start looking for the zero, in reverse; the mount ends there after up to a turn."""
        self.execute(protocol.ENABLE)
        self.execute(protocol.HOME)

    @action
    def stop(self) -> None:
        """Brake. After stopping a homing the mount must be homed again."""
        self.execute(protocol.STOP)
