"""A Single Quantum WebSQ: bias sources, comparators and counters of nanowire detectors.

Written from the manufacturer's public client (QCoDeS_contrib_drivers,
drivers/SingleQuantum/SingleQuantum.py, commit edcb5ea, and its later editions). TCP 12000: JSON
objects in, one after the other, white space between them allowed and the label of a command
optional; messages out, each ended by 0x17. TCP 12345: `unixtime,c1,c2,...` and a line feed per
measurement period. Unknown to us and chosen here: a new value is told once its command is done;
what is refused is told under the label `Error` and changes nothing; the power-up values.

In `[simulation.instruments.NAME]`, `detectors` names the world's detector on each channel, by
default all of them in their order; `nanowire` what they are made of; `starts_biased = false`
lets the instrument start with its sources off. By default the rack was left running: nominal
bias, detectors enabled.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from labctl.errors import ConfigError, nearest
from simulated_devices.devices.websq_commands import (
    COMMANDS,
    PROPERTIES,
    RefusedError,
    cut_objects,
    flag,
)
from simulated_devices.devices.websq_faults import faults_of_websq
from simulated_devices.instrument import Fault, Surroundings
from simulated_devices.wire import Port
from simulated_devices.world import Detector, Slice
from simulated_devices.world.drive import Drive
from simulated_devices.world.nanowire import Nanowire, NanowireParameters
from simulated_devices.world.randomness import component_generator

__all__ = ["COUNTS_PORT", "WebSq", "WebSqOptions", "build"]

COUNTS_PORT = 12345
_END = b"\x17"
#: Unix time of world time 0: a round number, so that runs repeat.
_EPOCH_S = 1_700_000_000
_PS_PER_MS = 1_000_000_000
#: A client that does not read has this many lines in its and our socket buffers; more are lost.
_UNREAD_LINES = 4096
#: The automatic bias raises the current by this after each window without enough counts,
_SEARCH_STEP_UA = 0.5
_SEARCH_WINDOW_S = 0.1
#: ... and ends at this fraction of the latching current at the latest.
_SEARCH_END = 0.9


class WebSqOptions(BaseModel):
    """The table `[simulation.instruments.NAME]`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    detectors: tuple[str, ...] | None = Field(None, min_length=1)
    nanowire: NanowireParameters = NanowireParameters()
    starts_biased: bool = True


class _CountsPort(Port):
    """A socket whose client may not read: when its buffers are full, lines are lost whole."""

    def send(self, data: bytes) -> None:
        """Carry a line to the host, or lose it."""
        if len(self._output) < _UNREAD_LINES:
            super().send(data)


class WebSq:
    """The instrument; `detectors` are the world's, one per channel.

    One lock keeps the host's thread and the world's apart.
    """

    is_streaming = False

    def __init__(self, surroundings: Surroundings, options: WebSqOptions) -> None:
        world = surroundings.world
        names = options.detectors or tuple(world.detectors)
        self.detectors: tuple[Detector, ...] = tuple(world.detectors[name] for name in names)
        self.wires = tuple(Nanowire(options.nanowire) for _ in names)
        self.port = Port(self._receive)
        self._counts_port = _CountsPort(lambda _: None)
        self.companion_ports: Mapping[int, Port] = MappingProxyType(
            {COUNTS_PORT: self._counts_port}
        )
        self._lock = threading.RLock()
        self._dead: set[int] = set()
        #: A hung controller, for the fault menu: it still answers, and does nothing.
        self.ignores_commands = False
        self._pending = ""
        self._noise = component_generator(world.seed, f"websq/{surroundings.name}/noise")
        self._now_ps = self._period_start_ps = world.time_ps
        self._counts = np.zeros(len(names), dtype=np.int64)
        self._search_counts = np.zeros(len(names), dtype=np.int64)
        self._search_s = 0.0
        nominal = options.nanowire.nominal_bias_ua if options.starts_biased else 0.0
        #: Every label and its value, as clients see them.
        self.values: dict[str, Any] = {
            "NumberOfDetectors": len(names),
            "BiasCurrent": [nominal] * len(names),
            # The level of the client's example.
            "TriggerLevel": [25.0] * len(names),
            "DetectorEnable": options.starts_biased,
            "InptMeasurementPeriod": 100,
            "BiasVoltage": [0.0] * len(names),
            "DarkCountsAutoIV": [100.0] * len(names),
            "StartAutoIV": False,
            "BiasCurrentAutoIV": [0.0] * len(names),
        }
        self._apply_bias()
        self.faults: Mapping[str, Fault] = MappingProxyType(faults_of_websq(self))

    def advance(self, slice_: Slice) -> None:
        """Count the clicks of a slice and send the periods that end in it."""
        with self._lock:
            clicks = [slice_.clicks[detector.name] for detector in self.detectors]
            start_ps = slice_.start_ps
            while (end_ps := self._period_end_ps()) <= slice_.stop_ps:
                self._count(clicks, start_ps, end_ps)
                self._send_counts(end_ps)
                start_ps = end_ps
            self._count(clicks, start_ps, slice_.stop_ps)
            self._now_ps = slice_.stop_ps
            duration_s = (slice_.stop_ps - slice_.start_ps) * 1e-12
            for wire, times in zip(self.wires, clicks, strict=True):
                wire.click(times.size / duration_s)
                wire.advance(duration_s)
            self._apply_bias()
            if self.values["StartAutoIV"]:
                self._search_counts += [times.size for times in clicks]
                self._search_bias(duration_s)

    def latch(self, channel: int) -> None:
        """Latch the wire of a channel, from 1, as a flash of light does."""
        with self._lock:
            self.wires[channel - 1].latch()
            self._apply_bias()

    def kill(self, channel: int, *, is_dead: bool) -> None:
        """Let the amplifier of a channel, from 1, fail, or mend it."""
        with self._lock:
            self._dead = (self._dead | {channel}) if is_dead else (self._dead - {channel})
            self._apply_bias()

    def tell(self, label: str, value: Any) -> None:
        """Send a message that nobody asked for; a label with `Error` reports a fault."""
        self.port.send(json.dumps({"label": label, "value": value}).encode() + _END)

    def _period_end_ps(self) -> int:
        period_ms: float = self.values["InptMeasurementPeriod"]
        return self._period_start_ps + round(period_ms * _PS_PER_MS)

    def _count(self, clicks: list[Any], start_ps: int, end_ps: int) -> None:
        """Pass the clicks in start_ps <= t < end_ps and the noise through the comparators."""
        if not self.values["DetectorEnable"]:
            return
        for channel, (wire, times) in enumerate(zip(self.wires, clicks, strict=True)):
            if channel + 1 in self._dead:
                continue
            level_mv = self.values["TriggerLevel"][channel]
            first, stop = np.searchsorted(times, (start_ps, end_ps))
            noise = wire.noise_counts_hz(level_mv) * (end_ps - start_ps) * 1e-12
            self._counts[channel] += self._noise.binomial(
                stop - first, wire.counted_fraction(level_mv)
            ) + self._noise.poisson(noise)

    def _send_counts(self, end_ps: int) -> None:
        unix_time_s = _EPOCH_S + end_ps * 1e-12
        line = ",".join([f"{unix_time_s:.3f}", *(str(count) for count in self._counts)])
        self._counts_port.send(line.encode() + b"\n")
        self._counts[:] = 0
        self._period_start_ps = end_ps

    def _apply_bias(self) -> None:
        """Let the sources drive the wires, and the wires their detectors."""
        for n, (wire, detector) in enumerate(zip(self.wires, self.detectors, strict=True)):
            wire.bias_ua = self.values["BiasCurrent"][n] if self.values["DetectorEnable"] else 0.0
            detector.drive = Drive(0.0, 0.0) if n + 1 in self._dead else wire.drive
        self.values["BiasVoltage"] = [round(wire.voltage_mv, 3) for wire in self.wires]

    def _search_bias(self, duration_s: float) -> None:
        """Raise the bias of channels that do not reach their dark counts per second yet."""
        self._search_s += duration_s
        if self._search_s < _SEARCH_WINDOW_S - duration_s / 2:
            return
        bias = list(self.values["BiasCurrent"])
        for channel, wire in enumerate(self.wires):
            wanted = self.values["DarkCountsAutoIV"][channel] * self._search_s
            raised = bias[channel] + _SEARCH_STEP_UA
            if (
                self._search_counts[channel] < wanted
                and raised <= _SEARCH_END * wire.parameters.latching_ua
            ):
                bias[channel] = raised
        is_over = bias == self.values["BiasCurrent"]
        self._begin_search_window()
        self._set("BiasCurrent", bias)
        if is_over:
            self._set("BiasCurrentAutoIV", bias)
            self._set("StartAutoIV", False)

    def _begin_search_window(self) -> None:
        self._search_s = 0.0
        self._search_counts[:] = 0

    def _receive(self, data: bytes) -> None:
        with self._lock:
            objects, self._pending = cut_objects(self._pending + data.decode("utf-8", "replace"))
            for text in objects:
                try:
                    self._execute(json.loads(text))
                except (ValueError, RecursionError, RefusedError) as error:
                    self.tell("Error", f"{error}: {text[:80]}")

    def _execute(self, item: dict[str, Any]) -> None:
        request, command = item.get("request"), item.get("command")
        if request == "labelProps":
            for label, value in self.values.items():
                self.tell(label, {"value": value, **PROPERTIES[label]})
        elif request in {"BiasVoltage", "StartAutoIV"}:
            self.tell(request, self.values[request])
        elif command and self.ignores_commands:
            return
        elif command == "AutoCaliBiasCurrents":
            self._start_search(flag(item.get("value")))
        elif command in COMMANDS:
            label, check = COMMANDS[command]
            self._set(label, check(item.get("value"), len(self.wires)))
        else:
            raise RefusedError("unknown request or command")

    def _start_search(self, is_on: bool) -> None:  # noqa: FBT001  the value of the switch
        if is_on:
            self._set("BiasCurrent", [0.0] * len(self.wires))
            self._begin_search_window()
        self._set("StartAutoIV", is_on)

    def _set(self, label: str, value: Any) -> None:
        self.values[label] = value
        if label == "InptMeasurementPeriod":
            # A period that is under way is given up.
            self._counts[:] = 0
            self._period_start_ps = self._now_ps
        self._apply_bias()
        self.tell(label, value)


def build(surroundings: Surroundings) -> WebSq:
    """Return an instrument that biases detectors of the world.

    Raises:
        ConfigError: the options are wrong; says which and what is allowed.
    """
    table = f"[simulation.instruments.{surroundings.name}]"
    try:
        options = WebSqOptions.model_validate(dict(surroundings.options))
    except ValidationError as error:
        lines = [
            f"{table} {'.'.join(str(part) for part in problem['loc'])}: "
            f"{problem['msg']} (got {problem['input']!r})"
            for problem in error.errors(include_url=False, include_context=False)
        ]
        raise ConfigError("\n".join(lines)) from error
    known = surroundings.world.detectors
    names = options.detectors or ()
    for n, name in enumerate(names):
        if name not in known:
            raise ConfigError(
                f'{table} detectors: "{name}" is not a detector of the simulated world'
                f"{nearest(name, known)}; known: {', '.join(known)}"
            )
        if name in names[:n]:
            raise ConfigError(f'{table} detectors: "{name}" is on two channels')
    return WebSq(surroundings, options)
