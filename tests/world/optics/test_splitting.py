from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from labctl.errors import LimitError
from simulated_devices.world.optics import (
    BeamSplitter,
    BeamSplitterParameters,
    Switch,
    SwitchParameters,
    Wdm,
    WdmParameters,
    itu_channel_thz,
)

FREQUENCIES = np.linspace(190.0, 197.0, 1401)


def make_wdm(*channels: dict[str, Any], **parameters: float) -> Wdm:
    return Wdm("wdm", WdmParameters.model_validate({"channels": channels} | parameters), 0)


def test_a_beam_splitter_divides_the_light_by_its_reflectivity() -> None:
    table = BeamSplitterParameters(to=("through", "side"), reflectivity=0.45, loss_db=3.0)
    splitter = BeamSplitter("bs", table, 0)
    assert splitter.outputs == ("through", "side")
    assert splitter.has_two_inputs
    assert splitter.passage.transmission == pytest.approx(10**-0.3)
    shares = splitter.routing(np.array([193.0, 194.0, 195.0]))
    assert shares == pytest.approx(np.array([[0.55] * 3, [0.45] * 3]))


def test_a_beam_splitter_leaves_polarization_and_time_alone() -> None:
    splitter = BeamSplitter("bs", BeamSplitterParameters(to=("a", "b")), 0)
    assert splitter.passage.jones == pytest.approx(np.eye(2))
    assert splitter.passage.delay_ps == 0.0
    splitter.change(reflectivity=0.2)
    assert splitter.routing(np.array([193.0]))[:, 0] == pytest.approx([0.8, 0.2])


def test_itu_channels_are_counted_from_190_thz() -> None:
    # ITU-T G.694.1: 193.1 THz anchors the grid, 1552.52 nm; channel 34 is 1550.12 nm.
    assert itu_channel_thz(31) == pytest.approx(193.1)
    assert 299_792.458 / itu_channel_thz(34) == pytest.approx(1550.12, abs=0.005)


def test_a_channel_passes_half_the_light_at_the_edges_of_its_width() -> None:
    for shape in ("flat", "gaussian"):
        wdm = make_wdm({"to": "a", "itu": 34, "width_ghz": 60.0, "shape": shape, "loss_db": 0.0})
        edges = np.array([193.4 - 0.03, 193.4, 193.4 + 0.03])
        assert wdm.routing(edges)[0] == pytest.approx([0.5, 1.0, 0.5])


def test_a_gaussian_channel_is_a_gaussian() -> None:
    wdm = make_wdm(
        {"to": "a", "center_thz": 193.0, "width_ghz": 100.0, "shape": "gaussian", "loss_db": 3.0},
        isolation_db=100.0,
    )
    frequencies = np.linspace(192.9, 193.1, 41)
    sigma_thz = 0.1 / (2 * math.sqrt(2 * math.log(2)))
    expected = 10**-0.3 * np.exp(-0.5 * ((frequencies - 193.0) / sigma_thz) ** 2)
    assert wdm.routing(frequencies)[0] == pytest.approx(expected)


def test_a_flat_channel_is_flat_on_top_and_steep_at_its_sides() -> None:
    wdm = make_wdm({"to": "a", "itu": 30, "width_ghz": 60.0, "loss_db": 0.0}, isolation_db=80.0)
    # exp(-ln 2 x^8): 0.5 dB at 0.7990 and 25 dB at 1.303 of the half width.
    offsets_thz = 0.03 * np.array([0.7990, 1.3029])
    loss_db = -10 * np.log10(wdm.routing(193.0 + offsets_thz)[0])
    assert loss_db == pytest.approx([0.5, 25.0], rel=2e-3)


def test_other_channels_get_the_isolation() -> None:
    wdm = make_wdm({"to": "a", "itu": 30}, {"to": "b", "itu": 40, "loss_db": 4.0}, isolation_db=40)
    at_peaks = wdm.routing(np.array([193.0, 194.0]))
    assert wdm.outputs == ("a", "b")
    # At a peak the two shares would add up to 1 + 1e-4, and share what there is.
    expected = np.array([[10**-0.1, 10**-4.1], [10**-4.4, 10**-0.4]]) / (1 + 1e-4)
    assert at_peaks == pytest.approx(expected)


def test_no_light_is_made_where_passbands_overlap() -> None:
    channels = [
        {"to": f"u{n}", "itu": n, "width_ghz": 250.0, "loss_db": 0.0} for n in range(20, 45)
    ]
    shares = make_wdm(*channels, isolation_db=20.0).routing(FREQUENCIES)
    assert shares.shape == (25, FREQUENCIES.size)
    assert shares.min() > 0.0
    assert shares.sum(axis=0).max() <= 1.0 + 1e-12


def test_a_channel_needs_exactly_one_center() -> None:
    for center in ({}, {"itu": 34, "center_thz": 193.4}):
        with pytest.raises(ValidationError, match=r'channel to "a": give either center_thz or itu'):
            make_wdm({"to": "a"} | center)


def test_a_switch_sends_light_to_the_selected_output() -> None:
    table = SwitchParameters(to=("a", "b", "c"), position=2, loss_db=1.0, crosstalk_db=50.0)
    switch = Switch("switch", table, 0)
    assert switch.passage.transmission == pytest.approx(10**-0.1)
    shares = switch.routing(np.array([193.0, 194.0]))
    assert shares == pytest.approx(np.array([[1e-5] * 2, [1 - 2e-5] * 2, [1e-5] * 2]))
    switch.position = 3
    assert switch.routing(np.array([193.0]))[:, 0] == pytest.approx([1e-5, 1e-5, 1 - 2e-5])


def test_a_dark_switch_leaks_to_all_outputs_alike_and_an_ideal_one_not_at_all() -> None:
    switch = Switch("switch", SwitchParameters(to=("a", "b"), position=0, crosstalk_db=50.0), 0)
    assert switch.routing(np.array([193.0]))[:, 0] == pytest.approx([1e-5, 1e-5])
    switch.change(crosstalk_db=math.inf)
    assert switch.routing(np.array([193.0]))[:, 0].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("position", [-1, 3])
def test_a_position_without_an_output_is_refused(position: int) -> None:
    switch = Switch("switch", SwitchParameters(to=("a", "b")), 0)
    with pytest.raises(LimitError, match=rf"switch\.position = {position} is not one of 0 to 2"):
        switch.position = position
    with pytest.raises(LimitError, match="position"):
        switch.change(position=position)
    assert switch.position == 1
