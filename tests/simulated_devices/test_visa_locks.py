"""Locks of the simulated VISA library (VPP-4.3, 3.6), and threads on its sessions."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import Any

import pytest
import pyvisa
from pyvisa.constants import AccessModes, ResourceAttribute, StatusCode

from simulated_devices.visa import SimulatedVisaLibrary, new_library
from simulated_devices.wire import Port

NAME = "USB0::0x1313::0x8078::P0000001::0::INSTR"
LASER = "ASRL3::INSTR"
ENDS = {"write_termination": "\n", "read_termination": "\n"}
QUERIES = 3_000


@pytest.fixture
def _threads_alternate() -> Iterator[None]:
    """Let threads change every 10 us, so that they get into each other's way often."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


class Echo:
    """Answers every write with its mark and what was written."""

    def __init__(self, mark: bytes) -> None:
        self._mark = mark
        self.port = Port(self._receive)

    def _receive(self, data: bytes) -> None:
        self.port.send(self._mark + data)


@pytest.fixture
def library() -> SimulatedVisaLibrary:
    made = new_library()
    for name in (NAME, LASER):
        made.add(name, Echo(b"").port)
    return made


@pytest.fixture
def open_session(library: SimulatedVisaLibrary) -> Callable[..., Any]:
    """Return an opener of sessions, each with a resource manager of its own."""

    def open_it(name: str = NAME, **settings: Any) -> Any:
        manager = pyvisa.ResourceManager(library)
        return manager.open_resource(name, **(ENDS | {"timeout": 0} | settings))

    return open_it


def error_of(call: Callable[[], object]) -> StatusCode:
    with pytest.raises(pyvisa.VisaIOError) as caught:
        call()
    return StatusCode(caught.value.error_code)


def test_an_exclusive_lock_keeps_all_other_sessions_out(open_session: Callable[..., Any]) -> None:
    owner, other = open_session(), open_session()
    owner.lock_excl()
    for call in (
        other.read,
        lambda: other.write("p?"),
        other.clear,
        other.read_stb,
        other.assert_trigger,
        lambda: other.flush(pyvisa.constants.BufferOperation.discard_read_buffer),
        other.lock_excl,
        other.lock,
    ):
        assert error_of(call) == StatusCode.error_resource_locked
    assert owner.query("p?") == "p?"
    assert other.lock_state == AccessModes.exclusive_lock
    owner.unlock()
    assert other.query("p?") == "p?"
    assert other.lock_state == AccessModes.no_lock


def test_what_is_the_session_s_own_can_be_set_under_another_s_lock(
    open_session: Callable[..., Any],
) -> None:
    owner, other = open_session(LASER), open_session(LASER)
    owner.lock_excl()
    other.timeout = 50
    assert other.baud_rate == 9600
    baud_rate = ResourceAttribute.asrl_baud_rate
    locked = StatusCode.error_resource_locked
    assert error_of(lambda: other.set_visa_attribute(baud_rate, 115_200)) == locked
    owner.baud_rate = 115_200


def test_locks_nest_and_end_with_the_last_unlock(open_session: Callable[..., Any]) -> None:
    owner, other = open_session(), open_session()
    owner.lock_excl()
    owner.lock_excl()
    assert owner.last_status == StatusCode.success_nested_exclusive
    owner.unlock()
    assert owner.last_status == StatusCode.success_nested_exclusive
    assert error_of(lambda: other.write("x")) == StatusCode.error_resource_locked
    owner.unlock()
    assert owner.last_status == StatusCode.success
    assert error_of(owner.unlock) == StatusCode.error_session_not_locked
    other.write("x")


def test_a_shared_lock_lets_those_in_who_know_its_key(open_session: Callable[..., Any]) -> None:
    one, friend, stranger = open_session(), open_session(), open_session()
    key = one.lock()
    assert friend.lock(requested_key=key) == key
    assert friend.query("p?") == one.query("p?") == "p?"
    assert stranger.lock_state == AccessModes.shared_lock
    for call in (
        lambda: stranger.query("p?"),
        stranger.lock,
        lambda: stranger.lock(requested_key="guess"),
        stranger.lock_excl,
    ):
        assert error_of(call) == StatusCode.error_resource_locked
    one.unlock()
    assert error_of(lambda: stranger.query("p?")) == StatusCode.error_resource_locked
    friend.unlock()
    assert stranger.query("p?") == "p?"


def test_a_key_may_be_chosen_and_is_the_same_when_nested(open_session: Callable[..., Any]) -> None:
    one = open_session()
    assert one.lock(requested_key="bench 3") == "bench 3"
    assert one.lock() == "bench 3"
    assert one.last_status == StatusCode.success_nested_shared
    invalid = StatusCode.error_invalid_access_key
    assert error_of(lambda: one.lock(requested_key="another")) == invalid
    assert error_of(lambda: one.lock(requested_key="x" * 256)) == invalid
    one.unlock()
    assert one.last_status == StatusCode.success_nested_shared
    one.unlock()
    assert one.lock_state == AccessModes.no_lock


def test_a_sharer_may_lock_the_others_out_for_a_while(open_session: Callable[..., Any]) -> None:
    one, friend = open_session(), open_session()
    key = one.lock()
    friend.lock(requested_key=key)
    one.lock_excl()
    assert error_of(lambda: friend.write("x")) == StatusCode.error_resource_locked
    one.unlock()
    assert one.last_status == StatusCode.success_nested_shared
    assert friend.query("p?") == "p?"


def test_the_owner_of_an_exclusive_lock_does_not_share(open_session: Callable[..., Any]) -> None:
    owner = open_session()
    owner.lock_excl()
    assert error_of(owner.lock) == StatusCode.error_resource_locked


def test_a_lock_waits_no_longer_than_its_timeout(open_session: Callable[..., Any]) -> None:
    owner, other = open_session(), open_session()
    owner.lock_excl()
    began = time.monotonic()
    assert error_of(lambda: other.lock_excl(50)) == StatusCode.error_timeout
    assert time.monotonic() - began >= 0.05


def test_a_lock_is_handed_over_to_who_waits(open_session: Callable[..., Any]) -> None:
    owner, other = open_session(), open_session()
    owner.lock_excl()
    unlock = threading.Timer(0.03, owner.unlock)
    unlock.start()
    other.lock_excl(float("inf"))
    unlock.join()
    assert error_of(lambda: owner.write("x")) == StatusCode.error_resource_locked


def test_closing_a_session_ends_its_locks(open_session: Callable[..., Any]) -> None:
    owner, other = open_session(), open_session()
    owner.lock_excl()
    owner.lock_excl()
    owner.close()
    assert other.query("p?") == "p?"


def test_opening_may_lock(open_session: Callable[..., Any]) -> None:
    owner = open_session(access_mode=AccessModes.exclusive_lock)
    locked = StatusCode.error_resource_locked
    exclusive, shared = AccessModes.exclusive_lock, AccessModes.shared_lock
    assert error_of(lambda: open_session(access_mode=exclusive)) == locked
    assert error_of(lambda: open_session(access_mode=shared)) == locked
    wait = {"access_mode": exclusive, "open_timeout": 20}
    assert error_of(lambda: open_session(**wait)) == StatusCode.error_timeout
    assert error_of(lambda: open_session().write("x")) == locked
    owner.close()
    open_session(access_mode=shared)
    assert open_session().lock_state == AccessModes.no_lock


def query_many(resource: Any, mark: str) -> int:
    """Return how many of many queries got the reply of another one."""
    return sum(resource.query(f"{n}") != f"{mark}{n}" for n in range(QUERIES))


@pytest.mark.usefixtures("_threads_alternate")
def test_two_threads_on_two_instruments_never_swap_replies() -> None:
    library = new_library()
    resources: list[Any] = []
    for mark in ("a", "b"):
        library.add(name := f"GPIB0::{len(resources)}::INSTR", Echo(mark.encode()).port)
        manager: Any = pyvisa.ResourceManager(library)
        resources.append(manager.open_resource(name, **ENDS, timeout=5000))
    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(query_many, resources, ("a", "b"))) == [0, 0]


@pytest.mark.usefixtures("_threads_alternate")
def test_threads_that_lock_their_sessions_share_an_instrument(
    open_session: Callable[..., Any],
) -> None:
    def query_locked(thread: int) -> int:
        session = open_session(timeout=5000)
        wrong = 0
        for n in range(QUERIES):
            with session.lock_context():
                wrong += session.query(f"{thread}.{n}") != f"{thread}.{n}"
        return wrong

    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(query_locked, range(3))) == [0, 0, 0]


@pytest.mark.usefixtures("_threads_alternate")
def test_threads_that_take_turns_share_a_session(open_session: Callable[..., Any]) -> None:
    """VISA's locks are between sessions; within one it takes a lock of the threads' own."""
    session, turn = open_session(timeout=5000), threading.Lock()

    def query_in_turn(thread: int) -> int:
        wrong = 0
        for n in range(QUERIES):
            with turn:
                wrong += session.query(f"{thread}.{n}") != f"{thread}.{n}"
        return wrong

    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(query_in_turn, range(3))) == [0, 0, 0]


@pytest.mark.usefixtures("_threads_alternate")
def test_readers_of_one_stream_get_every_byte_once() -> None:
    library, port = new_library(), Port(lambda _: None)
    library.add(LASER, port)
    manager: Any = pyvisa.ResourceManager(library)

    def read_lines(_: int) -> list[bytes]:
        session = manager.open_resource(LASER, read_termination="\n", timeout=5000)
        return [session.read_raw() for _ in range(QUERIES)]

    lines = [b"%d\n" % n for n in range(3 * QUERIES)]
    with ThreadPoolExecutor(3) as threads:
        reading = [threads.submit(read_lines, thread) for thread in range(3)]
        stream = b"".join(lines)
        for start in range(0, len(stream), 7):
            port.send(stream[start : start + 7])
        read = [future.result() for future in reading]
    assert sorted(chain.from_iterable(read), key=int) == lines
    assert all(part == sorted(part, key=int) for part in read)
