"""Figures as files."""

from __future__ import annotations

import io
from typing import Any

from matplotlib.figure import Figure

from labctl.figures.style import styled

__all__ = ["render", "render_svg"]


def render(figure: Figure) -> bytes:
    """Return the figure as PNG, 1000 pixels wide."""
    return _saved(figure, format="png", metadata={"Software": "labctl"})


def render_svg(figure: Figure) -> bytes:
    """Return the figure as SVG (UTF-8), letters as outlines so that it looks alike everywhere."""
    # The date would make equal figures differ.
    return _saved(figure, format="svg", metadata={"Date": None, "Creator": "labctl"})


def _saved(figure: Figure, **options: Any) -> bytes:
    buffer = io.BytesIO()
    with styled():
        figure.savefig(buffer, **options)
    return buffer.getvalue()
