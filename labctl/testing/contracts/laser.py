"""What every laser must keep, beside what every device must."""

# Asserts are how a contract speaks, and the names of its tests are sentences.
# ruff: noqa: S101, D102

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, cast

import pytest

from labctl.bus import ParameterChanged
from labctl.device import Device, Laser
from labctl.errors import InterlockError, LabError
from labctl.lab import Lab
from labctl.testing.contracts.device import NAME, DeviceContract
from labctl.testing.contracts.wires import Sent

__all__ = ["LaserContract"]


class LaserContract(DeviceContract):
    """Light never comes by itself, goes at once, and stays gone."""

    is_strict: ClassVar[bool] = True
    #: What forbids light: attribute of the simulated instrument, and its value then and else.
    forbidding: ClassVar[tuple[tuple[str, Any, Any], ...]] = (
        ("interlock_is_open", True, False),
        ("key_is_on", False, True),
    )

    @pytest.fixture
    def laser(self, device: Device) -> Laser:
        """Return the instrument as a laser."""
        return cast("Laser", device)

    def forbidding_states(self, instrument: Any) -> list[tuple[str, Any, Any]]:
        """Return those of `forbidding` that the simulated instrument has."""
        states = [state for state in self.forbidding if hasattr(instrument, state[0])]
        assert states, "the simulator offers nothing that forbids light; name it in `forbidding`"
        return states

    def test_it_is_found_among_the_lasers_of_the_bench(self, lab: Lab) -> None:
        assert [laser.name for laser in lab.bench.lasers] == [NAME]

    def test_it_is_dark_when_the_laboratory_opens(self, lab: Lab, laser: Laser) -> None:
        assert not laser.emission
        assert lab.emitting() == {NAME: False}

    def test_setting_the_power_does_not_switch_it_on(self, lab: Lab, laser: Laser) -> None:
        for power_mw in lab.devices[NAME].limits["power_mw"]:
            laser.power_mw = power_mw
            lab.clock.wait(0.2)
            assert not laser.emission
            assert laser.output_mw == pytest.approx(0.0, abs=1e-3)

    def test_switched_on_it_approaches_its_set_power(self, lab: Lab, laser: Laser) -> None:
        _, high = lab.devices[NAME].limits["power_mw"]
        laser.power_mw = high
        laser.emission = True
        lab.clock.wait(2.0)
        assert laser.emission
        # Power-stabilized lasers hold a percent or better.
        assert laser.output_mw == pytest.approx(high, rel=0.01)
        laser.emission = False
        assert not laser.emission
        assert laser.output_mw == pytest.approx(0.0, abs=1e-3)

    def test_switching_it_on_needs_arming(self, lab: Lab, laser: Laser, sent: Sent) -> None:
        for value in (True, "on", "true", 1):
            with pytest.raises(InterlockError, match="must be armed"):
                lab.set(f"{NAME}.emission", value)
        assert sent == []
        assert lab.set(f"{NAME}.emission", "on", arm=True) is True
        assert lab.set(f"{NAME}.emission", "off") is False
        assert not laser.emission

    def test_light_is_refused_with_the_reason_where_something_forbids_it(
        self, laser: Laser, instrument: Any
    ) -> None:
        for attribute, forbidden, _ in self.forbidding_states(instrument):
            setattr(instrument, attribute, forbidden)
            with pytest.raises(InterlockError, match=f"{NAME}.* is refused: .*"):
                laser.emission = True
            assert not laser.emission

    def test_what_forbids_light_ends_it_and_its_end_does_not_restore_it(
        self, lab: Lab, laser: Laser, instrument: Any
    ) -> None:
        attribute, forbidden, allowed = self.forbidding_states(instrument)[0]
        laser.emission = True
        setattr(instrument, attribute, forbidden)
        assert not laser.emission
        setattr(instrument, attribute, allowed)
        lab.clock.wait(0.5)
        assert not laser.emission

    def test_making_it_safe_switches_the_light_off(self, lab: Lab, laser: Laser) -> None:
        with lab.bus.subscribe() as events:
            laser.emission = True
            assert lab.make_safe().is_safe
            assert not laser.emission
            changes = [e for e in events.drain() if isinstance(e, ParameterChanged)]
        assert (changes[-1].setting, changes[-1].value) == ("emission", False)

    def test_what_cannot_be_confirmed_dark_is_not_reported_safe(
        self, lab: Lab, laser: Laser, instrument: Any
    ) -> None:
        laser.emission = True
        with _unplugged(instrument):
            report = lab.make_safe()
            assert not report.is_safe
            assert list(report.failures) == [NAME]
        lab.devices[NAME].link.reconnect()
        assert lab.make_safe().is_safe

    def test_a_reconnect_does_not_switch_it_on(
        self, lab: Lab, laser: Laser, instrument: Any
    ) -> None:
        with _unplugged(instrument), pytest.raises(LabError):
            laser.emission = True
        lab.devices[NAME].link.reconnect()
        lab.clock.wait(0.2)
        assert not laser.emission

    @pytest.mark.parametrize(
        "leave", [lambda lab: lab.close(), lambda lab: lab.__exit__(RuntimeError, None, None)]
    )
    def test_light_that_was_switched_on_ends_with_the_laboratory(
        self, lab: Lab, laser: Laser, leave: Callable[[Lab], None]
    ) -> None:
        laser.emission = True
        pump = lab.simulation.world.pump
        assert pump.emitting
        leave(lab)
        assert not pump.emitting


@contextmanager
def _unplugged(instrument: Any) -> Iterator[None]:
    """Pull the cable for a while."""
    instrument.port.unplug()
    yield
    instrument.port.plug()
