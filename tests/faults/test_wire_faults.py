"""What is done to the bytes on a wire, whoever carries them on."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.errors import LimitError, LinkError
from simulated_devices.wire import Port, PortWire


def echo() -> Port:
    """A port whose instrument answers with what it gets, a message a write."""

    def answer(data: bytes) -> None:
        port.send(data)

    port = Port(answer)
    return port


def telling(reply: bytes) -> Port:
    """A port whose instrument has one reply to everything."""

    def answer(_: bytes) -> None:
        port.send(reply)

    port = Port(answer)
    return port


def asked(port: Port, *commands: bytes) -> list[bytes]:
    """What the host reads after each command, without waiting."""
    replies = []
    for command in commands:
        port.host_write(command)
        replies.append(port.host_read(1000, 0.0))
    return replies


def test_dropped_replies_are_lost_and_no_more() -> None:
    port = echo()
    port.faults.drop(replies=2)
    assert asked(port, b"one", b"two", b"three") == [b"", b"", b"three"]


def test_dropped_commands_never_reach_the_instrument() -> None:
    got: list[bytes] = []
    port = Port(got.append)
    port.faults.drop_commands(commands=1)
    port.host_write(b"one")
    port.host_write(b"two")
    assert got == [b"two"]


def test_a_count_of_zero_lasts_until_it_is_cleared() -> None:
    port = echo()
    port.faults.drop(replies=0)
    assert asked(port, *[b"x"] * 50) == [b""] * 50
    port.faults.clear()
    assert asked(port, b"again") == [b"again"]


def test_a_fault_ends_after_its_bench_time() -> None:
    port = echo()
    port.now_s = lambda: now_s
    now_s = 5.0
    port.faults.drop(replies=0, for_s=2.0)
    assert asked(port, b"one") == [b""]
    now_s = 6.99
    assert asked(port, b"two") == [b""]
    now_s = 7.0
    assert asked(port, b"three") == [b"three"]


def test_a_delayed_reply_comes_after_its_time_and_nothing_overtakes_it() -> None:
    port = echo()
    port.faults.delay(delay_s=0.05, replies=1)
    began_s = time.monotonic()
    assert asked(port, b"late", b"prompt") == [b"", b""]
    assert port.waiting == 0
    assert port.host_read(1000, 5.0) == b"lateprompt"
    assert time.monotonic() - began_s >= 0.05


def test_what_is_late_cannot_be_discarded_before_it_comes() -> None:
    port = echo()
    port.faults.delay(delay_s=0.02)
    port.host_write(b"late")
    port.discard()
    assert port.host_read(1000, 5.0) == b"late"


def test_a_cut_reply_is_no_whole_message() -> None:
    port = echo()
    port.faults.truncate(keep_bytes=3)
    port.host_write(b"1234567")
    assert port.host_read_message(100, 0.0) == (b"123", False)
    port.host_write(b"1234567")
    assert port.host_read_message(100, 0.0) == (b"1234567", True)


@given(st.binary(min_size=1, max_size=200), st.floats(0.01, 1.0), st.integers(0, 1000))
def test_garbling_flips_the_top_bit_of_at_least_one_byte_and_repeats(
    reply: bytes, share: float, seed: int
) -> None:
    port, again = echo(), echo()
    for one in (port, again):
        one.faults.garble(share=share, seed=seed)
    (disturbed,) = asked(port, reply)
    flips = {a ^ b for a, b in zip(reply, disturbed, strict=True)}
    assert 0x80 in flips <= {0, 0x80}
    assert asked(again, reply) == [disturbed]


def test_no_garbled_text_is_ascii() -> None:
    for seed in range(200):
        port = echo()
        port.faults.garble(share=0.01, seed=seed)
        (disturbed,) = asked(port, b"0.005000\r\n")
        assert not disturbed.isascii()


def test_a_throttled_wire_carries_so_many_bytes_per_second() -> None:
    port = echo()
    port.faults.throttle(bytes_per_s=20_000.0)
    began_s = time.monotonic()
    port.host_write(bytes(2000))
    received = 0
    while received < 2000:
        received += len(port.host_read(10_000, 5.0))
        assert received <= 20_000 * (time.monotonic() - began_s) + 100
    assert time.monotonic() - began_s >= 0.1


def test_a_message_over_a_throttled_wire_ends_once() -> None:
    port = echo()
    port.faults.throttle(bytes_per_s=50_000.0)
    port.host_write(bytes(1000))
    parts = [port.host_read_message(10_000, 5.0)]
    while not parts[-1][1]:
        parts.append(port.host_read_message(10_000, 5.0))
    assert b"".join(data for data, _ in parts) == bytes(1000)
    assert len(parts) > 1


def test_once_the_throttle_is_cleared_the_rest_comes_at_once() -> None:
    port = echo()
    port.faults.throttle(bytes_per_s=1.0)
    port.host_write(b"a reply of twenty bts")
    port.faults.clear()
    assert port.host_read(1000, 0.0) == b"a reply of twenty bts"


def test_a_reply_held_back_comes_with_the_next_before_its_own() -> None:
    port = echo()
    port.faults.late(commands=1)
    assert asked(port, b"one", b"two", b"three") == [b"", b"onetwo", b"three"]


@pytest.mark.parametrize(("after_bytes", "told"), [(0, b""), (4, b"1234"), (10, b"1234567890")])
def test_a_connection_is_lost_after_so_many_bytes_until_the_host_connects_again(
    after_bytes: int, told: bytes
) -> None:
    port = echo()
    wire = PortWire(port, "tcp://a:1")
    port.faults.hang_up(after_bytes=after_bytes)
    if told:
        wire.write(b"1234567890")
        assert wire.read(100, 0.0) == told
    for _ in range(2):
        with pytest.raises(LinkError, match="connection was lost"):
            wire.read(100, 0.0)
        with pytest.raises(LinkError, match="connection was lost"):
            wire.write(b"x")
    wire.reopen()
    wire.write(b"here again")
    assert wire.read(100, 0.0) == b"here again"


def test_swapped_cables_lead_to_each_others_instruments_and_back() -> None:
    one, other = ports = telling(b"0"), telling(b"1")
    one.swap(other)
    for port in ports:
        with pytest.raises(LinkError, match="connection was lost"):
            port.host_write(b"who?")
        port.connect()
    assert [asked(port, b"who?") for port in ports] == [[b"1"], [b"0"]]
    one.swap(other)
    for port in ports:
        port.connect()
    assert [asked(port, b"who?") for port in ports] == [[b"0"], [b"1"]]


@pytest.mark.parametrize(
    ("kind", "arguments", "said"),
    [
        ("delay", {"delay_s": 0.0}, "delay_s = 0.0 is not a positive number"),
        ("throttle", {"bytes_per_s": float("nan")}, "bytes_per_s = nan"),
        ("garble", {"share": 1.5}, "share = 1.5 is outside 0 to 1"),
        ("drop", {"replies": -1}, "-1 is negative"),
        ("drop", {"for_s": -1.0}, "for_s = -1.0 is no time"),
        ("hang_up", {"after_bytes": -1}, "after_bytes = -1 is negative"),
        ("truncate", {"keep_bytes": -1}, "keep_bytes = -1 is negative"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(
    kind: str, arguments: dict[str, float], said: str
) -> None:
    port = echo()
    with pytest.raises(LimitError, match=said):
        port.faults.menu[kind](**arguments)
    assert not port.faults.is_active
    assert asked(port, b"as before") == [b"as before"]


def test_after_its_faults_are_over_a_port_asks_for_them_no_longer() -> None:
    port = echo()
    port.faults.drop(replies=1)
    port.faults.garble(replies=1)
    port.faults.drop_commands(commands=1)
    asked(port, b"1", b"2", b"3", b"4")
    assert not port.faults.is_active
