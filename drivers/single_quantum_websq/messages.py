"""The messages of the WebSQ's control port, without I/O.

The instrument sends JSON objects, each message ended by the byte 0x17 (ETB); a client splits
several objects in one message. `{"label": L, "value": {"value": ..., "bounds": ..., "unit":
...}}` describes a label, in answer to `labelProps`; `{"label": L, "value": V}` tells its value,
asked for or not; a label that contains `Error` reports a fault. Facts: the manufacturer's
public client in QCoDeS_contrib_drivers (drivers/SingleQuantum/SingleQuantum.py, commit edcb5ea).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, NoReturn

__all__ = ["END", "Message", "parse_frame"]

END = b"\x17"
_ERROR = "Error"
_SPACE = " \t\r\n"


@dataclass(frozen=True, slots=True)
class Message:
    """What the instrument says about one label.

    Attributes:
        label: name of a quantity.
        value: its value.
        is_listed: True in answer to `labelProps`, False for an answer to a single request and
            for what was not asked for.
    """

    label: str
    value: Any
    is_listed: bool

    @property
    def is_error(self) -> bool:
        """True where the instrument reports a fault; a label that is only listed reports none."""
        return _ERROR in self.label and not self.is_listed


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def parse_frame(frame: bytes) -> tuple[Message, ...]:
    """Return the messages between two ends; objects without a label are passed over.

    Raises:
        ValueError: the bytes are not JSON objects, or a label has no value.
    """
    text = frame.decode("utf-8").strip(_SPACE)
    messages: list[Message] = []
    position = 0
    while position < len(text):
        try:
            item, position = _DECODER.raw_decode(text, position)
        except RecursionError:
            raise ValueError("the JSON is nested too deep") from None
        if not isinstance(item, dict):
            raise ValueError(f"expected a JSON object, got {item!r}")  # noqa: TRY004
        if "label" in item:
            messages.append(_message(item))
        while position < len(text) and text[position] in _SPACE:
            position += 1
    return tuple(messages)


def _message(item: dict[str, Any]) -> Message:
    label = item["label"]
    if not isinstance(label, str) or "value" not in item:
        raise ValueError(f"expected a label and a value, got {item!r}")
    value = item["value"]
    # Histories are objects too, without a member `value`: they are plain values.
    if isinstance(value, dict) and "value" in value:
        return Message(label, value["value"], is_listed=True)
    return Message(label, value, is_listed=False)
