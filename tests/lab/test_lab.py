from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from labctl.bus import Alarm, Message, ParameterChanged
from labctl.errors import ConfigError, InterlockError, LabError, LimitError, LinkError
from labctl.lab import Lab, find_open_labs
from labctl.lab.runtime import claim_address

PUMP = 'address = "ASRL/dev/ttyUSB0::INSTR"'
TAGGER = 'address = "serial:///dev/ttyACM0"'
SIMULATED = "\nsimulated = true"


@pytest.fixture
def lab() -> Iterator[Lab]:
    with Lab(simulated=True, speed=0) as opened:
        yield opened


class KeptLab(Lab):
    """Can be looked at after its opening has failed."""

    last: KeptLab

    def __init__(self, *arguments: Any, **options: Any) -> None:
        KeptLab.last = self
        super().__init__(*arguments, **options)


def test_an_open_laboratory_knows_its_instruments_and_has_applied_their_settings(lab: Lab) -> None:
    assert lab.identities["pump"].model == "Cobolt 06-01"
    assert lab.identities["tagger"].model == "TDC1"
    assert lab.get("pump.power_mw") == 5.0
    assert lab.get("tagger.threshold_v") == -0.5
    assert lab.emitting() == {"pump": False}


def test_one_shot_opening_touches_only_what_it_was_asked_for() -> None:
    with Lab(simulated=True, speed=0, only=["pump"], configure=False) as lab:
        assert list(lab.devices) == ["pump"]
        assert lab.get("pump.power_mw") == 1.0, "the simulated laser's own set-point"

    with pytest.raises(ConfigError, match=r'unknown instrument "pum" \(did you mean "pump"\?\)'):
        Lab(simulated=True, speed=0, only=["pum"])


@pytest.mark.usefixtures("real_wires_allowed")
def test_an_instrument_that_is_not_there_is_named_and_all_others_are_released(
    edited: Callable[..., Path],
) -> None:
    file = edited((PUMP, PUMP + SIMULATED), (TAGGER, 'address = "serial:///dev/ttyABSENT"'))

    with pytest.raises(LinkError, match="there is no serial port /dev/ttyABSENT") as refused:
        KeptLab(file)

    assert str(refused.value).startswith("tagger: ")
    half = KeptLab.last
    assert half.simulation.world.pump.emitting is False
    with pytest.raises(LinkError, match="the link is closed"):
        half.get("pump.emission")
    assert find_open_labs() == []
    claim_address("serial:///dev/ttyABSENT").release()


def test_a_laser_that_the_configuration_puts_into_autostart_mode_refuses_to_be_switched_on(
    edited: Callable[..., Path],
) -> None:
    file = edited(("set = { power_mw = 5.0 }", "set = { autostart = true }"))

    with Lab(file, simulated=True, speed=0) as lab:
        assert lab.get("pump.autostart") is True
        with pytest.raises(InterlockError, match="it is in autostart mode"):
            lab.set("pump.emission", value=True, arm=True)


def test_no_real_instrument_is_opened_where_only_simulated_ones_are_allowed(
    edited: Callable[..., Path],
) -> None:
    with pytest.raises(LinkError, match="refused to open a real instrument") as refused:
        Lab(edited())

    assert refused.value.device == "pump"


def test_values_are_read_and_set_by_their_path(lab: Lab) -> None:
    assert lab.set("pump.power_mw", 3) == 3.0
    assert lab.set("pump.power_mw", "4.5") == 4.5
    assert lab.get("pump.power_mw") == 4.5
    assert lab.parameter("pump.power_mw").unit == "mW"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("pumpe.power_mw", r'unknown instrument "pumpe" \(did you mean "pump"\?\).*pump, tagger'),
        ("pump.powr_mw", r'pump has no setting "powr_mw" \(did you mean "power_mw"\?\)'),
        ("pump", r'"pump" is not INSTRUMENT\.SETTING'),
        ("", r'"" is not INSTRUMENT\.SETTING'),
        ("pump.", 'pump has no setting ""'),
        ("pump.link", 'pump has no setting "link"'),
    ],
)
def test_a_wrong_path_is_refused_with_the_nearest_name(path: str, said: str, lab: Lab) -> None:
    with pytest.raises(ConfigError, match=said):
        lab.get(path)
    with pytest.raises(ConfigError, match=said):
        lab.set(path, 1)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("pump.power_mw", 20.1, r"20\.1 mW is outside 0 to 20 mW \(narrowed by"),
        ("pump.power_mw", -1, "outside 0 to 20 mW"),
        ("pump.power_mw", float("nan"), "is not a number"),
        ("pump.power_mw", "much", "is not a number"),
        ("pump.emission", "maybe", "neither on nor off"),
        ("pump.output_mw", 3, "the value can only be read"),
        ("tagger.clock_source", "sundial", "is not one of"),
    ],
)
def test_a_wrong_value_is_refused_and_changes_nothing(
    path: str, value: object, said: str, lab: Lab
) -> None:
    before = lab.get(path)

    with pytest.raises(LimitError, match=said):
        lab.set(path, value, arm=True)

    assert lab.get(path) == before


@pytest.mark.parametrize("value", [True, "on", "true", 1])
def test_emission_is_not_switched_on_without_arming(value: object, lab: Lab) -> None:
    with pytest.raises(InterlockError, match=r"must be armed.*--arm"):
        lab.set("pump.emission", value)

    assert lab.emitting() == {"pump": False}


def test_emission_is_switched_off_without_arming(lab: Lab) -> None:
    assert lab.set("pump.emission", value=True, arm=True) is True
    assert lab.set("pump.emission", "off") is False


def test_emission_that_was_switched_on_since_opening_is_off_after_the_end() -> None:
    with Lab(simulated=True, speed=0) as lab:
        lab.set("pump.emission", value=True, arm=True)

    assert lab.simulation.world.pump.emitting is False


def emitting_simulation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let simulated lasers emit before anyone opens them, as one left on does."""
    from simulated_devices.lab import SimulatedLab  # noqa: PLC0415

    original = SimulatedLab.__init__

    def start(self: SimulatedLab, *arguments: Any, **options: Any) -> None:
        original(self, *arguments, **options)
        self.world.pump.emitting = True

    monkeypatch.setattr(SimulatedLab, "__init__", start)


def test_emission_that_was_on_before_is_on_after_a_normal_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    emitting_simulation(monkeypatch)

    with Lab(simulated=True, speed=0) as lab:
        assert lab.emitting() == {"pump": True}

    assert lab.simulation.world.pump.emitting is True


def test_after_an_exception_everything_is_safe_even_what_was_on_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    emitting_simulation(monkeypatch)

    with pytest.raises(ZeroDivisionError), Lab(simulated=True, speed=0) as lab:
        raise ZeroDivisionError

    assert lab.simulation.world.pump.emitting is False
    assert find_open_labs() == []


def test_emission_left_on_by_intent_stays_on() -> None:
    lab = Lab(simulated=True, speed=0)
    lab.set("pump.emission", value=True, arm=True)
    lab.close(leave_emission=True)

    assert lab.simulation.world.pump.emitting is True


def test_closing_twice_changes_nothing() -> None:
    lab = Lab(simulated=True, speed=0)

    lab.close()
    lab.close()

    with pytest.raises(LinkError, match="the link is closed"):
        lab.get("pump.power_mw")


def test_a_laser_that_cannot_be_confirmed_off_is_an_error_and_the_rest_is_released() -> None:
    lab = Lab(simulated=True, speed=0)
    lab.set("pump.emission", value=True, arm=True)
    lab.simulation.instruments["pump"].port.unplug()

    with pytest.raises(LabError, match="closing the laboratory: pump"):
        lab.close()

    assert find_open_labs() == []
    with pytest.raises(LinkError, match="the link is closed"):
        lab.get("tagger.threshold_v")


def test_changes_of_settings_and_all_safe_are_told_on_the_bus(lab: Lab) -> None:
    with lab.bus.subscribe() as events:
        lab.set("pump.power_mw", 2.5)
        (changed,) = events.drain()
        lab.make_safe()
        *switched, told = events.drain()
        lab.simulation.instruments["pump"].port.unplug()
        lab.make_safe()
        lab.simulation.instruments["pump"].port.plug()
        alarm = events.drain()[-1]

    assert isinstance(changed, ParameterChanged)
    assert (changed.instrument, changed.setting, changed.value, changed.unit) == (
        "pump", "power_mw", 2.5, "mW",
    )  # fmt: skip
    assert ("pump", "emission", False) in [
        (event.instrument, event.setting, event.value)
        for event in switched
        if isinstance(event, ParameterChanged)
    ]
    assert isinstance(told, Message)
    assert told.text == f"all safe: {', '.join(lab.devices)}"
    assert isinstance(alarm, Alarm)
    assert alarm.text.startswith("NOT CONFIRMED SAFE: pump")
