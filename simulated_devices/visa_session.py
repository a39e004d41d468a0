"""One VISA session: its attributes, and what they make of bytes on the way in and out.

Section numbers are those of VPP-4.3, the VISA library's specification; what vendors' libraries do
where it leaves room is from the NI-VISA and Keysight VISA references.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any, Final

from pyvisa import attributes, constants, rname
from pyvisa.constants import (
    BufferOperation,
    InterfaceType,
    IOProtocol,
    ResourceAttribute,
    SerialTermination,
    StatusCode,
)
from pyvisa_sim.sessions.session import Session

from simulated_devices.visa_resource import ReadRules, SimulatedResource

__all__ = ["PortSession"]

#: Interfaces that carry an END beside the bytes; a stream (serial line, socket) has none.
_BUSES = {InterfaceType.gpib, InterfaceType.tcpip, InterfaceType.usb, InterfaceType.vxi}
#: IEEE 488.2, 11.2.1.2: the message available bit.
_MAV: Final = 0x10
_IN = (
    BufferOperation.discard_read_buffer
    | BufferOperation.discard_read_buffer_no_io
    | BufferOperation.discard_receive_buffer
    | BufferOperation.discard_receive_buffer2
)
#: viFlush, 6.1.10: two operations on one buffer make no sense.
_CONFLICTS = (
    BufferOperation.discard_read_buffer | BufferOperation.discard_read_buffer_no_io,
    BufferOperation.flush_write_buffer | BufferOperation.discard_write_buffer,
    BufferOperation.discard_receive_buffer | BufferOperation.discard_receive_buffer2,
    BufferOperation.flush_transmit_buffer | BufferOperation.discard_transmit_buffer,
)
_ALL_FLUSHES = 0xFF
_Result = tuple[Any, StatusCode]


class PortSession(Session):  # type: ignore[misc]  # pyvisa-sim ships no types
    """One open handle to a simulated resource.

    Several sessions may be open to one resource: the bytes and the locks are the resource's,
    attributes the session's.

    Attributes:
        manager: the handle of the resource manager that opened it.
        resource: what it was opened to.
    """

    def __init__(
        self,
        manager: int,
        parsed: rname.ResourceName,
        resource: SimulatedResource,
    ) -> None:
        super().__init__(manager, str(parsed), parsed)
        interface = parsed.interface_type_const
        # What decides which VISA attributes the resource has.
        self.session_type = (interface, parsed.resource_class)
        self.manager = manager
        self.resource = resource
        self._is_serial = interface == InterfaceType.asrl
        self._is_bus = interface in _BUSES and parsed.resource_class != "SOCKET"
        self._rules = ReadRules()
        self._apply_attributes()

    def after_parsing(self) -> None:
        """Note what the resource's name says; a serial port may be named by its device file."""
        for attribute, field, base in _NAMED.get(self.parsed.interface_type_const, ()):
            text = getattr(self.parsed, field, None)
            if base is None:
                self.attrs[attribute] = text
            elif text is not None:
                with suppress(ValueError):
                    self.attrs[attribute] = int(text, base)

    def read(self, count: int) -> tuple[bytes, StatusCode]:
        """Return bytes up to the end of the message, the termination character or `count`."""
        return self.resource.incoming.read(count, self._rules)

    def write(self, data: bytes) -> tuple[int, StatusCode]:
        """Carry bytes to the instrument, and their end as the interface has it.

        END ends a command as a line feed does (IEEE 488.2, 7.5.2). A port carries bytes only,
        so a command that ends with END alone gets the line feed.
        """
        sent = bytes(data)
        if self.attrs.get(ResourceAttribute.send_end_enabled, True):
            if self._is_serial:
                sent = self._with_serial_end(sent)
            elif self._is_bus and not sent.endswith(b"\n"):
                sent += b"\n"
        self.resource.port.host_write(sent)
        return len(data), StatusCode.success

    def clear(self) -> StatusCode:
        """Forget what was sent and not read; on a bus the instrument forgets half commands too.

        A socket has no device clear: NI-VISA refuses, pyvisa-py empties the input as done here.
        """
        self.resource.incoming.discard()
        if self._is_bus:
            with self.resource.port.guard:
                getattr(self.resource.instrument, "device_clear", _nothing)()
        elif self._speaks_488_strings():
            self.resource.port.host_write(b"*CLS\n")
        return StatusCode.success

    def flush(self, mask: int) -> StatusCode:
        """Forget what has arrived on a stream (viFlush).

        On a bus the unread reply is in the instrument and not in a buffer of the library, which
        has none for formatted reads and none for writes: nothing is to be done.
        """
        if not mask or mask & ~_ALL_FLUSHES or any(mask & both == both for both in _CONFLICTS):
            return StatusCode.error_invalid_mask
        if mask & _IN and not self._is_bus:
            self.resource.incoming.discard()
        return StatusCode.success

    def read_stb(self) -> tuple[int, StatusCode]:
        """Return the status byte, by serial poll or, where agreed, by `*STB?` (viReadSTB)."""
        if self._is_bus:
            with self.resource.port.guard:
                status_byte = getattr(self.resource.instrument, "status_byte", None)
            if status_byte is None:
                return 0, StatusCode.error_nonsupported_operation
            has_message = bool(self.resource.incoming.waiting)
            return status_byte | (_MAV if has_message else 0), StatusCode.success
        if not self._speaks_488_strings():
            return 0, StatusCode.error_nonsupported_operation
        self.resource.port.host_write(b"*STB?\n")
        reply, status = self.read(_STATUS_REPLY)
        if status < 0:
            return 0, status
        try:
            return int(reply), StatusCode.success
        except ValueError:
            return 0, StatusCode.error_io

    def trigger(self) -> StatusCode:
        """Trigger the instrument; `*TRG` does what a bus trigger does (IEEE 488.2, 10.37)."""
        if not (self._is_bus or self._speaks_488_strings()):
            return StatusCode.error_nonsupported_operation
        self.resource.port.host_write(b"*TRG\n")
        return StatusCode.success

    def get_attribute(self, attribute: Any) -> _Result:
        """Return the value of a VISA attribute (viGetAttribute)."""
        if attribute == constants.VI_ATTR_RSRC_LOCK_STATE:
            return self.resource.lock.state, StatusCode.success
        if attribute == constants.VI_ATTR_ASRL_AVAIL_NUM and self._is_serial:
            return self.resource.incoming.waiting, StatusCode.success
        found: _Result = super().get_attribute(attribute)
        if found[1] == StatusCode.success and found[0] is attributes.NotAvailable:
            return 0, StatusCode.error_nonsupported_attribute
        return found

    def set_attribute(self, attribute: Any, attribute_state: Any) -> StatusCode:
        """Set a VISA attribute (viSetAttribute)."""
        status: StatusCode = super().set_attribute(attribute, attribute_state)
        self._apply_attributes()
        return status

    def _apply_attributes(self) -> None:
        attrs = self.attrs
        suppresses_end = bool(attrs.get(ResourceAttribute.suppress_end_enabled))
        has_terminator = bool(attrs.get(ResourceAttribute.termchar_enabled))
        last_bit = None
        if self._is_serial and not suppresses_end:
            end = attrs.get(ResourceAttribute.asrl_end_in, SerialTermination.termination_char)
            # 6.1.7: TERMCHAR_EN is ignored when the serial line has the termination character.
            has_terminator |= end == SerialTermination.termination_char
            if end == SerialTermination.last_bit:
                last_bit = _bytes_with_bit(self._last_bit())
        milliseconds = attrs.get(ResourceAttribute.timeout_value, 2000)
        is_endless = milliseconds == constants.VI_TMO_INFINITE
        self._rules = ReadRules(
            timeout_s=float("inf") if is_endless else float(milliseconds) / 1000.0,
            terminator=self._termination_character() if has_terminator else None,
            last_bit=last_bit,
            ends_with_message=not (self._is_serial or suppresses_end),
        )

    def _with_serial_end(self, data: bytes) -> bytes:
        end = self.attrs.get(ResourceAttribute.asrl_end_out, SerialTermination.none)
        if end == SerialTermination.termination_char:
            return data + self._termination_character()
        if end == SerialTermination.last_bit and data:
            bit = self._last_bit()
            return bytes(byte & ~bit for byte in data[:-1]) + bytes([data[-1] | bit])
        return data

    def _termination_character(self) -> bytes:
        return bytes([int(self.attrs.get(ResourceAttribute.termchar, 10)) & 0xFF])

    def _last_bit(self) -> int:
        return 1 << (int(self.attrs.get(ResourceAttribute.asrl_data_bits, 8)) - 1)

    def _speaks_488_strings(self) -> bool:
        protocol = self.attrs.get(ResourceAttribute.io_prot)
        return bool(protocol == IOProtocol.protocol4882_strs)


def _nothing() -> None:
    """Stand for what an instrument does not care about."""


def _bytes_with_bit(bit: int) -> re.Pattern[bytes]:
    return re.compile(b"[" + re.escape(bytes(n for n in range(256) if n & bit)) + b"]")


#: A status byte in decimal, its sign and its terminators (IEEE 488.2, 10.36).
_STATUS_REPLY: Final = 64
#: Attributes that the resource's name decides: attribute, part of the name, base of the number.
_NAMED: dict[InterfaceType, tuple[tuple[ResourceAttribute, str, int | None], ...]] = {
    InterfaceType.asrl: ((ResourceAttribute.interface_number, "board", 10),),
    InterfaceType.gpib: (
        (ResourceAttribute.interface_number, "board", 10),
        (ResourceAttribute.gpib_primary_address, "primary_address", 10),
        (ResourceAttribute.gpib_secondary_address, "secondary_address", 10),
    ),
    InterfaceType.tcpip: (
        (ResourceAttribute.interface_number, "board", 10),
        (ResourceAttribute.tcpip_address, "host_address", None),
        (ResourceAttribute.tcpip_device_name, "lan_device_name", None),
        (ResourceAttribute.tcpip_port, "port", 10),
    ),
    InterfaceType.usb: (
        (ResourceAttribute.interface_number, "board", 10),
        (ResourceAttribute.manufacturer_id, "manufacturer_id", 0),
        (ResourceAttribute.model_code, "model_code", 0),
        (ResourceAttribute.usb_serial_number, "serial_number", None),
        (ResourceAttribute.usb_interface_number, "usb_interface_number", 10),
    ),
}
