"""Where an instrument is reached: one line of text in instruments.toml."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from labctl.errors import ConfigError

__all__ = ["FORMS", "Address", "parse_address"]

WireKind = Literal["visa", "serial", "tcp"]

FORMS = (
    "serial:///dev/ttyUSB0, serial://COM3, tcp://192.168.1.20:5025, "
    "or a VISA resource such as ASRL/dev/ttyUSB0::INSTR"
)

_VISA = re.compile(r"^(ASRL|GPIB|TCPIP|USB|VXI|PXI|PRLGX)", re.IGNORECASE)
_TCP = re.compile(r"^tcp://(?P<host>[^:/\s]+|\[[0-9a-fA-F:]+\]):(?P<port>\d{1,5})/?$")
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
        if self.kind == "serial":
            return f"serial://{self.target}"
        interface = re.fullmatch(r"ASRL(?P<port>.*?)(::INSTR)?", self.target, re.IGNORECASE)
        if interface:
            return f"serial://{interface['port']}"
        return self.target.upper()

    def at_port(self, port: int) -> Address:
        """Return the same host at another TCP port.

        Raises:
            ConfigError: the address is not a TCP one.
        """
        if self.kind != "tcp":
            raise ConfigError(f'address "{self.text}" must be tcp://HOST:PORT for this driver')
        return Address(f"tcp://{self.target}:{port}", "tcp", self.target, port)


def parse_address(text: str) -> Address:
    """Return the wire that `text` names.

    Raises:
        ConfigError: the text has none of the known forms.
    """
    if text.startswith("serial://") and len(text) > len("serial://"):
        return Address(text, "serial", text.removeprefix("serial://"))
    if match := _TCP.match(text):
        port = int(match["port"])
        if not 0 < port <= _MAX_PORT:
            raise ConfigError(f'address "{text}": port {port} is outside 1 to {_MAX_PORT}')
        return Address(text, "tcp", match["host"].strip("[]"), port)
    if _VISA.match(text):
        return Address(text, "visa", text)
    raise ConfigError(f'address "{text}" has no known form; write {FORMS}')
