"""Mistakes in [interlocks] and [monitor] are told before anything opens, with what is allowed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from labctl.lab import load_bench

RULE = '[interlocks.warm]\nwhen = "pump.output_mw > 6"\nthen = ["pump off"]\n'
WHEN = '"pump.output_mw > 6"'
THEN = '["pump off"]'


def with_rule(*edits: tuple[str, str]) -> tuple[str, str]:
    """Return the edit that adds the rule, changed, to a bench."""
    rule = RULE
    for old, new in edits:
        rule = rule.replace(old, new)
    return ("[lab]\n", f"{rule}[lab]\n")


CASES = {
    "an instrument that is not there": (
        (WHEN, '"pmp.output_mw > 6"'),
        (
            '[interlocks.warm] when: pmp.output_mw: unknown instrument or detector "pmp" (did you '
            'mean "pump"?); known are: pump, tagger, snspd'
        ),
    ),
    "a setting that is not there": (
        (WHEN, '"pump.output_w > 6"'),
        (
            '[interlocks.warm] when: pump.output_w: unknown setting of pump "output_w" (did you '
            'mean "output_mw"?); known are: power_mw'
        ),
    ),
    "something else of a detector": (
        (WHEN, '"alice_h.counts > 6"'),
        "[interlocks.warm] when: alice_h.counts: of a detector only alice_h.rate_hz is known",
    ),
    "a tagger that cannot be asked in a run": (
        (WHEN, '"tagger.threshold_v > 0"'),
        "[interlocks.warm] when: tagger.threshold_v: tagger answers no questions while it streams",
    ),
    "a condition that is none": (
        (WHEN, '"pump.output_mw = 6"'),
        "[interlocks.warm] when: '= 6' means nothing here (column 16)",
    ),
    "a switch compared with a number": (
        (WHEN, '"pump.emission == 1"'),
        "[interlocks.warm] when: pump.emission == 1 compares a switch with a number",
    ),
    "a number that stands alone": (
        (WHEN, '"pump.output_mw"'),
        "[interlocks.warm] when: pump.output_mw == true compares a number with a switch",
    ),
    "a switch that is larger": (
        (WHEN, '"pump.emission > false"'),
        "[interlocks.warm] when: pump.emission > false: only numbers can be larger or smaller",
    ),
    "a word that the setting never is": (
        (WHEN, "\"pump.autostart == 'on'\""),
        '[interlocks.warm] when: pump.autostart == "on" compares a switch with a text',
    ),
    "no action": (
        (THEN, "[]"),
        "[interlocks.warm] then: ",
    ),
    "an action that does not exist": (
        (THEN, '["pump on"]'),
        '[interlocks.warm] then: "pump on" is no action (did you mean "down"?); actions are: "NAME',
    ),
    "an action on an instrument that is not there": (
        (THEN, '["pum off"]'),
        '[interlocks.warm] then: "pum off": unknown instrument "pum" (did you mean "pump"?); kno',
    ),
    "an action on another kind": (
        (THEN, '["snspd off"]'),
        '[interlocks.warm] then: "snspd off": snspd is no laser; lasers here: pump',
    ),
    "an action of a kind that the bench has not": (
        (THEN, '["pump max"]'),
        '[interlocks.warm] then: "pump max": pump is no attenuator; attenuators here: none',
    ),
    "an action twice": (
        (THEN, '["pump off", "pump  off"]'),
        '[interlocks.warm] then: "pump off" is there twice',
    ),
    "no condition": ((f"when = {WHEN}\n", ""), "[interlocks.warm] when: this key is required"),
    "a duration before it began": (
        (WHEN, f"{WHEN}\nfor_s = -1"),
        "[interlocks.warm] for_s: input should be greater than or equal to 0, got -1",
    ),
    "an unknown key": (
        (WHEN, f"{WHEN}\nform_s = 1"),
        '[interlocks.warm] form_s: unknown key (did you mean "for_s"?); known are: when, for_s',
    ),
    "a name that no key is": (
        ("[interlocks.warm]", '[interlocks."too warm"]'),
        "[interlocks.too warm]: names are lower-case words joined by _",
    ),
}


@pytest.mark.parametrize(("edit", "said"), CASES.values(), ids=list(CASES))
def test_one_mistake_is_told_with_its_key_its_value_and_what_is_allowed(
    edit: tuple[str, str], said: str, mistakes_in: Callable[..., str]
) -> None:
    text = mistakes_in(with_rule(edit))
    assert said in text
    assert "mistakes" not in text, "one mistake is told once"


def test_choices_of_a_setting_are_told(mistakes_in: Callable[..., str], tmp_path: Path) -> None:
    del tmp_path
    text = mistakes_in(
        ('driver = "s15_tdc1"', 'driver = "swabian_timetagger"'),
        ('"serial:///dev/ttyACM0"', '"library://swabian/1"'),
        ("set = { threshold_v = -0.5 }", ""),
        with_rule((WHEN, '"tagger.overflows > 0 and tagger.test_signal == 3"')),
    )
    assert "tagger.test_signal == 3 compares a switch with a number" in text


def test_mistakes_of_several_rules_are_told_at_once(mistakes_in: Callable[..., str]) -> None:
    second = '[interlocks.cold]\nwhen = "pump.x > 1"\nthen = ["bob_hwp off", "do it"]\n'
    text = mistakes_in(
        with_rule((WHEN, '"pmp.x > 1"'), (RULE, RULE)), ("[data]", f"{second}[data]")
    )
    assert "has 4 mistakes" in text


def test_a_rule_on_an_instrument_that_is_wrong_itself_adds_no_mistake(
    mistakes_in: Callable[..., str],
) -> None:
    text = mistakes_in(('driver = "cobolt_06"', 'driver = "cobolt_6"'), with_rule())
    assert "[instruments.pump] driver" in text
    assert "interlocks" not in text


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (
            "[monitor.rates.alice_x]\nmax_hz = 1e6\n",
            '[monitor.rates.alice_x]: unknown detector "alice_x" (did you mean "alice_v"?)',
        ),
        (
            "[monitor.rates.alice_h]\nmax_hz = 10\nmin_hz = 20\n",
            "[monitor.rates.alice_h]: min_hz = 20 is not below max_hz = 10",
        ),
        (
            "[monitor.rates.alice_h]\nhighest_hz = 10\n",
            "[monitor.rates.alice_h] highest_hz: unknown key",
        ),
        (
            "[monitor]\ninterval_s = 0\n",
            "[monitor] interval_s: input should be greater than or equal",
        ),
    ],
)
def test_a_mistake_about_the_monitor_is_told(
    table: str, said: str, mistakes_in: Callable[..., str]
) -> None:
    assert said in mistakes_in(("[lab]\n", f"{table}[lab]\n"))


def test_a_sound_rule_is_accepted(edited: Callable[..., Path]) -> None:
    when = (
        '\'(alice_h.rate_hz > 5e6 or pump.emission) and not pump.fault == "none" '
        "or 3 < snspd.bias_ua'"
    )
    then = '["pump off", "snspd down", "abort run"]'
    path = edited(with_rule((WHEN, f"{when}\nfor_s = 2.5"), (THEN, then)))
    assert load_bench(path).config.interlocks["warm"].for_s == 2.5
