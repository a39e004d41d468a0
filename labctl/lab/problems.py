"""Collects every mistake in a configuration, so that the operator reads them all at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from labctl.errors import ConfigError, nearest

__all__ = ["Problems", "key_path"]


class Problems:
    """Mistakes found in one file (or in the parameters of one experiment)."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.lines: list[str] = []

    def add(self, path: str, text: str) -> None:
        """Note a mistake at the key `path`."""
        self.lines.append(f"{path}: {text}" if path else text)

    def add_validation(self, error: ValidationError, model: type[BaseModel]) -> None:
        """Note every mistake that pydantic found in a table of `model`."""
        for problem in error.errors(include_url=False, include_context=False):
            location = problem["loc"]
            # A place in a list is named by the list.
            key = location[:-1] if isinstance(location[-1], int) else location
            self.add(key_path(key), _describe(problem, _allowed_keys(model, location)))

    def raise_if_any(self) -> None:
        """Raise ConfigError with one line per mistake, if there is any."""
        if not self.lines:
            return
        if len(self.lines) == 1:
            raise ConfigError(f"{self.where}: {self.lines[0]}")
        listed = "\n".join(f"  - {line}" for line in self.lines)
        raise ConfigError(f"{self.where} has {len(self.lines)} mistakes:\n{listed}")


def key_path(location: tuple[int | str, ...]) -> str:
    """Return `[instruments.pump] driver` for ("instruments", "pump", "driver")."""
    words = [str(word) for word in location]
    if len(words) < 2:  # noqa: PLR2004  a key of the top level
        return words[0] if words else ""
    return f"[{'.'.join(words[:-1])}] {words[-1]}"


def _describe(problem: Mapping[str, Any], allowed: list[str]) -> str:
    kind, value = problem["type"], problem["input"]
    if kind == "extra_forbidden":
        name = str(problem["loc"][-1])
        return f"unknown key{nearest(name, allowed)}; known are: {', '.join(allowed)}"
    if kind == "missing" and isinstance(problem["loc"][-1], int):
        return f"more values are required, got {value!r}"
    if kind == "missing":
        return "this key is required"
    text = str(problem["msg"]).removeprefix("Value error, ")
    return f"{text[:1].lower()}{text[1:]}, got {value!r}"


def _allowed_keys(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """Return the keys of the innermost table of `location`, following nested models."""
    current: Any = model
    for word in location[:-1]:
        if isinstance(current, type) and issubclass(current, BaseModel):
            field = current.model_fields.get(str(word))
            current = field.annotation if field else None
        else:
            # A table of named tables: dict[str, Model].
            current = getattr(current, "__args__", (None, None))[-1]
    if isinstance(current, type) and issubclass(current, BaseModel):
        return list(current.model_fields)
    return []
