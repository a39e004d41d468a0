"""A VISA library whose resources are simulated ports.

One library object belongs to one simulated laboratory, so two laboratories in a process do
not touch each other. Attributes and sessions are pyvisa-sim's; reads are ours, because its
own take one byte at a time and its unknown resources open without an error.
"""

from __future__ import annotations

import itertools
import time
from typing import Any

from pyvisa import constants, errors, rname
from pyvisa.util import LibraryPath
from pyvisa_sim.highlevel import SimVisaLibrary
from pyvisa_sim.sessions.session import Session

from labctl.errors import LinkError
from simulated_devices.wire import Port

__all__ = ["SimulatedVisaLibrary", "new_library"]

_Status = constants.StatusCode
_Attribute = constants.ResourceAttribute
_numbers = itertools.count()
_CHUNK = 1 << 20


class _PortSession(Session):  # type: ignore[misc]  # pyvisa-sim ships no types
    """One open handle to a simulated resource."""

    def __init__(self, manager: Any, resource_name: str, parsed: Any, port: Port) -> None:
        super().__init__(manager, resource_name, parsed)
        # What decides which VISA attributes the resource has.
        self.session_type = (parsed.interface_type_const, parsed.resource_class)
        self.port = port
        self._is_serial = parsed.interface_type_const == constants.InterfaceType.asrl
        self._pending = bytearray()
        self._pending_ends = False

    def after_parsing(self) -> None:
        """Leave the interface number out: a serial resource may be named by its device file."""

    def write(self, data: bytes) -> tuple[int, constants.StatusCode]:
        """Carry a message to the instrument."""
        self.port.host_write(bytes(data))
        return len(data), _Status.success

    def read(self, count: int) -> tuple[bytes, constants.StatusCode]:
        """Return bytes up to the end of the message, the termination character or `count`."""
        deadline: float | None = None
        character = self._termination()
        while True:
            if (found := self._take(count, character)) is not None:
                return found
            timeout_s = self._timeout_s()
            deadline = deadline or time.monotonic() + timeout_s
            data, is_end = self.port.host_read_message(
                _CHUNK, max(0.0, deadline - time.monotonic())
            )
            if not data:
                # viRead hands out what it got together with the error: it is gone.
                self._pending.clear()
                return b"", _Status.error_timeout
            self._pending += data
            self._pending_ends = is_end and not self._is_serial

    def clear(self) -> constants.StatusCode:
        """Forget what was sent and not read (viClear, viFlush)."""
        self._pending.clear()
        self._pending_ends = False
        self.port.discard()
        return _Status.success

    def get_attribute(self, attribute: Any) -> tuple[Any, constants.StatusCode]:
        """Return the value of a VISA attribute (viGetAttribute)."""
        if attribute == constants.VI_ATTR_ASRL_AVAIL_NUM:
            return len(self._pending) + self.port.waiting, _Status.success
        found: tuple[Any, constants.StatusCode] = super().get_attribute(attribute)
        return found

    def _take(
        self, count: int, character: bytes | None
    ) -> tuple[bytes, constants.StatusCode] | None:
        end = self._pending.find(character, 0, count) if character is not None else -1
        if end >= 0:
            status = _Status.success_termination_character_read
            size = end + 1
        elif self._pending and self._pending_ends and len(self._pending) <= count:
            status, size = _Status.success, len(self._pending)
        elif len(self._pending) >= count:
            status, size = _Status.success_max_count_read, count
        else:
            return None
        data = bytes(self._pending[:size])
        del self._pending[:size]
        if not self._pending:
            self._pending_ends = False
        return data, status

    def _termination(self) -> bytes | None:
        ends_serial = (
            self._is_serial
            and self.attrs.get(_Attribute.asrl_end_in)
            == constants.SerialTermination.termination_char
        )
        if ends_serial or self.attrs.get(_Attribute.termchar_enabled):
            return bytes([int(self.attrs.get(_Attribute.termchar, 10))])
        return None

    def _timeout_s(self) -> float:
        milliseconds = self.attrs.get(_Attribute.timeout_value, 2000)
        return float(milliseconds) / 1000


class SimulatedVisaLibrary(SimVisaLibrary):  # type: ignore[misc]  # pyvisa-sim ships no types
    """Resources are added by the laboratory; make one with `new_library`."""

    def _init(self) -> None:
        self.sessions: dict[int, Any] = {}
        self.ports: dict[str, Port] = {}
        self._handles = itertools.count(1)

    def _register(self, obj: Any) -> int:
        handle = next(self._handles)
        self.sessions[handle] = obj
        return handle

    def add(self, resource_name: str, port: Port) -> None:
        """Make `port` reachable as `resource_name`."""
        self.ports[rname.to_canonical_name(resource_name)] = port

    def open(
        self, session: int, resource_name: str, access_mode: Any = None, open_timeout: Any = 0
    ) -> tuple[int, constants.StatusCode]:
        """Open a resource; an unknown one is an error, as with real VISA."""
        del access_mode, open_timeout
        try:
            parsed = rname.parse_resource_name(resource_name)
        except rname.InvalidResourceName:
            raise errors.VisaIOError(_Status.error_invalid_resource_name) from None
        port = self.ports.get(str(parsed))
        if port is None or port.is_unplugged:
            raise errors.VisaIOError(_Status.error_resource_not_found)
        return self._register(_PortSession(session, resource_name, parsed, port)), _Status.success

    def list_resources(self, session: int, query: str = "?*::INSTR") -> tuple[str, ...]:
        """Return the names of all resources that match the VISA expression `query`."""
        del session
        return tuple(rname.filter(list(self.ports), query))

    def read(self, session: int, count: int) -> tuple[bytes, constants.StatusCode]:
        """Read from an instrument (viRead)."""
        try:
            data, status = self._use(session).read(count)
        except LinkError as error:
            raise errors.VisaIOError(_Status.error_connection_lost) from error
        if status < 0:
            raise errors.VisaIOError(status)
        return data, status

    def write(self, session: int, data: bytes) -> tuple[int, constants.StatusCode]:
        """Write to an instrument (viWrite)."""
        try:
            result: tuple[int, constants.StatusCode] = self._use(session).write(data)
        except LinkError as error:
            raise errors.VisaIOError(_Status.error_connection_lost) from error
        return result

    def clear(self, session: int) -> constants.StatusCode:
        """Empty the instrument's buffers (viClear)."""
        return self._use(session).clear()

    def _use(self, session: int) -> _PortSession:
        found = self.sessions.get(session)
        if not isinstance(found, _PortSession):
            raise errors.VisaIOError(_Status.error_invalid_object)
        return found


def new_library() -> SimulatedVisaLibrary:
    """Return a library of its own; pyvisa shares libraries of equal path."""
    path = LibraryPath(f"simulated laboratory {next(_numbers)}", "labctl")
    library = SimulatedVisaLibrary(path)
    assert isinstance(library, SimulatedVisaLibrary)  # noqa: S101  VisaLibraryBase.__new__ is untyped
    return library
