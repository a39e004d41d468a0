"""Row 4: half a reply, garbage, NaN, a late reply: an error, then every answer is its own."""

from __future__ import annotations

import pytest

from labctl.errors import LabError, ProtocolError, ReplyTimeoutError
from labctl.runs import LabSession
from simulated_devices.wire import Port

#: Instruments whose replies are text, with a reading that cannot be taken for another.
TEXTS = {"pump": "power_mw", "tagger": "threshold_v", "pump_meter": "wavelength_nm"}


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("keep_bytes", [0, 1, 4])
def test_half_a_reply_is_an_error_and_the_next_question_has_its_answer(
    hasty_lab: LabSession, name: str, keep_bytes: int
) -> None:
    device = hasty_lab.devices[name]
    before = device.snapshot()
    hasty_lab.simulation.fault(name, "truncate", keep_bytes=keep_bytes)
    with pytest.raises(ReplyTimeoutError):
        getattr(device, TEXTS[name])
    assert _steady(device.snapshot()) == _steady(before)


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("seed", range(20))
def test_a_disturbed_byte_in_a_text_is_always_noticed(
    hasty_lab: LabSession, name: str, seed: int
) -> None:
    device = hasty_lab.devices[name]
    right = getattr(device, TEXTS[name])
    hasty_lab.simulation.fault(name, "garble", share=0.01, seed=seed)
    with pytest.raises(LabError):
        getattr(device, TEXTS[name])
    assert getattr(device, TEXTS[name]) == right


@pytest.mark.parametrize("seed", range(20))
def test_a_disturbed_byte_among_messages_of_json_is_noticed_or_does_no_harm(
    hasty_lab: LabSession, seed: int
) -> None:
    right = hasty_lab.get("snspd.bias_ua")
    hasty_lab.simulation.fault("snspd", "garble", share=0.01, seed=seed, replies=3)
    try:
        assert hasty_lab.get("snspd.bias_ua") == right
    except LabError:
        assert hasty_lab.get("snspd.bias_ua") == right


@pytest.mark.parametrize("name", TEXTS)
def test_a_reply_that_comes_with_the_next_is_not_taken_for_it(
    hasty_lab: LabSession, name: str
) -> None:
    device = hasty_lab.devices[name]
    before = device.snapshot()
    hasty_lab.simulation.fault(name, "late")
    with pytest.raises(ReplyTimeoutError):
        getattr(device, TEXTS[name])
    assert _steady(device.snapshot()) == _steady(before)


@pytest.mark.parametrize("reply", [b"nan", b"NaN", b"inf", b"-1e999", b"1e400", b"", b"5.0 mW"])
@pytest.mark.parametrize("path", ["pump.power_mw", "pump_meter.wavelength_nm"])
def test_what_is_no_finite_number_is_an_error(
    hasty_lab: LabSession, path: str, reply: bytes
) -> None:
    def answer(data: bytes) -> None:
        if data:
            broken.send(reply + b"\r\n")

    broken = Port(answer)
    name = path.partition(".")[0]
    port: Port = hasty_lab.simulation.instruments[name].port
    port.swap(broken)
    hasty_lab.devices[name].link.reconnect()
    with pytest.raises(ProtocolError, match="was answered"):
        hasty_lab.get(path)
    port.swap(broken)
    hasty_lab.devices[name].link.reconnect()
    assert hasty_lab.get(path) in {5.0, 405.0}


def _steady(snapshot: dict[str, object]) -> dict[str, object]:
    """Leave out what the meter measures anew each time."""
    return {name: value for name, value in snapshot.items() if name != "power_mw"} | {
        "power_mw": 0.0 if "sensor_model" in snapshot else snapshot.get("power_mw")
    }
