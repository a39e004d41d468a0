"""What a run does about a fault: bring the instruments back by policy, or give up.

Emission never comes back by itself: a light of the run that is dark afterwards waits for the
operator where there is one, and ends the run where there is none.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias, cast, get_args

from labctl.bus import Message
from labctl.device import Device, Laser, Setting
from labctl.errors import ConfigError, InterlockError, LabError, nearest
from labctl.lab import Bench, Lab, Restored, restore_stepwise
from labctl.lab.config import RunsConfig
from labctl.runs.light import light_up
from labctl.runs.orders import Orders
from labctl.runs.plan import Plan, Progress
from labctl.runs.waits import settle

__all__ = ["FaultPolicy", "Light", "Mender", "OnFault", "fault_policy", "lights_on"]

OnFault: TypeAlias = Literal["retry", "pause", "abort"]
#: Tells whether somebody is there who can resume a run.
Operator: TypeAlias = Callable[[], bool]
#: A device and its switch that lets light or bias out.
Light: TypeAlias = tuple[Device, str]

#: The first attempt comes soon, for a plug that was knocked; each later one after three times
#: the wait, for what must start up first.
_FIRST_WAIT_S, _GROWTH, _LONGEST_WAIT_S = 0.5, 3.0, 30.0


@dataclass(frozen=True, slots=True)
class FaultPolicy:
    """What is done about a fault.

    Attributes:
        attempts: how often a point may be tried to be saved with "retry".
        has_operator: whether somebody can resume a run that pauses by itself.
    """

    on_fault: OnFault
    attempts: int
    has_operator: Operator


def lights_on(bench: Bench) -> list[Light]:
    """Return every switch of light or bias that is on."""
    switches = [
        (device, name)
        for device in bench.devices.values()
        for name, parameter in device.parameters.items()
        if isinstance(parameter, Setting) and parameter.is_emission
    ]
    return [(device, name) for device, name in switches if _is_on(device, name)]


class Mender:
    """Mends the faults of one run; used by its thread.

    Attributes:
        lights: what must be lit while the run counts.
    """

    def __init__(self, lab: Lab, orders: Orders, policy: FaultPolicy) -> None:
        self.lights: list[Light] = []
        self._lab = lab
        self._bench = lab.bench
        self._bus = lab.bus
        self._orders = orders
        self._policy = policy
        self._attempts = 0

    def note_point(self) -> None:
        """Note that a point was taken: the next one has all its attempts."""
        self._attempts = 0

    def mend(self, fault: LabError) -> Plan[None]:
        """Bring back what does not answer; a plan of its own, that can be paused and aborted.

        Raises:
            LabError: the policy ends the run, or nothing helped.
        """
        if self._policy.on_fault == "pause":
            yield from self._pause(fault)
        while True:
            if self._policy.on_fault == "abort":
                raise fault
            if self._policy.on_fault == "retry":
                yield from self._wait_for_attempt(fault)
            try:
                yield from self._restore_all(fault)
                dark = self._dark()
            except LabError as error:
                fault = error
                if self._policy.on_fault == "pause":
                    yield from self._pause(fault)
                continue
            if dark:
                yield from self._light_again(dark)
            return

    def _pause(self, why: LabError, dark: tuple[str, ...] = ()) -> Plan[None]:
        """Hold the run until somebody resumes it; nobody there, nothing to wait for."""
        if not self._policy.has_operator():
            raise why
        self._orders.hold(f"paused: {why}", dark)
        # The engine looks at its orders before it goes on.
        yield Progress(0.0)

    def _wait_for_attempt(self, fault: LabError) -> Plan[None]:
        if self._attempts >= self._policy.attempts:
            raise fault
        wait_s = min(_FIRST_WAIT_S * _GROWTH**self._attempts, _LONGEST_WAIT_S)
        self._attempts += 1
        number = f"attempt {self._attempts} of {self._policy.attempts}"
        yield from self._wait(wait_s, f"{fault.message}; reconnecting, {number}")

    def _wait(self, duration_s: float, text: str) -> Plan[None]:
        for step in settle(self._bench, duration_s):
            yield replace(cast("Progress", step), text=text)

    def _restore_all(self, fault: LabError) -> Plan[None]:
        """Bring back all that does not answer: an error seldom says which instrument it was.

        Raises:
            LabError: nothing came back that had gone. One that the run does without may stay
                away: where it does not, the fault comes again.
        """
        failure: LabError | None = None
        has_come_back = False
        for name in self._bench.devices:
            pump = self._bench.pumps.get(name)
            if pump is not None and pump.is_running and fault.device != name:
                continue
            try:
                restored = yield from self._restore(name)
            except LabError as error:
                error.device = error.device or name
                failure = failure or error
            else:
                is_culprit = name == fault.device or pump is not None
                has_come_back = has_come_back or is_culprit or restored.was_reconnected
        if failure is not None and not has_come_back:
            raise failure

    def _restore(self, name: str) -> Plan[Restored]:
        steps = restore_stepwise(self._bench, name)
        with closing(steps):
            while True:
                try:
                    wait_s = next(steps)
                except StopIteration as done:
                    restored: Restored = done.value
                    break
                yield from self._wait(wait_s, f"{name} comes back")
        text = f"{restored}; its stream goes on" if name in self._bench.pumps else str(restored)
        if restored.was_reconnected or restored.set_again or name in self._bench.pumps:
            self._bus.publish(Message(source=name, text=text))
        yield Progress(0.0, f"{name} answers")
        return restored

    def _dark(self) -> list[Light]:
        return [(device, name) for device, name in self.lights if not getattr(device, name)]

    def _light_again(self, dark: list[Light]) -> Plan[None]:
        """Wait for the operator to arm what has gone dark, and light it.

        Raises:
            InterlockError: there is no operator.
        """
        why: LabError | None = None
        while dark:
            names = tuple(device.name for device, _ in dark)
            yield from self._pause(why or _went_dark(names), names)
            try:
                yield from self._switch_on(dark)
                why = None
            except LabError as refused:
                why = refused
            dark = self._dark()

    def _switch_on(self, dark: list[Light]) -> Plan[None]:
        lasers = [cast("Laser", device) for device, _ in dark if "laser" in device.kinds]
        for device, name in dark:
            if "laser" not in device.kinds:
                _enable_at_zero(device, name, self._orders)
        yield from light_up(self._bench, lasers, self.switch_on)

    def switch_on(self, laser: Laser) -> bool:
        """Switch a laser on in one step with the question whether the run was aborted.

        Raises:
            InterlockError: a rule keeps it off, or its own state does.
        """
        if self._lab.monitor is not None:
            self._lab.monitor.refuse_emission(laser.name)
        return self._orders.unless_aborted(lambda: setattr(laser, "emission", True))


def fault_policy(config: RunsConfig, on_fault: str | None, operator: Operator) -> FaultPolicy:
    """Return what a run does about faults: as configured, or as `on_fault` says.

    Raises:
        ConfigError: `on_fault` is no policy.
    """
    known = get_args(OnFault)
    if on_fault is not None and on_fault not in known:
        raise ConfigError(
            f'on_fault = "{on_fault}" is not one of {", ".join(known)}{nearest(on_fault, known)}'
        )
    chosen = cast("OnFault", on_fault or config.on_fault)
    return FaultPolicy(chosen, config.fault_attempts, operator)


def _is_on(device: Device, name: str) -> bool:
    try:
        return bool(getattr(device, name))
    except LabError:
        # Some models of a series lack the switch; what is away, this run did not light.
        return False


def _went_dark(names: tuple[str, ...]) -> InterlockError:
    return InterlockError(
        f"{', '.join(names)} went dark while the run was interrupted",
        device=names[0],
        hint="Emission stays off until the operator arms it: resume with arm, or begin a new run.",
    )


def _enable_at_zero(device: Device, name: str, orders: Orders) -> None:
    """Enable detectors without a jump of their bias: at zero, then ramped to where it was."""
    remembered: dict[str, Any] = dict(device.last_set)
    device.make_safe()
    if not orders.unless_aborted(lambda: setattr(device, name, True)):
        return
    for setting, value in remembered.items():
        if not cast("Setting[Any]", device.parameters[setting]).is_emission:
            setattr(device, setting, value)
