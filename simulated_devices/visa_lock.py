"""The locks of a VISA resource (VPP-4.3, 3.6: the VISA library's specification)."""

from __future__ import annotations

import math
import threading
import uuid
from collections.abc import Callable

from pyvisa.constants import AccessModes, StatusCode

__all__ = ["ResourceLock"]

#: viLock: a key has at most 256 characters with the final NUL.
_MAX_KEY = 255


class ResourceLock:
    """Who has locked a resource ; sessions are named by their handles.

    An exclusive lock keeps all other sessions out, a shared one all that have not its key. Both
    nest. A session with a shared lock may take the exclusive one on top, which keeps the others
    out that share it.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._owner: int | None = None
        self._depth = 0
        self._sharers: dict[int, int] = {}
        self._key = ""

    @property
    def state(self) -> AccessModes:
        """What VI_ATTR_RSRC_LOCK_STATE says."""
        if self._owner is not None:
            return AccessModes.exclusive_lock
        return AccessModes.shared_lock if self._sharers else AccessModes.no_lock

    def excludes(self, session: int) -> bool:
        """Return whether other sessions' locks forbid this one to use the resource."""
        if self._owner is None:
            return bool(self._sharers) and session not in self._sharers
        return self._owner != session

    def take_exclusively(self, session: int, timeout_s: float) -> StatusCode:
        """Lock for one session, and return how that went."""
        with self._changed:
            status = self._wait(lambda: not self.excludes(session), timeout_s)
            if status < 0:
                return status
            self._owner = session
            self._depth += 1
            return StatusCode.success_nested_exclusive if self._depth > 1 else status

    def share(self, session: int, timeout_s: float, key: str | None) -> tuple[str, StatusCode]:
        """Lock for all sessions that know the key; return the key and how that went."""
        with self._changed:
            is_nested = session in self._sharers
            if len(key or "") > _MAX_KEY or (is_nested and key not in {None, self._key}):
                return "", StatusCode.error_invalid_access_key
            status = self._wait(lambda: self._may_share(session, key), timeout_s)
            if status < 0:
                return "", status
            if not self._sharers:
                self._key = key or uuid.uuid4().hex
            self._sharers[session] = self._sharers.get(session, 0) + 1
            return self._key, StatusCode.success_nested_shared if is_nested else status

    def release(self, session: int) -> StatusCode:
        """Undo the latest lock of a session, an exclusive one before a shared one."""
        with self._changed:
            if self._owner == session:
                self._depth -= 1
                if not self._depth:
                    self._owner = None
            elif session in self._sharers:
                self._sharers[session] -= 1
                if not self._sharers[session]:
                    del self._sharers[session]
            else:
                return StatusCode.error_session_not_locked
            self._changed.notify_all()
            if self._owner == session:
                return StatusCode.success_nested_exclusive
            if session in self._sharers:
                return StatusCode.success_nested_shared
            return StatusCode.success

    def release_all(self, session: int) -> None:
        """Undo all locks of a session that is being closed."""
        while self.release(session) != StatusCode.error_session_not_locked:
            pass

    def _may_share(self, session: int, key: str | None) -> bool:
        if self._owner is not None:
            return self._owner == session and session in self._sharers
        return not self._sharers or session in self._sharers or key == self._key

    def _wait(self, is_free: Callable[[], bool], timeout_s: float) -> StatusCode:
        if is_free():
            return StatusCode.success
        if timeout_s <= 0.0:
            return StatusCode.error_resource_locked
        limit_s = None if math.isinf(timeout_s) else timeout_s
        if self._changed.wait_for(is_free, limit_s):
            return StatusCode.success
        return StatusCode.error_timeout
