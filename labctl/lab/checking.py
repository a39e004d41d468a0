"""Checks that the names and values of a configuration agree with each other and the drivers."""

from __future__ import annotations

from typing import Any

from labctl.device import Device, Limits, Reading, Setting, load_driver, parse_text
from labctl.errors import ConfigError, LabError, nearest
from labctl.lab.config import BenchConfig, InstrumentConfig
from labctl.lab.problems import Problems
from labctl.lab.rule_checking import check_rules
from labctl.transport import parse_address

__all__ = ["check_bench", "configured_value"]


def check_bench(
    config: BenchConfig, problems: Problems, dropped: frozenset[str] = frozenset()
) -> dict[str, type[Device]]:
    """Note every mistake in `config` and return the driver class of each instrument.

    `dropped` are names of tables that were found unsound before; references to them are no
    mistakes of their own.
    """
    drivers: dict[str, type[Device]] = {}
    addresses: dict[str, str] = {}
    for name, instrument in config.instruments.items():
        _check_name(f"instruments.{name}", name, problems)
        _check_address(name, instrument, addresses, problems)
        try:
            drivers[name] = load_driver(instrument.driver)
        except ConfigError as error:
            problems.add(f"[instruments.{name}] driver", str(error))
            continue
        limits = _sound_limits(name, instrument, drivers[name], problems)
        _check_settings(name, instrument, drivers[name], limits, problems)
    _check_detectors(config, drivers, problems, dropped)
    _check_stations(config, drivers, problems, dropped)
    _check_simulated_options(config, problems, dropped)
    for name in config.interlocks:
        _check_name(f"interlocks.{name}", name, problems)
    check_rules(config, drivers, problems, dropped)
    return drivers


def configured_value(setting: Setting[Any], value: Any, *, name: str) -> Any:
    """Return the value that a TOML `value` gives `setting`.

    Raises:
        LimitError: the value has the wrong type.
    """
    return parse_text(setting, value, name=name) if isinstance(value, str) else value


def _check_name(path: str, name: str, problems: Problems) -> None:
    if not (name.isidentifier() and name == name.lower()):
        problems.add(
            f"[{path}]", "names are lower-case words joined by _ (they are used in Python too)"
        )


def _check_address(
    name: str, instrument: InstrumentConfig, addresses: dict[str, str], problems: Problems
) -> None:
    path = f"[instruments.{name}] address"
    try:
        canonical = parse_address(instrument.address).canonical
    except ConfigError as error:
        problems.add(path, str(error))
        return
    if canonical in addresses:
        problems.add(
            path,
            f'"{instrument.address}" is already the address of {addresses[canonical]}; '
            "two instruments cannot share a wire",
        )
    addresses.setdefault(canonical, name)


def _sound_limits(
    name: str, instrument: InstrumentConfig, driver: type[Device], problems: Problems
) -> dict[str, Limits]:
    """Note what is wrong with the limits of an instrument and return the others."""
    sound: dict[str, Limits] = {}
    numbers = {key: p for key, p in _settings(driver).items() if p.limits is not None}
    for key, (low, high) in instrument.limits.items():
        path = f"[instruments.{name}.limits] {key}"
        if key not in numbers:
            problems.add(path, _unknown("setting with limits", key, list(numbers)))
            continue
        lowest, highest = numbers[key].limits or (low, high)
        if low > high:
            problems.add(path, f"the lower limit {low:g} is above the upper limit {high:g}")
        elif lowest <= low and high <= highest:
            sound[key] = (low, high)
        else:
            problems.add(
                path,
                f"[{low:g}, {high:g}] is wider than the driver's [{lowest:g}, {highest:g}]; "
                "limits can only be narrowed",
            )
    return sound


def _check_settings(
    name: str,
    instrument: InstrumentConfig,
    driver: type[Device],
    limits: dict[str, Limits],
    problems: Problems,
) -> None:
    settings = _settings(driver)
    for key, value in instrument.set.items():
        path = f"[instruments.{name}.set] {key}"
        if key not in settings:
            readable = driver.parameters.get(key)
            if isinstance(readable, Reading):
                problems.add(path, "this value can only be read")
            else:
                problems.add(path, _unknown("setting", key, list(settings)))
            continue
        setting = settings[key]
        if setting.is_emission:
            problems.add(path, "emission is never switched by a configuration; arm it by hand")
            continue
        try:
            setting.check(
                configured_value(setting, value, name=name),
                name=name,
                limits=limits.get(key),
            )
        except LabError as error:
            problems.add(path, str(error))


def _check_detectors(
    config: BenchConfig,
    drivers: dict[str, type[Device]],
    problems: Problems,
    dropped: frozenset[str],
) -> None:
    wired: dict[tuple[str, int], str] = {}
    taggers = [name for name, driver in drivers.items() if "time_tagger" in driver.kinds]
    for name, detector in config.detectors.items():
        _check_name(f"detectors.{name}", name, problems)
        if detector.tagger in dropped:
            continue
        if detector.tagger not in config.instruments:
            problems.add(
                f"[detectors.{name}] tagger", _unknown("instrument", detector.tagger, taggers)
            )
            continue
        driver = drivers.get(detector.tagger)
        if driver is None:
            continue
        if detector.tagger not in taggers:
            problems.add(
                f"[detectors.{name}] tagger",
                f'"{detector.tagger}" is no time tagger; taggers here: {", ".join(taggers)}',
            )
            continue
        channels = getattr(driver, "channels", ())
        # The channels of a recording are known once it is open.
        if isinstance(channels, tuple) and detector.channel not in channels:
            problems.add(
                f"[detectors.{name}] channel",
                f"{detector.channel} is no channel of {detector.tagger}; "
                f"it has {', '.join(str(channel) for channel in channels)}",
            )
        other = wired.setdefault((detector.tagger, detector.channel), name)
        if other != name:
            problems.add(
                f"[detectors.{name}] channel", f"{detector.channel} is already wired to {other}"
            )


def _check_stations(
    config: BenchConfig,
    drivers: dict[str, type[Device]],
    problems: Problems,
    dropped: frozenset[str],
) -> None:
    rotators = [name for name, driver in drivers.items() if "rotator" in driver.kinds]
    for name, station in config.stations.items():
        if station.rotator is not None and station.rotator not in {*rotators, *dropped}:
            problems.add(
                f"[stations.{name}] rotator", _unknown("rotator", station.rotator, rotators)
            )
        for detector in station.detectors:
            if detector not in config.detectors and detector not in dropped:
                problems.add(
                    f"[stations.{name}] detectors",
                    _unknown("detector", detector, list(config.detectors)),
                )


def _check_simulated_options(
    config: BenchConfig, problems: Problems, dropped: frozenset[str]
) -> None:
    options = config.simulation.get("instruments", {})
    for name in options if isinstance(options, dict) else ():
        if name not in config.instruments and name not in dropped:
            problems.add(
                f"[simulation.instruments.{name}]",
                _unknown("instrument", name, list(config.instruments)),
            )


def _settings(driver: type[Device]) -> dict[str, Setting[Any]]:
    return {n: p for n, p in driver.parameters.items() if isinstance(p, Setting)}


def _unknown(what: str, name: str, known: list[str]) -> str:
    listed = ", ".join(known) or "none"
    return f'unknown {what} "{name}"{nearest(name, known)}; known are: {listed}'
