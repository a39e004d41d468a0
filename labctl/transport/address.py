"""Where an instrument is reached: one line of text in instruments.toml."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from labctl.errors import ConfigError

__all__ = ["FORMS", "Address", "parse_address"]

WireKind = Literal["visa", "serial", "tcp", "file", "library"]

FORMS = (
    "serial:///dev/ttyUSB0, serial://COM3, tcp://192.168.1.20:5025, "
    "a VISA resource such as ASRL/dev/ttyUSB0::INSTR, library://VENDOR/SERIAL for an instrument "
    "with a vendor's library, or file://PATH for a recording"
)

_VISA = re.compile(
    r"^(ASRL\S+|(GPIB|TCPIP|USB|VXI|PXI|PRLGX-(ASRL|TCPIP))\d*::\S+)$", re.IGNORECASE
)
_ASRL = re.compile(r"ASRL(?P<port>.*?)(::INSTR)?", re.IGNORECASE)
_WINDOWS_PORT = re.compile(r"COM\d+", re.IGNORECASE)
_CLASSES = {"INSTR", "SOCKET", "INTFC", "RAW", "BACKPLANE", "MEMACC", "SERVANT"}
#: Parts of a resource name that may be left out before its class: how many parts the full
#: form has, and what stands for the missing one (VPP-4.3, section 4.3.1).
_DEFAULT_PART = {"TCPIP": (2, "INST0"), "USB": (4, "0")}
_TCP = re.compile(r"^tcp://(?P<host>[^:/\s]+|\[[0-9a-fA-F:]+\]):(?P<port>\d{1,5})/?$")
#: Without a serial number: the only instrument of the vendor on this computer.
_LIBRARY = re.compile(r"^library://(?P<vendor>[A-Za-z0-9_-]+)(/(?P<serial>[^/\s]*))?$")
_MAX_PORT = 65_535


@dataclass(frozen=True, slots=True)
class Address:
    """A parsed address; `text` is what the configuration says, `canonical` identifies the wire."""

    text: str
    kind: WireKind
    target: str
    port: int = 0

    @property
    def canonical(self) -> str:
        """The same string for every spelling of one wire: duplicates and locks compare it."""
        if self.kind == "tcp":
            return f"tcp://{self.target.lower()}:{self.port}"
        if self.kind == "file":
            return f"file://{Path(self.target).resolve()}"
        if self.kind == "library":
            return f"library://{self.target}"
        if self.kind == "serial":
            return _canonical_serial(self.target)
        if serial := _ASRL.fullmatch(self.target):
            return _canonical_serial(serial["port"])
        return _canonical_visa(self.target)

    def at_port(self, port: int) -> Address:
        """Return the same host at another TCP port.

        Raises:
            ConfigError: the address is not a TCP one.
        """
        if self.kind != "tcp":
            raise ConfigError(f'address "{self.text}" must be tcp://HOST:PORT for this driver')
        host = f"[{self.target}]" if ":" in self.target else self.target
        return Address(f"tcp://{host}:{port}", "tcp", self.target, port)


def parse_address(text: str) -> Address:
    """Return the wire that `text` names.

    Raises:
        ConfigError: the text has none of the known forms.
    """
    if text.startswith("serial://") and len(text) > len("serial://"):
        return Address(text, "serial", text.removeprefix("serial://"))
    if text.startswith("file://") and len(text) > len("file://"):
        return Address(text, "file", text.removeprefix("file://"))
    if match := _TCP.match(text):
        port = int(match["port"])
        if not 0 < port <= _MAX_PORT:
            raise ConfigError(f'address "{text}": port {port} is outside 1 to {_MAX_PORT}')
        return Address(text, "tcp", match["host"].strip("[]"), port)
    if match := _LIBRARY.match(text):
        return Address(text, "library", f"{match['vendor'].lower()}/{match['serial'] or ''}")
    if _VISA.match(text):
        return Address(text, "visa", text)
    raise ConfigError(f'address "{text}" has no known form; write {FORMS}')


def _canonical_serial(port: str) -> str:
    # Device files have case, the ports of Windows have none.
    return f"serial://{port.upper() if _WINDOWS_PORT.fullmatch(port) else port}"


def _canonical_visa(name: str) -> str:
    """Return the resource name with the parts that may be left out."""
    board, *parts = name.upper().split("::")
    interface = board.rstrip("0123456789")
    if board == interface:
        board += "0"
    if parts[-1] not in _CLASSES:
        parts.append("INSTR")
    match interface, parts:
        case "TCPIP", [host, port, "SOCKET"] if port.isdecimal():
            return f"tcp://{host.lower()}:{int(port)}"
        case _, [*given, "INSTR"] if interface in _DEFAULT_PART:
            full, part = _DEFAULT_PART[interface]
            if len(given) < full:
                parts.insert(-1, part)
    return "::".join([board, *parts])
