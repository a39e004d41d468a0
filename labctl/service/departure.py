"""What happens to the lasers when the operator is gone."""

from __future__ import annotations

import threading
import time
from typing import Final

from labctl.errors import LabError
from labctl.lab import AlarmBook, Lab, make_one_safe
from labctl.lab.config import ServiceConfig
from labctl.service.control import Client

__all__ = ["EmissionPolicy"]

_POLL_S: Final = 0.1
_KEY: Final = "operator gone"


class EmissionPolicy:
    """Switches lasers off some time after the operator was lost, where the bench says so.

    An operator is gone when its client is lost or says goodbye; whoever takes control ends the
    countdown. Runs go on meanwhile.

    Args:
        config: `[service]` of the configuration.
        lab: the open laboratory.
        alarms: where it is told.
    """

    def __init__(self, config: ServiceConfig, lab: Lab, alarms: AlarmBook) -> None:
        self._off_after_s = config.lasers_off_after_s
        self._lab = lab
        self._alarms = alarms
        self._lock = threading.Lock()
        self._deadline_s: float | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="emission policy", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End; nothing is switched."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def operator_gone(self, client: Client) -> None:
        """Begin the countdown."""
        if self._off_after_s is None:
            self._tell(f"{client.name}, who held control, is gone; lasers stay as they are")
            return
        self._tell(
            f"{client.name}, who held control, is gone; lasers are switched off in "
            f"{self._off_after_s:g} s unless somebody takes control"
        )
        with self._lock:
            self._deadline_s = time.monotonic() + self._off_after_s

    def operator_here(self) -> None:
        """End the countdown."""
        with self._lock:
            self._deadline_s = None
        self._alarms.clear(_KEY)

    def _tell(self, text: str) -> None:
        self._alarms.raise_alarm(_KEY, "warning", "service", text)

    def _run(self) -> None:
        while not self._stopping.wait(_POLL_S):
            with self._lock:
                is_due = self._deadline_s is not None and time.monotonic() >= self._deadline_s
                if is_due:
                    self._deadline_s = None
            if is_due:
                self._switch_off()

    def _switch_off(self) -> None:
        for laser in self._lab.bench.lasers:
            try:
                make_one_safe(self._lab.devices[laser.name])
            except LabError as error:
                text = f"the operator is gone, and {laser.name} is NOT CONFIRMED OFF: {error}"
                self._alarms.raise_alarm(f"{_KEY} {laser.name}", "alarm", "service", text)
            else:
                self._tell(f"{laser.name} is off: the operator is gone")
