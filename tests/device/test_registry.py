from __future__ import annotations

import pytest

from labctl.device import KINDS, Device, Setting, load_driver, load_plugin, plugins
from labctl.errors import ConfigError
from labctl.units import SYMBOLS, unit_of

DRIVERS = list(plugins("labctl.drivers"))
PARAMETERS = [(driver, name) for driver in DRIVERS for name in load_driver(driver).parameters]


def test_our_drivers_are_found() -> None:
    assert {"cobolt_06", "s15_tdc1"} <= set(DRIVERS)


def test_drivers_are_listed_in_alphabetic_order() -> None:
    assert sorted(DRIVERS) == DRIVERS


def test_an_unknown_driver_names_the_nearest_and_all_known() -> None:
    with pytest.raises(ConfigError, match=r'unknown driver "cobolt_6" \(did you mean "cobolt_06"'):
        load_driver("cobolt_6")
    with pytest.raises(ConfigError, match=f"known are: {', '.join(DRIVERS)}"):
        load_driver("zzz")


def test_what_is_no_driver_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = plugins("labctl.simulators")["cobolt_06"]
    monkeypatch.setitem(plugins("labctl.drivers"), "not_a_driver", plugin)
    with pytest.raises(ConfigError, match=r'driver "not_a_driver" is .* not a labctl Device'):
        load_driver("not_a_driver")


def test_a_driver_that_cannot_be_imported_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    point = plugins("labctl.drivers")["cobolt_06"]
    broken = type(point)("broken", "no_such_package.driver:Driver", "labctl.drivers")
    monkeypatch.setitem(plugins("labctl.drivers"), "broken", broken)
    with pytest.raises(ConfigError, match=r"no_such_package.*installed completely"):
        load_driver("broken")


def test_every_driver_of_an_instrument_has_a_simulator() -> None:
    # A replayed file is its own simulation.
    assert set(DRIVERS) - set(plugins("labctl.simulators")) == {"replay"}


@pytest.mark.parametrize("name", plugins("labctl.simulators"))
def test_every_simulator_is_built_for_a_driver(name: str) -> None:
    assert name in DRIVERS
    assert callable(load_plugin("labctl.simulators", name, "simulator"))


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_driver_serves_known_kinds_and_says_what_it_is(driver: str) -> None:
    loaded = load_driver(driver)
    assert set(loaded.kinds) <= set(KINDS)
    assert loaded.__doc__
    assert loaded.identify is not Device.identify


@pytest.mark.parametrize(("driver", "name"), PARAMETERS)
def test_a_parameter_is_explained_in_a_sentence(driver: str, name: str) -> None:
    parameter = load_driver(driver).parameters[name]
    assert parameter.name == name
    assert parameter.doc[0].isupper()
    assert parameter.doc.endswith(".")


@pytest.mark.parametrize(("driver", "name"), PARAMETERS)
def test_the_unit_of_a_parameter_is_that_of_its_name(driver: str, name: str) -> None:
    parameter = load_driver(driver).parameters[name]
    assert parameter.unit == unit_of(name)
    assert parameter.unit in {"", *SYMBOLS.values()}


@pytest.mark.parametrize(("driver", "name"), PARAMETERS)
def test_a_setting_has_limits_or_choices_that_make_sense(driver: str, name: str) -> None:
    parameter = load_driver(driver).parameters[name]
    if isinstance(parameter, Setting):
        if parameter.limits is not None:
            low, high = parameter.limits
            assert low < high
        if parameter.choices is not None:
            assert len(parameter.choices) >= 2
        if parameter.is_emission:
            assert parameter.choices == (False, True)
            assert parameter.guard is not None
            assert parameter.confirm is not None
