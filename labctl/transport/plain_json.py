"""JSON objects between processes: bounded where they come in, plain where they go out."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from enum import Enum
from typing import Any, NoReturn

from labctl.errors import LimitError

__all__ = ["check_bounds", "decode_object", "encode_object"]

MAX_DEPTH = 16
MAX_VALUES = 20_000
_MAX_INTEGER = 2**63 - 1


def decode_object(data: bytes) -> dict[str, Any]:
    """Return the JSON object in `data`, which is UTF-8; its contents are not looked at.

    Raises:
        LimitError: it is something else.
    """
    try:
        value = _DECODER.decode(data.decode("utf-8"))
    except (ValueError, RecursionError):
        raise LimitError("the message is not JSON") from None
    if not isinstance(value, dict):
        raise LimitError("the message is not a JSON object")
    return value


def check_bounds(message: Mapping[str, Any]) -> None:
    """Refuse what no reader should have to cope with.

    Raises:
        LimitError: nested deeper than 16, more than 20 000 values, numbers that are not finite
            or do not fit into 64 bits, texts that are not Unicode.
    """
    level: list[Any] = [message]
    n_values = 0
    for _ in range(MAX_DEPTH):
        below: list[Any] = []
        for value in level:
            n_values += 1
            if isinstance(value, dict):
                below.extend(value)
                below.extend(value.values())
            elif isinstance(value, list):
                below.extend(value)
            else:
                _check_scalar(value)
        if n_values + len(below) > MAX_VALUES:
            raise LimitError(f"the message holds more than {MAX_VALUES} values")
        if not below:
            return
        level = below
    raise LimitError(f"the message is nested deeper than {MAX_DEPTH}")


def encode_object(values: Mapping[str, Any]) -> bytes:
    """Return `values` as JSON in UTF-8.

    Choices become their word, arrays lists, paths texts, and numbers that are not finite null:
    JSON has none.
    """
    try:
        return _ENCODER.encode(values).encode()
    except ValueError:
        return _ENCODER.encode(_finite(values)).encode()


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _check_scalar(value: Any) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise LimitError("the message holds a number that is not finite")
    if isinstance(value, int) and abs(value) > _MAX_INTEGER:
        raise LimitError("the message holds an integer of more than 64 bits")
    if isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise LimitError("the message holds a text that is not Unicode") from None


def _plain(value: Any) -> Any:
    """Return `value`, which JSON does not know, as something that it knows."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (Mapping, set, frozenset)):
        return dict(value) if isinstance(value, Mapping) else sorted(value)
    # Results and snapshots; arrays and their scalars, for which numpy itself is not needed.
    for name in ("to_dict", "tolist"):
        if hasattr(value, name):
            return getattr(value, name)()
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return str(value)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return _finite(_plain(value))


# Made once: making one takes longer than a small message.
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
_ENCODER = json.JSONEncoder(allow_nan=False, default=_plain, separators=(",", ":"))
