from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.single_quantum_websq import protocol
from drivers.single_quantum_websq.messages import Message, parse_frame
from labctl.device import Request
from labctl.errors import InstrumentError, ProtocolError

READINGS: list[Request[Any]] = [
    protocol.GET_AUTO_BIAS_RUNNING,
    protocol.GET_BIAS_UA,
    protocol.GET_BIAS_VOLTAGE_MV,
    protocol.GET_DETECTORS_ENABLED,
    protocol.GET_DETECTOR_COUNT,
    protocol.GET_FOUND_BIAS_UA,
    protocol.GET_MEASUREMENT_PERIOD_MS,
    protocol.GET_TRIGGER_LEVEL_MV,
]
LISTS = b'{"request": "labelProps", "value": "None"}'
STATE: dict[str, Any] = {
    "NumberOfDetectors": 2,
    "BiasCurrent": [10.5, 11],
    "TriggerLevel": [23.0, 24.0],
    "DetectorEnable": True,
    "InptMeasurementPeriod": 20,
    "BiasVoltage": [0.5, 900.0],
    "StartAutoIV": False,
    "BiasCurrentAutoIV": [9.0, 9.5],
}


def listed(label: str, value: Any) -> bytes:
    return message(label, {"value": value, "bounds": [0, 100], "unit": "u"})


def message(label: str, value: Any) -> bytes:
    return json.dumps({"label": label, "value": value}).encode()


def listing(**changes: Any) -> list[bytes]:
    return [listed(label, value) for label, value in (STATE | changes).items()]


def decode(request: Request[Any], frames: list[bytes]) -> Any:
    return request.decode(b"\x17".join(frames))


# The bytes of the manufacturer's client (QCoDeS_contrib_drivers, commit edcb5ea).
@pytest.mark.parametrize(
    ("request_", "command"),
    [
        (protocol.GET_BIAS_UA, LISTS + LISTS),
        (protocol.GET_BIAS_VOLTAGE_MV, LISTS + LISTS + b'{"request": "BiasVoltage"}'),
        (protocol.GET_AUTO_BIAS_RUNNING, LISTS + LISTS + b'{"request": "StartAutoIV"}'),
        (
            protocol.set_bias_ua((1.0, 2.5)),
            b'{"command": "SetAllBiasCurrents", "label": "BiasCurrent", "value": [1.0, 2.5]}',
        ),
        (
            protocol.set_trigger_level_mv((5.0, 6.0)),
            b'{"command": "SetAllTriggerLevels", "label": "TriggerLevel", "value": [5.0, 6.0]}',
        ),
        (
            protocol.set_detectors_enabled(True),
            b'{"command": "DetectorEnable", "label": "DetectorEnable", "value": true}',
        ),
        (
            protocol.set_measurement_period_ms(20.0),
            b'{"command": "SetMeasurementPeriod", "label": "InptMeasurementPeriod", "value": 20}',
        ),
        (
            protocol.set_auto_bias_dark_counts((100.0,)),
            b'{"command": "DarkCountsAutoIV", "label": "DarkCountsAutoIV", "value": [100.0]}',
        ),
        (
            protocol.set_auto_bias_running(True),
            b'{"command": "AutoCaliBiasCurrents", "value": true}',
        ),
    ],
)
def test_requests_are_the_bytes_of_the_public_client(
    request_: Request[Any], command: bytes
) -> None:
    assert request_.command == command


@pytest.mark.parametrize(
    ("request_", "value"),
    [
        (protocol.GET_DETECTOR_COUNT, 2),
        (protocol.GET_BIAS_UA, (10.5, 11.0)),
        (protocol.GET_TRIGGER_LEVEL_MV, (23.0, 24.0)),
        (protocol.GET_DETECTORS_ENABLED, True),
        (protocol.GET_MEASUREMENT_PERIOD_MS, 20.0),
        (protocol.GET_FOUND_BIAS_UA, (9.0, 9.5)),
    ],
)
def test_a_setting_is_read_from_the_list_of_labels(request_: Request[Any], value: Any) -> None:
    assert decode(request_, listing() * 2) == value


def test_a_measured_value_is_the_one_told_after_the_lists() -> None:
    frames = [
        message("BiasVoltage", [1.0, 1.0]),
        *listing(),
        message("BiasVoltage", [2.0, 2.0]),
        *listing(),
        message("BiasCurrent", [0.0, 0.0]),
        message("BiasVoltage", [3.0, 3.0]),
    ]
    assert decode(protocol.GET_BIAS_VOLTAGE_MV, frames) == (3.0, 3.0)


def test_several_objects_may_share_a_message() -> None:
    frames = [b" \r\n".join(listing()) + b"".join(listing()), b"", b'{"alive": true}']
    assert decode(protocol.GET_DETECTOR_COUNT, frames) == 2


@given(
    tail=st.integers(0, len(STATE)),
    places=st.lists(st.tuples(st.integers(0, 25), st.sampled_from(sorted(STATE))), max_size=8),
)
def test_neither_unasked_messages_nor_an_old_list_are_taken_for_the_answer(
    tail: int, places: list[tuple[int, str]]
) -> None:
    old = listing(BiasCurrent=[77.0, 77.0])
    frames = old[len(old) - tail :] + listing() * 2
    for place, label in places:
        frames.insert(place, message(label, [55.0, 55.0]))
    assert decode(protocol.GET_BIAS_UA, frames) == (10.5, 11.0)


@pytest.mark.parametrize("request_", READINGS)
def test_a_reported_fault_is_an_instrument_error(request_: Request[Any]) -> None:
    frames = [*listing(), message("BiasError", "channel 2 is open"), *listing()]
    frames += [message("BiasVoltage", [0.5, 0.5]), message("StartAutoIV", False)]
    with pytest.raises(InstrumentError, match="BiasError: channel 2 is open"):
        decode(request_, frames)


def test_a_label_that_is_merely_listed_reports_no_fault() -> None:
    frames = [*listing(), listed("LastError", "none")] * 2
    assert decode(protocol.GET_DETECTOR_COUNT, frames) == 2


@pytest.mark.parametrize(
    ("request_", "label", "value"),
    [
        (protocol.GET_BIAS_UA, "BiasCurrent", 10.0),
        (protocol.GET_BIAS_UA, "BiasCurrent", []),
        (protocol.GET_BIAS_UA, "BiasCurrent", [True]),
        (protocol.GET_BIAS_UA, "BiasCurrent", ["10"]),
        (protocol.GET_BIAS_UA, "BiasCurrent", [1e999]),
        (protocol.GET_BIAS_UA, "BiasCurrent", [10**400]),
        (protocol.GET_DETECTORS_ENABLED, "DetectorEnable", 1),
        (protocol.GET_DETECTOR_COUNT, "NumberOfDetectors", 0),
        (protocol.GET_DETECTOR_COUNT, "NumberOfDetectors", 2.5),
        (protocol.GET_MEASUREMENT_PERIOD_MS, "InptMeasurementPeriod", None),
    ],
)
def test_a_value_of_the_wrong_kind_is_a_protocol_error(
    request_: Request[Any], label: str, value: Any
) -> None:
    with pytest.raises(ProtocolError):
        decode(request_, listing(**{label: value}) * 2)


def test_an_instrument_without_the_label_is_named_at_once() -> None:
    with pytest.raises(ProtocolError, match='"NumberOfDetectors" is missing; there are Tap'):
        decode(protocol.GET_DETECTOR_COUNT, [listed("Tap", 1)] * 2)


def test_an_answer_that_ends_early_is_a_protocol_error() -> None:
    with pytest.raises(ProtocolError, match="not complete"):
        decode(protocol.GET_BIAS_UA, listing())


@pytest.mark.parametrize(
    "frame",
    [
        b"hello",
        b"[1]",
        b'{"label": 5, "value": 1}',
        b'{"label": "x"}',
        b'{"label": "x", "value": NaN}',
        b'{"label": "x", "value": 1',
        b"\xff",
        b"[" * 100_000,
    ],
)
def test_a_message_that_is_none_is_a_protocol_error(frame: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode(protocol.GET_BIAS_UA, [frame, *listing(), *listing()])


def test_a_history_is_a_plain_value() -> None:
    history = {"T": [2.5, 2.6], "x": [0, 1]}
    assert parse_frame(message("memory", history)) == (Message("memory", history, is_listed=False),)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
LABELS = st.sampled_from([*STATE, "Error", "Tap"])
FRAMES = (
    st.binary(max_size=40)
    | st.builds(message, LABELS, JSON)
    | st.builds(listed, LABELS, JSON)
    | st.just(b"".join(listing()))
)


@given(reply=st.binary(max_size=200) | st.lists(FRAMES, max_size=12).map(b"\x17".join))
@pytest.mark.parametrize("request_", READINGS)
def test_any_bytes_are_a_value_or_a_protocol_error(request_: Request[Any], reply: bytes) -> None:
    with contextlib.suppress(ProtocolError, InstrumentError):
        request_.decode(reply)
