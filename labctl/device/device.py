"""An instrument: a link, its settings and readings, and how to leave it safe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from labctl.device.action import actions_of
from labctl.device.parameter import Limits, Reading, Setting
from labctl.device.request import Request
from labctl.errors import InstrumentError, LabError, LinkError, ProtocolError
from labctl.transport import Link, WireOptions

__all__ = ["Companion", "Device", "Identity"]

T = TypeVar("T")
Parameter = Setting[Any] | Reading[Any]


@dataclass(frozen=True, slots=True)
class Identity:
    """What an instrument says it is."""

    manufacturer: str
    model: str
    serial: str
    firmware: str = ""

    def __str__(self) -> str:
        parts = (self.manufacturer, self.model, self.serial and f"serial {self.serial}")
        return " ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Companion:
    """A second connection to the same instrument, at another TCP port of the same host."""

    port: int
    wire: WireOptions


class Device:
    """The base of every driver.

    A driver declares `kinds`, `wire` and its settings, and writes `identify`; where leaving
    the instrument as it is could do harm it overrides `make_safe`. Drivers never know whether
    they are simulated.

    Attributes:
        link: the only way to the instrument.
        name: the instrument's name on the bench.
        companions: links to the ports declared in `companion_wires`, by their names.
        limits: limits narrowed by the configuration, by setting.
        on_change: called as (setting, value, unit) after a setting was set.
        last_set: value of every setting as it was last set since opening, oldest first; what
            is set again where the instrument has forgotten it.
        is_safe_owed: it was ordered to be safe and could not be confirmed to be, and nobody has lit
            it since; it is made safe as soon as it can be reached.
        lowered: settings that were lowered for safety, with the value before, until somebody sets
            them; never emission.
        identity: what the instrument said it is when it was connected.
    """

    kinds: ClassVar[tuple[str, ...]] = ()
    wire: ClassVar[WireOptions] = WireOptions()
    #: False for a time tagger that takes no commands while its tags stream.
    answers_while_streaming: ClassVar[bool] = False
    companion_wires: ClassVar[Mapping[str, Companion]] = {}
    parameters: ClassVar[Mapping[str, Parameter]] = {}
    #: What operators may tell the instrument to do, and what they read of it; see `action`.
    actions: ClassVar[Mapping[str, str]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        inherited = dict(cls.parameters)
        own = {n: p for n, p in vars(cls).items() if isinstance(p, (Setting, Reading))}
        cls.parameters = inherited | own
        cls.actions = {**cls.actions, **actions_of(dict(vars(cls)))}

    def __init__(
        self,
        link: Link,
        *,
        name: str,
        limits: Mapping[str, Limits] | None = None,
        companions: Mapping[str, Link] | None = None,
    ) -> None:
        self.link = link
        self.companions: Mapping[str, Link] = companions or {}
        self.name = name
        self.limits: Mapping[str, Limits] = limits or {}
        self.on_change: Callable[[str, Any, str], None] | None = None
        self.last_set: dict[str, Any] = {}
        self.lowered: dict[str, Any] = {}
        self.is_safe_owed = False
        self.identity: Identity | None = None

    def reconnect(self) -> None:
        """Open the links anew after they were lost; nothing is set or switched on.

        Raises:
            LinkError: the instrument is still out of reach, or another one answers.
        """
        for link in (self.link, *self.companions.values()):
            link.reconnect()
        try:
            found = self.identify()
        except LabError:
            self._disown("what answers since the link was opened anew has not said what it is")
            raise
        if self.identity is not None and found != self.identity:
            refusal = f"another instrument answers: {found}, where {self.identity} was connected"
            self._disown(refusal)
            raise LinkError(
                refusal,
                device=self.name,
                hint="Put the cables back as they were, or open the laboratory again.",
            )

    def _disown(self, why: str) -> None:
        # Nobody may take its values, or its "off", for those of the instrument.
        for link in (self.link, *self.companions.values()):
            link.suspect()
            link.disown(why)

    def identify(self) -> Identity:
        """Ask the instrument what it is.

        Raises:
            ProtocolError: what answers is not this instrument.
        """
        raise ProtocolError(f"driver {type(self).__name__} does not identify its instrument")

    def changed(self, setting: str, value: Any, unit: str) -> None:
        """Remember and announce that a setting has a new value."""
        self.last_set.pop(setting, None)
        self.lowered.pop(setting, None)
        parameter = self.parameters[setting]
        if value and isinstance(parameter, Setting) and parameter.is_emission:
            self.is_safe_owed = False
        self.last_set[setting] = value
        if self.on_change is not None:
            self.on_change(setting, value, unit)

    def execute(self, request: Request[T]) -> T:
        """Exchange one request and return the value of its reply; errors name the instrument."""
        try:
            return request.perform(self.link)
        except LabError as error:
            error.device = error.device or self.name
            raise

    def make_safe(self) -> None:
        """Switch off what could do harm and confirm it by reading back.

        The default is for instruments that can do no harm.

        Raises:
            LabError: the instrument could not be confirmed to be safe.
        """

    def snapshot(self) -> dict[str, Any]:
        """Return every setting and reading with its present value, None where it has none.

        Some models of a series refuse some queries; that is no reason to lose the others.
        """
        return {name: self._value_or_none(name) for name in self.parameters}

    def _value_or_none(self, name: str) -> Any:
        try:
            return getattr(self, name)
        except InstrumentError:
            return None

    def close(self) -> None:
        """Release the links; the instrument stays as it is."""
        for companion in self.companions.values():
            companion.close()
        self.link.close()
