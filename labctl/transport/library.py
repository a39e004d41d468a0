"""Instruments that are reached through their vendor's library: calls instead of bytes.

The library is imported when an instrument is opened, never before: nobody has to install what
no bench of theirs uses.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from labctl.errors import ConfigError, InstrumentError, LabError, LinkError, nearest
from labctl.transport.wire import WireOptions

__all__ = ["LIBRARIES", "LibraryWire", "VendorLibrary"]

T = TypeVar("T")

#: What a library raises when it refuses a value, or has lost its instrument.
_FAILURES = (RuntimeError, ValueError, OverflowError, OSError)


@dataclass(frozen=True, slots=True)
class VendorLibrary:
    """How instruments of a vendor are opened, watched and released.

    Attributes:
        module: name to import.
        package: name to install from the Python package index.
        also_needed: what a real instrument needs on this computer beside the package.
        create: called with the module and a serial number ("": the only one) -> the instrument.
        free: called with the module and the instrument.
        answers: called with the instrument and a time in ms -> whether it is still there.
    """

    module: str
    package: str
    also_needed: str
    create: Callable[[Any, str], Any]
    free: Callable[[Any, Any], None]
    answers: Callable[[Any, int], bool]


#: Vendor in `library://VENDOR/SERIAL` -> its library.
LIBRARIES: Mapping[str, VendorLibrary] = {
    "swabian": VendorLibrary(
        module="Swabian.TimeTagger",
        package="swabian-timetagger",
        also_needed=(
            "the vendor's USB driver, which comes with the Time Tagger software of "
            "swabianinstruments.com (on Linux its udev rules)"
        ),
        create=lambda module, serial: module.createTimeTagger(serial),
        free=lambda module, tagger: module.freeTimeTagger(tagger),
        answers=lambda tagger, timeout_ms: bool(tagger.sync(timeout_ms)),
    )
}


class LibraryWire:
    """Carries calls to one instrument; it has no bytes, and says so.

    The instrument is opened with the wire and released with it. `module` is the library, or
    what stands in for it; without one the real library is imported.
    """

    def __init__(self, target: str, options: WireOptions, module: Any = None) -> None:
        """Open the instrument that `target` (VENDOR/SERIAL) names.

        Raises:
            ConfigError: the vendor is unknown.
            LinkError: the library is not installed, or finds no such instrument.
        """
        vendor, _, self._serial = target.partition("/")
        if vendor not in LIBRARIES:
            raise ConfigError(
                f'address "library://{target}": unknown vendor "{vendor}"'
                f"{nearest(vendor, LIBRARIES)}; known are: {', '.join(LIBRARIES)}"
            )
        self._target = target
        self._options = options
        self._library = LIBRARIES[vendor]
        self._module = self._imported() if module is None else module
        self._instrument = self._created()

    @property
    def address(self) -> str:
        """Vendor and serial number as instruments.toml writes them."""
        return f"library://{self._target}"

    def call(self, function: Callable[[Any, Any], T]) -> T:
        """Return what `function` makes of the vendor's module and the open instrument.

        Raises:
            LinkError: the instrument is gone.
            InstrumentError: the library refused, in its own words.
        """
        if self._instrument is None:
            raise LinkError("the instrument is not open; reconnect it", address=self.address)
        try:
            return function(self._module, self._instrument)
        except LabError:
            # Some of them are ValueErrors or OSErrors too.
            raise
        except _FAILURES as error:
            if not self.answers():
                raise self._lost(error) from error
            raise InstrumentError(
                f"the library {self._library.module} refused: {error}", address=self.address
            ) from error

    def answers(self) -> bool:
        """Return whether the instrument is still there, within the wire's timeout."""
        try:
            return self._library.answers(self._instrument, round(self._options.timeout_s * 1000))
        except _FAILURES:
            return False

    def write(self, data: bytes) -> None:
        """Refuse: there are no bytes."""
        raise self._no_bytes(f"{data[:20]!r} cannot be sent")

    def read(self, max_bytes: int, timeout_s: float) -> bytes:
        """Refuse: there are no bytes."""
        del max_bytes, timeout_s
        raise self._no_bytes("nothing can be read")

    def read_until(self, terminator: bytes, timeout_s: float) -> bytes:
        """Refuse: there are no bytes."""
        del terminator, timeout_s
        raise self._no_bytes("nothing can be read")

    def discard_input(self) -> None:
        """Do nothing: no input waits."""

    def reopen(self) -> None:
        """Open the instrument again, which then has its default settings.

        One that answers (the library has found it again by itself) stays open and as it is.
        """
        if self._instrument is not None and self.answers():
            return
        self.close()
        self._instrument = self._created()

    def close(self) -> None:
        """Release the instrument."""
        instrument, self._instrument = self._instrument, None
        if instrument is None:
            return
        try:
            self._library.free(self._module, instrument)
        except _FAILURES as error:
            raise self._lost(error) from error

    def _imported(self) -> Any:
        try:
            return importlib.import_module(self._library.module)
        except ImportError as error:
            raise LinkError(
                f"the vendor's library {self._library.module} cannot be imported ({error})",
                address=self.address,
                hint=f"Install it: pip install {self._library.package}. A real instrument also "
                f"needs {self._library.also_needed}.",
            ) from error

    def _created(self) -> Any:
        try:
            return self._library.create(self._module, self._serial)
        except _FAILURES as error:
            raise LinkError(
                f"the library {self._library.module} cannot open it: {error}",
                address=self.address,
                hint="Is it switched on, connected and closed in the vendor's own program? "
                f"Beside the package it needs {self._library.also_needed}.",
            ) from error

    def _lost(self, error: Exception) -> LinkError:
        return LinkError(
            f"the instrument is gone ({error})",
            address=self.address,
            hint="Check the cable and the power, then reconnect.",
        )

    def _no_bytes(self, what: str) -> LinkError:
        return LinkError(
            f"{what}: this instrument is reached by calls of {self._library.module}, not by bytes",
            address=self.address,
            hint="Is the driver in instruments.toml the one for this address?",
        )
