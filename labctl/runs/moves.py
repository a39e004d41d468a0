"""Moves inside a plan: turning plates and waiting for them, by the bench's clock."""

from __future__ import annotations

from collections.abc import Mapping

from labctl.device import Rotator
from labctl.errors import ConfigError, InstrumentError
from labctl.lab import Bench, Station
from labctl.runs.plan import Plan, Progress

__all__ = ["plate_angle_deg", "rotator_of", "set_analyzers", "turn"]

_POLL_S = 0.05
#: The slowest full turn of the mounts we know takes 36 s; homing may take one and a half.
_MOVE_TIMEOUT_S = 120.0
#: A mount that stands farther from its target than this has not arrived.
_ARRIVED_DEG = 0.05


def plate_angle_deg(station: Station, analyzer_angle_deg: float) -> float:
    """Return the half-wave plate's angle that makes the analyzer look at `analyzer_angle_deg`.

    A half-wave plate at θ turns linear polarization at 2θ to the analyzer's axis, so the
    analyzer angle is twice the plate's, counted from the plate's own zero.
    """
    return (station.rotator_zero_deg + analyzer_angle_deg / 2) % 360.0


def rotator_of(bench: Bench, station: Station) -> Rotator:
    """Return the rotation mount that carries the station's half-wave plate.

    Raises:
        ConfigError: the station has none.
    """
    if station.rotator is None:
        raise ConfigError(
            f"station {station.name} has no rotator; write in [stations.{station.name}] the "
            'mount of its half-wave plate: rotator = "..."'
        )
    return bench.rotators[station.rotator]


def set_analyzers(
    bench: Bench, angles_deg: Mapping[str, float], *, fraction: float = 0.0
) -> Plan[None]:
    """Turn the analyzers of the named stations to linear polarization angles, all at once.

    Raises:
        ConfigError: unknown station, or one without rotator.
        InstrumentError: a mount did not arrive.
    """
    targets = {}
    for name, angle_deg in angles_deg.items():
        station = bench.station(name)
        mount = rotator_of(bench, station)
        targets[mount.name] = (mount, plate_angle_deg(station, angle_deg))
    yield from turn(bench, list(targets.values()), fraction=fraction)


def turn(
    bench: Bench, targets: list[tuple[Rotator, float]], *, fraction: float = 0.0
) -> Plan[None]:
    """Turn mounts to their angles together and wait until all have arrived.

    A mount that does not know its zero is homed first. An abort stops the mounts.

    Raises:
        InstrumentError: a mount did not arrive within two minutes of bench time.
    """
    homing = [mount for mount, _ in targets if not mount.is_homed]
    for mount in homing:
        mount.home()
    yield from _wait(bench, homing, "homing", fraction)
    for mount, angle_deg in targets:
        if abs(_difference_deg(mount.angle_deg, angle_deg)) > _ARRIVED_DEG / 2:
            mount.start_move(angle_deg)
    yield from _wait(bench, [mount for mount, _ in targets], "turning", fraction)
    for mount, angle_deg in targets:
        reached_deg = mount.angle_deg
        if abs(_difference_deg(reached_deg, angle_deg)) > _ARRIVED_DEG:
            raise InstrumentError(
                f"{mount.name} stands at {reached_deg:.3f}° instead of {angle_deg:.3f}°",
                device=mount.name,
            )


def _wait(bench: Bench, mounts: list[Rotator], what: str, fraction: float) -> Plan[None]:
    since_s = bench.clock.now_s()
    try:
        while moving := [mount for mount in mounts if mount.is_moving]:
            if bench.clock.now_s() - since_s > _MOVE_TIMEOUT_S:
                names = ", ".join(mount.name for mount in moving)
                raise InstrumentError(f"{names} is still {what} after {_MOVE_TIMEOUT_S:g} s")
            bench.clock.wait(_POLL_S)
            yield Progress(fraction, f"{what} {', '.join(mount.name for mount in moving)}")
    except GeneratorExit:
        for mount in mounts:
            mount.stop()
        raise


def _difference_deg(a_deg: float, b_deg: float) -> float:
    """Return the smallest turn from b to a."""
    return (a_deg - b_deg + 180.0) % 360.0 - 180.0
