"""The link, and the parts of the window that stand above all panels."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from labctl.errors import LabError, LimitError, LinkError
from labctl.gui.banner import Banner
from labctl.gui.commands import Command, Commands
from labctl.gui.link import ServiceLink
from labctl.gui.safety_strip import SafetyStrip, emission_word
from labctl.gui.status_line import StatusLine, size_text
from labctl.gui.theme import DARK, LIGHT, Theme
from labctl.service import LabClient
from tests.gui.conftest import WAIT_MS


@pytest.fixture
def unserved(tmp_path: Path, qtbot: QtBot) -> Iterator[ServiceLink]:
    """A link where no service runs."""
    del qtbot
    made = ServiceLink(tmp_path / "instruments.toml")
    made.start()
    yield made
    made.close()


@pytest.fixture
def strip(link: ServiceLink, theme: Theme, commands: Commands, qtbot: QtBot) -> SafetyStrip:
    made = SafetyStrip(link, theme, commands)
    qtbot.addWidget(made)
    made.show()
    return made


def lamp_text(strip: SafetyStrip, name: str) -> str:
    return strip._lamps[name].text() if name in strip._lamps else ""


def test_answers_come_in_order_and_in_the_windows_thread(link: ServiceLink, qtbot: QtBot) -> None:
    told: list[tuple[Any, threading.Thread]] = []
    for number in range(5):
        link.ask(
            f"ask {number}",
            lambda client, n=number: (client.get("pump.power_mw"), n),  # type: ignore[misc]
            lambda found: told.append((found[1], threading.current_thread())),
        )
    assert told == []
    qtbot.waitUntil(lambda: len(told) == 5, timeout=WAIT_MS)
    assert told == [(number, threading.main_thread()) for number in range(5)]


def test_an_error_nobody_asked_for_is_told_to_everyone(link: ServiceLink, qtbot: QtBot) -> None:
    with qtbot.waitSignal(link.failed, timeout=WAIT_MS) as failed:
        link.ask("set pump.power_mw", lambda client: client.set("pump.power_mw", 999.0))
    assert failed.args is not None
    what, error = failed.args
    assert what == "set pump.power_mw"
    assert isinstance(error, LimitError)
    assert "0 to 20 mW" in str(error)


def test_all_safe_waits_for_no_other_request(link: ServiceLink, qtbot: QtBot) -> None:
    go_on = threading.Event()
    ended: list[str] = []
    link.ask("something slow", lambda _: go_on.wait(20), lambda _: ended.append("slow"))
    link.make_safe(lambda _: ended.append("safe"))
    try:
        qtbot.waitUntil(lambda: bool(ended), timeout=WAIT_MS)
        assert ended == ["safe"]
    finally:
        go_on.set()


def test_without_a_service_every_request_says_so(unserved: ServiceLink, qtbot: QtBot) -> None:
    errors: list[LabError] = []
    unserved.ask("get", lambda client: client.get("pump.power_mw"), failed=errors.append)
    unserved.make_safe(failed=errors.append)
    qtbot.waitUntil(lambda: len(errors) == 2, timeout=WAIT_MS)
    assert {type(error) for error in errors} == {LinkError}
    assert all("labctl serve" in str(error) for error in errors)


@pytest.mark.parametrize(
    ("entry", "word"),
    [
        ({"value": True, "state": "fresh"}, "on"),
        ({"value": False, "state": "fresh"}, "off"),
        ({"value": False, "state": "held"}, "off"),
        ({"value": False, "state": "stale"}, "unknown"),
        ({"value": False, "state": "error"}, "unknown"),
        ({"value": None, "state": "fresh"}, "unknown"),
        (None, "unknown"),
    ],
)
def test_only_what_was_just_read_counts_as_off(entry: dict[str, Any] | None, word: str) -> None:
    assert emission_word(entry) == word


def test_a_laser_that_emits_is_told_by_symbol_word_and_color(
    strip: SafetyStrip, client: LabClient, qtbot: QtBot
) -> None:
    qtbot.waitUntil(lambda: lamp_text(strip, "pump") == "○ off  pump", timeout=WAIT_MS)
    client.set("pump.emission", value=True, arm=True)
    qtbot.waitUntil(
        lambda: lamp_text(strip, "pump").startswith("▲ EMITTING  pump"), timeout=WAIT_MS
    )
    assert DARK.emitting in strip._lamps["pump"].styleSheet()
    client.set("pump.emission", value=False)
    qtbot.waitUntil(lambda: lamp_text(strip, "pump") == "○ off  pump", timeout=WAIT_MS)
    assert DARK.emitting not in strip._lamps["pump"].styleSheet()


def test_a_laser_that_cannot_be_read_counts_as_emitting(
    strip: SafetyStrip, client: LabClient, qtbot: QtBot
) -> None:
    client.fault("pump", "unplug")
    try:
        qtbot.waitUntil(
            lambda: lamp_text(strip, "pump") == "▲ UNKNOWN, may emit  pump", timeout=WAIT_MS
        )
    finally:
        client.fault("pump", "plug")
        client.reconnect_instrument("pump")
    qtbot.waitUntil(lambda: lamp_text(strip, "pump") == "○ off  pump", timeout=WAIT_MS)


def test_an_open_interlock_is_shown_until_it_is_closed(
    strip: SafetyStrip, client: LabClient, qtbot: QtBot
) -> None:
    client.fault("pump", "interlock")
    name = "pump interlock_is_open"
    qtbot.waitUntil(lambda: lamp_text(strip, name) == "▮ INTERLOCK OPEN  pump", timeout=WAIT_MS)
    client.fault("pump", "interlock", is_open=False)
    qtbot.waitUntil(lambda: lamp_text(strip, name) == "", timeout=WAIT_MS)


def test_a_simulated_laboratory_is_unmistakable(strip: SafetyStrip) -> None:
    assert strip._simulated.isVisibleTo(strip)
    assert strip._simulated.text() == "SIMULATED"


def test_the_strip_shows_the_bias_of_the_detectors(
    strip: SafetyStrip, client: LabClient, qtbot: QtBot
) -> None:
    def says(word: str) -> None:
        qtbot.waitUntil(lambda: lamp_text(strip, "snspd bias") == f"{word}  snspd", timeout=WAIT_MS)

    client.set("snspd.bias_ua", [10, 10, 10, 10])
    says("● bias on")
    # Everything off takes the bias down and leaves the driver enabled.
    client.make_safe()
    says("○ bias zero")


def test_the_banner_says_what_to_do_where_no_service_runs(
    unserved: ServiceLink, theme: Theme, qtbot: QtBot
) -> None:
    banner = Banner(unserved, theme)
    qtbot.addWidget(banner)
    assert "labctl serve" in banner.text.text()
    assert "labctl gui --simulated" in banner.text.text()
    banner.tell("something smaller")
    assert "labctl serve" in banner.text.text()
    banner.shout("NOT CONFIRMED SAFE")
    assert banner.text.text() == "NOT CONFIRMED SAFE"
    banner.dismiss()
    assert "labctl serve" in banner.text.text()
    assert not banner.dismiss_button.isVisibleTo(banner)


def test_the_status_line_names_who_holds_control(
    link: ServiceLink, theme: Theme, client: LabClient, qtbot: QtBot
) -> None:
    line = StatusLine(link, theme)
    qtbot.addWidget(line)
    control = line._labels["control"]
    qtbot.waitUntil(lambda: control.text() == "control: free", timeout=WAIT_MS)
    client.take_control()
    qtbot.waitUntil(lambda: control.text() == "control: script", timeout=WAIT_MS)
    client.release_control()
    link.ask("take control", lambda held: held.take_control())
    qtbot.waitUntil(lambda: control.text() == "you hold control", timeout=WAIT_MS)
    link.ask("release control", lambda held: held.release_control())
    qtbot.waitUntil(lambda: control.text() == "control: free", timeout=WAIT_MS)


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [
        (None, "unknown"),
        (0, "0 B"),
        (999, "999 B"),
        (999.6, "1 kB"),
        (1_500_000, "1.5 MB"),
        (412e9, "412 GB"),
        (8.1e15, "8.1e+03 TB"),
    ],
)
def test_sizes_read_as_people_write_them(n_bytes: float | None, text: str) -> None:
    assert size_text(n_bytes) == text


def test_a_command_that_cannot_be_done_says_why(commands: Commands, qtbot: QtBot) -> None:
    done: list[str] = []
    reasons = ["a run is under way"]
    commands.add(
        Command("x", "Start run", lambda: done.append("x"), why_not=lambda: "".join(reasons))
    )
    with qtbot.waitSignal(commands.refused) as refused:
        commands.action("x").trigger()
    assert refused.args == ["Start run: a run is under way"]
    assert done == []
    reasons.clear()
    commands.action("x").trigger()
    assert done == ["x"]


def contrast(one: str, other: str) -> float:
    """Return the ratio of W3C, Web Content Accessibility Guidelines 2.1, 1.4.3."""

    def luminance(color: str) -> float:
        parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return float(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])

    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("colors", [DARK, LIGHT], ids=lambda colors: colors.name)
def test_every_pair_of_text_and_ground_can_be_read(colors: Any) -> None:
    pairs = [
        (text, ground)
        for text in (colors.text, colors.faint, colors.stale, colors.good)
        for ground in (colors.ground, colors.panel)
    ]
    pairs += [(colors.text, colors.raised), (colors.good, colors.raised)]
    pairs += [(colors.ground, colors.accent)]
    for name in ("emitting", "alarm", "warning"):
        pairs.append((getattr(colors, f"{name}_text"), getattr(colors, name)))
    assert {pair: round(contrast(*pair), 2) for pair in pairs if contrast(*pair) < 4.5} == {}
