"""What a rotation mount carries: the table `[simulation.instruments.NAME]` of a mount."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field, model_validator

from labctl.errors import ConfigError, nearest
from simulated_devices.instrument import Surroundings
from simulated_devices.options import InstrumentOptions, checked_options
from simulated_devices.world.optics import WavePlate
from simulated_devices.world.rotation_mount import RotationMount

__all__ = ["MountOptions", "mounted"]


class MountOptions(InstrumentOptions):
    """`[simulation.instruments.NAME]` of a rotation mount."""

    arm: str | None = Field(
        None, description="Arm whose analyzer looks through the mount's half-wave plate."
    )
    plate: str | None = Field(
        None, description="Wave plate of the optics that the mount turns, instead of an arm."
    )
    zero_offset_deg: float = Field(
        0.0,
        ge=-360.0,
        le=360.0,
        description="Angle of the mount at which the plate's fast axis is at H: mounting error.",
    )
    unhomed_at_deg: float | None = Field(
        None,
        ge=-360.0,
        le=360.0,
        description="The mount was just powered up, standing here; left out: it is homed, at 0.",
    )

    @model_validator(mode="after")
    def _carries_one_thing(self) -> MountOptions:
        if self.arm is not None and self.plate is not None:
            raise ValueError(
                f'arm = "{self.arm}" and plate = "{self.plate}" exclude each other; '
                "a mount carries one plate"
            )
        return self


def mounted(surroundings: Surroundings, *, switch_deg: float) -> RotationMount:
    """Return the mount with its plate in the world.

    Raises:
        ConfigError: the options are wrong, the world has no such part, or another instrument
            moves it already.
    """
    options = checked_options(MountOptions, surroundings)
    mount = RotationMount(switch_deg=switch_deg, unhomed_at_deg=options.unhomed_at_deg)
    table, world = f"[simulation.instruments.{surroundings.name}]", surroundings.world
    if options.arm is not None:
        _check(f"{table} arm", options.arm, world.arms, "arm")
        world.take(options.arm, surroundings.name)
        mount.carry_half_wave_plate(world.arms[options.arm], options.zero_offset_deg)
    if options.plate is not None:
        plates = {n: part for n, part in world.optics.items() if isinstance(part, WavePlate)}
        _check(f"{table} plate", options.plate, plates, "wave plate")
        world.take(options.plate, surroundings.name)
        mount.carry(plates[options.plate], options.zero_offset_deg)
    return mount


def _check(path: str, name: str, known: Mapping[str, object], what: str) -> None:
    if name not in known:
        raise ConfigError(
            f'{path} = "{name}" is no {what} of the simulated world{nearest(name, known)}; '
            f"{what}s are: {', '.join(known) or 'none'}"
        )
