"""The axes of a scan: one setting or two that go through values, an experiment at each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QCompleter, QGroupBox, QLineEdit

from labctl.gui.flow_layout import FlowLayout
from labctl.gui.notice import Notice
from labctl.gui.parameter_row import ParameterRow
from labctl.gui.parameter_schema import ParameterField
from labctl.gui.theme import Theme
from labctl.runs.scan_axes import Axis
from labctl.units import unit_of

__all__ = ["ScanAxesForm"]

_LINE_CHARACTERS = 30
_SETTLE = ParameterField(
    "settle_s",
    "number",
    "s",
    "Time to wait after a setting has changed.",
    0.0,
    is_required=False,
    is_optional=False,
    bounds=(("≥", 0.0), ("≤", 86_400.0)),
)


class ScanAxesForm(QGroupBox):
    """Up to two lines such as `pump.power_mw 0.5:5:10`; without any there is no scan.

    Attributes:
        changed: something was typed.
    """

    changed = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__("Scan (optional)")
        self.axes = (self._axis("slow or only axis"), self._axis("fast axis"))
        self.snake = QCheckBox("every other row backward")
        self.snake.setChecked(True)
        self.snake.setAccessibleName("scan every other row backward")
        self.snake.setToolTip("With two axes: nothing jumps from one end to the other")
        self.settle = ParameterRow(_SETTLE, theme)
        self.settle.changed.connect(self._edited)
        self.message = Notice(theme, "what the scan does")
        layout = FlowLayout(self)
        layout.setContentsMargins(6, 4, 6, 4)
        for widget in (*self.axes, self.snake, self.settle, self.message):
            layout.addWidget(widget)
        theme.changed.connect(self._fit)
        self._fit()
        self._draw()

    def offer(self, instruments: Mapping[str, Any]) -> None:
        """Complete what is typed with the settings that can be scanned."""
        settings = [
            f"{instrument}.{setting}"
            for instrument, described in instruments.items()
            for setting, facts in described["parameters"].items()
            if facts["is_settable"] and not facts["is_emission"]
        ]
        for line in self.axes:
            completer = QCompleter(settings, line)
            completer.setFilterMode(Qt.MatchFlag.MatchContains)
            completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
            line.setCompleter(completer)

    @property
    def is_used(self) -> bool:
        """Whether there is a scan."""
        return any(line.text().strip() for line in self.axes)

    def problem(self) -> str:
        """Return what is wrong, an empty text where nothing is."""
        try:
            self._parsed()
        except ValueError as error:
            return str(error)
        return f"settle: {problem}" if (problem := self.settle.problem()) else ""

    def parameters(self, experiment: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters of the experiment `scan` that takes `experiment` at each point."""
        return {
            "axes": [line.text().strip() for line in self.axes if line.text().strip()],
            "each": experiment,
            "parameters": dict(parameters),
            "snake": self.snake.isChecked(),
            "settle_s": self.settle.value(),
        }

    def fill(self, parameters: Mapping[str, Any]) -> None:
        """Show the axes of the parameters of a scan; of anything else, none."""
        axes = list(parameters.get("axes", []))[: len(self.axes)]
        texts = [*map(_axis_text, axes), *[""] * len(self.axes)]
        for line, text in zip(self.axes, texts, strict=False):
            line.setText(text)
        self.snake.setChecked(bool(parameters.get("snake", True)))
        self.settle.set_value(parameters.get("settle_s", 0.0))

    def _axis(self, name: str) -> QLineEdit:
        line = QLineEdit()
        line.setAccessibleName(f"scan: {name}")
        line.setPlaceholderText(f"{name}: pump.power_mw 0.5:5:10")
        line.setToolTip(
            "INSTRUMENT.SETTING and START:STOP:NUMBER, or values such as 1,2,5, in the unit of "
            "the setting and within its limits"
        )
        line.textChanged.connect(self._edited)
        return line

    def _fit(self) -> None:
        """Measure the lines in their font."""
        self.settle.fit(0)
        for line in self.axes:
            line.setMinimumWidth(line.fontMetrics().averageCharWidth() * _LINE_CHARACTERS)

    def _edited(self, *_: object) -> None:
        self._draw()
        self.changed.emit()

    def _parsed(self) -> list[Axis]:
        """Return the axes.

        Raises:
            ValueError: what was typed is none, or the second has no first.
        """
        texts = [line.text().strip() for line in self.axes]
        if texts[1] and not texts[0]:
            raise ValueError("the first line is the only axis; fill it first")
        try:
            return [Axis.model_validate(text) for text in texts if text]
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            raise ValueError(str(first["msg"]).removeprefix("Value error, ")) from None

    def _draw(self) -> None:
        if problem := self.problem():
            self.message.tell(problem, "alarm")
        else:
            self.message.tell(_told(self._parsed()))
        self.message.setVisible(self.is_used)


def _axis_text(axis: Any) -> str:
    if isinstance(axis, Mapping):
        return f"{axis['setting']} {','.join(map(str, axis['values']))}"
    return str(axis)


def _told(axes: Sequence[Axis]) -> str:
    parts = []
    for axis in axes:
        unit = unit_of(axis.setting)
        ends = f"{axis.values[0]} … {axis.values[-1]} {unit}".strip()
        parts.append(f"{len(axis.values)} values of {axis.setting}: {ends}")
    return " × ".join(parts)
