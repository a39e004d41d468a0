"""What every driver must keep, whatever its kind."""

# Asserts are how a contract speaks, and the names of its tests are sentences.
# ruff: noqa: S101, D102

from __future__ import annotations

from enum import Enum
from typing import Any, ClassVar

import pytest

from labctl.bus import ParameterChanged
from labctl.device import Device, Reading, Setting, load_driver
from labctl.errors import InterlockError, LabError, LimitError, LinkError
from labctl.lab import Lab
from labctl.testing.contracts.bench import NAME
from labctl.testing.contracts.opening import OneInstrument
from labctl.testing.contracts.wires import Sent, StrangerWire
from labctl.transport import Link, WireOptions

__all__ = ["NAME", "DeviceContract"]


class DeviceContract(OneInstrument):
    """Every driver: identity, parameters, limits, safety, reconnection."""

    #: False where the instrument's state may forbid a value, or it takes time to follow.
    is_strict: ClassVar[bool] = False

    def test_it_says_what_it_is(self, lab: Lab, device: Device) -> None:
        identity = device.identify()
        assert identity.manufacturer
        assert identity.model
        # Some instruments have no command that tells their serial number.
        assert identity.serial or not self.is_strict
        assert lab.identities[NAME] == identity

    def test_every_parameter_can_be_read_and_has_its_declared_type(self, device: Device) -> None:
        for name, parameter in device.parameters.items():
            value = getattr(device, name)
            assert _has_declared_type(parameter, value), f"{name} = {value!r}"

    def test_a_snapshot_holds_every_parameter(self, device: Device) -> None:
        snapshot = device.snapshot()
        assert list(snapshot) == list(device.parameters)
        missing = [name for name, value in snapshot.items() if value is None]
        assert missing == [] or not self.is_strict

    def test_numbers_outside_the_narrowed_limits_are_refused_before_any_byte(
        self, device: Device, sent: Sent
    ) -> None:
        for name, setting in _numeric_settings(device):
            low, high = device.limits[name]
            span = high - low
            present = getattr(device, name)
            sent.clear()
            for wrong in (low - 0.001 * span, high + 0.001 * span, float("nan"), True, None, "1"):
                with pytest.raises(LimitError, match=f"{NAME}.{name}"):
                    setattr(device, name, _one_wrong(setting, present, wrong))
                assert sent == []

    def test_numbers_at_the_narrowed_limits_are_accepted(self, device: Device) -> None:
        for name, setting in _numeric_settings(device):
            low, high = device.limits[name]
            present = getattr(device, name)
            for value in (low, high):
                wanted = tuple(value for _ in present) if setting.is_array else value
                try:
                    setattr(device, name, wanted)
                except InterlockError:
                    assert not self.is_strict
                    continue
                if self.is_strict:
                    assert getattr(device, name) == pytest.approx(wanted, abs=0.01 * (high - low))

    def test_choices_are_accepted_and_anything_else_refused_before_any_byte(
        self, device: Device, sent: Sent
    ) -> None:
        for name, setting in device.parameters.items():
            if not isinstance(setting, Setting) or setting.choices is None or setting.is_emission:
                continue
            sent.clear()
            with pytest.raises(LimitError, match=f"{NAME}.{name}"):
                setattr(device, name, "no such choice")
            assert sent == []
            if self.is_strict:
                for choice in setting.choices:
                    setattr(device, name, choice)
                    assert getattr(device, name) == choice

    def test_a_changed_setting_is_announced_with_its_unit(self, lab: Lab, device: Device) -> None:
        with lab.bus.subscribe() as events:
            for name, setting in _numeric_settings(device):
                try:
                    setattr(device, name, getattr(device, name))
                except LabError:
                    continue
                changes = [e for e in events.drain() if isinstance(e, ParameterChanged)]
                assert (changes[-1].setting, changes[-1].unit) == (name, setting.unit)

    def test_making_it_safe_is_confirmed_and_can_be_repeated(
        self, lab: Lab, device: Device
    ) -> None:
        for _ in range(2):
            device.make_safe()
            report = lab.make_safe()
            assert report.is_safe
            assert report.confirmed == (NAME,)

    def test_no_action_lets_light_or_bias_out(self, lab: Lab, device: Device) -> None:
        switches = [
            name
            for name, parameter in device.parameters.items()
            if isinstance(parameter, Setting) and parameter.is_emission
        ]
        for switch in switches:
            setattr(device, switch, False)
        for name, told in device.actions.items():
            assert told
            # The driver's own method: what a laboratory would switch off again must not be needed.
            for wait_s in getattr(device, name)() or ():
                lab.clock.wait(wait_s)
            lab.clock.wait(1.0)
            assert [switch for switch in switches if getattr(device, switch)] == [], name

    def test_a_pulled_cable_is_a_lost_link_and_a_reconnect_mends_it(
        self, device: Device, instrument: Any
    ) -> None:
        before = device.identify()
        ports = [instrument.port, *instrument.companion_ports.values()]
        links = [device.link, *device.companions.values()]
        for port in ports:
            port.unplug()
        with pytest.raises(LinkError):
            device.identify()
        for link in links:
            with pytest.raises(LinkError):
                link.reconnect()
        for port in ports:
            port.plug()
        for link in links:
            link.reconnect()
        assert device.identify() == before

    @pytest.mark.parametrize("reply", [b"", b"banana", b"\xff\x00\x10", b'{"label": 1}'])
    def test_another_instrument_is_not_taken_for_this_one(self, driver: str, reply: bytes) -> None:
        loaded = load_driver(driver)
        link = _stranger(reply, loaded.wire)
        companions = {name: _stranger(reply, loaded.wire) for name in loaded.companion_wires}
        stranger = loaded(link, name=NAME, companions=companions)
        with pytest.raises(LabError):
            stranger.identify()

    def test_closing_releases_it(self, lab: Lab, device: Device) -> None:
        lab.close()
        with pytest.raises(LinkError, match="closed"):
            device.identify()


def _stranger(reply: bytes, wire: WireOptions) -> Link:
    """Return a link to an instrument that always gives this reply."""
    answer = reply + wire.read_termination if reply else b""
    options = WireOptions(
        write_termination=wire.write_termination,
        read_termination=wire.read_termination,
        timeout_s=0.02,
    )
    return Link(StrangerWire(answer), options)


def _has_declared_type(parameter: Setting[Any] | Reading[Any], value: object) -> bool:
    """Return whether a unit or limits made a number (or one a channel), choices one of them."""
    if choices := getattr(parameter, "choices", None):
        return value in choices
    if isinstance(value, tuple):
        return all(isinstance(item, (int, float)) for item in value)
    if parameter.unit or getattr(parameter, "limits", None):
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, (bool, int, float, str, Enum))


def _numeric_settings(device: Device) -> list[tuple[str, Setting[Any]]]:
    return [
        (name, parameter)
        for name, parameter in device.parameters.items()
        if isinstance(parameter, Setting) and parameter.limits is not None
    ]


def _one_wrong(setting: Setting[Any], present: Any, wrong: object) -> object:
    """Return the wrong value, or for a list the present one with its last number wrong."""
    return (*present[:-1], wrong) if setting.is_array else wrong
