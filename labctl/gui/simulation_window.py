"""The Simulation window: let things go wrong in a simulated laboratory, and turn hidden knobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import (
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from labctl.errors import LabError
from labctl.gui.commands import Command, Commands
from labctl.gui.fault_form import FaultForm
from labctl.gui.knob_table import KnobTable
from labctl.gui.link import ServiceLink
from labctl.gui.notice import Notice
from labctl.gui.place_list import PlaceList
from labctl.gui.rights import why_no_change, why_no_service
from labctl.gui.standing_list import StandingList
from labctl.gui.theme import Theme
from labctl.service import LabClient

__all__ = ["SimulationWindow"]

#: Another client, or the world itself, may end a fault.
_LOOK_EVERY_MS: Final = 1000
#: Places, what can go wrong at one, its hidden parameters.
_SHARES_PX: Final = (170, 320, 610)
_CHANGE: Final = "change"
_RESTORE: Final = "restore"

Fault = Mapping[str, Any]


class SimulationWindow(QWidget):
    """A window of its own over the simulated world; only where the bench is simulated."""

    def __init__(
        self, link: ServiceLink, theme: Theme, commands: Commands, parent: QWidget
    ) -> None:
        super().__init__(parent, Qt.WindowType.Window)
        self._link, self._theme = link, theme
        self.setObjectName("simulation window")
        self.setWindowTitle("Simulation")
        self._kinds: list[Mapping[str, Any]] = []
        self._standing: list[Fault] = []
        self._is_asking = False
        self._add_widgets(theme)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._look)
        link.updated.connect(self._take)
        link.state_changed.connect(self._enter)
        theme.changed.connect(self._style_anew)
        self._style_anew()
        commands.add(
            Command(
                "simulation", "Simulation", self.open_, "Ctrl+Shift+S", "Tools", self.why_closed
            )
        )

    def why_closed(self) -> str:
        """Return why the window has nothing to show; empty where it has."""
        if reason := why_no_service(self._link):
            return reason
        facts = self._link.latest.get("service") or {}
        return "" if facts.get("simulated") else "no instrument of this laboratory is simulated"

    def open_(self) -> None:
        """Show the window, in front."""
        if not self.isVisible():
            self.resize(1100, 680)
        self.show()
        self.raise_()
        self.activateWindow()
        self.places.setFocus()

    @property
    def place(self) -> str:
        """The place that is selected, an empty text for none."""
        return self.places.place

    def _add_widgets(self, theme: Theme) -> None:
        self.head = QLabel()
        self.head.setWordWrap(True)
        self.head.setAccessibleName("what is simulated")
        self.notice = Notice(theme, "what became of the last fault")
        self.places = PlaceList()
        self.places.selected.connect(lambda _: self._enter_place())
        self.form = FaultForm(theme)
        self.form.wanted.connect(self._happen)
        self.knobs = KnobTable()
        self.knobs.wanted.connect(self._turn)
        self.knobs.refused.connect(lambda text: self.notice.tell(text, "alarm"))
        self.knobs_hint = QLabel("Double-click or F2 edits a value, Enter sets it.")
        self.knobs_hint.setWordWrap(True)
        self.knobs_hint.setAccessibleName("how to turn the knobs")
        self.restore_button = QPushButton("&Put all back as made")
        self.restore_button.setAccessibleName("put all parameters back as they were made")
        self.restore_button.clicked.connect(lambda: self._happen(_RESTORE, {}))
        self.standing = StandingList()
        self.standing.mending_wanted.connect(self._mend)
        self.fault_box, self.knob_box = QGroupBox(), QGroupBox()
        faults = QVBoxLayout(self.fault_box)
        faults.addWidget(self.form)
        faults.addStretch(1)
        knobs = QVBoxLayout(self.knob_box)
        knobs.addWidget(self.knobs, 1)
        line = QHBoxLayout()
        line.addWidget(self.knobs_hint, 1)
        line.addWidget(self.restore_button)
        knobs.addLayout(line)
        across = QSplitter(Qt.Orientation.Horizontal)
        for widget, stretch in ((self.places, 1), (self.fault_box, 2), (self.knob_box, 3)):
            across.addWidget(widget)
            across.setStretchFactor(across.count() - 1, stretch)
        across.setChildrenCollapsible(False)
        across.setSizes(list(_SHARES_PX))
        layout = QVBoxLayout(self)
        layout.addWidget(self.head)
        layout.addWidget(across, 3)
        layout.addWidget(self.notice)
        layout.addWidget(self.standing, 2)

    def _take(self, topic: str, _: object) -> None:
        if topic in {"snapshot", "control"} and self.isVisible():
            self._draw()

    def _enter(self) -> None:
        if self.isVisible():
            self._draw()
            self._look()

    def _look(self) -> None:
        """Ask what is wrong, and for the parameters of the place; one question at a time."""
        if self._is_asking or not self.isVisible() or self.why_closed():
            return
        self._is_asking = True
        place = self.place

        def act(client: LabClient) -> tuple[dict[str, Any], list[dict[str, Any]]]:
            known = client.faults()
            has_place = place in known["names"]
            return known, client.faults(place)["faults"] if has_place else []

        self._link.ask("faults", act, lambda found: self._looked(place, *found), self._not_looked)

    def _looked(
        self, place: str, known: Mapping[str, Any], kinds: Sequence[Mapping[str, Any]]
    ) -> None:
        self._is_asking = False
        self._standing = list(known["standing"])
        self.places.offer(known["names"])
        if place and place == self.place:
            self._show_kinds(kinds)
        elif self.place:
            self._look()
        self._draw()

    def _not_looked(self, error: LabError) -> None:
        self._is_asking = False
        self.notice.tell(str(error), "warning")

    def _show_kinds(self, kinds: Sequence[Mapping[str, Any]]) -> None:
        # Editors are not made anew every second: somebody types in them.
        shapes = [[k["kind"] for k in found] for found in (kinds, self._kinds)]
        self._kinds = list(kinds)
        if shapes[0] != shapes[1]:
            self.form.offer(kinds)

    def _enter_place(self) -> None:
        self._kinds = []
        self.form.offer([])
        self._draw()
        self._look()

    def _draw(self) -> None:
        place, why_not = self.place, self.why_closed() or why_no_change(self._link)
        facts = self._link.latest.get("service") or {}
        simulated = ", ".join(facts.get("simulated_instruments", []))
        self.head.setText(
            f"SIMULATED: {simulated}. What is done here happens in the simulated world only."
            if not self.why_closed()
            else f"Nothing can be done here: {self.why_closed()}."
        )
        self.fault_box.setTitle(f"Go wrong at {place}" if place else "Go wrong")
        self.knob_box.setTitle(f"Hidden parameters of {place}" if place else "Hidden parameters")
        knobs: list[Mapping[str, Any]] = [
            argument
            for kind in self._kinds
            if kind["kind"] == _CHANGE
            for argument in kind["arguments"]
        ]
        changed = [
            key
            for fault in self._standing
            if (fault["name"], fault["kind"]) == (place, _CHANGE)
            for key in fault["arguments"]
        ]
        self.knobs.show_knobs(knobs, frozenset(changed), why_not)
        self.knobs_hint.setText(self._hint(has_knobs=bool(knobs), why_not=why_not))
        reason = why_not or ("" if changed else "all are as they were made")
        self.restore_button.setEnabled(not reason)
        self.restore_button.setToolTip(reason)
        self.form.allow(why_not)
        self.standing.show_faults(self._standing)
        self.standing.allow(why_not)

    def _hint(self, *, has_knobs: bool, why_not: str) -> str:
        if not has_knobs:
            return f"{self.place or 'It'} is no part of the world with parameters of its own."
        if why_not:
            return f"Cannot be changed: {why_not}."
        return "Double-click or F2 edits a value, Enter sets it."

    def _happen(self, kind: str, arguments: dict[str, Any]) -> None:
        place = self.place
        self._ask(
            f"{place} {kind}",
            lambda client: client.fault(place, kind, **arguments),
            self._told,
        )

    def _turn(self, parameter: str, value: object) -> None:
        self._happen(_CHANGE, {parameter: value})

    def _mend(self, faults: Sequence[Fault]) -> None:
        def act(client: LabClient) -> int:
            for fault in faults:
                name, mended_by = fault["name"], fault["mended_by"]
                if mended_by:
                    client.fault(name, mended_by, **fault["mending"])
                else:
                    client.reconnect_instrument(name)
            return len(faults)

        self._ask("mending", act, lambda count: self.notice.tell(f"{count} mended"))

    def _ask(self, what: str, act: Any, done: Any) -> None:
        def ended(found: Any) -> None:
            done(found)
            self._look()

        def failed(error: LabError) -> None:
            self.notice.tell(f"{what}: {error}", "warning")
            self._look()

        self._link.ask(what, act, ended, failed)

    def _told(self, fault: Mapping[str, Any]) -> None:
        given = "".join(f" {key} = {value}" for key, value in fault["arguments"].items())
        at_s = fault["time_ps"] * 1e-12
        self.notice.tell(f"{fault['name']}: {fault['kind']}{given} at {at_s:.2f} s simulated time")

    def _style_anew(self) -> None:
        colors = self._theme.colors
        self.head.setStyleSheet(
            f"color: {colors.ground}; background: {colors.accent}; border-radius: 5px;"
            "padding: 4px 10px; font-weight: bold;"
        )

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  Qt's name
        """Ask what is wrong now, and go on asking."""
        super().showEvent(event)
        self._timer.start(_LOOK_EVERY_MS)
        self._draw()
        self._look()

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802  Qt's name
        """Ask no longer."""
        self._timer.stop()
        super().hideEvent(event)
