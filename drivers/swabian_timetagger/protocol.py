"""The calls of the vendor's library that the driver makes, one value per line of the manual.

Facts: the docstrings of the package swabian-timetagger 2.22.6 (module Swabian.TimeTagger) and
the vendor's hardware page (swabianinstruments.com, TimeTagger documentation, "Hardware").

A call takes the place of a request: `perform` runs it on the link's library, with the link's
lock. Channels are inputs here, counted from 1; the library has each edge as a channel of its
own, the falling one with the other sign, and settings of time are made for both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from labctl.device import Identity, Request
from labctl.errors import LinkError, ProtocolError
from labctl.transport import Link, WireOptions

__all__ = [
    "DEAD_TIME_LIMITS_NS",
    "DELAY_LIMITS_PS",
    "GET_DEAD_TIMES_NS",
    "GET_DEAD_TIME_RANGE_NS",
    "GET_DELAYS_PS",
    "GET_IDENTITY",
    "GET_INPUTS",
    "GET_OVERFLOWS",
    "GET_PCB_VERSION",
    "GET_TEST_SIGNAL",
    "GET_TRIGGER_LEVELS_V",
    "GET_TRIGGER_RANGE_V",
    "TRIGGER_LIMITS_V",
    "WIRE",
    "Call",
    "inputs_of",
    "set_dead_times_ns",
    "set_delays_ps",
    "set_test_signal",
    "set_trigger_levels_v",
]

T = TypeVar("T")

#: No bytes; the timeout is how long a tagger may take to show that it is there.
WIRE = WireOptions(timeout_s=1.0)

#: The widest of the series ("Hardware", electrical characteristics: the Ultra's).
TRIGGER_LIMITS_V = (-2.5, 2.5)
#: From the X's shortest to the Ultra's longest (docstring of setDeadtime).
DEAD_TIME_LIMITS_NS = (1.333, 2_147_000.0)
#: The X's on board (docstring of getDelayHardwareRange); what a model cannot do on board, the
#: library does on the computer.
DELAY_LIMITS_PS = (-2_500_000.0, 2_500_000.0)

_PS_PER_NS = 1000


@dataclass(frozen=True, slots=True)
class Call(Request[T]):
    """A call in the place of a request; `command` is its name, for messages."""

    function: Callable[[Any, Any], T] | None = None

    def perform(self, link: Link) -> T:
        """Call the library and return what it returns."""
        assert self.function is not None  # noqa: S101  `_call` sets it
        return link.call(self.function)


def _call(name: str, function: Callable[[Any, Any], T]) -> Call[T]:
    return Call(name.encode(), None, None, function)


def inputs_of(library: Any, tagger: Any) -> tuple[int, ...]:
    """Return the numbers of the tagger's inputs, which are those of their rising edges."""
    return tuple(int(c) for c in tagger.getChannelList(library.ChannelEdge.Rising))


def _identity(library: Any, tagger: Any) -> Identity:
    # The library remembers model and serial number; only the answer tells that it is there.
    if not tagger.sync(round(WIRE.timeout_s * 1000)):
        raise LinkError("the tagger does not answer", hint="Check its cable and its power.")
    model = str(tagger.getModel())
    if not model.startswith("Time Tagger"):
        raise ProtocolError(f'expected a Time Tagger, the library says "{model}"')
    del library
    return Identity(
        "Swabian Instruments", model, str(tagger.getSerial()), str(tagger.getFirmwareVersion())
    )


def _each(get: Callable[[Any, int], float]) -> Callable[[Any, Any], tuple[float, ...]]:
    return lambda library, tagger: tuple(get(tagger, n) for n in inputs_of(library, tagger))


GET_IDENTITY = _call("identity", _identity)
GET_INPUTS = _call("getChannelList", inputs_of)
GET_PCB_VERSION = _call("getPcbVersion", lambda _, tagger: str(tagger.getPcbVersion()))
GET_OVERFLOWS = _call("getOverflows", lambda _, tagger: int(tagger.getOverflows()))
GET_TRIGGER_LEVELS_V = _call(
    "getTriggerLevel", _each(lambda tagger, n: float(tagger.getTriggerLevel(n)))
)
GET_DEAD_TIMES_NS = _call(
    "getDeadtime", _each(lambda tagger, n: tagger.getDeadtime(n) / _PS_PER_NS)
)
GET_DELAYS_PS = _call("getInputDelay", _each(lambda tagger, n: float(tagger.getInputDelay(n))))
GET_TEST_SIGNAL = _call(
    "getTestSignal",
    lambda library, tagger: any(tagger.getTestSignal(n) for n in inputs_of(library, tagger)),
)
#: All inputs of a model are alike.
GET_TRIGGER_RANGE_V = _call(
    "getTriggerLevelRange",
    lambda _, tagger: tuple(float(v) for v in tagger.getTriggerLevelRange(1)),
)
GET_DEAD_TIME_RANGE_NS = _call(
    "getDeadtimeRange",
    lambda _, tagger: tuple(ps / _PS_PER_NS for ps in tagger.getDeadtimeRange(1)),
)


def set_trigger_levels_v(levels_v: tuple[float, ...]) -> Call[None]:
    """Set the voltage that a pulse must cross, per input."""

    def apply(library: Any, tagger: Any) -> None:
        for number, level_v in zip(inputs_of(library, tagger), levels_v, strict=True):
            tagger.setTriggerLevel(number, level_v)

    return _call("setTriggerLevel", apply)


def set_dead_times_ns(dead_times_ns: tuple[float, ...]) -> Call[None]:
    """Set the dead time of both edges, per input."""

    def apply(library: Any, tagger: Any) -> None:
        for number, dead_ns in zip(inputs_of(library, tagger), dead_times_ns, strict=True):
            for edge in (number, tagger.getInvertedChannel(number)):
                tagger.setDeadtime(edge, round(dead_ns * _PS_PER_NS))

    return _call("setDeadtime", apply)


def set_delays_ps(delays_ps: tuple[float, ...]) -> Call[None]:
    """Set what is added to the times of both edges, per input."""

    def apply(library: Any, tagger: Any) -> None:
        for number, delay_ps in zip(inputs_of(library, tagger), delays_ps, strict=True):
            for edge in (number, tagger.getInvertedChannel(number)):
                tagger.setInputDelay(edge, round(delay_ps))

    return _call("setInputDelay", apply)


def set_test_signal(enabled: bool) -> Call[None]:  # noqa: FBT001  the setting's value
    """Connect all inputs with the generator on board, or with their sockets again."""
    return _call(
        "setTestSignal",
        lambda library, tagger: tagger.setTestSignal(list(inputs_of(library, tagger)), enabled),
    )
