"""Addresses, opening and errors of instruments with a vendor's library."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from labctl.errors import ConfigError, InstrumentError, LimitError, LinkError
from labctl.transport import SIMULATED_ONLY, Link, WireOptions, open_wire, parse_address
from labctl.transport.library import LibraryWire

OPTIONS = WireOptions(timeout_s=0.25)


class Tagger:
    """An instrument of the vendor's library."""

    def __init__(self, serial: str) -> None:
        self.serial = serial
        self.is_there = True
        self.asked_ms: list[int] = []

    def sync(self, timeout: int) -> bool:
        self.asked_ms.append(timeout)
        return self.is_there


class Vendor:
    """The vendor's library with one instrument on the cable."""

    def __init__(self) -> None:
        self.created: list[Tagger] = []
        self.freed: list[Tagger] = []
        self.is_attached = True

    def createTimeTagger(self, serial: str) -> Tagger:  # noqa: N802  the vendor's name
        if not self.is_attached:
            raise RuntimeError("No Time Tagger attached or already in use.")
        self.created.append(Tagger(serial))
        return self.created[-1]

    def freeTimeTagger(self, tagger: Tagger) -> None:  # noqa: N802  the vendor's name
        self.freed.append(tagger)


@pytest.fixture
def vendor() -> Vendor:
    return Vendor()


@pytest.fixture
def wire(vendor: Vendor) -> LibraryWire:
    return LibraryWire("swabian/ABC", OPTIONS, vendor)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("library://swabian/1740000ABC", "swabian/1740000ABC"),
        ("library://Swabian/1740000ABC", "swabian/1740000ABC"),
        ("library://swabian/", "swabian/"),
        ("library://swabian", "swabian/"),
    ],
)
def test_an_address_names_vendor_and_serial_number(text: str, target: str) -> None:
    address = parse_address(text)
    assert (address.kind, address.target, address.text) == ("library", target, text)
    assert address.canonical == f"library://{target}"


@pytest.mark.parametrize("text", ["library://", "library://a b/1", "library://a/b/c", "library:a"])
def test_anything_else_is_no_address(text: str) -> None:
    with pytest.raises(ConfigError, match="library://VENDOR/SERIAL"):
        parse_address(text)


def test_an_unknown_vendor_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r'unknown vendor "swabain".*mean "swabian"'):
        LibraryWire("swabain/1", OPTIONS, SimpleNamespace())


def test_no_real_library_is_opened_where_only_simulated_ones_are_allowed() -> None:
    with pytest.raises(LinkError, match=SIMULATED_ONLY):
        open_wire(parse_address("library://swabian/ABC"), OPTIONS)


@pytest.mark.usefixtures("real_wires_allowed")
def test_a_missing_library_is_named_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # An entry of None makes the import fail as a missing package does.
    monkeypatch.setitem(sys.modules, "Swabian.TimeTagger", None)
    with pytest.raises(LinkError, match=r"Swabian\.TimeTagger cannot be imported") as caught:
        open_wire(parse_address("library://swabian/ABC"), OPTIONS)
    assert "pip install swabian-timetagger" in str(caught.value)
    assert "USB driver" in str(caught.value)


@pytest.mark.usefixtures("real_wires_allowed")
def test_the_real_library_says_that_there_is_no_such_instrument() -> None:
    with pytest.raises(LinkError, match="'NOSUCH' is not a valid Time Tagger serial number"):
        open_wire(parse_address("library://swabian/NOSUCH"), OPTIONS)


def test_a_call_gets_the_library_and_the_open_instrument(wire: LibraryWire, vendor: Vendor) -> None:
    link = Link(wire, OPTIONS)
    assert link.call(lambda module, tagger: (module, tagger.serial)) == (vendor, "ABC")
    assert link.address == "library://swabian/ABC"


def refuse(_module: Any, _tagger: Any) -> None:
    raise ValueError("trigger level 9 V")


def test_a_refusal_is_an_error_of_the_instrument(wire: LibraryWire, vendor: Vendor) -> None:
    with pytest.raises(InstrumentError, match="trigger level 9 V"):
        wire.call(refuse)
    assert vendor.created[0].asked_ms == [250]


def test_a_refusal_of_an_instrument_that_is_gone_is_a_lost_link(
    wire: LibraryWire, vendor: Vendor
) -> None:
    vendor.created[0].is_there = False
    with pytest.raises(LinkError, match="gone"):
        wire.call(refuse)


def test_our_own_errors_pass_as_they_are(wire: LibraryWire) -> None:
    def limit(_module: Any, _tagger: Any) -> None:
        raise LimitError("too much")

    with pytest.raises(LimitError, match="too much"):
        wire.call(limit)


def test_bytes_are_refused_with_the_reason(wire: LibraryWire) -> None:
    link = Link(wire, OPTIONS)
    for use in (
        lambda: link.query(b"*IDN?"),
        lambda: link.write(b"*RST"),
        link.read_line,
        lambda: link.read_exactly(1),
        lambda: link.read_available(1, 0.1),
    ):
        with pytest.raises(LinkError, match=r"calls of Swabian\.TimeTagger, not by bytes"):
            use()


def test_calls_are_refused_on_a_wire_of_bytes(scripted: Any) -> None:
    link, _ = scripted()
    with pytest.raises(LinkError, match="this wire carries bytes") as caught:
        link.call(refuse)
    assert "library://VENDOR/SERIAL" in str(caught.value)


def test_an_instrument_that_answers_stays_open_at_a_reconnect(
    wire: LibraryWire, vendor: Vendor
) -> None:
    Link(wire, OPTIONS).reconnect()
    assert (len(vendor.created), vendor.freed) == (1, [])


def test_one_that_does_not_answer_is_released_and_opened_again(
    wire: LibraryWire, vendor: Vendor
) -> None:
    vendor.created[0].is_there = vendor.is_attached = False
    link = Link(wire, OPTIONS)
    with pytest.raises(LinkError, match="No Time Tagger attached"):
        link.reconnect()
    with pytest.raises(LinkError, match="reconnect"):
        link.call(refuse)
    vendor.is_attached = True
    link.reconnect()
    assert link.call(lambda _, tagger: tagger) is vendor.created[1]
    assert vendor.freed == [vendor.created[0]]


def test_closing_releases_once_and_ends_all_calls(wire: LibraryWire, vendor: Vendor) -> None:
    link = Link(wire, OPTIONS)
    link.close()
    link.close()
    assert vendor.freed == vendor.created
    with pytest.raises(LinkError, match="closed"):
        link.call(refuse)
