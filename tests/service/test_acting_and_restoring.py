"""Clients tell instruments what to do, and bring back what "all safe" lowered; never light."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from labctl.errors import ConfigError, InterlockError, LimitError
from labctl.service.client import LabClient
from tests.service.small_service import SmallService

WaitUntil = Callable[[Callable[[], object]], None]


def test_actions_are_described_and_done(client: LabClient, service: SmallService) -> None:
    described = client.parameters()
    assert described["pump"]["actions"] == {
        "clear_fault": "Clear a fault whose cause was removed; emission stays off."
    }
    assert described["pump_meter"]["actions"] == {}
    service.session.simulation.fault("pump", "trip", fault=1)
    assert client.get("pump.fault") == "temperature error"
    client.act("pump.clear_fault")
    assert client.get("pump.fault") == "none"
    assert client.get("pump.emission") is False
    with pytest.raises(ConfigError, match="it has: clear_fault"):
        client.act("pump.explode")


def test_who_does_not_hold_control_acts_on_nothing(client: LabClient, other: LabClient) -> None:
    client.take_control()
    client.make_safe()
    for ask in (lambda: other.act("pump.clear_fault"), other.restore):
        with pytest.raises(InterlockError, match=r"anna .* has held control"):
            ask()
    assert other.lowered(), "looking is free"


def test_what_all_safe_lowered_is_told_and_comes_back_in_one_step(client: LabClient) -> None:
    client.set("pump.emission", value=True, arm=True)
    client.make_safe()
    bias = {"path": "snspd.bias_ua", "value": [10.0] * 4, "unit": "µA"}
    assert client.lowered() == [bias]
    assert client.restore() == {"settings": [bias], "failures": {}}
    assert client.get("snspd.bias_ua") == pytest.approx([10.0] * 4)
    assert client.get("pump.emission") is False
    assert client.lowered() == []


def test_nothing_comes_back_while_a_run_is_under_way(
    client: LabClient, service: SmallService, wait_until: WaitUntil
) -> None:
    client.make_safe()
    run = client.start("counting", {"dwell_s": 1000.0}, arm=False)
    wait_until(lambda: client.run_status.fraction > 0)
    with pytest.raises(InterlockError, match="is under way"):
        client.restore()
    run.abort("enough")
    service.session.end_run("the test ends")
    assert client.restore()["failures"] == {}


def test_nonsense_is_refused(client: LabClient) -> None:
    with pytest.raises(LimitError):
        client.ask("do", path=5)
    with pytest.raises(LimitError):
        client.ask("restore", emission=True)
