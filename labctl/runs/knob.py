"""A setting that a plan turns and brings back: moves are waited for, powers settle."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, cast

from labctl.device import Laser, Rotator
from labctl.errors import InstrumentError, LabError
from labctl.lab import Bench
from labctl.runs.moves import turn
from labctl.runs.plan import Plan, Progress
from labctl.runs.scan_axes import AxisValue, setting_of, typed
from labctl.runs.status import reason_of
from labctl.units import format_quantity

__all__ = ["Knob", "brought_back"]

#: A laser's output has settled when it is so close to its set-point ...
_SETTLED_RELATIVE = 0.02
#: ... or, near zero, so close: a thousandth of what any laser of ours is run at.
_SETTLED_MW = 0.001
_SETTLING_TIMEOUT_S = 120.0
_POLL_S = 0.05
#: What a run that was stopped switches down anyway; it must not be brought up before.
_MADE_SAFE = {
    ("detector", "bias_ua"),
    ("detector", "bias_v"),
    ("attenuator", "attenuation_db"),
}


class Knob:
    """One setting of one instrument; owned by the plan that turns it."""

    def __init__(self, bench: Bench, path: str) -> None:
        self.path = path
        self._bench = bench
        self._device, self._setting = setting_of(bench, path)
        self._is_known = False
        self._before: Any = None
        self._turned_to: Any = None

    def begin(self) -> Plan[None]:
        """Note the value to come back to; a mount that does not know its zero finds it first."""
        if self._is_angle and not self._mount.is_homed:
            yield from turn(self._bench, [(self._mount, 0.0)])
        self._before = self._turned_to = self._read()
        self._is_known = True

    def turn(self, value: AxisValue) -> Plan[None]:
        """Set the value and wait until the instrument is there.

        For a setting of several channels `value` is that of every channel.

        Raises:
            LabError: the value is refused, or the instrument does not follow.
        """
        wanted = typed(self._setting, value, name=self._device.name)
        if self._setting.is_array:
            wanted *= len(self._before)
        yield from self._bring(wanted)

    def back(self) -> Plan[None]:
        """Bring back the value that was there at the beginning, and wait for it."""
        yield from self._bring(self._before)
        self._is_known = False

    def restore(self) -> None:
        """Bring back the value at once, where a plan must not yield any more; twice is once.

        A value that somebody else has set since, such as `safe`, is left alone, and so is what
        the end of a stopped run makes safe: the bias of a detector, an attenuation.

        Raises:
            LabError: the instrument does not take it.
        """
        if not self._is_known or self._is_made_safe:
            return
        self._is_known = False
        with self._answering():
            if self._is_angle or getattr(self._device, self._setting.name) == self._turned_to:
                setattr(self._device, self._setting.name, self._before)

    def failed_text(self, error: LabError) -> str:
        """Return what an operator must know when `restore` failed."""
        value = format_quantity(self._before, self._setting.unit)
        return f"{self.path} could not be set back to {value} ({error})"

    def _bring(self, wanted: Any) -> Plan[None]:
        if self._is_angle:
            self._turned_to = wanted
            yield from turn(self._bench, [(self._mount, float(wanted))])
            return
        with self._answering():
            setattr(self._device, self._setting.name, wanted)
            self._turned_to = getattr(self._device, self._setting.name)
        if "laser" in self._device.kinds and self._setting.name == "power_mw":
            yield from self._settle(cast("Laser", self._device))

    def _settle(self, laser: Laser) -> Plan[None]:
        """Wait until a laser that emits gives its new power."""
        since_s = self._bench.clock.now_s()
        allowed_mw = max(_SETTLED_MW, _SETTLED_RELATIVE * laser.power_mw)
        while laser.emission and abs(laser.output_mw - laser.power_mw) > allowed_mw:
            if self._bench.clock.now_s() - since_s > _SETTLING_TIMEOUT_S:
                raise InstrumentError(
                    f"{laser.name} gives {laser.output_mw:.3g} mW instead of "
                    f"{laser.power_mw:.3g} mW, {_SETTLING_TIMEOUT_S:g} s after it was set",
                    device=laser.name,
                )
            self._bench.clock.wait(_POLL_S)
            yield Progress(0.0, f"{laser.name} settles: {laser.output_mw:.2f} mW")

    def _read(self) -> Any:
        with self._answering():
            return getattr(self._device, self._setting.name)

    def _answering(self) -> Any:
        """Hold the tag stream of a tagger, which answers no command meanwhile."""
        pump = self._bench.pumps.get(self._device.name)
        return pump.suspended() if pump is not None and pump.is_running else nullcontext()

    @property
    def _is_made_safe(self) -> bool:
        return any((kind, self._setting.name) in _MADE_SAFE for kind in self._device.kinds)

    @property
    def _is_angle(self) -> bool:
        return "rotator" in self._device.kinds and self._setting.name == "angle_deg"

    @property
    def _mount(self) -> Rotator:
        return cast("Rotator", self._device)


@contextmanager
def brought_back(knobs: Iterable[Knob]) -> Iterator[None]:
    """Restore every knob, the last first, however the body ends.

    Raises:
        InstrumentError: a setting could not be restored; it says so together with what ended
            the body.
    """
    turned = list(knobs)
    try:
        yield
    except BaseException as error:
        if failures := _restore(turned):
            said = "" if isinstance(error, GeneratorExit) else f"{reason_of(error)}; moreover "
            raise InstrumentError(f"{said}{'; '.join(failures)}") from error
        raise
    if failures := _restore(turned):
        raise InstrumentError("; ".join(failures))


def _restore(knobs: list[Knob]) -> list[str]:
    """Restore every knob and return what could not be."""
    failures = []
    for knob in reversed(knobs):
        try:
            knob.restore()
        except LabError as error:
            failures.append(knob.failed_text(error))
    return failures
