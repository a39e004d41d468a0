"""An experiment's parameters as their JSON schema describes them: what can be typed, and what not.

Lists and tuples are written with commas, tables as JSON; an empty text is None where None is
allowed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from labctl.units import unit_of

__all__ = ["Kind", "ParameterField", "fields_of", "short_parameters"]

Kind: TypeAlias = Literal["number", "integer", "switch", "choice", "text", "list", "table"]

_KINDS: Mapping[str, Kind] = {
    "number": "number",
    "integer": "integer",
    "boolean": "switch",
    "string": "text",
    "array": "list",
    "object": "table",
}


@dataclass(frozen=True, slots=True)
class ParameterField:
    """One parameter.

    Attributes:
        kind: what it is; of a list, `items` are the elements: one for all of them, or one each.
        unit: symbol of its unit, empty where it has none.
        is_optional: whether it may be None.
        bounds: what a number must keep: ("≥" or ">" or "≤" or "<", bound).
        lengths: fewest and most elements of a list or characters of a text; None where any.
    """

    name: str
    kind: Kind
    unit: str
    doc: str
    default: Any
    is_required: bool
    is_optional: bool
    choices: tuple[Any, ...] = ()
    bounds: tuple[tuple[str, float], ...] = ()
    items: tuple[ParameterField, ...] = ()
    lengths: tuple[int | None, int | None] = (None, None)

    @property
    def title(self) -> str:
        """The name as a label shows it, without the unit that stands beside the value."""
        words = self.name.split("_")
        return " ".join(words[:-1] if self.unit and len(words) > 1 else words)

    @property
    def limits_text(self) -> str:
        """What is allowed, such as "> 0 and ≤ 86400 s"; empty where everything is."""
        if self.choices:
            return f"one of {', '.join(map(str, self.choices))}"
        parts = [f"{sign} {bound:.12g}" for sign, bound in self.bounds]
        text = f"{' and '.join(parts)} {self.unit}".strip() if parts else ""
        lowest, most = self.lengths
        if self.kind == "list" and lowest is not None and lowest == most:
            each = self.items[0].kind if self.items else "value"
            return f"{lowest} {each}s"
        if self.kind == "list" and self.items and self.items[0].limits_text:
            return f"each {self.items[0].limits_text}"
        return text

    def text(self, value: Any) -> str:
        """Return the value as it is typed."""
        if value is None:
            return ""
        if self.kind == "list" and not self._is_table_list:
            return ", ".join(str(item) for item in value)
        if self.kind in {"table", "list"}:
            return json.dumps(value)
        return f"{value:.12g}" if isinstance(value, float) else str(value)

    def parse(self, text: str) -> Any:
        """Return the value that was typed.

        Raises:
            ValueError: it is none of this parameter; the message is for the operator.
        """
        text = text.strip()
        if not text and self.is_optional:
            return None
        value = self._convert(text)
        self._check(value)
        return value

    @property
    def _is_table_list(self) -> bool:
        return bool(self.items) and self.items[0].kind in {"table", "list"}

    def _convert(self, text: str) -> Any:
        if self.kind in {"number", "integer"}:
            return self._number(text)
        if self.kind == "switch":
            return self._one_of(text, {"true": True, "false": False})
        if self.kind == "choice":
            return self._one_of(text, {str(choice): choice for choice in self.choices})
        if self.kind == "text":
            return text
        if self.kind == "table" or self._is_table_list:
            return self._json(text)
        words = [word.strip() for word in text.split(",") if word.strip()]
        self._check_length(len(words))
        items = [self._item(place) for place in range(len(words))]
        return [item.parse(word) for item, word in zip(items, words, strict=True)]

    def _item(self, place: int) -> ParameterField:
        return self.items[min(place, len(self.items) - 1)]

    def _number(self, text: str) -> float | int:
        bare = text.removesuffix(self.unit).strip() if self.unit else text
        try:
            value = int(bare) if self.kind == "integer" else float(bare)
        except ValueError:
            what = "a whole number" if self.kind == "integer" else "a number, such as 0.5"
            raise ValueError(f'"{text}" is not {what}' if text else f"{what} is missing") from None
        if not math.isfinite(value):
            raise ValueError(f'"{text}" is not a finite number')
        return value

    def _one_of(self, text: str, known: Mapping[str, Any]) -> Any:
        if text not in known:
            raise ValueError(f'"{text}" is not one of {", ".join(known)}')
        return known[text]

    def _json(self, text: str) -> Any:
        wanted, what = (dict, "table") if self.kind == "table" else (list, "list")
        try:
            value = json.loads(text or ("{}" if self.kind == "table" else "[]"))
        except ValueError as error:
            raise ValueError(f"this is not JSON: {error}") from None
        if not isinstance(value, wanted):
            raise ValueError(f"this is JSON, but no {what}")  # noqa: TRY004  what was typed is wrong
        return value

    def _check(self, value: Any) -> None:
        if self.kind in {"number", "integer"} and not all(
            _keeps(value, sign, bound) for sign, bound in self.bounds
        ):
            shown = f"{value:.12g} {self.unit}".strip()
            raise ValueError(f"{shown} is not {self.limits_text}")
        if self.kind == "text" and isinstance(value, str):
            self._check_length(len(value))

    def _check_length(self, length: int) -> None:
        lowest, most = self.lengths
        what = "characters" if self.kind == "text" else "values"
        if lowest is not None and length < lowest:
            raise ValueError(f"{length} of {lowest} {what}")
        if most is not None and length > most:
            raise ValueError(f"{length} {what}, {most} at most")


def fields_of(schema: Mapping[str, Any]) -> tuple[ParameterField, ...]:
    """Return the parameters of a JSON schema, in its order."""
    definitions = schema.get("$defs", {})
    required = set(schema.get("required", ()))
    return tuple(
        _field(name, described, definitions, is_required=name in required)
        for name, described in schema.get("properties", {}).items()
    )


def short_parameters(parameters: Mapping[str, Any]) -> str:
    """Return parameters as one line, such as "dwell 5 s, settings 16"."""
    parts = []
    for name, value in parameters.items():
        unit = unit_of(name)
        words = name.split("_")
        title = " ".join(words[:-1] if unit and len(words) > 1 else words)
        listed = isinstance(value, (list, tuple))
        shown = " ".join(map(str, value)) if listed else "default" if value is None else str(value)
        parts.append(f"{title} {shown} {unit}".strip())
    return ", ".join(parts)


def _keeps(value: float, sign: str, bound: float) -> bool:
    return {"≥": value >= bound, ">": value > bound, "≤": value <= bound, "<": value < bound}[sign]


def _field(
    name: str, described: Mapping[str, Any], definitions: Mapping[str, Any], *, is_required: bool
) -> ParameterField:
    found, is_optional = _resolved(described, definitions)
    choices = tuple(found["enum"]) if "enum" in found else ()
    if "const" in found:
        choices = (found["const"],)
    kind = "choice" if choices else _KINDS.get(str(found.get("type")), "text")
    bounds = tuple(
        (sign, float(found[key]))
        for key, sign in (
            ("minimum", "≥"),
            ("exclusiveMinimum", ">"),
            ("maximum", "≤"),
            ("exclusiveMaximum", "<"),
        )
        if key in found
    )
    each = found.get("prefixItems") or [found.get("items") or {"type": "string"}]
    lengths = ("minItems", "maxItems") if kind == "list" else ("minLength", "maxLength")
    return ParameterField(
        name=name,
        kind=kind,
        unit=unit_of(name),
        doc=str(described.get("description", "")),
        default=described.get("default"),
        is_required=is_required,
        is_optional=is_optional,
        choices=choices,
        bounds=bounds,
        items=tuple(_field(name, item, definitions, is_required=True) for item in each)
        if kind == "list"
        else (),
        lengths=(found.get(lengths[0]), found.get(lengths[1])),
    )


def _resolved(
    described: Mapping[str, Any], definitions: Mapping[str, Any]
) -> tuple[dict[str, Any], bool]:
    """Return the description without references and without None, and whether None is allowed."""
    found = dict(described)
    if "$ref" in found:
        found |= definitions.get(str(found.pop("$ref")).rsplit("/", 1)[-1], {})
    for key in ("anyOf", "oneOf", "allOf"):
        if key not in found:
            continue
        parts = [_resolved(part, definitions)[0] for part in found.pop(key)]
        others = [part for part in parts if part.get("type") != "null"]
        # Where several types are allowed, the service judges what was typed.
        only = others[0] if len(others) == 1 else {"type": "string"}
        return {**found, **only}, len(others) < len(parts)
    return found, False
