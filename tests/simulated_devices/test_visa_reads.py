"""Reading from the simulated VISA library through PyVISA: what ends a read, and what it costs.

What is expected is VPP-4.3, 6.1.1 (viRead), and VI_ATTR_ASRL_END_IN of the NI-VISA reference.
"""

from __future__ import annotations

import threading
import time
from typing import Any

import numpy as np
import pytest
import pyvisa
from hypothesis import given
from hypothesis import strategies as st
from pyvisa.constants import ResourceAttribute, SerialTermination, StatusCode

from simulated_devices.visa import new_library
from simulated_devices.wire import Port

BUS = "USB0::0x1313::0x8078::P0000001::INSTR"
SERIAL = "ASRL3::INSTR"
SOCKET = "TCPIP0::10.0.0.3::5025::SOCKET"
SUPPRESS_END = ResourceAttribute.suppress_end_enabled


def open_on(port: Port, name: str = BUS, **settings: Any) -> Any:
    """Return PyVISA's resource of a port; reads that are not to wait do not."""
    library = new_library()
    library.add(name, port)
    return pyvisa.ResourceManager(library).open_resource(name, **({"timeout": 0} | settings))


def silent(*messages: bytes) -> Port:
    port = Port(lambda _: None)
    for message in messages:
        port.send(message)
    return port


def read(resource: Any, count: int) -> tuple[bytes, StatusCode]:
    """Return what one viRead gives, without PyVISA's loop."""
    with resource.ignore_warning(StatusCode.success_max_count_read):
        data, status = resource.visalib.read(resource.session, count)
    assert resource.last_status == status
    return bytes(data), status


@pytest.mark.parametrize("name", [BUS, SOCKET, "GPIB0::5::INSTR", "TCPIP0::10.0.0.3::INSTR"])
def test_a_message_ends_a_read(name: str) -> None:
    resource = open_on(silent(b"one\n", b"two\n"), name)
    assert read(resource, 100) == (b"one\n", StatusCode.success)
    assert read(resource, 100) == (b"two\n", StatusCode.success)


def test_a_message_longer_than_the_count_is_read_in_portions_and_its_end_told() -> None:
    resource = open_on(silent(b"abcdefg", b"h"))
    assert read(resource, 3) == (b"abc", StatusCode.success_max_count_read)
    assert read(resource, 3) == (b"def", StatusCode.success_max_count_read)
    assert read(resource, 3) == (b"g", StatusCode.success)
    assert read(resource, 1) == (b"h", StatusCode.success)


def test_a_count_that_just_holds_the_message_is_no_max_count() -> None:
    """END goes before the count: PyVISA would otherwise read on and time out."""
    resource = open_on(silent(b"abc"), chunk_size=3)
    assert resource.read_raw() == b"abc"


def test_an_unread_rest_warns_who_reads_by_hand() -> None:
    resource = open_on(silent(b"abc"))
    with pytest.warns(pyvisa.errors.VisaIOWarning, match="VI_SUCCESS_MAX_CNT"):
        resource.visalib.read(resource.session, 2)


def test_an_empty_message_is_read_as_such() -> None:
    assert open_on(silent(b"")).read_raw() == b""


@pytest.mark.parametrize("name", [BUS, SOCKET])
def test_the_termination_character_ends_a_read_inside_a_message(name: str) -> None:
    resource = open_on(silent(b"a;b;c"), name, read_termination=";")
    assert read(resource, 100) == (b"a;", StatusCode.success_termination_character_read)
    assert read(resource, 2) == (b"b;", StatusCode.success_termination_character_read)
    assert read(resource, 100) == (b"c", StatusCode.success)


def test_end_goes_before_the_termination_character() -> None:
    resource = open_on(silent(b"a\n"), read_termination="\n")
    assert read(resource, 100) == (b"a\n", StatusCode.success)


def test_with_end_suppressed_a_read_goes_over_the_ends_of_messages() -> None:
    resource = open_on(silent(b"ab", b"cd\n", b"e"), read_termination="\n")
    resource.set_visa_attribute(SUPPRESS_END, state=True)
    assert read(resource, 3) == (b"abc", StatusCode.success_max_count_read)
    assert read(resource, 100) == (b"d\n", StatusCode.success_termination_character_read)
    with pytest.raises(pyvisa.VisaIOError, match="VI_ERROR_TMO"):
        resource.read_raw()


def test_a_serial_line_has_no_messages_and_ends_at_its_line_feed() -> None:
    resource = open_on(silent(b"on", b"e\ntw", b"o\n"), SERIAL)
    ended = StatusCode.success_termination_character_read
    assert read(resource, 100) == (b"one\n", ended)
    assert read(resource, 2) == (b"tw", StatusCode.success_max_count_read)
    assert read(resource, 100) == (b"o\n", ended)


def test_a_serial_line_without_end_gives_exactly_the_count() -> None:
    resource = open_on(silent(b"a\nb", b"\ncd"), SERIAL, end_input=SerialTermination.none)
    assert resource.read_bytes(5) == b"a\nb\nc"
    assert resource.bytes_in_buffer == 1
    with pytest.raises(pyvisa.VisaIOError, match="VI_ERROR_TMO"):
        resource.read_bytes(2)


@pytest.mark.parametrize(("data_bits", "last"), [(8, 0x80), (7, 0x40)])
def test_the_last_bit_ends_a_serial_read(data_bits: int, last: int) -> None:
    resource = open_on(
        silent(bytes([1, 2, 3 | last, 4])),
        SERIAL,
        end_input=SerialTermination.last_bit,
        data_bits=data_bits,
    )
    expected = bytes([1, 2, 3 | last])
    assert read(resource, 100) == (expected, StatusCode.success_termination_character_read)
    assert resource.bytes_in_buffer == 1


def test_suppressing_end_on_a_serial_line_leaves_the_enabled_character_alone() -> None:
    resource = open_on(silent(b"a\nb\rc"), SERIAL, read_termination="\r")
    resource.set_visa_attribute(SUPPRESS_END, state=True)
    assert resource.read_raw() == b"a\nb\r"


def test_what_a_read_took_before_its_time_was_over_is_gone() -> None:
    port = silent(b"half a li")
    resource = open_on(port, SERIAL)
    with pytest.raises(pyvisa.VisaIOError) as caught:
        resource.read()
    assert caught.value.error_code == StatusCode.error_timeout == resource.last_status
    port.send(b"ne\n")
    assert resource.read_raw() == b"ne\n"


@pytest.mark.parametrize(("timeout_ms", "least_s", "most_s"), [(0, 0.0, 0.5), (60, 0.06, 5.0)])
def test_a_read_waits_as_long_as_its_timeout(
    timeout_ms: int, least_s: float, most_s: float
) -> None:
    resource = open_on(silent(), timeout=timeout_ms)
    began = time.monotonic()
    with pytest.raises(pyvisa.VisaIOError, match="VI_ERROR_TMO"):
        resource.read()
    assert least_s <= time.monotonic() - began < most_s


def test_an_endless_timeout_waits_until_something_comes() -> None:
    port = silent()
    resource = open_on(port, timeout=None)
    assert resource.timeout == float("inf")
    sender = threading.Timer(0.03, port.send, (b"late",))
    sender.start()
    assert resource.read_raw() == b"late"
    sender.join()


def test_the_bytes_in_the_buffer_of_a_serial_line_are_counted() -> None:
    resource = open_on(silent(b"abc", b"d\nef"), SERIAL)
    assert resource.bytes_in_buffer == 7
    resource.read_bytes(2)
    assert resource.bytes_in_buffer == 5
    resource.read_raw()
    assert resource.bytes_in_buffer == 2


def test_only_a_serial_line_counts_its_bytes() -> None:
    resource = open_on(silent())
    with pytest.raises(pyvisa.VisaIOError, match="VI_ERROR_NSUP_ATTR"):
        resource.get_visa_attribute(pyvisa.constants.VI_ATTR_ASRL_AVAIL_NUM)


def test_ten_megabytes_are_read_whole_by_every_way_that_pyvisa_has() -> None:
    values = np.random.default_rng(5).integers(0, 256, 10_000_000, dtype=np.uint8)
    block = b"#810000000" + values.tobytes() + b"\n"
    port = Port(lambda _: port.send(block))
    resource = open_on(port, write_termination="\n")
    resource.write("CURV?")
    assert resource.read_raw() == block
    resource.write("CURV?")
    assert read(resource, len(block)) == (block, StatusCode.success)
    got = resource.query_binary_values("CURV?", datatype="B", container=np.array)
    assert np.array_equal(got, values)
    got = resource.query_binary_values("CURV?", datatype="s", container=bytes, chunk_size=1 << 20)
    assert got == values.tobytes()


@given(
    st.lists(st.binary(min_size=1, max_size=40), max_size=8),
    st.lists(st.integers(1, 50), min_size=1, max_size=8),
    st.sampled_from([BUS, SOCKET, SERIAL]),
    st.sampled_from([0, 1]),
)
def test_any_chunking_of_reads_gives_the_same_bytes(
    messages: list[bytes], counts: list[int], name: str, suppresses_end: int
) -> None:
    resource = open_on(silent(*messages), name)
    resource.set_visa_attribute(SUPPRESS_END, suppresses_end)
    left = sum(map(len, messages))
    received = b""
    turn = 0
    while left:
        data, _ = read(resource, min(left, counts[turn % len(counts)]))
        received += data
        left -= len(data)
        turn += 1
    assert received == b"".join(messages)
    with pytest.raises(pyvisa.VisaIOError, match="VI_ERROR_TMO"):
        read(resource, 1)


@given(st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=8), st.integers(1, 50))
def test_messages_keep_their_ends_whatever_the_chunk_size(
    messages: list[bytes], chunk_size: int
) -> None:
    resource = open_on(silent(*messages), chunk_size=chunk_size)
    assert [resource.read_raw() for _ in messages] == messages
