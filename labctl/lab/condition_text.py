"""Takes the text of a condition apart; the grammar is in labctl.lab.conditions."""

from __future__ import annotations

import re
from dataclasses import dataclass

from labctl.errors import ConfigError
from labctl.lab.conditions import (
    All,
    Comparison,
    Condition,
    Constant,
    Denial,
    Either,
    Operand,
    Quantity,
    quantities,
)

__all__ = ["parse_condition"]

#: Longer ones nobody can check by reading; it bounds how deep parentheses can go, too.
MAX_CHARACTERS = 500
_MAX_DEPTH = 50
_TOKEN = re.compile(
    r"\s*(?:"
    r"(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))"
    r"|(?P<text>\"[^\"]*\"|'[^']*')"
    r"|(?P<word>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)"
    r"|(?P<sign><=|>=|==|!=|<|>)"
    r"|(?P<bracket>[()])"
    r")",
    re.ASCII,
)
_JOINS = {"and", "or", "not"}
_SWITCHES = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    column: int


def parse_condition(text: str) -> Condition:
    """Return the condition that `text` describes.

    Raises:
        ConfigError: what is wrong, and where: columns count from 1.
    """
    if len(text) > MAX_CHARACTERS:
        raise ConfigError(f"a condition has at most {MAX_CHARACTERS} characters, not {len(text)}")
    reader = _Reader(_tokens(text))
    condition = reader.either()
    reader.refuse_rest()
    if not quantities(condition):
        raise ConfigError(
            f'"{text}" looks at no value of the bench; write INSTRUMENT.SETTING or DETECTOR.rate_hz'
        )
    return condition


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    position = 0
    end = len(text.rstrip())
    while position < end:
        found = _TOKEN.match(text, position)
        if found is None or found.lastgroup is None:
            column = position + len(text[position:]) - len(text[position:].lstrip()) + 1
            raise _wrong(f"{text[column - 1 :][:12]!r} means nothing here", column)
        kind = found.lastgroup
        tokens.append(_Token(kind, found.group(kind), found.start(kind) + 1))
        position = found.end()
    tokens.append(_Token("end", "the end", end + 1))
    return tokens


def _wrong(what: str, column: int) -> ConfigError:
    return ConfigError(
        f"{what} (column {column}); a condition reads like "
        '"snspd.bias_ua > 12 and not pump.emission"'
    )


class _Reader:
    """Reads a list of tokens from left to right."""

    def __init__(self, tokens: list[_Token]) -> None:
        self._tokens = tokens
        self._next = 0
        self._depth = 0

    @property
    def _token(self) -> _Token:
        return self._tokens[self._next]

    def either(self) -> Condition:
        """Return alternatives, or the only one."""
        parts = [self._both()]
        while self._takes("or"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def refuse_rest(self) -> None:
        """Raise ConfigError unless everything was read."""
        token = self._token
        if token.kind == "sign":
            raise _wrong(
                f'"{token.text}" follows a comparison; join two comparisons with "and"',
                token.column,
            )
        if token.kind != "end":
            raise _wrong(f'expected "and", "or" or the end, not {token.text!r}', token.column)

    def _both(self) -> Condition:
        parts = [self._denial()]
        while self._takes("and"):
            parts.append(self._denial())
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _denial(self) -> Condition:
        opened = self._token
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise _wrong("too many parentheses and nots inside each other", opened.column)
        condition: Condition
        if self._takes("not"):
            condition = Denial(self._denial())
        elif self._takes("("):
            condition = self.either()
            if not self._takes(")"):
                raise _wrong(
                    f'expected ")" for the "(" at column {opened.column}, not {self._token.text!r}',
                    self._token.column,
                )
        else:
            condition = self._comparison()
        self._depth -= 1
        return condition

    def _comparison(self) -> Comparison:
        left = self._operand()
        if self._token.kind == "sign":
            sign = self._token.text
            self._next += 1
            return Comparison(left, sign, self._operand())
        if isinstance(left, Constant):
            raise _wrong(f"{left} stands alone; compare it with a value", self._token.column)
        return Comparison(left, "==", Constant(True))

    def _operand(self) -> Operand:
        token = self._token
        self._next += 1
        if token.kind == "number":
            return Constant(float(token.text))
        if token.kind == "text":
            return Constant(token.text[1:-1])
        if token.kind == "word" and token.text in _SWITCHES:
            return Constant(_SWITCHES[token.text])
        if token.kind == "word" and token.text not in _JOINS:
            owner, separator, name = token.text.partition(".")
            if not separator or "." in name:
                raise _wrong(
                    f"{token.text!r} is not INSTRUMENT.SETTING or DETECTOR.rate_hz "
                    "(texts stand in quotes)",
                    token.column,
                )
            return Quantity(owner, name)
        raise _wrong(f"expected a value, not {token.text!r}", token.column)

    def _takes(self, text: str) -> bool:
        """Step over the next token where it is `text`, and return whether it was."""
        token = self._token
        if token.text != text or token.kind not in {"word", "bracket"}:
            return False
        self._next += 1
        return True
