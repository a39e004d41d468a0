from __future__ import annotations

from collections.abc import Callable

import pytest

from labctl.lab import load_bench

DRIVER = ('driver = "cobolt_06"', 'driver = "cobolt_6"')
PUMP_LIMITS = "limits = { power_mw = [0, 20] }"
PUMP_SET = "set = { power_mw = 5.0 }"
PUMP_ADDRESS = 'address = "ASRL/dev/ttyUSB0::INSTR"'
ALICE_H = '[detectors.alice_h]\ntagger = "tagger"\nchannel = 1'

CASES = {
    "an unknown key of the top level": (
        ("[lab]", "[labb]"),
        'labb: unknown key (did you mean "lab"?); known are: version, lab, data, ',
    ),
    "an unknown driver": (
        DRIVER,
        '[instruments.pump] driver: unknown driver "cobolt_6" (did you mean "cobolt_06"?)',
    ),
    "an unknown key of an instrument": (
        (PUMP_ADDRESS, f'{PUMP_ADDRESS}\nlimit = "x"'),
        '[instruments.pump] limit: unknown key (did you mean "limits"?); known are: driver, addr',
    ),
    "a text for a number": (
        ("window_full_ps = 6000", 'window_full_ps = "wide"'),
        "[coincidences] window_full_ps: input should be a valid integer",
    ),
    "a window that is not positive": (
        ("window_full_ps = 6000", "window_full_ps = 0"),
        "[coincidences] window_full_ps: input should be greater than 0, got 0",
    ),
    "a word that is none of the allowed": (
        ('on_tag_loss = "flag"', 'on_tag_loss = "ignore"'),
        "[data] on_tag_loss: input should be 'flag' or 'abort', got 'ignore'",
    ),
    "options of a simulated instrument that is not there": (
        ("[simulation.instruments.alice_hwp]", "[simulation.instruments.alice_hpw]"),
        '[simulation.instruments.alice_hpw]: unknown instrument "alice_hpw" (did you mean "alice_h',
    ),
    "another version of the format": (("version = 1", "version = 2"), "version: input should be 1"),
    "no driver": (('driver = "cobolt_06"', ""), "[instruments.pump] driver: this key is required"),
    "no address": ((PUMP_ADDRESS, ""), "[instruments.pump] address: this key is required"),
    "an instrument that is no table": (
        ("[lab]", "[instruments]\nshutter = 3\n[lab]"),
        "[instruments] shutter: input should be a valid dictionary",
    ),
    "a name that Python could not use": (
        ("[instruments.pump]", '[instruments."Pump 1"]'),
        "[instruments.Pump 1]: names are lower-case words joined by _",
    ),
    "limits wider than the driver's": (
        (PUMP_LIMITS, "limits = { power_mw = [0, 600] }"),
        "[instruments.pump.limits] power_mw: [0, 600] is wider than the driver's [0, 500]",
    ),
    "limits the wrong way round": (
        (PUMP_LIMITS, "limits = { power_mw = [20, 0] }"),
        "[instruments.pump.limits] power_mw: the lower limit 20 is above the upper limit 0",
    ),
    "limits that are not numbers": (
        (PUMP_LIMITS, "limits = { power_mw = [0, nan] }"),
        "[instruments.pump.limits] power_mw",
    ),
    "one limit instead of two": (
        (PUMP_LIMITS, "limits = { power_mw = [5] }"),
        "[instruments.pump.limits] power_mw: more values are required, got [5]",
    ),
    "limits of an unknown setting": (
        (PUMP_LIMITS, "limits = { powr_mw = [0, 5] }"),
        '[instruments.pump.limits] powr_mw: unknown setting with limits "powr_mw" (did you',
    ),
    "an unknown setting": (
        (PUMP_SET, "set = { powr_mw = 5.0 }"),
        '[instruments.pump.set] powr_mw: unknown setting "powr_mw" (did you mean "power_mw"?)',
    ),
    "a setting that can only be read": (
        (PUMP_SET, "set = { output_mw = 5.0 }"),
        "[instruments.pump.set] output_mw: this value can only be read",
    ),
    "a value outside the narrowed limits": (
        (PUMP_SET, "set = { power_mw = 21 }"),
        "power_mw: pump.power_mw = 21 mW is outside 0 to 20 mW (narrowed by [instruments.pump.limi",
    ),
    "a truth value for a number": (
        (PUMP_SET, "set = { power_mw = true }"),
        "[instruments.pump.set] power_mw: pump.power_mw = True is not a number",
    ),
    "emission": (
        (PUMP_SET, "set = { emission = true }"),
        "[instruments.pump.set] emission: emission is never switched by a configuration",
    ),
    "one wire for two instruments, spelled differently": (
        ("serial:///dev/ttyACM0", "serial:///dev/ttyUSB0"),
        '[instruments.tagger] address: "serial:///dev/ttyUSB0" is already the address of pump',
    ),
    "an address of no known form": (
        (PUMP_ADDRESS, 'address = "usb0"'),
        '[instruments.pump] address: address "usb0" has no known form; write serial:///dev/',
    ),
    "a detector on an unknown tagger": (
        ('tagger = "tagger"', 'tagger = "tager"'),
        '[detectors.alice_h] tagger: unknown instrument "tager" (did you mean "tagger"?)',
    ),
    "a detector on a laser": (
        ('tagger = "tagger"', 'tagger = "pump"'),
        '[detectors.alice_h] tagger: "pump" is no time tagger; taggers here: tagger',
    ),
    "a detector without a tagger": (
        (ALICE_H, "[detectors.alice_h]\nchannel = 1"),
        "[detectors.alice_h] tagger: this key is required",
    ),
    "a channel that the tagger has not": (
        ("channel = 1", "channel = 5"),
        "[detectors.alice_h] channel: 5 is no channel of tagger; it has 1, 2, 3, 4",
    ),
    "a channel wired twice": (
        ("channel = 2", "channel = 1"),
        "[detectors.alice_v] channel: 1 is already wired to alice_h",
    ),
    "an unknown detector in a station": (
        ('detectors = ["alice_h", "alice_v"]', 'detectors = ["alice_h", "alice_w"]'),
        '[stations.alice] detectors: unknown detector "alice_w" (did you mean "alice_v"?)',
    ),
    "a station without detectors": (
        ('detectors = ["alice_h", "alice_v"]', "detectors = []"),
        "[stations.alice] detectors: tuple should have at least 1 item",
    ),
}


@pytest.mark.parametrize(("edit", "said"), CASES.values(), ids=CASES)
def test_one_mistake_is_told_with_its_key_its_value_and_what_is_allowed(
    edit: tuple[str, str], said: str, mistakes_in: Callable[..., str]
) -> None:
    text = mistakes_in(edit)

    assert said in text
    assert "instruments.toml: " in text, "one mistake is told in one line, after the file's name"
    assert "\n" not in text


def test_all_mistakes_are_told_at_once(mistakes_in: Callable[..., str]) -> None:
    chosen = [
        CASES[name]
        for name in (
            "an unknown key of the top level",
            "an unknown driver",
            "a text for a number",
            "one wire for two instruments, spelled differently",
            "a channel that the tagger has not",
            "an unknown detector in a station",
        )
    ]

    text = mistakes_in(*(edit for edit, _ in chosen))

    assert "instruments.toml has 6 mistakes:" in text
    assert len(text.splitlines()) == 7
    for _, said in chosen:
        assert f"\n  - {said}" in text


def test_an_unknown_key_of_an_instrument_hides_nothing_about_what_is_wired_to_it(
    mistakes_in: Callable[..., str],
) -> None:
    text = mistakes_in(
        ('driver = "s15_tdc1"', 'driver = "s15_tdc1"\ncolour = "black"'),
        ("channel = 1", "channel = 5"),
    )

    assert "[instruments.tagger] colour: unknown key" in text
    assert "[detectors.alice_h] channel: 5 is no channel of tagger" in text
    assert "has 2 mistakes" in text


def test_the_value_of_a_sound_setting_is_checked_beside_an_unsound_key(
    mistakes_in: Callable[..., str],
) -> None:
    text = mistakes_in((PUMP_SET, "set = { power_mw = 21 }\nsimulated = 3"))

    assert "[instruments.pump] simulated: input should be a valid boolean" in text
    assert "pump.power_mw = 21 mW is outside 0 to 20 mW" in text


@pytest.mark.parametrize(
    ("edit", "only"),
    [
        ((ALICE_H, "[detectors.alice_h]\nchannel = 1"), "[detectors.alice_h] tagger"),
        (('driver = "s15_tdc1"', ""), "[instruments.tagger] driver"),
        (('driver = "s15_tdc1"', 'driver = "s15_tdc9"'), "[instruments.tagger] driver"),
    ],
    ids=["an unsound detector", "an unsound tagger", "a tagger of an unknown driver"],
)
def test_what_refers_to_an_unsound_table_is_no_mistake_of_its_own(
    edit: tuple[str, str], only: str, mistakes_in: Callable[..., str]
) -> None:
    text = mistakes_in(edit)

    assert only in text
    assert "\n" not in text


def test_narrower_limits_and_a_value_inside_them_are_sound(edited: Callable[..., object]) -> None:
    loaded = load_bench(str(edited((PUMP_LIMITS, "limits = { power_mw = [4, 6] }"))))

    assert loaded.config.instruments["pump"].limits == {"power_mw": (4, 6)}
