"""Checks that [interlocks] and [monitor] name what the bench has, before anything opens."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, TypeAlias, get_type_hints

from labctl.device import Device, Reading, Setting
from labctl.errors import ConfigError, nearest
from labctl.lab.actions import KIND_OF_VERB, Action, parse_action
from labctl.lab.condition_text import parse_condition
from labctl.lab.conditions import (
    ORDERINGS,
    Comparison,
    Constant,
    Operand,
    Quantity,
    comparisons,
)
from labctl.lab.config import BenchConfig, InterlockConfig
from labctl.lab.problems import Problems

__all__ = ["check_rules"]

Drivers: TypeAlias = Mapping[str, type[Device]]
_RATE = "rate_hz"


def check_rules(
    config: BenchConfig, drivers: Drivers, problems: Problems, dropped: frozenset[str]
) -> None:
    """Note every mistake in the rules and in the limits of rates.

    `dropped` are tables that were found unsound before.
    """
    for name, limits in config.monitor.rates.items():
        path = f"[monitor.rates.{name}]"
        if name not in {*config.detectors, *dropped}:
            problems.add(path, _unknown("detector", name, config.detectors))
        low, high = limits.min_hz, limits.max_hz
        if low is not None and high is not None and low >= high:
            problems.add(path, f"min_hz = {low:g} is not below max_hz = {high:g}")
    for name, rule in config.interlocks.items():
        _RuleCheck(name, rule, config, drivers, problems, dropped).check()


class _RuleCheck:
    """Looks at one rule."""

    def __init__(
        self,
        name: str,
        rule: InterlockConfig,
        config: BenchConfig,
        drivers: Drivers,
        problems: Problems,
        dropped: frozenset[str],
    ) -> None:
        self._path = f"[interlocks.{name}]"
        self._rule = rule
        self._config = config
        self._drivers = drivers
        self._problems = problems
        self._dropped = dropped

    def check(self) -> None:
        """Note every mistake."""
        try:
            condition = parse_condition(self._rule.when)
        except ConfigError as error:
            self._add("when", str(error))
        else:
            for comparison in comparisons(condition):
                self._check_comparison(comparison)
        actions: list[Action] = []
        for text in self._rule.then:
            try:
                action = parse_action(text)
            except ConfigError as error:
                self._add("then", str(error))
                continue
            if action in actions:
                self._add("then", f'"{action}" is there twice')
            actions.append(action)
            if action.instrument:
                self._check_action(action)

    def _add(self, key: str, text: str) -> None:
        self._problems.add(f"{self._path} {key}", text)

    def _check_action(self, action: Action) -> None:
        kind = KIND_OF_VERB[action.verb]
        of_kind = [name for name, driver in self._drivers.items() if kind in driver.kinds]
        if action.instrument in self._dropped or (
            action.instrument in self._config.instruments and action.instrument not in self._drivers
        ):
            return
        if action.instrument not in self._config.instruments:
            self._add("then", f'"{action}": {_unknown("instrument", action.instrument, of_kind)}')
        elif action.instrument not in of_kind:
            listed = ", ".join(of_kind) or "none"
            self._add(
                "then", f'"{action}": {action.instrument} is no {kind}; {kind}s here: {listed}'
            )

    def _check_comparison(self, comparison: Comparison) -> None:
        sound = [self._is_known(operand) for operand in (comparison.left, comparison.right)]
        if not all(sound):
            return
        left, right = self._sort(comparison.left), self._sort(comparison.right)
        told = f"{comparison.left} {comparison.sign} {comparison.right}"
        if left and right and left != right:
            self._add("when", f"{told} compares a {left} with a {right}")
        elif comparison.sign in ORDERINGS and {left, right} & {"switch", "text"}:
            self._add("when", f"{told}: only numbers can be larger or smaller; use == or !=")
        else:
            self._check_choice(comparison.left, comparison.right, told)
            self._check_choice(comparison.right, comparison.left, told)

    def _check_choice(self, quantity: Operand, constant: Operand, told: str) -> None:
        """Note a text that a setting of choices never is."""
        if not (isinstance(quantity, Quantity) and isinstance(constant, Constant)):
            return
        choices = _choices(self._parameter(quantity))
        if choices and constant.value not in choices:
            listed = ", ".join(f'"{choice}"' for choice in choices)
            guess = nearest(str(constant.value), choices)
            self._add("when", f"{told}: {constant} is not one of {listed}{guess}")

    def _is_known(self, operand: Operand) -> bool:
        """Return whether an operand can be looked at, noting why not."""
        if isinstance(operand, Constant) or self._is_rate(operand):
            return True
        owner = operand.owner
        if owner in self._dropped or owner in set(self._config.instruments) - set(self._drivers):
            # What is wrong with that instrument is said where it stands.
            return False
        mistake = self._mistake_in(operand)
        if mistake:
            self._add("when", f"{operand}: {mistake}")
        return not mistake

    def _is_rate(self, quantity: Quantity) -> bool:
        return quantity.name == _RATE and quantity.owner in self._config.detectors

    def _mistake_in(self, quantity: Quantity) -> str:
        owner, name = quantity.owner, quantity.name
        driver = self._drivers.get(owner)
        if driver is None and owner in self._config.detectors:
            return f"of a detector only {owner}.{_RATE} is known"
        if driver is None:
            known = [*self._config.instruments, *self._config.detectors]
            return _unknown("instrument or detector", owner, known)
        if name not in driver.parameters:
            return _unknown(f"setting of {owner}", name, driver.parameters)
        if "time_tagger" in driver.kinds and not driver.answers_while_streaming:
            return (
                f"{owner} answers no questions while it streams tags, so the rule would be "
                "violated in every run"
            )
        return ""

    def _parameter(self, quantity: Quantity) -> Setting[Any] | Reading[Any] | None:
        driver = self._drivers.get(quantity.owner)
        return driver.parameters.get(quantity.name) if driver is not None else None

    def _sort(self, operand: Operand) -> str:
        """Return `number`, `switch` or `text`; empty where only the instrument can tell."""
        if isinstance(operand, Constant):
            return _sort_of(type(operand.value))
        parameter = self._parameter(operand)
        if parameter is None or parameter.unit:
            return "number"
        if isinstance(parameter, Setting) and parameter.choices:
            first = parameter.choices[0]
            return _sort_of(type(first.value if isinstance(first, Enum) else first))
        if isinstance(parameter, Setting) and (parameter.limits or parameter.is_array):
            return "number"
        return _sort_of(_returned(parameter))


def _choices(parameter: Setting[Any] | Reading[Any] | None) -> list[str]:
    """Return the texts that a parameter can be, where they are a list."""
    if parameter is None:
        return []
    returned = _returned(parameter)
    choices: tuple[Any, ...] = tuple(getattr(parameter, "choices", None) or ())
    if not choices and isinstance(returned, type) and issubclass(returned, Enum):
        choices = tuple(returned)
    words = [choice.value if isinstance(choice, Enum) else choice for choice in choices]
    return [word for word in words if isinstance(word, str)]


def _returned(parameter: Setting[Any] | Reading[Any]) -> Any:
    """Return the type that the parameter's request gives, or None where it does not say."""
    try:
        return get_type_hints(parameter.get_request.parse).get("return")
    except (NameError, TypeError):
        return None


def _sort_of(kind: Any) -> str:
    if kind is bool:
        return "switch"
    if kind is str:
        return "text"
    return "number" if kind in {int, float} else ""


def _unknown(what: str, name: str, known: Any) -> str:
    listed = ", ".join(known) or "none"
    return f'unknown {what} "{name}"{nearest(name, known)}; known are: {listed}'
