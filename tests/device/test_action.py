from __future__ import annotations

import pytest

from labctl.device import Device, action, load_driver


class Mill(Device):
    @action
    def grind(self) -> None:
        """Grind once.

        More is told to whoever reads the code.
        """


class BigMill(Mill):
    @action
    def rest(self) -> None:
        """Rest."""

    def grind(self) -> None:
        """Grind as the small one does."""


def test_actions_are_known_with_their_first_line_and_inherited() -> None:
    assert Mill.actions == {"grind": "Grind once."}
    assert BigMill.actions == {"grind": "Grind once.", "rest": "Rest."}
    assert Device.actions == {}


def test_what_takes_parameters_or_says_nothing_of_itself_is_no_action() -> None:
    def mute(self: Device) -> None:
        del self

    def choosy(self: Device, which: int) -> None:
        """Ask back."""

    for wrong in (mute, choosy):
        with pytest.raises(TypeError, match="is no action"):
            action(wrong)


@pytest.mark.parametrize(
    ("driver", "actions"),
    [
        ("cobolt_06", ["clear_fault"]),
        ("thorlabs_k10cr1", ["home", "stop"]),
        ("single_quantum_websq", ["rearm_latched"]),
        ("thorlabs_pm100d", []),
    ],
)
def test_drivers_offer_what_operators_need(driver: str, actions: list[str]) -> None:
    assert list(load_driver(driver).actions) == actions
