from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labctl.errors import (
    ConfigError,
    InterlockError,
    LabError,
    LimitError,
    ReplyTimeoutError,
)
from labctl.service.client import LabClient
from labctl.service.control import UnknownClientError
from labctl.service.requests import REQUESTS
from labctl.transport.messages import MAX_MESSAGE_BYTES, request
from tests.service.small_service import SmallService

#: One service takes all of the examples: what one of them breaks, the next ones find.
FUZZ = settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
FIELDS = sorted({field for kind in REQUESTS.values() for field in kind.request.model_fields})
#: `stop`, `safe` and what starts runs do what they say; all others are harmless here.
HARMLESS = sorted(REQUESTS.keys() - {"start", "fault", "stop", "safe"})


def raw(service: SmallService, data: bytes) -> dict[str, Any]:
    reply: dict[str, Any] = json.loads(
        request(service.lab.endpoint, data, 5.0, password=service.lab.token)
    )
    return reply


def is_alive(service: SmallService) -> bool:
    return bool(service.lab.ask("status")["status"]["simulated"])


@FUZZ
@given(data=st.binary(max_size=300))
def test_any_bytes_are_answered_with_an_error(service: SmallService, data: bytes) -> None:
    assert raw(service, data)["ok"] is False


@FUZZ
@given(
    name=st.sampled_from(HARMLESS) | st.text(max_size=10),
    fields=st.dictionaries(
        st.sampled_from([*FIELDS, "client", "sender", "version"]), JSON_VALUES, max_size=4
    ),
)
def test_any_fields_are_answered(service: SmallService, name: str, fields: dict[str, Any]) -> None:
    message = {"version": 1, **fields, "token": service.lab.token, "request": name}

    reply = raw(service, json.dumps(message).encode())

    assert reply["ok"] is True or isinstance(reply["error"], str)
    assert "internal error" not in reply.get("error", "")


@FUZZ
@given(token=st.text(max_size=80) | st.integers() | st.none())
def test_any_wrong_token_is_refused(service: SmallService, token: Any) -> None:
    message = {"version": 1, "token": token, "request": "set", "path": "pump.power_mw", "value": 1}

    reply = raw(service, json.dumps(message).encode())

    assert reply["error"] == "the request does not carry this laboratory's token"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"request": "explode"}, "unknown request 'explode'; known are: abort, acknowledge, "),
        ({"request": "get"}, r'request "get" is refused: path: Field required'),
        ({"request": "get", "path": 7}, "path: Input should be a valid string"),
        ({"request": "get", "path": "x" * 201}, "path: String should have at most 200"),
        ({"request": "get", "path": "a.b", "extra": 1}, "extra: Extra inputs are not permitted"),
        ({"request": "set", "path": "a.b", "value": [0.0] * 1025}, "at most 1024 items"),
        ({"request": "queue_move", "id": "1", "to": -1}, "greater than or equal to 0"),
        ({"request": "queue_policy", "on_failure": "pray"}, "'stop' or 'continue'"),
        ({"request": "get", "path": "a.b", "sender": "x" * 201}, "at most 200 characters"),
        ({"request": "get", "path": "a.b", "sender": ["x"]}, "at most 200 characters"),
        ({"version": 2}, "version 2, this laboratory speaks 1"),
        ({"request": "queue"}, 'this service has no answer to "queue"'),
    ],
)
def test_a_wrong_request_is_answered_with_what_is_wrong(
    service: SmallService, fields: dict[str, Any], said: str
) -> None:
    message = {"version": 1, "token": service.lab.token, "request": "status", **fields}

    reply = raw(service, json.dumps(message).encode())

    with pytest.raises(AssertionError, match=said):
        raise AssertionError(reply["error"])
    assert is_alive(service)


@pytest.mark.parametrize(
    "value", ["NaN", "1e999", "9" * 400, '"\\ud800"', "[" * 900 + "]" * 900, "[" * 100_000]
)
def test_values_that_no_instrument_should_see_are_refused(
    service: SmallService, value: str
) -> None:
    head = json.dumps({"version": 1, "token": service.lab.token, "request": "set"})[:-1]

    reply = raw(service, f'{head}, "path": "pump.power_mw", "value": {value}}}'.encode())

    assert reply["error"].startswith("the message ")
    assert service.session.get("pump.power_mw") == 5.0


def test_the_largest_message_is_answered_and_a_larger_one_is_not(service: SmallService) -> None:
    token = service.lab.token
    message = {"version": 1, "token": token, "request": "note", "text": ""}
    room = MAX_MESSAGE_BYTES - len(json.dumps(message))
    message["text"] = "x" * room

    assert "at most 4000 characters" in raw(service, json.dumps(message).encode())["error"]

    with pytest.raises(OSError, match="larger than 1048576"):
        raw(service, json.dumps(message | {"text": "x" * (room + 1)}).encode())


def test_a_stranger_without_the_password_gets_no_answer(service: SmallService) -> None:
    with pytest.raises(ReplyTimeoutError):
        request(service.lab.endpoint, b"{}", 0.2)
    assert is_alive(service)


def test_every_request_is_answered_or_refused_by_name(service: SmallService) -> None:
    for name in REQUESTS:
        message = {"version": 1, "token": service.lab.token, "request": name, "unknown": 1}
        reply = raw(service, json.dumps(message).encode())
        assert f'request "{name}" is refused' in reply["error"]


def test_what_only_the_operator_may_do_is_refused_to_everybody_else(
    service: SmallService, client: LabClient, other: LabClient
) -> None:
    client.take_control()
    for name, kind in REQUESTS.items():
        if kind.right == "operator" and not kind.request.model_fields:
            with pytest.raises(InterlockError, match=r"anna .* has held control since"):
                other.ask(name)
            with pytest.raises(InterlockError, match="anna"):
                service.lab.ask(name)
    with pytest.raises(InterlockError, match="anna"):
        other.set("pump.power_mw", 1.0)
    with pytest.raises(InterlockError, match="anna"):
        service.lab.ask("set", path="pump.power_mw", value=1.0)

    assert client.set("pump.power_mw", 4.0) == 4.0
    assert other.get("pump.power_mw") == 4.0


def test_safe_and_abort_are_for_everyone(
    service: SmallService, client: LabClient, other: LabClient
) -> None:
    client.take_control()
    client.set("pump.emission", value=True, arm=True)

    assert other.make_safe().is_safe
    assert service.session.emitting() == {"pump": False}
    client.set("pump.emission", value=True, arm=True)
    assert service.lab.ask("safe")["failures"] == {}
    assert service.session.emitting() == {"pump": False}
    other.abort("because")
    service.lab.ask("abort")


def test_a_one_shot_command_changes_things_while_control_is_free(service: SmallService) -> None:
    assert service.lab.ask("set", path="pump.power_mw", value="3.5")["value"] == 3.5

    with pytest.raises(LimitError, match="say hello first"):
        service.lab.ask("take_control")


def test_emission_is_armed_by_true_and_nothing_else(service: SmallService) -> None:
    for arm in (False, None, "yes please", 2):
        with pytest.raises((InterlockError, LimitError)):
            service.lab.ask("set", path="pump.emission", value=True, arm=arm)
    assert service.session.emitting() == {"pump": False}


def test_a_client_that_the_service_does_not_know_is_told_so(service: SmallService) -> None:
    for client in ("nobody", "", 7, ["x"]):
        with pytest.raises(UnknownClientError, match="say hello again"):
            service.lab.ask("status", client=client)


def test_a_handler_that_answers_wrongly_is_found_out(service: SmallService) -> None:
    service.desk.serve("queue", lambda *_: {"que": {}})

    with pytest.raises(LimitError, match='the reply to "queue" is refused: queue: Field required'):
        service.lab.ask("queue")


def test_only_known_requests_can_be_served(service: SmallService) -> None:
    with pytest.raises(LimitError, match="unknown request 'explode'"):
        service.desk.serve("explode", lambda *_: {})


def test_a_client_with_many_requests_under_way_is_refused_more_but_not_safe(
    service: SmallService, client: LabClient
) -> None:
    released, entered = threading.Event(), threading.Semaphore(0)

    def hang(*_: object) -> dict[str, Any]:
        entered.release()
        released.wait(30.0)
        return {"queue": {}}

    service.desk.serve("queue", hang)
    threads = [threading.Thread(target=client.ask, args=("queue",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert entered.acquire(timeout=10.0)

    with pytest.raises(LimitError, match=r"anna .* has 8 requests under way"):
        client.get("pump.power_mw")
    assert client.make_safe().is_safe
    assert service.lab.ask("get", path="pump.power_mw")["unit"] == "mW"

    released.set()
    for thread in threads:
        thread.join()
    assert client.get("pump.power_mw") == 5.0


def test_errors_are_the_same_on_the_other_side(client: LabClient) -> None:
    cases: list[tuple[type[LabError], str, Any]] = [
        (ConfigError, 'did you mean "pump"', lambda: client.get("pumpe.power_mw")),
        (LimitError, "outside 0 to 20 mW", lambda: client.set("pump.power_mw", 21)),
        (InterlockError, "must be armed", lambda: client.set("pump.emission", value=True)),
        (ConfigError, "experiment", lambda: client.start("dancing")),
        (ConfigError, "no run number 99", lambda: client.ask("outcome", number=99)),
    ]
    for error, said, act in cases:
        with pytest.raises(error, match=said):
            act()
