"""pyvisa-sim dialogues bound to the simulated world.

The YAML stays valid for stock pyvisa-sim (`@sim`), which ignores the keys we add:

- `properties.X.specs.bind: attribute`: reading and setting X reads and sets that attribute
  of the instrument's model, which may refuse with ValueError (answered by the setter's `e`).
- `dialogues[].call: method`: the command calls that method of the model; the text it
  returns is the reply, None means the dialogue's own `r`.
- `syntax: scpi`: one line may hold several commands, as SCPI-99 (6.2.4) and IEEE 488.2 (8.4)
  have it: after `;` a command is looked for beside the one before it unless it begins with `:`
  or `*`, and the replies to one line are one message, joined by `;`. (Stock pyvisa-sim takes
  every command of a line from the root and sends each reply by itself.)
- `error.error_queue[].range_error: text`: what the SCPI error queue gets for a value that the
  file's limits or the model refuse, where the setter has no `e`. (Stock pyvisa-sim cannot tell
  a refused value from an unknown command: it queues `command_error` for both.)

All private names of pyvisa-sim are used in this module and nowhere else; that is why
pyproject.toml pins its minor version.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from pyvisa_sim.component import NoResponse, Property, to_bytes
from pyvisa_sim.devices import Device
from pyvisa_sim.parser import update_component

__all__ = ["DialogueDevice", "load_dialogue"]

_Loader = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_LINE_END = re.compile(rb"[\r\n]+")
#: One command of a line of SCPI; a semicolon inside quotes separates nothing (IEEE 488.2, 7.7.5).
_SCPI_UNIT = re.compile(rb"""(?:[^;"']|"[^"]*"?|'[^']*'?)+""")
#: SCPI-99, 9: the bit of the status byte that says the error queue is not empty.
_ERROR_AVAILABLE = 0x04


@cache
def load_dialogue(path: Path) -> dict[str, Any]:
    """Return the one device of a YAML file; each file is parsed once per process."""
    document = yaml.load(path.read_bytes(), Loader=_Loader)  # noqa: S506  makes only strings
    (device,) = document["devices"].values()
    return dict(device)


class _BoundProperty(Property):  # type: ignore[misc]  # pyvisa-sim ships no types
    """A property whose value lives in the instrument's model."""

    def __init__(
        self,
        name: str,
        default: str,
        specs: dict[str, str],
        model: object,
        on_refusal: Callable[[], None],
    ) -> None:
        self._model = model
        self._attribute = specs["bind"]
        self._on_refusal = on_refusal
        super().__init__(name, default, specs)

    def init_value(self, string_value: str) -> None:
        """Leave the model as it is; the default in the file is for stock pyvisa-sim."""

    def get_value(self) -> Any:
        """Return the model's value, as a number where it is a switch."""
        value = getattr(self._model, self._attribute)
        return int(value) if isinstance(value, bool) else value

    def set_value(self, string_value: str) -> None:
        """Give the model the value; ValueError when the file's limits or the model refuse."""
        try:
            setattr(self._model, self._attribute, self.validate_value(string_value))
        except ValueError:
            self._on_refusal()
            raise


class DialogueDevice(Device):  # type: ignore[misc]  # pyvisa-sim ships no types
    """A YAML dialogue that speaks for `model`; replies go to `send`, one call a message."""

    def __init__(self, path: Path, model: object, send: Callable[[bytes], None]) -> None:
        definition = load_dialogue(path)
        super().__init__(path.stem, definition.get("delimiter", ";").encode())
        self._model = model
        self._send = send
        self._calls: dict[bytes, Callable[[], str | None]] = {}
        self._pending = b""
        self._error_kind = "command_error"
        self._is_scpi = definition.get("syntax") == "scpi"
        (end,) = definition["eom"].values()
        self._response_eom = to_bytes(end["r"])
        self.add_error_handler(definition.get("error", {}))
        update_component(self.name, self, definition)
        for dialogue in definition.get("dialogues", ()):
            if "call" in dialogue:
                self._calls[to_bytes(dialogue["q"])] = getattr(model, dialogue["call"])

    def add_property(
        self, name: str, default: str, getter: Any, setter: Any, specs: dict[str, str]
    ) -> None:
        """Bind the property to the model where the file says so."""
        super().add_property(name, default, getter, setter, specs)
        if "bind" in specs:
            self._properties[name] = _BoundProperty(
                name, default, specs, self._model, self._note_refusal
            )

    def receive(self, data: bytes) -> None:
        """Take bytes from the host; a line ends with CR, LF or both, as real firmware takes it."""
        *lines, self._pending = _LINE_END.split(self._pending + data)
        for line in lines:
            if self._is_scpi:
                replies = [self._reply_to(command) for command in _scpi_commands(line)]
                sent = [reply for reply in replies if reply is not None]
                self._answer(b";".join(sent) if sent else None)
                continue
            for command in line.split(self.delimiter) if self.delimiter else (line,):
                if command:
                    self._answer(self._reply_to(command.strip()))

    def device_clear(self) -> None:
        """Forget half a command (IEEE 488.2, 5.8: device clear resets the parser)."""
        self._pending = b""

    def clear_error_queues(self) -> None:
        """Forget the errors that nobody has asked for (`*CLS`)."""
        for queue in self._error_queues.values():
            queue.clear()

    @property
    def unread_errors(self) -> tuple[str, ...]:
        """What waits in the error queues, oldest first; asking leaves it there."""
        queues = self._error_queues.values()
        return tuple(error.decode() for queue in queues for error in queue._queue)  # noqa: SLF001  all private names of pyvisa-sim are used here

    @property
    def status_byte(self) -> int:
        """What is worth a service request (IEEE 488.2, 11.2), but for what waits to be read."""
        return _ERROR_AVAILABLE if self.unread_errors else 0

    def _answer(self, reply: bytes | None) -> None:
        if reply is not None:
            self._send(reply + self._response_eom)

    def _reply_to(self, command: bytes) -> bytes | None:
        response = None
        self._error_kind = "command_error"
        if command in self._calls and (text := self._calls[command]()) is not None:
            response = text.encode()
        if response is None:
            response = self._match_or_none(command)
        if response is None:
            response = self.error_response(self._error_kind)
        return None if response is NoResponse or response is None else bytes(response)

    def _match_or_none(self, command: bytes) -> Any:
        try:
            return self._match(command)
        except UnicodeDecodeError:  # line noise: the matcher decodes before it compares
            return None

    def _note_refusal(self) -> None:
        if self._error_queues:
            self._error_kind = "range_error"


def _scpi_commands(line: bytes) -> Iterator[bytes]:
    """Yield the commands of a line with the path that SCPI gives each, and no leading colon."""
    path = b""
    for unit in _SCPI_UNIT.findall(line):
        command = unit.strip()
        if not command:
            continue
        if command.startswith(b"*"):
            yield command
            continue
        command = command[1:] if command.startswith(b":") else path + command
        yield command
        header = command.split(maxsplit=1)[0] if command else b""
        path = header[: header.rfind(b":") + 1]
