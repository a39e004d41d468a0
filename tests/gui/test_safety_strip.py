"""The safety strip, where nobody says what emits."""

from __future__ import annotations

from pytestqt.qtbot import QtBot

from labctl.gui.commands import Commands
from labctl.gui.link import ServiceLink
from labctl.gui.safety_strip import SafetyStrip
from labctl.gui.theme import Theme


def test_without_a_service_lasers_count_as_emitting(
    theme: Theme, commands: Commands, qtbot: QtBot
) -> None:
    strip = SafetyStrip(ServiceLink(), theme, commands)
    qtbot.addWidget(strip)
    assert [lamp.text() for lamp in strip._lamps.values()] == [
        "▲ UNKNOWN, lasers may emit: no service"
    ]
