"""Sessions of the simulated VISA library: opening, losing, closing, finding, through PyVISA."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
import pyvisa
from pyvisa.constants import EventMechanism, EventType, ResourceAttribute, StatusCode

from simulated_devices.visa import SimulatedVisaLibrary, new_library
from simulated_devices.wire import Port

METER = "USB0::0x1313::0x8078::P0000001::0::INSTR"
LASER = "ASRL/dev/ttyUSB0::INSTR"
SCOPE = "TCPIP0::10.0.0.3::inst0::INSTR"
COUNTER = "TCPIP0::10.0.0.4::5025::SOCKET"
SOURCE = "GPIB0::5::INSTR"
NAMES = (METER, LASER, SCOPE, COUNTER, SOURCE)


class Echo:
    """Repeats every write."""

    def __init__(self) -> None:
        self.port = Port(self._receive)

    def _receive(self, data: bytes) -> None:
        self.port.send(data)


def echo() -> Port:
    return Echo().port


@pytest.fixture
def library() -> SimulatedVisaLibrary:
    made = new_library()
    for name in NAMES:
        made.add(name, echo())
    return made


@pytest.fixture
def manager(library: SimulatedVisaLibrary) -> pyvisa.ResourceManager:
    return pyvisa.ResourceManager(library)


def open_on(manager: pyvisa.ResourceManager, name: str, **settings: Any) -> Any:
    return manager.open_resource(
        name, write_termination="\n", read_termination="\n", timeout=0, **settings
    )


def error_of(call: Callable[[], object]) -> StatusCode:
    with pytest.raises(pyvisa.VisaIOError) as caught:
        call()
    return StatusCode(caught.value.error_code)


@pytest.mark.parametrize("name", NAMES)
def test_every_kind_of_resource_answers(manager: pyvisa.ResourceManager, name: str) -> None:
    assert open_on(manager, name).query("p?") == "p?"


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("usb::0x1313::0x8078::P0000001", METER),
        ("TCPIP::10.0.0.3", SCOPE),
        ("gpib::5", SOURCE),
        ("ASRL/dev/ttyUSB0", LASER),
    ],
)
def test_parts_of_a_name_may_be_left_out(
    manager: pyvisa.ResourceManager, spelling: str, name: str
) -> None:
    assert open_on(manager, spelling).resource_name == name


def test_an_unknown_resource_is_not_found(manager: pyvisa.ResourceManager) -> None:
    code = error_of(lambda: manager.open_resource("GPIB0::9::INSTR"))
    assert code == StatusCode.error_resource_not_found == manager.last_status


def test_a_name_that_is_none_is_told_as_such(manager: pyvisa.ResourceManager) -> None:
    code = error_of(lambda: manager.open_bare_resource("GPIB0::::"))
    assert code == StatusCode.error_invalid_resource_name


def test_an_unplugged_resource_is_not_found_and_not_listed() -> None:
    library, port = new_library(), echo()
    library.add(METER, port)
    manager = pyvisa.ResourceManager(library)
    port.unplug()
    assert error_of(lambda: manager.open_resource(METER)) == StatusCode.error_resource_not_found
    assert manager.list_resources("?*") == ()
    port.plug()
    assert open_on(manager, METER).query("p?") == "p?"


def test_a_pulled_cable_ends_the_session_for_good() -> None:
    """What is plugged in again may be another instrument; VISA has it opened anew."""
    library, port = new_library(), echo()
    library.add(METER, port)
    manager = pyvisa.ResourceManager(library)
    old, other = open_on(manager, METER), open_on(manager, METER)
    old.write("unread")
    port.unplug()
    for call in (old.read, lambda: old.write("p?"), old.clear, old.assert_trigger):
        assert error_of(call) == StatusCode.error_connection_lost
    port.plug()
    for resource in (old, other):
        assert error_of(resource.read) == StatusCode.error_connection_lost
    new = open_on(manager, METER)
    assert new.query("p?") == "p?"
    assert error_of(lambda: old.write("p?")) == StatusCode.error_connection_lost
    old.close()
    assert new.query("p?") == "p?"


def test_a_connection_that_hung_up_is_there_again_once_reopened() -> None:
    library, port = new_library(), echo()
    library.add(COUNTER, port)
    manager = pyvisa.ResourceManager(library)
    with open_on(manager, COUNTER) as resource:
        port.hang_up()
        assert error_of(lambda: resource.query("p?")) == StatusCode.error_connection_lost
    assert open_on(manager, COUNTER).query("p?") == "p?"


def test_handles_that_are_none_are_invalid_objects(library: SimulatedVisaLibrary) -> None:
    manager = pyvisa.ResourceManager(library)
    resource = open_on(manager, METER)
    closed = resource.session
    resource.close()
    lib: Any = library
    for handle in (closed, 999, manager.session):
        for call in (
            lambda h=handle: lib.read(h, 1),
            lambda h=handle: lib.write(h, b"x"),
            lambda h=handle: lib.clear(h),
            lambda h=handle: lib.read_stb(h),
            lambda h=handle: lib.unlock(h),
        ):
            assert error_of(call) == StatusCode.error_invalid_object
    assert error_of(lambda: lib.close(closed)) == StatusCode.error_invalid_object
    assert error_of(lambda: lib.open(999, METER)) == StatusCode.error_invalid_object


def test_closing_one_manager_leaves_the_other_s_sessions_open(
    library: SimulatedVisaLibrary,
) -> None:
    """With PyVISA's other libraries it does not: there all managers are one."""
    one, other = pyvisa.ResourceManager(library), pyvisa.ResourceManager(library)
    mine, theirs = open_on(one, METER), open_on(other, METER)
    one.close()
    with pytest.raises(pyvisa.errors.InvalidSession):
        mine.query("p?")
    assert theirs.query("p?") == "p?"
    assert other.list_opened_resources() == [theirs]


def test_closing_a_manager_closes_what_it_opened_without_a_wrapper(
    library: SimulatedVisaLibrary,
) -> None:
    manager = pyvisa.ResourceManager(library)
    handle, _ = manager.open_bare_resource(METER)
    manager.close()
    assert error_of(lambda: library.write(handle, b"x")) == StatusCode.error_invalid_object


def test_two_libraries_share_nothing() -> None:
    one, other = new_library(), new_library()
    one.add(METER, echo())
    assert pyvisa.ResourceManager(other).list_resources("?*") == ()
    assert pyvisa.ResourceManager(one).list_resources("?*") == (METER,)


def test_ten_thousand_sessions_leave_nothing_behind(manager: pyvisa.ResourceManager) -> None:
    def open_and_close(times: int) -> None:
        for _ in range(times):
            open_on(manager, METER).close()

    open_and_close(100)
    gc.collect()
    tracemalloc.start()
    open_and_close(50)
    before, _ = tracemalloc.get_traced_memory()
    open_and_close(500)
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # A number kept for each session would be more than this.
    assert after - before < 500 * 8
    open_and_close(9_350)
    library: Any = manager.visalib
    assert len(library.sessions) == 1


def test_what_the_name_says_is_in_the_attributes(manager: pyvisa.ResourceManager) -> None:
    meter = open_on(manager, METER)
    assert (meter.manufacturer_id, meter.model_code) == (0x1313, 0x8078)
    assert meter.serial_number == "P0000001"
    assert open_on(manager, SOURCE).primary_address == 5
    counter = open_on(manager, COUNTER)
    assert counter.get_visa_attribute(ResourceAttribute.tcpip_port) == 5025
    assert counter.get_visa_attribute(ResourceAttribute.tcpip_address) == "10.0.0.4"
    assert open_on(manager, SCOPE).resource_class == "INSTR"


def test_attributes_are_the_session_s_own(manager: pyvisa.ResourceManager) -> None:
    one, other = open_on(manager, METER), open_on(manager, METER)
    one.timeout = 1234
    assert (one.timeout, other.timeout) == (1234, 0)


def test_attributes_that_a_resource_has_not_or_does_not_let_set_are_refused(
    manager: pyvisa.ResourceManager,
) -> None:
    meter = open_on(manager, METER)
    baud = pyvisa.constants.VI_ATTR_ASRL_BAUD
    nonsupported = StatusCode.error_nonsupported_attribute
    assert error_of(lambda: meter.get_visa_attribute(baud)) == nonsupported
    assert error_of(lambda: meter.set_visa_attribute(baud, 9600)) == nonsupported
    name = ResourceAttribute.resource_name
    read_only = StatusCode.error_attribute_read_only
    assert error_of(lambda: meter.set_visa_attribute(name, "x")) == read_only


def test_events_are_refused_and_closing_is_not(manager: pyvisa.ResourceManager) -> None:
    meter = open_on(manager, METER)
    request, queue = EventType.service_request, EventMechanism.queue
    for call in (
        lambda: meter.enable_event(request, queue),
        lambda: meter.disable_event(request, queue),
        lambda: meter.discard_events(request, queue),
        lambda: meter.wait_on_event(request, 10),
        lambda: meter.install_handler(request, lambda *_: None),
    ):
        assert error_of(call) == StatusCode.error_invalid_event
    meter.close()


def test_a_manager_that_is_forgotten_leaves_its_sessions_open(
    library: SimulatedVisaLibrary,
) -> None:
    meter = open_on(pyvisa.ResourceManager(library), METER)
    gc.collect()
    assert meter.query("p?") == "p?"
    del meter
    assert not library.sessions


def test_a_manager_collected_before_its_resources_is_no_trouble(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Python destroys what refers to each other in any order; PyVISA logs what goes wrong then."""
    gc.collect()
    caplog.clear()
    for _ in range(20):
        library = new_library()
        library.add(METER, echo())
        circle: list[Any] = [open_on(pyvisa.ResourceManager(library), METER)]
        circle.append(circle)
    del circle, library
    gc.collect()
    assert not caplog.records


def test_a_session_whose_manager_was_closed_can_be_closed_once_more(
    library: SimulatedVisaLibrary,
) -> None:
    manager, _ = library.open_default_resource_manager()
    handle, _ = library.open(manager, METER)
    library.close(manager)
    assert error_of(lambda: library.read(handle, 1)) == StatusCode.error_invalid_object
    library.close(handle)
    assert error_of(lambda: library.close(handle)) == StatusCode.error_invalid_object
    assert not library.sessions
