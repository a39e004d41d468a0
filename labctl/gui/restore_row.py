"""Asks whether what was lowered for safety is to be set again, and tells what came of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from labctl.errors import LabError
from labctl.gui.confirm_row import ConfirmRow
from labctl.gui.link import ServiceLink
from labctl.gui.notice import Tone
from labctl.gui.theme import Theme
from labctl.units import format_quantity

__all__ = ["RestoreRow"]


class RestoreRow(ConfirmRow):
    """The question; it names every setting with its value. `tell` takes what came of it."""

    def __init__(
        self, link: ServiceLink, theme: Theme, tell: Callable[[str, Tone], object]
    ) -> None:
        super().__init__(theme, "&Set again", "&Leave as it is")
        self._link = link
        self._tell = tell

    def begin(self) -> None:
        """Ask the service what was lowered, then the operator."""
        self._link.ask("ask what was lowered", lambda client: client.lowered(), self._offer)

    def _offer(self, settings: list[dict[str, Any]]) -> None:
        if not settings:
            self.dismiss()
            self._tell("nothing is lowered for safety", "plain")
            return
        listed = "; ".join(
            f"{each['path']} to {format_quantity(each['value'], each['unit'])}" for each in settings
        )
        self.ask(f"Set again {listed}? Emission stays off.", self._restore)

    def _restore(self) -> None:
        self._tell("setting again what was lowered …", "plain")
        # A bias is ramped; meanwhile other requests go on.
        self._link.ask_at_once(
            "restore what was lowered",
            lambda client: client.restore(),
            self._told,
            self._refused,
        )

    def _told(self, reply: dict[str, Any]) -> None:
        failures = [f"{path}: {why}" for path, why in reply["failures"].items()]
        if failures:
            self._tell(f"not set again: {'; '.join(failures)}", "alarm")
        else:
            paths = ", ".join(each["path"] for each in reply["settings"])
            self._tell(f"set again: {paths or 'nothing'}", "plain")

    def _refused(self, error: LabError) -> None:
        self._tell(str(error), "alarm")
