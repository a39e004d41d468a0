"""The controls above the histogram: pairs, scale, window, range and bins."""

from __future__ import annotations

from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from labctl.gui.chooser import Chooser
from labctl.gui.flow_layout import FlowLayout
from labctl.gui.whole_number import WholeNumber

__all__ = ["COUNTS", "G2", "MOST", "HistogramControls"]

#: More histograms over each other cannot be told apart.
MOST = 8
COUNTS = "counts"
G2 = "g²"


class HistogramControls(QWidget):
    """Two lines of controls; what they do belongs to the panel."""

    def __init__(self) -> None:
        super().__init__()
        self.pairs = Chooser("&Pairs …", "pairs", MOST)
        self.main = QComboBox()
        self.main.setAccessibleName("pair whose numbers are shown")
        self.main.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.scale = QComboBox()
        self.scale.setAccessibleName("counts or normalized")
        self.scale.addItems([COUNTS, G2])
        self.scale.setToolTip("Counts per bin, or counts over accidentals (Ctrl+G)")
        self.log_box = _box("Lo&g", "logarithmic counts", "")
        self.auto_box = _box("A&utoscale", "scale by the data", "Off once you zoom or drag")
        self.auto_box.setChecked(True)
        self.center_box = _box(
            "Around &zero",
            "window around zero lag",
            "On: the window is the coincidence window of the live display. "
            "Off: it is free, and only counts what is inside",
        )
        self.center_box.setChecked(True)
        self.hold_button = QPushButton("Hol&d")
        self.hold_button.setCheckable(True)
        self.hold_button.setAccessibleName("hold the histogram")
        self.reset_button = QPushButton("R&eset")
        self.reset_button.setAccessibleName("begin the histograms anew")
        self.window_ps = WholeNumber(
            "coincidence window",
            "ps",
            (1, 10**7),
            "Full coincidence window of the live display; coincidences begin anew, lags go on",
        )
        self.range_ps = WholeNumber(
            "range of lags", "ps", (1, 10**9), "Largest lag on either side; histograms begin anew"
        )
        self.bin_ps = WholeNumber("width of bins", "ps", (1, 10**7), "Width of a bin; likewise")
        self.words = QLabel()
        self.words.setAccessibleName("state of the histogram")
        self.words.setWordWrap(True)
        self._add_layout()

    def _add_layout(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(
            _line(
                self.pairs,
                self.main,
                self.scale,
                self.log_box,
                self.auto_box,
                self.hold_button,
                self.reset_button,
            )
        )
        layout.addWidget(
            _line(
                _labeled("&Window", self.window_ps),
                self.center_box,
                _labeled("Ra&nge ±", self.range_ps),
                _labeled("&Bin", self.bin_ps),
            )
        )
        layout.addWidget(self.words)

    def allow(self, reason: str) -> None:
        """Let what is counted be changed, or say why it cannot be."""
        for field in (self.window_ps, self.range_ps, self.bin_ps):
            field.allow(reason)
        self.reset_button.setEnabled(not reason)
        self.reset_button.setToolTip(reason or "Histograms of all windows begin anew")


def _box(text: str, name: str, tip: str) -> QCheckBox:
    box = QCheckBox(text)
    box.setAccessibleName(name)
    box.setToolTip(tip)
    return box


def _labeled(text: str, field: QWidget) -> QWidget:
    box = QWidget()
    layout = FlowLayout(box, spacing_px=6)
    label = QLabel(text)
    label.setBuddy(field)
    layout.addWidget(label)
    layout.addWidget(field)
    return box


def _line(*widgets: QWidget) -> QWidget:
    line = QWidget()
    flow = FlowLayout(line, spacing_px=8)
    for widget in widgets:
        flow.addWidget(widget)
    return line
