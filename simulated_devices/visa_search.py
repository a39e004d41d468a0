"""The search expressions of VISA (viFindRsrc; VPP-4.3, 4.4.1): names, and attributes in braces."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from pyvisa import attributes, constants

__all__ = ["ExpressionError", "matching_names"]

#: Returns the value of an attribute of a resource; KeyError where the resource has it not.
AttributeOf = Callable[[str, int], Any]

_COMPARISONS: Final[Mapping[type[ast.cmpop], Callable[[Any, Any], bool]]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_EXPRESSION = re.compile(r"(?P<names>[^{]*)(\{(?P<condition>[^}]*)\})?")
#: Characters that mean the same in VISA's expressions and in Python's.
_SHARED: Final = "[]()*+|^-"


class ExpressionError(ValueError):
    """The expression is not one of VISA's (VI_ERROR_INV_EXPR)."""


def matching_names(
    names: Iterable[str], expression: str, attribute_of: AttributeOf
) -> tuple[str, ...]:
    """Return the names of all resources that the expression describes, in the order given.

    A condition on an attribute that a resource does not have excludes it.

    Raises:
        ExpressionError: the expression is malformed, or asks for a local attribute, which is a
            session's and not a resource's.
    """
    parts = _EXPRESSION.fullmatch(expression)
    if parts is None:
        raise ExpressionError(expression)
    pattern = _name_pattern(parts["names"])
    found = [name for name in names if pattern.fullmatch(name)]
    if parts["condition"] is None:
        return tuple(found)
    condition = _parsed(parts["condition"])
    return tuple(name for name in found if _holds(condition, name, attribute_of))


def _name_pattern(text: str) -> re.Pattern[str]:
    pattern = ""
    characters = iter(text)
    for character in characters:
        if character == "\\":
            pattern += re.escape(next(characters, ""))
        elif character == "?":
            pattern += "."
        else:
            pattern += character if character in _SHARED else re.escape(character)
    try:
        return re.compile(pattern, re.IGNORECASE)
    except re.error as error:
        raise ExpressionError(text) from error


def _parsed(condition: str) -> ast.expr:
    python = re.sub(r"!(?!=)", " not ", condition.replace("&&", " and ").replace("||", " or "))
    try:
        return ast.parse(python.strip(), mode="eval").body
    except SyntaxError as error:
        raise ExpressionError(condition) from error


def _holds(condition: ast.expr, name: str, attribute_of: AttributeOf) -> bool:
    try:
        return bool(_value(condition, name, attribute_of))
    except KeyError:
        return False
    except TypeError as error:
        raise ExpressionError(ast.unparse(condition)) from error


def _value(node: ast.expr, name: str, attribute_of: AttributeOf) -> Any:
    match node:
        case ast.Constant(value=int() | float() | str() as constant):
            return constant
        case ast.Name(id=identifier):
            return _named(identifier, name, attribute_of)
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return not _value(operand, name, attribute_of)
        case ast.BoolOp(op=ast.And(), values=values):
            return all(_value(value, name, attribute_of) for value in values)
        case ast.BoolOp(values=values):
            return any(_value(value, name, attribute_of) for value in values)
        case ast.Compare(left=left, ops=[comparison], comparators=[right]):
            compare = _COMPARISONS.get(type(comparison))
            if compare is not None:
                return compare(_value(left, name, attribute_of), _value(right, name, attribute_of))
    raise ExpressionError(ast.unparse(node))


def _named(identifier: str, name: str, attribute_of: AttributeOf) -> Any:
    value = getattr(constants, identifier, None) if identifier.startswith("VI_") else None
    if value is None:
        raise ExpressionError(f"{identifier} is no name of VISA's")
    if not identifier.startswith("VI_ATTR_"):
        return value
    attribute = attributes.AttributesByID.get(value)
    if attribute is not None and attribute.local:
        raise ExpressionError(f"{identifier} is an attribute of sessions, not of resources")
    return attribute_of(name, value)
