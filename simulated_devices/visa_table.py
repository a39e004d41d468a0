"""The handles of a simulated VISA library: resource managers, sessions, their last statuses."""

from __future__ import annotations

import itertools
from typing import Any, NoReturn

from pyvisa import errors
from pyvisa.constants import EventType, StatusCode
from pyvisa_sim.highlevel import SimVisaLibrary

from simulated_devices.visa_session import PortSession

__all__ = ["ClosedByManager", "ManagerSession", "SessionTable"]


class ManagerSession:
    """The handle of a resource manager."""


class ClosedByManager:
    """The handle of a session whose manager was closed.

    When Python collects a manager and its resources at once, the manager may go first; closing
    the resources after it must not fail.
    """


class SessionTable(SimVisaLibrary):  # type: ignore[misc]  # pyvisa-sim ships no types
    """Who has which handle; what a simulated resource cannot do is refused here.

    Attributes:
        sessions: what is behind each handle.
    """

    def _init(self) -> None:
        self.sessions: dict[int, Any] = {}
        self._handles = itertools.count(1)

    @property
    def resource_manager(self) -> None:
        """None, so that pyvisa makes a manager of its own for each who asks for one."""
        return

    @resource_manager.setter
    def resource_manager(self, manager: object) -> None:
        """Leave the managers apart."""

    def open_default_resource_manager(self) -> tuple[int, StatusCode]:
        """Return the handle of a new resource manager (viOpenDefaultRM)."""
        handle = next(self._handles)
        self.sessions[handle] = ManagerSession()
        return handle, StatusCode.success

    def enable_event(
        self, session: int, event_type: int, mechanism: int, context: None = None
    ) -> StatusCode:
        """Refuse: the simulated resources send no events (VI_ERROR_INV_EVENT)."""
        del event_type, mechanism, context
        return self._refuse_event(session)

    def disable_event(self, session: int, event_type: int, mechanism: int) -> StatusCode:
        """Do nothing for all events at once, as pyvisa asks before closing; refuse others."""
        del mechanism
        if event_type == EventType.all_enabled:
            if isinstance(self.sessions.get(session), ClosedByManager):
                return StatusCode.success
            return self._done(session, StatusCode.success)
        return self._refuse_event(session)

    def discard_events(self, session: int, event_type: int, mechanism: int) -> StatusCode:
        """Do nothing for all events at once, as pyvisa asks before closing; refuse others."""
        return self.disable_event(session, event_type, mechanism)

    def wait_on_event(self, session: int, in_event_type: int, timeout: int) -> Any:
        """Refuse as `enable_event` does, at once: nothing would ever come."""
        del in_event_type, timeout
        return self._refuse_event(session)

    def install_handler(
        self, session: int, event_type: int, handler: object, user_handle: object = None
    ) -> Any:
        """Refuse as `enable_event` does."""
        del event_type, handler, user_handle
        return self._refuse_event(session)

    def _opened(self, session: int) -> PortSession:
        found = self.sessions.get(session)
        if not isinstance(found, PortSession):
            self._refuse(None, StatusCode.error_invalid_object)
        return found

    def _refuse(self, session: int | None, status: StatusCode) -> NoReturn:
        """Raise the error, once it is the session's last status."""
        self.handle_return_value(session, status)
        raise errors.VisaIOError(status)

    def _done(self, session: int, status: StatusCode) -> StatusCode:
        self._opened(session)
        result: StatusCode = self.handle_return_value(session, status)
        return result

    def _refuse_event(self, session: int) -> StatusCode:
        return self._done(session, StatusCode.error_invalid_event)
