"""VISA resources through pyvisa, on any VISA library.

pyvisa's `Resource.query` spends most of its time in Python between the message and the
library (warning contexts, text codecs, loops); this wire sets the resource up with pyvisa
and then speaks to the library's `write` and `read` itself.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, cast

import pyvisa
from pyvisa import constants, errors
from pyvisa.resources import MessageBasedResource, SerialInstrument

from labctl.errors import LinkError, ProtocolError, ReplyTimeoutError
from labctl.transport.link import MAX_LINE_BYTES
from labctl.transport.wire import WireOptions

if TYPE_CHECKING:
    from pyvisa.highlevel import VisaLibraryBase

__all__ = ["VisaWire"]

_CHUNK = 20 * 1024
#: Input is taken to be empty when nothing arrived for this long.
_QUIET_S = 0.02
_QUIET = (
    constants.StatusCode.success_device_not_present,
    constants.StatusCode.success_max_count_read,
)
_LOST = {
    constants.StatusCode.error_connection_lost,
    constants.StatusCode.error_io,
    constants.StatusCode.error_resource_not_found,
    constants.StatusCode.error_invalid_object,
    constants.StatusCode.error_system_error,
}


class VisaWire:
    """One VISA resource; `library` is pyvisa-py unless a library object is given."""

    def __init__(
        self, resource_name: str, options: WireOptions, library: VisaLibraryBase | None = None
    ) -> None:
        self._resource_name = resource_name
        self._options = options
        self._manager = pyvisa.ResourceManager(library if library is not None else "@py")
        self._stack = ExitStack()
        self._open()

    @property
    def address(self) -> str:
        """The resource name as instruments.toml writes it."""
        return self._resource_name

    def write(self, data: bytes) -> None:
        """Send all of `data`."""
        try:
            self._library.write(self._session, data)
        except (errors.Error, OSError) as error:
            raise self._translate(error, self._options.timeout_s) from error

    def read(self, max_bytes: int, timeout_s: float) -> bytes:
        """Return 1 to `max_bytes` bytes; on all but serial wires, once a message is complete."""
        try:
            self._set_timeout(timeout_s)
            if not self._is_serial:
                data, _ = self._library.read(self._session, max_bytes)
                return bytes(data)
            # A serial read that times out before its count or its terminator throws away
            # what it got (VISA returns either bytes or an error), so it asks for no more
            # than what is there.
            data, _ = self._library.read(self._session, 1)
            waiting = min(self._resource.bytes_in_buffer, max_bytes - 1)
            more, _ = self._library.read(self._session, waiting) if waiting else (b"", 0)
        except (errors.Error, OSError) as error:
            raise self._translate(error, timeout_s) from error
        return bytes(data + more)

    def read_until(self, terminator: bytes, timeout_s: float) -> bytes:
        """Return the bytes up to and including `terminator`."""
        received = b""
        try:
            self._set_timeout(timeout_s)
            # The resource ends a read at the terminator's last byte, so one read is one line
            # unless that byte occurs inside it.
            while not received.endswith(terminator):
                data, _ = self._library.read(self._session, _CHUNK)
                received += data
                if len(received) > MAX_LINE_BYTES:
                    raise ProtocolError(
                        f"no end of line within {MAX_LINE_BYTES} bytes", address=self.address
                    )
        except (errors.Error, OSError) as error:
            raise self._translate(error, timeout_s) from error
        return received

    def discard_input(self) -> None:
        """Read until nothing more waits."""
        try:
            self._set_timeout(_QUIET_S)
            while True:
                self._library.read(self._session, _CHUNK)
        except (errors.Error, OSError) as error:
            translated = self._translate(error, _QUIET_S)
            if not isinstance(translated, ReplyTimeoutError):
                raise translated from error

    def reopen(self) -> None:
        """Close and open the resource again."""
        self.close()
        self._open()

    def close(self) -> None:
        """Release the resource, not the resource manager: others use it too."""
        self._stack.close()

    def _open(self) -> None:
        options = self._options
        try:
            resource = self._manager.open_resource(self._resource_name)
        except (errors.Error, OSError, ValueError) as error:
            raise LinkError(
                f"VISA cannot open {self._resource_name} ({_reason(error)})",
                address=self._resource_name,
                hint=f"VISA sees: {self._resources_here()}.",
            ) from error
        self._stack = ExitStack()
        self._stack.callback(resource.close)
        if not isinstance(resource, MessageBasedResource):
            self._stack.close()
            raise LinkError(
                f"{self._resource_name} carries no messages", address=self._resource_name
            )
        resource.read_termination = options.read_termination.decode("latin-1")
        self._is_serial = isinstance(resource, SerialInstrument)
        if isinstance(resource, SerialInstrument):
            resource.baud_rate = options.baud_rate
            resource.end_input = constants.SerialTermination.termination_char
        self._library = cast("Any", resource.visalib)
        self._session = resource.session
        self._resource: Any = resource
        self._stack.enter_context(resource.ignore_warning(*_QUIET))
        self._timeout_s = -1.0
        self._set_timeout(options.timeout_s)

    def _set_timeout(self, timeout_s: float) -> None:
        # pyvisa-py configures a serial port anew with each timeout that is set.
        if timeout_s != self._timeout_s:
            self._resource.timeout = max(1, round(timeout_s * 1000))
            self._timeout_s = timeout_s

    def _resources_here(self) -> str:
        try:
            return ", ".join(self._manager.list_resources("?*")) or "no resource"
        except (errors.Error, OSError, ValueError):
            return "no resource"

    def _translate(self, error: Exception, timeout_s: float) -> LinkError | ReplyTimeoutError:
        code = getattr(error, "error_code", None)
        if code == constants.StatusCode.error_timeout:
            return ReplyTimeoutError(
                f"no complete reply within {timeout_s:g} s", address=self.address
            )
        is_lost = code in _LOST or isinstance(error, errors.InvalidSession)
        what = "the link was lost" if is_lost else "the VISA exchange failed"
        return LinkError(
            f"{what} ({_reason(error)})",
            address=self.address,
            hint="Check the cable and the power, then reconnect.",
        )


def _reason(error: Exception) -> str:
    return str(getattr(error, "abbreviation", "") or error)
