"""The form: what can be typed, what is refused with which words, and what is sent."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtWidgets import QCheckBox, QComboBox, QLineEdit
from pytestqt.qtbot import QtBot

from labctl.experiments.chsh import ChshParameters
from labctl.experiments.counting import CountingParameters
from labctl.gui.parameter_form import ParameterForm
from labctl.gui.parameter_schema import fields_of, short_parameters
from labctl.gui.theme import DARK, Theme


@pytest.fixture
def form(theme: Theme, qtbot: QtBot) -> ParameterForm:
    made = ParameterForm(theme)
    qtbot.addWidget(made)
    made.show_schema(ChshParameters.model_json_schema())
    return made


def _type(form: ParameterForm, name: str, text: str) -> None:
    editor = form.rows[name].editor
    assert isinstance(editor, QLineEdit)
    editor.setText(text)


def test_every_parameter_of_an_experiment_has_a_row_with_its_default(form: ParameterForm) -> None:
    assert list(form.rows) == list(ChshParameters.model_fields)
    assert ChshParameters(**form.values()) == ChshParameters()
    assert form.chosen_values() == {}


def test_units_come_from_the_names(form: ParameterForm) -> None:
    assert form.rows["dwell_s"].field.title == "dwell"
    assert form.rows["dwell_s"].field.unit == "s"
    assert form.rows["alice_angles_deg"].field.unit == "°"
    assert form.rows["settings"].field.unit == ""


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("dwell_s", "0", "0 s is not > 0 and ≤ 86400 s"),
        ("dwell_s", "1e9", "1000000000 s is not > 0 and ≤ 86400 s"),
        ("dwell_s", "soon", '"soon" is not a number, such as 0.5'),
        ("dwell_s", "nan", '"nan" is not a finite number'),
        ("dwell_s", "", "a number, such as 0.5 is missing"),
        ("window_full_ps", "1.5", '"1.5" is not a whole number'),
        ("window_full_ps", "-3", "-3 ps is not > 0 ps"),
        ("alice_angles_deg", "0", "1 of 2 values"),
        ("alice_angles_deg", "0, 45, 90", "3 values, 2 at most"),
        ("alice_angles_deg", "0, x", '"x" is not a number, such as 0.5'),
    ],
)
def test_what_is_no_value_is_said_below_its_editor(
    form: ParameterForm, name: str, text: str, words: str
) -> None:
    form.show()
    _type(form, name, text)
    assert words in form.rows[name].message.text()
    assert form.rows[name].message.isVisible()
    assert words in form.problem()


def test_a_mended_value_is_no_longer_complained_about(form: ParameterForm) -> None:
    _type(form, "dwell_s", "0")
    _type(form, "dwell_s", "2.5 s")
    assert form.problem() == ""
    assert form.chosen_values() == {"dwell_s": 2.5}


def test_an_empty_optional_value_is_the_default(form: ParameterForm) -> None:
    _type(form, "window_full_ps", "1500")
    assert form.values()["window_full_ps"] == 1500
    _type(form, "window_full_ps", " ")
    assert form.values()["window_full_ps"] is None


def test_lists_tuples_and_choices_are_what_the_experiment_takes(form: ParameterForm) -> None:
    _type(form, "bob_angles_deg", "10, 55")
    _type(form, "stations", "alice, bob")
    choice = form.rows["settings"].editor
    assert isinstance(choice, QComboBox)
    choice.setCurrentText("16")
    parsed = ChshParameters(**form.chosen_values())
    assert (parsed.bob_angles_deg, parsed.stations, parsed.settings) == (
        (10.0, 55.0),
        ("alice", "bob"),
        16,
    )


def test_a_switch_and_a_whole_number_are_what_the_experiment_takes(
    theme: Theme, qtbot: QtBot
) -> None:
    form = ParameterForm(theme)
    qtbot.addWidget(form)
    form.show_schema(CountingParameters.model_json_schema())
    switch = form.rows["whole"].editor
    assert isinstance(switch, QCheckBox)
    switch.setChecked(True)
    _type(form, "points", "20")
    assert form.chosen_values() == {"whole": True, "points": 20}


def test_the_defaults_come_back(form: ParameterForm) -> None:
    _type(form, "dwell_s", "wrong")
    _type(form, "bob_angles_deg", "1, 2")
    form.restore_defaults()
    assert form.chosen_values() == {}


def test_values_survive_another_font(form: ParameterForm, theme: Theme) -> None:
    _type(form, "dwell_s", "7")
    theme.set(DARK, is_large=True)
    assert form.values()["dwell_s"] == 7.0
    theme.set(DARK, is_large=False)


def test_every_editor_says_what_it_is_and_what_is_allowed(form: ParameterForm) -> None:
    for name, row in form.rows.items():
        assert row.editor.accessibleName(), name
        assert str(ChshParameters.model_fields[name].description) in row.editor.toolTip()
    assert "> 0 and ≤ 86400 s" in form.rows["dwell_s"].editor.toolTip()


def test_a_table_is_written_as_json_and_required_values_are_always_sent() -> None:
    schema: dict[str, Any] = {
        "properties": {
            "table": {"type": "object", "default": {}},
            "name": {"type": "string", "minLength": 2},
            "either": {"anyOf": [{"type": "number"}, {"type": "string"}], "default": "a"},
        },
        "required": ["name"],
    }
    table, name, either = fields_of(schema)
    assert table.parse('{"a": [1, 2]}') == {"a": [1, 2]}
    with pytest.raises(ValueError, match="no table"):
        table.parse("[1]")
    with pytest.raises(ValueError, match="1 of 2 characters"):
        name.parse("x")
    assert name.is_required
    assert either.parse("b") == "b"


def test_parameters_in_short_have_their_units() -> None:
    parameters = {
        "dwell_s": 5.0,
        "settings": 16,
        "alice_angles_deg": [0, 45],
        "window_full_ps": None,
    }
    assert short_parameters(parameters) == (
        "dwell 5.0 s, settings 16, alice angles 0 45 °, window full default ps"
    )
