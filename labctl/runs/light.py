"""Arming: light for a run that needs it, and its end.

Emission is never implicit: a run switches lasers on only when it was armed, after looking at
key, interlock and faults (the driver refuses otherwise), and waits until the power has
settled. A finished run leaves emission as it found it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from labctl.device import Device, Laser
from labctl.errors import ConfigError, InstrumentError, InterlockError, nearest
from labctl.lab import Bench, make_one_safe
from labctl.runs.plan import Plan, Progress
from labctl.runs.survival import surviving

__all__ = ["light_up", "lights_of", "lights_out", "still_lit"]

#: The output must come this close to the set-point ...
_SETTLED_RELATIVE = 0.02
#: ... within this time, which covers the warm-up of a diode laser's head.
_SETTLING_TIMEOUT_S = 120.0
_POLL_S = 0.05


def lights_of(bench: Bench) -> list[Laser]:
    """Return the lasers that a run which needs light switches on.

    Raises:
        ConfigError: `[light] lasers` names none of the bench's lasers, or there are several
            and it does not say which.
    """
    lasers = {laser.name: laser for laser in bench.lasers}
    names = bench.config.light.lasers
    if not names and len(lasers) > 1:
        raise ConfigError(
            f"the bench has several lasers ({', '.join(lasers)}); write in [light] which of "
            'them a run may switch on: lasers = ["..."]'
        )
    for name in names:
        if name not in lasers:
            raise ConfigError(
                f'[light] lasers: "{name}" is no laser of the bench{nearest(name, lasers)}; '
                f"lasers here: {', '.join(lasers) or 'none'}"
            )
    return [lasers[name] for name in names] if names else list(lasers.values())


def light_up(
    bench: Bench, lasers: list[Laser], switch_on: Callable[[Laser], bool]
) -> Plan[list[Laser]]:
    """Switch the lasers on and wait for their power; return those that were off before.

    `switch_on` switches a laser on, unless the run has been aborted: one step with the abort,
    so that `safe` never comes between the question and the light. It returns what it did.

    Raises:
        InterlockError: a laser's state forbids emission, or has ended it.
        InstrumentError: the power did not settle.
    """
    lit = [laser for laser in lasers if not laser.emission and switch_on(laser)]
    for laser in lasers:
        since_s = bench.clock.now_s()
        while abs(laser.output_mw - laser.power_mw) > _SETTLED_RELATIVE * laser.power_mw:
            # Where the run was aborted, it ends at the next yield.
            if not laser.emission and laser in lit:
                yield Progress(0.0, f"{laser.name} is dark")
                raise _dark([laser])
            if bench.clock.now_s() - since_s > _SETTLING_TIMEOUT_S:
                raise InstrumentError(
                    f"{laser.name} gives {laser.output_mw:.3g} mW instead of "
                    f"{laser.power_mw:.3g} mW, {_SETTLING_TIMEOUT_S:g} s after it was switched on",
                    device=laser.name,
                )
            bench.clock.wait(_POLL_S)
            yield Progress(0.0, f"{laser.name} settles: {laser.output_mw:.2f} mW")
    return lit


def still_lit(bench: Bench, lasers: list[Laser]) -> Plan[None]:
    """Make sure that the lasers of a run shine at its end.

    Raises:
        InterlockError: one has gone dark by itself.
    """

    def look() -> Plan[None]:
        yield Progress(0.0)
        if gone := [laser for laser in lasers if not laser.emission]:
            raise _dark(gone)

    yield from surviving(bench, look)


def _dark(lasers: list[Laser]) -> InterlockError:
    names = ", ".join(laser.name for laser in lasers)
    return InterlockError(
        f"{names} went dark during the run",
        device=lasers[0].name,
        hint="Look at its interlock, its key and its fault; emission stays off.",
    )


def lights_out(lasers: list[Laser]) -> None:
    """Switch off what `light_up` switched on, confirmed by read-back."""
    for laser in lasers:
        make_one_safe(cast("Device", laser))
