"""Values as JSON bytes, made in the caller's thread so that later changes cannot reach the file."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from datetime import date
from enum import Enum
from pathlib import PurePath
from typing import Any

import numpy as np

__all__ = ["from_json_object", "to_json", "to_json_text"]


def to_json_text(value: Any) -> str:
    """Return JSON text; NumPy values, dataclasses, enums, paths and dates become plain ones.

    NaN and Infinity are kept as Python's json writes and reads them: a result that could not be
    computed must not turn into null or zero.

    Raises:
        TypeError: the value holds something that has no plain form.
    """
    return "".join(_encode(value, 0))


def to_json(value: Any) -> bytes:
    """Return `to_json_text` as UTF-8."""
    # A lone surrogate (a file name that is not UTF-8) is escaped rather than refused.
    return "".join(_encode(value, 0)).encode("utf-8", "backslashreplace")


def _plain(value: Any) -> Any:
    for kind, convert in _CONVERSIONS:
        if isinstance(value, kind):
            return convert(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    dump = getattr(value, "model_dump", None)
    if callable(dump):
        # pydantic models are parameters of experiments.
        return dump()
    raise TypeError(f"{type(value).__name__} value {value!r} cannot be stored as JSON")


_CONVERSIONS: tuple[tuple[type[Any], Callable[[Any], Any]], ...] = (
    (np.generic, lambda value: value.item()),
    (np.ndarray, lambda value: value.tolist()),
    (Enum, lambda value: value.value),
    (PurePath, str),
    (date, lambda value: value.isoformat()),
    (Mapping, dict),
    (AbstractSet, sorted),
)


def from_json_object(text: str | bytes) -> dict[str, Any]:
    """Return the JSON object in `text`.

    Raises:
        ValueError: it is not JSON, or not an object.
    """
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError(f"a JSON object is expected, not {type(value).__name__}")  # noqa: TRY004
    return value


# Made once, as JSONEncoder makes it for each of its calls, which takes longer than the encoding of
# a point. In order: no search for circles (a RecursionError finds them), values, texts, indent,
# separators of keys and items, sorted keys, skipped keys, NaN allowed.
_encode = json.encoder.c_make_encoder(  # type: ignore[attr-defined]  # typeshed lacks it
    None, _plain, json.encoder.encode_basestring, None, ":", ",", False, False, True
)
