"""Sequences that change the bias: ramp, re-arming, automatic bias, all off.

Each is a generator of seconds to wait: it has no clock, holds no link during a wait, and may be
closed at any step. The link is held for one step, which is checked against what the instrument
says, sent and read back; so neither `make_safe` nor another client is ever undone by a ramp.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator

from drivers.single_quantum_websq import bias, protocol
from labctl.device import Device
from labctl.errors import (
    InstrumentError,
    InterlockError,
    LimitError,
    ProtocolError,
    ReplyTimeoutError,
)

__all__ = ["BiasControl"]

Currents = tuple[float, ...]

#: Time between the steps of a ramp: the pace at which the lab ramps its laser diodes.
RAMP_INTERVAL_S = 0.05
#: Time at zero bias before a latched wire is biased again. The hot spot is gone within
#: nanoseconds; this covers the low-pass filters of the bias line.
REARM_HOLD_S = 0.5
REARM_ATTEMPTS = 3
#: The manufacturer's client waits as long before it first asks whether the search has ended,
_AUTO_BIAS_START_S = 1.0
#: ... and this long between questions.
_AUTO_BIAS_POLL_S = 0.1
#: Given up after five minutes.
_MAX_AUTO_BIAS_POLLS = 3000
#: The instrument may take some exchanges to follow a command.
_READ_BACKS = 5
_SAFE_ATTEMPTS = 3


class BiasControl:
    """Changes the bias of one instrument; may be used from any thread."""

    def __init__(self, device: Device, channel_count: int | None = None) -> None:
        self._device = device
        self.channel_count = channel_count
        #: Counts the calls of make_safe: what raises the bias stops when it sees a new one.
        self._safe_calls = 0

    def steps(self, target: Currents) -> Iterator[Currents]:
        """Step to `target` and yield the currents after each step.

        Raises:
            InterlockError: the bias was changed by somebody else meanwhile, or made safe.
            InstrumentError: the instrument did not follow.
        """
        return self._steps(target, self._safe_calls)

    def ramp(self, target: Currents) -> Generator[float, None, None]:
        """Step to `target` and yield the seconds to wait after each step."""
        return self._ramp(target, self._safe_calls)

    def latched(self) -> tuple[int, ...]:
        """Return the channels, from 1, that show the voltage of a normal wire."""
        with self._device.link.transaction():
            voltage_mv = self._device.execute(protocol.GET_BIAS_VOLTAGE_MV)
            return bias.latched(self._present(), voltage_mv)

    def rearm(self) -> Generator[float, None, None]:
        """Bring latched channels back to their bias."""
        return self._rearm(self._safe_calls)

    def auto_bias(self, dark_counts: Currents) -> Generator[float, None, Currents]:
        """Let the instrument search for the bias and return what it found."""
        return self._auto_bias(dark_counts, self._safe_calls)

    def make_safe(self) -> None:
        """Take the bias off every channel at once and confirm it.

        Raises:
            InstrumentError: it could not be confirmed.
        """
        problem: Exception | None = None
        with self._device.link.transaction():
            self._safe_calls += 1
            for _ in range(_SAFE_ATTEMPTS):
                try:
                    self._remove_bias()
                except (InstrumentError, ProtocolError, ReplyTimeoutError) as error:
                    problem = error
                else:
                    return
        raise InstrumentError(
            f"THE BIAS OF {self._device.name} COULD NOT BE CONFIRMED ZERO ({problem})",
            device=self._device.name,
            address=self._device.link.address,
            hint="Switch the detectors off at the instrument.",
        ) from problem

    def _remove_bias(self) -> None:
        # The number is known from the first contact: the command must not wait for a reading.
        zero = (0.0,) * (self.channel_count or len(self._present()))
        # Even where it cannot be confirmed: nobody may bring the former bias back by itself.
        self._device.last_set["bias_ua"] = zero
        self._device.execute(protocol.set_bias_ua(zero))
        if self._device.execute(protocol.GET_AUTO_BIAS_RUNNING):
            self._device.execute(protocol.set_auto_bias_running(False))
            self._device.execute(protocol.set_bias_ua(zero))
        self._confirm(zero)
        self._announce(zero)

    def _steps(self, target: Currents, safe_calls: int) -> Iterator[Currents]:
        present = self._present()
        while present != target:
            step = bias.next_step(present, target)
            with self._device.link.transaction():
                self._refuse_after_safe(safe_calls)
                self._refuse_foreign_change(present)
                self._send(step)
            present = step
            yield step

    def _ramp(self, target: Currents, safe_calls: int) -> Generator[float, None, None]:
        for reached in self._steps(target, safe_calls):
            self._announce(reached)
            yield RAMP_INTERVAL_S

    def _rearm(self, safe_calls: int) -> Generator[float, None, None]:
        target, latched = self._present(), self.latched()
        for _ in range(REARM_ATTEMPTS):
            if not latched:
                return
            self._drop(latched, safe_calls)
            yield REARM_HOLD_S
            yield from self._ramp(bias.replaced(self._present(), target, latched), safe_calls)
            still = self.latched()
            latched = tuple(channel for channel in latched if channel in still)
        if latched:
            self._drop(latched, safe_calls)
            raise InstrumentError(
                f"detectors {', '.join(str(n) for n in latched)} of {self._device.name} latched "
                f"again after {REARM_ATTEMPTS} attempts; their bias stays at zero",
                device=self._device.name,
                hint="Reduce their bias or the light on them, then set the bias again.",
            )

    def _drop(self, channels: tuple[int, ...], safe_calls: int) -> None:
        with self._device.link.transaction():
            self._refuse_after_safe(safe_calls)
            present = self._present()
            low = bias.replaced(present, (0.0,) * len(present), channels)
            self._send(low)
        self._announce(low)

    def _auto_bias(
        self, dark_counts: Currents, safe_calls: int
    ) -> Generator[float, None, Currents]:
        device = self._device
        with device.link.transaction():
            self._refuse_after_safe(safe_calls)
            device.execute(protocol.set_auto_bias_dark_counts(dark_counts))
            device.execute(protocol.set_auto_bias_running(True))
        try:
            yield from self._until_auto_bias_ends(safe_calls)
            return self._found_bias()
        except BaseException:
            # Closed by the caller, made safe, or failed: no bias nobody has asked for stays on.
            self.make_safe()
            raise

    def _until_auto_bias_ends(self, safe_calls: int) -> Generator[float, None, None]:
        yield _AUTO_BIAS_START_S
        for _ in range(_MAX_AUTO_BIAS_POLLS):
            self._refuse_after_safe(safe_calls)
            if not self._device.execute(protocol.GET_AUTO_BIAS_RUNNING):
                return
            yield _AUTO_BIAS_POLL_S
        raise InstrumentError(
            f"the automatic bias of {self._device.name} does not end", device=self._device.name
        )

    def _found_bias(self) -> Currents:
        found = self._device.execute(protocol.GET_FOUND_BIAS_UA)
        _, high = self._device.limits.get("bias_ua", (0.0, protocol.MAX_BIAS_UA))
        if max(found) > high:
            raise LimitError(
                f"the automatic bias of {self._device.name} found {found} µA; the limit is "
                f"{high:g} µA",
                device=self._device.name,
            )
        self._announce(self._present())
        return found

    def _present(self) -> Currents:
        return self._device.execute(protocol.GET_BIAS_UA)

    def _send(self, currents: Currents) -> None:
        self._device.execute(protocol.set_bias_ua(currents))
        self._confirm(currents)

    def _confirm(self, currents: Currents) -> None:
        read: Currents = ()
        for _ in range(_READ_BACKS):
            read = self._present()
            if bias.is_same_bias(read, currents):
                return
        raise InstrumentError(
            f"{self._device.name}.bias_ua was set to {currents} µA and reads back {read} µA",
            device=self._device.name,
        )

    def _refuse_after_safe(self, safe_calls: int) -> None:
        if self._safe_calls != safe_calls:
            raise InterlockError(
                f"{self._device.name} was made safe; its bias stays at zero until it is set again",
                device=self._device.name,
            )

    def _refuse_foreign_change(self, expected: Currents) -> None:
        found = self._present()
        if not bias.is_same_bias(found, expected):
            raise InterlockError(
                f"the bias of {self._device.name} is {found} µA where the ramp left {expected} µA: "
                "somebody else changed it; the ramp stops",
                device=self._device.name,
            )

    def _announce(self, currents: Currents) -> None:
        self._device.changed("bias_ua", currents, "µA")
