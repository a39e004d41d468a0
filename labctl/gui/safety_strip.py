"""The strip on top: what emits, what is locked, and the way to switch everything off."""

from __future__ import annotations

import math
from typing import Any, Final

from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from labctl.gui.commands import Commands
from labctl.gui.link import ServiceLink
from labctl.gui.theme import Colors, Theme

__all__ = ["SafetyStrip", "emission_word"]

#: Readings of lasers that say why they stay dark: name, the value that blocks, the words for it.
_BLOCKING: Final = (
    ("interlock_is_open", True, "INTERLOCK OPEN"),
    ("key_is_on", False, "KEY OFF"),
)


def emission_word(entry: dict[str, Any] | None) -> str:
    """Return "on", "off" or "unknown" for the entry of an emission switch.

    What is stale or failed is unknown, and unknown counts as emitting.
    """
    if not entry or entry.get("state") not in {"fresh", "held"} or entry.get("value") is None:
        return "unknown"
    return "on" if entry["value"] else "off"


class _Lamp(QLabel):
    """One laser, interlock or detector bias: symbol, word and color together."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setObjectName(f"lamp {name}")
        self.setAccessibleName(f"state of {name}")
        self.setMinimumHeight(32)

    def show_state(self, text: str, ground: str, color: str) -> None:
        """Show the words on a ground."""
        self.setText(text)
        _dress(
            self,
            f"background: {ground}; color: {color}; border-radius: 5px;"
            "padding: 4px 12px; font-weight: bold;",
        )


class SafetyStrip(QFrame):
    """Emission of every laser, violated interlocks, detector bias, SIMULATED, ALL LASERS OFF.

    Always on top, never floats.
    """

    def __init__(self, link: ServiceLink, theme: Theme, commands: Commands) -> None:
        super().__init__()
        self._link, self._theme = link, theme
        self._lamps: dict[str, _Lamp] = {}
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(8, 2, 8, 2)
        self._simulated = QLabel("SIMULATED")
        self._simulated.setAccessibleName("this laboratory is simulated")
        self._simulated.setVisible(False)
        self._note = QLabel()
        self._note.setAccessibleName("result of all lasers off")
        self._note.setWordWrap(True)
        self._note.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.button = QPushButton("■ ALL LASERS OFF   F12")
        self.button.setAccessibleName("all lasers off")
        self.button.setToolTip("Lasers off, attenuators closed, bias down, confirmed by read-back")
        self.button.clicked.connect(lambda: commands.do("safety.all_off"))
        for widget in (self._simulated, self._note, self.button):
            self._layout.addWidget(widget)
        theme.changed.connect(self._draw)
        link.updated.connect(self._take)
        link.state_changed.connect(self._draw)
        self._draw()

    def tell(self, text: str) -> None:
        """Show what became of an order to switch everything off."""
        self._note.setText(text)

    def _take(self, topic: str, _: object) -> None:
        if topic in {"snapshot", "instruments", "alarms"}:
            self._draw()

    def _draw(self) -> None:
        colors = self._theme.colors
        wanted = self._lasers() | self._interlocks() | self._biases() | self._rules()
        for name in [name for name in self._lamps if name not in wanted]:
            lamp = self._lamps.pop(name)
            self._layout.removeWidget(lamp)
            lamp.deleteLater()
        for place, (name, (text, ground, color)) in enumerate(wanted.items()):
            if name not in self._lamps:
                self._lamps[name] = _Lamp(name)
                self._layout.insertWidget(place, self._lamps[name])
            self._lamps[name].show_state(text, ground, color)
        self._simulated.setVisible(bool(self._facts().get("simulated")))
        _dress(
            self._simulated,
            f"color: {colors.ground}; background: {colors.accent}; border-radius: 5px;"
            "padding: 4px 14px; font-weight: bold; letter-spacing: 3px;",
        )
        _dress(
            self.button,
            f"QPushButton {{ background: {colors.alarm}; color: {colors.alarm_text}; border: none;"
            "border-radius: 5px; padding: 6px 18px; font-weight: bold; }"
            f"QPushButton:focus {{ border: 2px solid {colors.text}; }}",
        )

    def _facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = self._link.latest.get("service") or {}
        return facts

    def _lasers(self) -> dict[str, tuple[str, str, str]]:
        found = {}
        snapshot = self._link.latest.get("snapshot") or {}
        for name in snapshot.get("emission", {}):
            values = self._link.latest.get("instruments", {}).get(name, {})
            word = emission_word(values.get("emission"))
            if self._link.state != "connected":
                word = "unknown"
            found[name] = self._laser(name, word, values)
        if not found and self._link.state != "connected":
            colors = self._theme.colors
            words = "▲ UNKNOWN, lasers may emit: no service"
            found["lasers"] = (words, colors.warning, colors.warning_text)
        return found

    def _laser(self, name: str, word: str, values: dict[str, Any]) -> tuple[str, str, str]:
        colors = self._theme.colors
        power = (values.get("output_mw") or {}).get("value")
        shown = "" if power is None else f"  {_three_digits(power)} mW"
        if word == "on":
            return f"▲ EMITTING  {name}{shown}", colors.emitting, colors.emitting_text
        if word == "off":
            return f"○ off  {name}", colors.raised, colors.text
        return f"▲ UNKNOWN, may emit  {name}", colors.warning, colors.warning_text

    def _interlocks(self) -> dict[str, tuple[str, str, str]]:
        """Return what an instrument itself says keeps its light off."""
        colors = self._theme.colors
        found = {}
        for name, values in (self._link.latest.get("instruments") or {}).items():
            for reading, blocking, word in _BLOCKING:
                if (values.get(reading) or {}).get("value") is blocking:
                    text = f"▮ {word}  {name}"
                    found[f"{name} {reading}"] = (text, colors.alarm, colors.alarm_text)
        return found

    def _biases(self) -> dict[str, tuple[str, str, str]]:
        colors = self._theme.colors
        found = {}
        for name, values in (self._link.latest.get("instruments") or {}).items():
            entry = values.get("detectors_enabled")
            if entry is None:
                continue
            word = _bias_word(entry, values.get("bias_ua"))
            found[f"{name} bias"] = (f"{word}  {name}", *_ground(colors, word))
        return found

    def _rules(self) -> dict[str, tuple[str, str, str]]:
        colors = self._theme.colors
        rules = (self._link.latest.get("alarms") or {}).get("rules", [])
        return {
            f"interlock {rule['name']}": (
                f"▮ INTERLOCK  {rule['name']}",
                colors.alarm,
                colors.alarm_text,
            )
            for rule in rules
            if rule["state"] == "violated"
        }


def _dress(widget: QWidget, style: str) -> None:
    """Give a widget a style that it does not have yet: Qt would lay it out anew for the same."""
    if widget.styleSheet() != style:
        widget.setStyleSheet(style)


def _three_digits(value: float) -> str:
    """Return a value with so many decimals that noise in the last one changes no width."""
    decimals = 2 - math.floor(math.log10(abs(value))) if value else 2
    return f"{value:.{min(max(decimals, 0), 6)}f}"


def _bias_word(entry: dict[str, Any], bias: dict[str, Any] | None) -> str:
    if entry.get("state") not in {"fresh", "held"}:
        return "? bias unknown"
    currents = (bias or {}).get("value")
    if entry.get("value") and isinstance(currents, list) and not any(currents):
        # Enabled and blind: what everything off leaves behind.
        return "○ bias zero"
    return "● bias on" if entry.get("value") else "○ bias off"


def _ground(colors: Colors, word: str) -> tuple[str, str]:
    if word.startswith("?"):
        return colors.warning, colors.warning_text
    return colors.raised, colors.good if word.startswith("●") else colors.text
