"""`instrument.action`: tells an instrument to do something that is no setting."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Any

from labctl.device import Device, Setting
from labctl.errors import InstrumentError
from labctl.lab.answering import answering
from labctl.lab.paths import find_action
from labctl.lab.safety import make_one_safe

if TYPE_CHECKING:
    from labctl.lab.bench import Bench

__all__ = ["act_on", "answer_act"]


def act_on(bench: Bench, path: str) -> None:
    """Tell an instrument to do what `path` names, and wait by the bench's clock until it is told.

    Emission is never the effect: what lights up by itself is switched off again.

    Raises:
        ConfigError: there is no such instrument or action.
        InstrumentError: something lit up; LabError: what the instrument answers.
    """
    device, name = find_action(bench.devices, path)
    with answering(device, bench.pumps):
        dark = [switch for switch in _switches(device) if not getattr(device, switch)]
        orders = {switch: device.last_set.get(switch) for switch in dark}
        try:
            _do(bench, getattr(device, name)())
        finally:
            # What somebody else has switched on meanwhile was ordered.
            lit = [s for s in dark if orders[s] == device.last_set.get(s) and getattr(device, s)]
            if lit:
                make_one_safe(device)
    if lit:
        raise InstrumentError(
            f"{path} let {', '.join(lit)} go on, which no action may; it was switched off again",
            device=device.name,
        )


def answer_act(bench: Bench, message: Mapping[str, Any]) -> dict[str, Any]:
    """Answer the request to do what its `path` names."""
    act_on(bench, str(message.get("path")))
    return {}


def _do(bench: Bench, steps: Generator[float, None, Any] | None) -> None:
    for wait_s in steps or ():
        bench.clock.wait(wait_s)


def _switches(device: Device) -> list[str]:
    return [
        name
        for name, parameter in device.parameters.items()
        if isinstance(parameter, Setting) and parameter.is_emission
    ]
