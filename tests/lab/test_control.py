from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from labctl.errors import (
    ConfigError,
    InterlockError,
    LabError,
    LimitError,
    LinkError,
    ReplyTimeoutError,
)
from labctl.lab import Lab, OpenLabClient, find_open_labs
from labctl.lab.control import ControlEndpoint
from labctl.transport.messages import request


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(simulated=True, speed=0) as opened:
        yield opened


@pytest.fixture
def client(lab: Lab) -> OpenLabClient:
    (found,) = find_open_labs(lab.loaded.path, simulated=True)
    return found


def answer(client: OpenLabClient, data: bytes) -> dict[str, Any]:
    reply: dict[str, Any] = json.loads(request(client.endpoint, data, 5.0, password=client.token))
    return reply


def message(client: OpenLabClient, **changes: Any) -> bytes:
    fields = {"version": 1, "token": client.token, "request": "status"}
    return json.dumps({k: v for k, v in (fields | changes).items() if v is not None}).encode()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"token": "0" * 64}, "does not carry this laboratory's token"),
        ({"token": None}, "does not carry this laboratory's token"),
        ({"token": 7}, "does not carry this laboratory's token"),
        ({"token": "ü"}, "does not carry this laboratory's token"),
        ({"version": 2}, "the request has version 2, this laboratory speaks 1"),
        ({"version": None}, "the request has version None"),
        ({"request": "explode"}, "unknown request 'explode'; known are: do, fault, faults, get, "),
        ({"request": None}, "unknown request None"),
        ({"request": ["status"]}, "unknown request ['status']"),
    ],
)
def test_a_wrong_request_is_answered_with_an_error_and_the_endpoint_lives(
    changes: dict[str, Any], said: str, client: OpenLabClient
) -> None:
    reply = answer(client, message(client, **changes))

    assert reply["ok"] is False
    assert said in reply["error"]
    assert client.ask("status")["status"]["simulated"] is True


@pytest.mark.parametrize(
    "data", [b"", b"\x00\xff", b"[1, 2]", b"3", b"{", b"[" * 100_000, "é".encode("latin-1")]
)
def test_garbage_is_answered_with_an_error_and_the_endpoint_lives(
    data: bytes, client: OpenLabClient
) -> None:
    reply = answer(client, data)

    assert reply["ok"] is False
    assert "JSON" in reply["error"]
    assert client.ask("status")["status"]["simulated"] is True


def test_a_wrong_token_changes_nothing(lab: Lab, client: OpenLabClient) -> None:
    lab.set("pump.emission", value=True, arm=True)

    answer(client, message(client, request="safe", token="f" * 64))

    assert lab.emitting() == {"pump": True}


def test_settings_are_read_and_set_from_outside(lab: Lab, client: OpenLabClient) -> None:
    assert client.ask("set", path="pump.power_mw", value="3.5") == {
        "value": 3.5,
        "unit": "mW",
        "version": 1,
    }
    assert lab.get("pump.power_mw") == 3.5
    assert client.ask("get", path="tagger.clock_source")["value"] == "automatic"


@pytest.mark.parametrize(
    ("name", "fields", "error", "said"),
    [
        ("get", {"path": "pumpe.power_mw"}, ConfigError, 'did you mean "pump"'),
        ("get", {"path": "pump.powr_mw"}, ConfigError, 'did you mean "power_mw"'),
        ("get", {}, ConfigError, "is not INSTRUMENT.SETTING"),
        ("set", {"path": "pump.power_mw", "value": 21}, LimitError, "outside 0 to 20 mW"),
        ("set", {"path": "pump.power_mw", "value": [1]}, LimitError, "is not a number"),
        ("set", {"path": "pump.emission", "value": True}, InterlockError, "must be armed"),
        ("set", {"path": "pump.emission", "value": "on", "arm": "yes"}, InterlockError, "armed"),
    ],
)
def test_what_the_laboratory_refuses_is_the_same_error_on_the_other_side(
    name: str, fields: dict[str, Any], error: type[LabError], said: str, client: OpenLabClient
) -> None:
    with pytest.raises(error, match=said):
        client.ask(name, **fields)


def test_safe_from_outside_switches_the_light_off(lab: Lab, client: OpenLabClient) -> None:
    lab.set("pump.emission", value=True, arm=True)

    reply = client.ask("safe")

    assert reply["confirmed"] == list(lab.devices)
    assert reply["failures"] == {}
    assert lab.emitting() == {"pump": False}


def test_safe_says_what_it_could_not_confirm(lab: Lab, client: OpenLabClient) -> None:
    lab.simulation.instruments["pump"].port.unplug()

    reply = client.ask("safe")
    lab.simulation.instruments["pump"].port.plug()

    assert reply["confirmed"] == [name for name in lab.devices if name != "pump"]
    assert "the link was lost" in reply["failures"]["pump"]


def test_a_handler_with_a_mistake_in_it_is_answered_as_an_error(
    lab: Lab, client: OpenLabClient
) -> None:
    def fail(_: dict[str, Any]) -> dict[str, Any]:
        raise ZeroDivisionError("in the handler")

    lab.serve("fail", fail)

    with pytest.raises(LabError, match=r"internal error: ZeroDivisionError\('in the handler'\)"):
        client.ask("fail")
    assert client.ask("status")


def test_a_slow_answer_does_not_keep_safe_waiting(lab: Lab, client: OpenLabClient) -> None:
    is_released = threading.Event()

    def dawdle(_: dict[str, Any]) -> dict[str, Any]:
        return {"released": is_released.wait(10)}

    lab.serve("dawdle", dawdle)
    replies: list[dict[str, Any]] = []
    slow = threading.Thread(target=lambda: replies.append(client.ask("dawdle", timeout_s=10)))
    slow.start()

    assert client.ask("safe", timeout_s=3.0)["failures"] == {}

    is_released.set()
    slow.join()
    assert replies[0]["released"] is True


def test_a_laboratory_is_found_by_its_configuration_and_kind(lab: Lab, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text(lab.loaded.text)
    with Lab(other, simulated=True, speed=0):
        assert len(find_open_labs()) == 2
        assert [client.config for client in find_open_labs(other)] == [other]
        assert find_open_labs(other, simulated=False) == []


def test_what_is_announced_is_found_and_the_token_is_not_shown(lab: Lab) -> None:
    (before,) = find_open_labs()
    lab.control.announce(service="tcp://127.0.0.1:1234")

    (after,) = find_open_labs()

    assert (before.is_service, after.is_service) == (False, True)
    assert after.service == "tcp://127.0.0.1:1234"
    assert after.ask("status")["status"]["simulated"] is True
    assert after.token not in repr(after)
    assert lab.control.is_token(after.token)
    assert not lab.control.is_token(after.token[:-1])


def test_a_stranger_without_the_token_gets_no_answer(client: OpenLabClient) -> None:
    for password in ("", client.token[:-1]):
        with pytest.raises(ReplyTimeoutError):
            request(client.endpoint, message(client), 0.1, password=password)


def test_a_closed_laboratory_is_not_found_and_does_not_answer() -> None:
    with Lab(simulated=True, speed=0):
        (client,) = find_open_labs()

    assert find_open_labs() == []
    with pytest.raises(ReplyTimeoutError, match=r"held open by process .* does not answer"):
        client.ask("status", timeout_s=0.2)


def test_an_endpoint_on_another_machine_is_refused(client: OpenLabClient) -> None:
    with pytest.raises(LinkError, match="this machine only"):
        request("tcp://192.0.2.1:5555", message(client), 1.0)


def test_closing_an_endpoint_twice_is_allowed(tmp_path: Path) -> None:
    endpoint = ControlEndpoint(tmp_path, simulated=True)

    endpoint.close()
    endpoint.close()
