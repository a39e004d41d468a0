from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from labctl.errors import ConfigError, LabError, LimitError
from labctl.lab import bench_path
from labctl.runs import LabSession, open_lab
from labctl.runs.scan_axes import Axis, grid

SHORT = {"dwell_s": 0.05}


def axis(text: str) -> Axis:
    return Axis.model_validate(text)


@pytest.fixture(scope="module")
def idle_lab() -> Iterator[LabSession]:
    """Return a laboratory in which no test starts a run."""
    with open_lab(bench_path("default"), simulated=True, speed=0) as lab:
        yield lab


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("pump.power_mw 0.5:5:10", (0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0)),
        ("pump.power_mw=0:0.3:4", (0.0, 0.1, 0.2, 0.3)),
        ("pump.power_mw 5:1:3", (5.0, 3.0, 1.0)),
        ("pump.power_mw -1:1:1", (-1.0,)),
        ("pump.power_mw 1, 2,5", (1.0, 2.0, 5.0)),
        ("tagger.clock_source internal,external", ("internal", "external")),
    ],
)
def test_an_axis_is_written_as_a_range_with_both_ends_or_as_a_list(
    text: str, values: tuple[Any, ...]
) -> None:
    assert axis(text).values == values


@pytest.mark.parametrize(
    ("axes", "said"),
    [
        ((), "a scan has one axis or two, not 0"),
        (("pump.power_mw 1", "alice_hwp.angle_deg 1", "bob_hwp.angle_deg 1"), "not 3"),
        (("pump.power_mw",), "is not SETTING VALUES"),
        (("pump.power_mw 0:5",), "neither START:STOP:NUMBER nor a list"),
        (("pump.power_mw 0:5:many",), "NUMBER is how many values there are"),
        (("pump.power_mw 0:5:0",), "0 values are outside 1 to 10000"),
        (("pump.power_mw 0:5:10001",), "10001 values are outside 1 to 10000"),
        (("pump.power_mw nan",), "nan is no value that can be set"),
        (("power_mw 1",), '"power_mw" is not INSTRUMENT.SETTING'),
        (("pum.power_mw 1",), 'did you mean "pump"?'),
        (("pump.powr_mw 1",), 'did you mean "power_mw"?'),
        (("pump.output_mw 1",), "pump.output_mw can only be read"),
        (("pump.emission on,off",), "pump.emission switches emission, which no scan may do"),
        (("snspd.detectors_enabled on",), "switches emission"),
        (("pump.power_mw 1", "pump.power_mw 2"), "pump.power_mw is on both axes"),
        (("tagger.clock_source outside",), '"outside" is not one of automatic'),
    ],
)
def test_what_is_no_axis_is_refused_before_the_run_begins(
    axes: tuple[str, ...], said: str, idle_lab: LabSession
) -> None:
    with pytest.raises(LabError) as refused:
        idle_lab.start("scan", {"axes": axes, "parameters": SHORT})

    assert said in str(refused.value)
    assert idle_lab.run_status.uid == ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pump.power_mw 5:25:5", "pump.power_mw = 25 mW is outside 0 to 20 mW"),
        ("snspd.bias_ua 10,13", "bias_ua of channel 1 = 13 µA is outside 0 to 12 µA"),
    ],
)
def test_the_limits_in_force_are_checked_before_anything_is_set(
    text: str, said: str, idle_lab: LabSession
) -> None:
    with pytest.raises(LimitError, match="narrowed by") as refused:
        idle_lab.start("scan", {"axes": [text]})

    assert said in str(refused.value)
    assert idle_lab.get("pump.power_mw") == 5.0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"each": "scan"}, "a scan cannot scan a scan"),
        ({"each": "countin"}, 'did you mean "counting"?'),
        ({"parameters": {"dwel_s": 1}}, 'did you mean "dwell_s"?'),
        ({"parameters": {"pairs": ["alice_h-bobh"]}}, 'unknown detector "bobh"'),
        ({"axes": ["pump.power_mw 1:2:1000"], "parameters": {"points": 101}}, "101000 points"),
    ],
)
def test_mistakes_in_the_scanned_experiment_are_told_before_the_run_begins(
    changes: dict[str, Any], said: str, idle_lab: LabSession
) -> None:
    with pytest.raises(ConfigError) as refused:
        idle_lab.start("scan", {"axes": ["pump.power_mw 1,2"]} | changes)

    assert said in str(refused.value)


def test_a_snake_takes_every_other_row_backward_and_the_last_axis_is_the_fast_one() -> None:
    axes = (axis("pump.power_mw 1,2,3"), axis("bob_hwp.angle_deg 0,45"))

    assert list(grid(axes, snake=True)) == [(1, 0), (1, 45), (2, 45), (2, 0), (3, 0), (3, 45)]
    assert list(grid(axes, snake=False)) == [(1, 0), (1, 45), (2, 0), (2, 45), (3, 0), (3, 45)]
