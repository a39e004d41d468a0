"""What a client asks of the instruments."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

__all__ = ["InstrumentRequests"]


class InstrumentRequests(ABC):
    """The part of a client that concerns instruments; `ask` carries it to the service."""

    @abstractmethod
    def ask(
        self, request: str, /, *, timeout_s: float | None = None, **fields: Any
    ) -> dict[str, Any]:
        """Return the fields of the reply to `request`."""

    def get(self, path: str) -> Any:
        """Return the value of `instrument.setting`."""
        return self.ask("get", path=path)["value"]

    def set(self, path: str, value: Any, *, arm: bool = False) -> Any:
        """Set `instrument.setting` and return what the instrument reads back."""
        return self.ask("set", path=path, value=value, arm=arm)["value"]

    def act(self, path: str) -> None:
        """Tell an instrument to do `instrument.action`, such as pump.clear_fault; never to emit."""
        self.ask("do", path=path)

    def lowered(self) -> list[dict[str, Any]]:
        """Return what was lowered for safety and `restore` brings back: path, value and unit."""
        return list(self.ask("lowered")["settings"])

    def restore(self) -> dict[str, Any]:
        """Set again what was lowered for safety, never emission; what came back, what did not.

        The reply holds `settings` (path, value, unit) and `failures` (path -> why).

        Raises:
            InterlockError: a rule keeps something down, or a run is under way.
        """
        return self.ask("restore")

    def parameters(self) -> dict[str, Any]:
        """Return every instrument with its settings and readings."""
        return dict(self.ask("parameters")["instruments"])

    def reconnect_instrument(self, instrument: str) -> str:
        """Open an instrument's links anew and return what it says it is."""
        return str(self.ask("reconnect", instrument=instrument)["identity"])

    def identify(self, instrument: str) -> dict[str, Any]:
        """Ask an instrument what it is: identity, and is_the_same as when it was connected."""
        return self.ask("identify", instrument=instrument)

    def faults(self, place: str | None = None) -> dict[str, Any]:
        """Return where something can go wrong and what still is, or what can at one place."""
        return self.ask("faults", place=place)

    def fault(self, place: str, kind: str, **arguments: str | float | bool) -> dict[str, Any]:
        """Let something go wrong on a simulated bench, and return what."""
        return dict(self.ask("fault", place=place, kind=kind, arguments=arguments)["fault"])
