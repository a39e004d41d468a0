"""What to run: the experiment, its parameters, and the axes of a scan if there is one.

The chooser and the parameters that are changed most stand in the run bar; the form of the others
is a panel of its own, so that the bar stays low.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from labctl.gui.parameter_form import ParameterForm
from labctl.gui.reveal import reveal
from labctl.gui.scan_axes_form import ScanAxesForm
from labctl.gui.theme import Theme

__all__ = ["RunSetup"]

#: It has a form of its own, beside every other experiment.
_SCAN = "scan"
#: So many parameters have their place in the run bar.
_MOST_IN_BAR = 2


class RunSetup(QScrollArea):
    """The form of the chosen experiment; remembers the values of the others.

    Attributes:
        changed: something else is to be run now.
        hinted: what the parameter means whose editor got the focus.
        chooser: the experiments.
    """

    changed = Signal()
    hinted = Signal(str)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._experiments: dict[str, Mapping[str, Any]] = {}
        self._shown = ""
        self._kept: dict[str, dict[str, Any]] = {}
        self._wanted = ""
        self.chooser = QComboBox()
        self.chooser.setAccessibleName("experiment")
        self.chooser.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.chooser.currentTextChanged.connect(self._choose)
        self.form = ParameterForm(theme, most_in_main=_MOST_IN_BAR)
        self.form.changed.connect(self.changed)
        self.form.hinted.connect(self.hinted)
        self.axes = ScanAxesForm(theme)
        self.axes.changed.connect(self.changed)
        self.defaults_button = QPushButton("De&faults")
        self.defaults_button.setAccessibleName("default parameters")
        self.defaults_button.setToolTip("Show the defaults of all parameters again")
        self.defaults_button.clicked.connect(self.form.restore_defaults)
        self.head = QLabel()
        self.head.setAccessibleName("whose parameters these are")
        self.head.setWordWrap(True)
        self._lay_out()

    @property
    def experiment(self) -> Mapping[str, Any] | None:
        """The chosen experiment as the service describes it, None before it has."""
        return self._experiments.get(self.chooser.currentText())

    def show_experiments(self, experiments: Sequence[Mapping[str, Any]]) -> None:
        """Offer the experiments of a service; the one that was chosen stays so."""
        self._keep()
        self._experiments = {e["name"]: e for e in experiments if e["name"] != _SCAN}
        former = self._wanted or self.chooser.currentText()
        with QSignalBlocker(self.chooser):
            self.chooser.clear()
            for name, experiment in self._experiments.items():
                self.chooser.addItem(name)
                place = self.chooser.count() - 1
                role = Qt.ItemDataRole.ToolTipRole
                self.chooser.setItemData(place, experiment["summary"], role)
            if former in self._experiments:
                self.chooser.setCurrentText(former)
        self._shown = ""
        self._choose(self.chooser.currentText())

    def problem(self) -> str:
        """Return why this cannot be run, an empty text where it can."""
        if self.experiment is None:
            return "no experiment is known yet"
        return self.form.problem() or self.axes.problem()

    def chosen(self) -> tuple[str, dict[str, Any]]:
        """Return experiment and parameters, without those that are defaults.

        Raises:
            ValueError: what was typed is none of a parameter.
        """
        name = self.chooser.currentText()
        parameters = self.form.chosen_values()
        if not self.axes.is_used:
            return name, parameters
        return _SCAN, self.axes.parameters(name, parameters)

    def open_(self) -> None:
        """Show the form, ready for the first of its parameters."""
        reveal(self)
        for row in self.form.rows.values():
            if row not in self.form.main_rows():
                row.editor.setFocus(Qt.FocusReason.ShortcutFocusReason)
                return
        self.axes.axes[0].setFocus(Qt.FocusReason.ShortcutFocusReason)

    def fill(self, experiment: str, parameters: Mapping[str, Any]) -> None:
        """Show what was run at another time; parameters that are not named are the defaults."""
        axes: Mapping[str, Any] = {}
        if experiment == _SCAN:
            axes = parameters
            experiment = str(parameters.get("each", ""))
            parameters = parameters.get("parameters", {})
        self.axes.fill(axes)
        self.chooser.setCurrentText(experiment)
        if self.chooser.currentText() == experiment:
            self.form.restore_defaults()
            self.form.set_values(parameters)

    def mark(self, message: str) -> None:
        """Show what the service objects to at the parameters that it names."""
        for line in message.splitlines():
            for name, row in self.form.rows.items():
                if re.search(rf"\b{re.escape(name)}\b", line):
                    row.show_problem(line.strip(" -"))

    def remembered(self) -> str:
        """Return the values of all experiments, to be kept until the next start of the window."""
        self._keep()
        chosen = self._wanted or self.chooser.currentText()
        return json.dumps({"experiment": chosen, "values": self._kept})

    def recall(self, text: str) -> None:
        """Show the values that `remembered` returned; of anything else, nothing."""
        try:
            found = json.loads(text)
            self._kept = {str(name): dict(values) for name, values in found["values"].items()}
            self._wanted = str(found["experiment"])
        except (ValueError, TypeError, KeyError, AttributeError):
            return
        if self._wanted in self._experiments:
            self._shown = ""
            self.chooser.setCurrentText(self._wanted)
            self._choose(self._wanted)

    def _lay_out(self) -> None:
        content = QWidget()
        layout = QVBoxLayout(content)
        layout.setContentsMargins(8, 4, 8, 4)
        line = QHBoxLayout()
        line.addWidget(self.head, 1)
        line.addWidget(self.defaults_button)
        layout.addLayout(line)
        layout.addWidget(self.form)
        layout.addWidget(self.axes)
        layout.addStretch(1)
        self.setWidget(content)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)

    def _keep(self) -> None:
        if self._shown:
            self._kept[self._shown] = self.form.kept_values()

    def _choose(self, name: str) -> None:
        experiment = self._experiments.get(name)
        if experiment is None or name == self._shown:
            return
        self._keep()
        self._shown = name
        self._wanted = ""
        self.form.show_schema(experiment["parameters"])
        in_bar = ", ".join(row.field.title for row in self.form.main_rows())
        self.head.setText(f"{name} · in the run bar: {in_bar}" if in_bar else name)
        self.form.set_values(self._kept.get(name, {}))
        self.changed.emit()
