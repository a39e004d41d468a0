"""Lags of pairs of detectors: histogram or g², the window, the peak, and what they mean."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from labctl.errors import LabError
from labctl.gui.commands import Command, Commands
from labctl.gui.detector_pairs import count_pairs, known_pairs, pair_name
from labctl.gui.histogram_controls import COUNTS, G2, MOST, HistogramControls
from labctl.gui.histogram_counts import PairHistogram, pair_histograms
from labctl.gui.histogram_plot import HistogramPlot
from labctl.gui.histogram_words import bin_text, fit_text, window_text
from labctl.gui.live_source import LiveSource, ask_live, why_not_live
from labctl.gui.stream_words import Freshness, histogram_state
from labctl.gui.theme import Theme

__all__ = ["HistogramPanel"]

_LOOK_EVERY_MS: Final = 1000


class HistogramPanel(QWidget):
    """Shows what the service histograms, and has it histogram what is chosen here.

    The window of the live display is one for all: releasing it here changes it for everybody who
    looks, and so do the range and the bins.

    Args:
        link: where the histograms come from.
        theme: colors and fonts.
        commands: of the window, to which the switch between counts and g² (Ctrl+G) is added.
    """

    def __init__(self, link: LiveSource, theme: Theme, commands: Commands | None = None) -> None:
        super().__init__()
        self._link, self._theme = link, theme
        self._histograms: dict[str, PairHistogram] = {}
        self._wanted: list[str] = []
        self._error = ""
        self._cursor: float | None = None
        self._freshness = Freshness()
        self.controls = HistogramControls()
        self.picture = HistogramPlot(theme)
        self.numbers = QLabel()
        self.numbers.setAccessibleName("numbers of the window and the peak")
        self.numbers.setWordWrap(True)
        self.numbers.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        # On the picture, where there is room, so that it takes none from it.
        self.cursor_label = QLabel(self.picture.plot.widget)
        self.cursor_label.move(90, 4)
        self.cursor_label.setAccessibleName("value under the cursor")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 6, 6)
        layout.setSpacing(4)
        layout.addWidget(self.controls)
        layout.addWidget(self.picture.plot, 1)
        layout.addWidget(self.numbers)
        self._connect()
        if commands is not None:
            act, why_not = self.switch_scale, self._why_unseen
            commands.add(Command("g2", "Counts or g²", act, "Ctrl+G", "View", why_not))
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._say_state)
        self._timer.start(_LOOK_EVERY_MS)
        link.updated.connect(self._take)
        link.state_changed.connect(self.draw)
        theme.changed.connect(self._style_anew)
        self._style_anew()

    def show_pair(self, a: str, b: str) -> None:
        """Show the numbers of this pair, as soon as it is histogrammed."""
        name = pair_name((a, b))
        self._choose([name, *(n for n in self._wanted if n != name)])
        self.controls.main.setCurrentText(name)
        self.draw()

    def show_pairs(self, names: Sequence[str]) -> None:
        """Show these pairs over each other; those that are not histogrammed will be."""
        self._choose(names)
        if not why_not_live(self._link):
            count_pairs(self._link, self._wanted, self._refused)
        self.draw()

    def set_held(self, is_held: bool) -> None:  # noqa: FBT001  takes a signal of a switch
        """Let the picture stand still, or go on."""
        self.controls.hold_button.setChecked(is_held)

    def table(self) -> tuple[list[str], list[list[float]]]:
        """Return lags in ps, then counts and accidentals per bin of the shown pairs."""
        shown = self._shown()
        if not shown:
            return [], []
        names, columns = ["lag_ps"], [shown[0].lags_ps.tolist()]
        for histogram in shown:
            if histogram.lags_ps.size == shown[0].lags_ps.size:
                names += [f"{histogram.name} counts", f"{histogram.name} accidentals"]
                columns.append(histogram.counts.tolist())
                columns.append([histogram.expected] * histogram.counts.size)
        return names, [[float(value) for value in row] for row in zip(*columns, strict=True)]

    def draw(self) -> None:
        """Show what is known."""
        if not self.isVisible():
            return
        if not self.controls.hold_button.isChecked():
            data = self._link.latest.get("histogram") or {}
            self._histograms = pair_histograms(data)
            self._take_settings(data)
        self._say_state()
        is_g2 = self.controls.scale.currentText() == G2
        self.picture.show_histograms(self._shown(), is_g2=is_g2)
        main = self._main()
        self.picture.show_fit(main, is_g2=is_g2)
        found = (main.fit if "position_ps" in main.fit else main.peak or {}) if main else {}
        self.picture.show_peak((found.get("position_ps") or {}).get("value"))
        self._tell_numbers()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802  Qt's name
        """Show what has come in the meantime."""
        super().showEvent(event)
        self.draw()

    def switch_scale(self) -> None:
        """Show g² instead of counts, or counts instead of g²."""
        is_g2 = self.controls.scale.currentText() == G2
        self.controls.scale.setCurrentText(COUNTS if is_g2 else G2)

    def _why_unseen(self) -> str:
        return "" if self.isVisible() else "the histogram is not in front"

    def _choose(self, names: Sequence[str]) -> None:
        self._wanted = list(names)[:MOST]
        self._error = ""
        self.controls.pairs.choose(self._wanted)
        self._offer_main()

    def _connect(self) -> None:
        controls, picture = self.controls, self.picture
        controls.pairs.chosen_changed.connect(self.show_pairs)
        controls.main.activated.connect(lambda _: self.draw())
        controls.scale.currentIndexChanged.connect(lambda _: self._rescale())
        controls.log_box.toggled.connect(lambda _: self._rescale())
        controls.auto_box.toggled.connect(lambda _: self._rescale())
        controls.center_box.toggled.connect(self._center)
        controls.hold_button.toggled.connect(lambda _: self.draw())
        controls.reset_button.clicked.connect(
            lambda: self._ask("begin the histograms anew", reset=True)
        )
        controls.window_ps.committed.connect(
            lambda value: self._ask("coincidence window", window_full_ps=value)
        )
        controls.range_ps.committed.connect(lambda value: self._ask("range", range_ps=value))
        controls.bin_ps.committed.connect(lambda value: self._ask("bins", bin_ps=value))
        picture.plot.scaled_by_hand.connect(lambda: controls.auto_box.setChecked(False))
        picture.plot.pointed.connect(self._point)
        picture.plot.stepped.connect(self._step)
        picture.window_moved.connect(self._tell_numbers)
        picture.window_released.connect(self._release)

    def _take(self, topic: str, _: Any) -> None:
        if topic == "histogram":
            self._freshness.mark()
            self.draw()
        elif topic == "matrix":
            self._take_window()
        elif topic in {"snapshot", "control"}:
            self.draw()

    def _take_settings(self, data: dict[str, Any]) -> None:
        """Show what the service counts with, whoever chose it."""
        self.controls.pairs.offer(list(known_pairs(self._link)) or list(self._histograms))
        if not self._wanted and self._histograms:
            self._wanted = list(self._histograms)[:1]
            self.controls.pairs.choose(self._wanted)
        self._offer_main()
        for tagger in data.get("taggers", {}).values():
            if "bin_ps" in tagger:
                self.controls.bin_ps.show_value(tagger["bin_ps"])
                self.controls.range_ps.show_value(-tagger["first_lag_ps"])
        self._take_window()

    def _take_window(self) -> None:
        window_ps = self._window_full_ps()
        if window_ps is None or not self.isVisible():
            return
        self.controls.window_ps.show_value(window_ps)
        if self.controls.center_box.isChecked():
            self.picture.show_window(-window_ps / 2, window_ps / 2)

    def _window_full_ps(self) -> int | None:
        matrix = self._link.latest.get("matrix") or {}
        for tagger in matrix.get("taggers", {}).values():
            return int(tagger["window_full_ps"])
        return None

    def _offer_main(self) -> None:
        main = self.controls.main
        present = [main.itemText(index) for index in range(main.count())]
        if present == self._wanted:
            return
        chosen = main.currentText()
        main.clear()
        main.addItems(self._wanted)
        if chosen in self._wanted:
            main.setCurrentText(chosen)

    def _shown(self) -> list[PairHistogram]:
        return [self._histograms[name] for name in self._wanted if name in self._histograms]

    def _main(self) -> PairHistogram | None:
        return self._histograms.get(self.controls.main.currentText())

    def _say_state(self) -> None:
        if not self.isVisible():
            return
        reason = why_not_live(self._link)
        self.controls.allow(reason)
        main = self._main()
        words = [
            "HELD: the picture stands still" if self.controls.hold_button.isChecked() else "",
            histogram_state(self._link, self._freshness.age_s(), self._wanted),
            main.warning if main else "",
        ]
        if reason and self._link.state == "connected":
            words.append(f"what is counted cannot be changed here: {reason}")
        words.append(self._error)
        text = " · ".join(word for word in words if word)
        if text != self.controls.words.text():
            self.controls.words.setText(text)
        self.controls.words.setVisible(bool(text))

    def _tell_numbers(self) -> None:
        main = self._main()
        if main is None:
            self.numbers.setText("–")
            return
        window = window_text(main, *self.picture.window())
        text = f"{window}\n{fit_text(main, self.picture.unit_ps())}"
        if text != self.numbers.text():
            self.numbers.setText(text)

    def _point(self, at: tuple[float, float] | None) -> None:
        main = self._main()
        text = ""
        self._cursor = None if at is None else at[0]
        if at is not None and main is not None:
            text = bin_text(main, at[0] * self.picture.unit_ps())
        self.cursor_label.setText(text)
        self.cursor_label.adjustSize()

    def _step(self, step: int) -> None:
        """Move the cursor by one bin, with the arrow keys."""
        main = self._main()
        if main is not None:
            unit_ps = self.picture.unit_ps()
            self._cursor = (self._cursor or 0.0) + step * main.bin_ps / unit_ps
            self._point((self._cursor, 0.0))

    def _rescale(self) -> None:
        self.picture.is_log = self.controls.log_box.isChecked()
        self.picture.is_auto = self.controls.auto_box.isChecked()
        self.picture.rescale()
        self.draw()

    def _center(self, is_centered: bool) -> None:  # noqa: FBT001  Qt gives it so
        self.picture.is_centered = is_centered
        self._take_window()
        self._tell_numbers()

    def _release(self, low_ps: float, high_ps: float) -> None:
        """Make the window that was let go that of the live display."""
        if not self.controls.center_box.isChecked():
            return
        width_ps = max(1, round(high_ps - low_ps))
        if why_not_live(self._link):
            self._take_window()
        elif width_ps != self._window_full_ps():
            self._ask("coincidence window", window_full_ps=width_ps)

    def _ask(self, what: str, **choices: Any) -> None:
        self._error = ""
        ask_live(self._link, what, self._refused, **choices)

    def _refused(self, error: LabError) -> None:
        self._error = str(error)
        self.draw()

    def _style_anew(self) -> None:
        colors = self._theme.colors
        self.controls.words.setStyleSheet(f"color: {colors.text}; font-weight: bold;")
        self.cursor_label.setStyleSheet(f"color: {colors.text}; background: transparent;")
        self.picture.style_anew()
        self.draw()
