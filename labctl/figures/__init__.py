"""Static pictures of results, drawn without a display.

Figures are drawn from what a run file stores (plain dicts and arrays), so a picture can be made
again years later from the file alone. Each function returns a matplotlib `Figure`; `render` makes
a PNG of it and `render_svg` an SVG. The width is 1000 pixels, the height follows the number of
things shown, and the same result gives the same picture.

matplotlib is used through its objects with the Agg canvas. pyplot keeps figures in global state
and looks for a display, which a recorder on a server does not have. It is imported nowhere else
in labctl, and here only when a figure is drawn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.lazy import lazy_exports

if TYPE_CHECKING:
    from labctl.figures.chsh import chsh_figure
    from labctl.figures.correlation import correlation_figure
    from labctl.figures.counting import counting_figure
    from labctl.figures.delays import delays_figure
    from labctl.figures.rendering import render, render_svg
    from labctl.figures.scan import scan_figure
    from labctl.figures.visibility import visibility_figure

__all__ = [
    "chsh_figure",
    "correlation_figure",
    "counting_figure",
    "delays_figure",
    "render",
    "render_svg",
    "scan_figure",
    "visibility_figure",
]

_MODULES = {
    "chsh": ("chsh_figure",),
    "correlation": ("correlation_figure",),
    "counting": ("counting_figure",),
    "delays": ("delays_figure",),
    "rendering": ("render", "render_svg"),
    "scan": ("scan_figure",),
    "visibility": ("visibility_figure",),
}
__getattr__, __dir__ = lazy_exports(__name__, _MODULES)
