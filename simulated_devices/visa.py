"""A VISA library whose resources are simulated ports.

One library object belongs to one simulated laboratory, so two laboratories in a process do
not touch each other: `pyvisa.ResourceManager(library)`. Each such call makes a manager of its
own; pyvisa keeps one manager per library elsewhere, and closing it takes everyone's sessions.

The library speaks VISA as VPP-4.3 has it: statuses and errors, END and termination characters,
locks between sessions, search expressions. Events are refused with VISA's own error;
asynchronous transfers, GPIB lines and registers are not implemented. Attributes are
pyvisa-sim's.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from pyvisa import attributes, constants, rname
from pyvisa.constants import AccessModes, Lock, StatusCode
from pyvisa.util import LibraryPath

from labctl.errors import LinkError
from simulated_devices.visa_resource import SimulatedResource
from simulated_devices.visa_search import ExpressionError, matching_names
from simulated_devices.visa_session import PortSession
from simulated_devices.visa_table import ClosedByManager, ManagerSession, SessionTable
from simulated_devices.wire import Port

__all__ = ["SimulatedVisaLibrary", "new_library"]

_numbers = itertools.count()


class SimulatedVisaLibrary(SessionTable):
    """Resources are added by the laboratory; make one with `new_library`.

    Any thread may call it. Reads of one resource take turns; what keeps the write and the read
    of a query together is a lock, as with real instruments.
    """

    def _init(self) -> None:
        super()._init()
        self._resources: dict[str, SimulatedResource] = {}

    def add(self, resource_name: str, port: Port, instrument: object = None) -> None:
        """Make `port` reachable as `resource_name`; sessions of a port known already stay.

        `instrument` is who answers for it on the bus, see `SimulatedResource`.
        """
        name = rname.to_canonical_name(resource_name)
        known = self._resources.get(name)
        if known is None or known.port is not port or known.instrument is not instrument:
            self._resources[name] = SimulatedResource(port, instrument)

    def open(
        self,
        session: int,
        resource_name: str,
        access_mode: int = AccessModes.no_lock,
        open_timeout: int = constants.VI_TMO_IMMEDIATE,
    ) -> tuple[int, StatusCode]:
        """Open a resource (viOpen); an unknown or unplugged one is an error, as with real VISA."""
        if not isinstance(self.sessions.get(session), ManagerSession):
            self._refuse(None, StatusCode.error_invalid_object)
        try:
            parsed = rname.parse_resource_name(resource_name)
        except rname.InvalidResourceName:
            self._refuse(session, StatusCode.error_invalid_resource_name)
        resource = self._resources.get(str(parsed))
        if resource is None:
            self._refuse(session, StatusCode.error_resource_not_found)
        handle = next(self._handles)
        try:
            resource.connect(handle)
        except LinkError:
            self._refuse(session, StatusCode.error_resource_not_found)
        status = StatusCode.success
        if access_mode == AccessModes.exclusive_lock:
            status = resource.lock.take_exclusively(handle, _seconds(open_timeout))
        elif access_mode == AccessModes.shared_lock:
            status = resource.lock.share(handle, _seconds(open_timeout), None)[1]
        if status < 0:
            resource.leave(handle)
            self._refuse(session, status)
        self.sessions[handle] = PortSession(session, parsed, resource)
        return handle, self.handle_return_value(handle, status)

    def close(self, session: int) -> StatusCode:
        """Close a session, or a resource manager with all sessions that it opened (viClose)."""
        closed = self.sessions.pop(session, None)
        if isinstance(closed, PortSession):
            closed.resource.leave(session)
        elif isinstance(closed, ManagerSession):
            for handle, opened in list(self.sessions.items()):
                if isinstance(opened, PortSession) and opened.manager == session:
                    self.close(handle)
                    self.sessions[handle] = ClosedByManager()
        elif closed is None:
            self._refuse(None, StatusCode.error_invalid_object)
        for register in (self._last_status_in_session, self._ignore_warning_in_session):
            register.pop(session, None)
        return StatusCode.success

    def list_resources(self, session: int, query: str = "?*::INSTR") -> tuple[str, ...]:
        """Return the names of all plugged resources that match a VISA expression (viFindRsrc)."""
        plugged = [name for name, r in list(self._resources.items()) if not r.port.is_unplugged]
        try:
            return matching_names(plugged, query, self._attribute_of)
        except ExpressionError:
            self._refuse(session, StatusCode.error_invalid_expression)

    def read(self, session: int, count: int) -> tuple[bytes, StatusCode]:
        """Read from an instrument (viRead)."""
        opened = self._use(session)
        try:
            data, status = opened.read(count)
        except LinkError:
            data, status = b"", self._lose(session, opened)
        return data, self.handle_return_value(session, status)

    def write(self, session: int, data: bytes) -> tuple[int, StatusCode]:
        """Write to an instrument (viWrite)."""
        opened = self._use(session)
        try:
            count, status = opened.write(data)
        except LinkError:
            count, status = 0, self._lose(session, opened)
        return count, self.handle_return_value(session, status)

    def clear(self, session: int) -> StatusCode:
        """Empty the buffers on both sides (viClear)."""
        return self._done(session, self._guarded(session, PortSession.clear))

    def flush(self, session: int, mask: int) -> StatusCode:
        """Empty the buffers of the library (viFlush)."""
        return self._done(session, self._guarded(session, lambda opened: opened.flush(mask)))

    def read_stb(self, session: int) -> tuple[int, StatusCode]:
        """Return the status byte of an IEEE 488.2 instrument (viReadSTB)."""
        status_byte, status = self._guarded(session, PortSession.read_stb)
        return status_byte, self._done(session, status)

    def assert_trigger(self, session: int, protocol: int) -> StatusCode:
        """Trigger an IEEE 488.2 instrument (viAssertTrigger)."""
        if protocol != constants.TriggerProtocol.default:
            return self._done(session, StatusCode.error_invalid_protocol)
        return self._done(session, self._guarded(session, PortSession.trigger))

    def lock(
        self, session: int, lock_type: int, timeout: int, requested_key: str | None = None
    ) -> tuple[str | None, StatusCode]:
        """Lock a resource for a session, or for all that know a key (viLock).

        With a lock that others hold, VI_ERROR_RSRC_LOCKED at once where `timeout` is 0, else
        VI_ERROR_TMO when it is over.
        """
        lock = self._opened(session).resource.lock
        timeout_s = _seconds(timeout)
        key: str | None = None
        if lock_type == Lock.exclusive:
            status = lock.take_exclusively(session, timeout_s)
        elif lock_type == Lock.shared:
            key, status = lock.share(session, timeout_s, requested_key)
        else:
            status = StatusCode.error_invalid_lock_type
        return key, self._done(session, status)

    def unlock(self, session: int) -> StatusCode:
        """Undo the latest lock of a session (viUnlock)."""
        return self._done(session, self._opened(session).resource.lock.release(session))

    def get_attribute(self, session: int, attribute: int) -> tuple[Any, StatusCode]:
        """Return an attribute (viGetAttribute); locks of others do not hide it."""
        if isinstance(self.sessions.get(session), ManagerSession):
            self._refuse(session, StatusCode.error_nonsupported_attribute)
        value, status = self._opened(session).get_attribute(attribute)
        return value, self.handle_return_value(session, status)

    def set_attribute(self, session: int, attribute: int, attribute_state: Any) -> StatusCode:
        """Set an attribute (viSetAttribute); the resource's own only where no other locks it."""
        opened = self._opened(session)
        known = attributes.AttributesByID.get(attribute)
        if known is not None and not known.local and opened.resource.lock.excludes(session):
            return self._done(session, StatusCode.error_resource_locked)
        return self._done(session, opened.set_attribute(attribute, attribute_state))

    def _use(self, session: int) -> PortSession:
        """Return a session that may talk to its instrument now."""
        opened = self._opened(session)
        if opened.resource.lock.excludes(session):
            self._refuse(session, StatusCode.error_resource_locked)
        if not opened.resource.has(session):
            self._refuse(session, self._lose(session, opened))
        return opened

    def _guarded(self, session: int, operation: Callable[[PortSession], Any]) -> Any:
        opened = self._use(session)
        try:
            return operation(opened)
        except LinkError:
            self._refuse(session, self._lose(session, opened))

    @staticmethod
    def _lose(session: int, opened: PortSession) -> StatusCode:
        """Note that a session's connection is gone for good, and say so."""
        opened.resource.lose(session)
        return StatusCode.error_connection_lost

    def _attribute_of(self, name: str, attribute: int) -> Any:
        session = PortSession(0, rname.parse_resource_name(name), self._resources[name])
        value, status = session.get_attribute(attribute)
        if status != StatusCode.success:
            raise KeyError(attribute)
        return value


def _seconds(milliseconds: int) -> float:
    if milliseconds == constants.VI_TMO_INFINITE:
        return float("inf")
    return max(0.0, float(milliseconds) / 1000.0)


def new_library() -> SimulatedVisaLibrary:
    """Return a library of its own; pyvisa shares libraries of equal path."""
    path = LibraryPath(f"simulated laboratory {next(_numbers)}", "labctl")
    library = SimulatedVisaLibrary(path)
    assert isinstance(library, SimulatedVisaLibrary)  # noqa: S101  VisaLibraryBase.__new__ is untyped
    return library
