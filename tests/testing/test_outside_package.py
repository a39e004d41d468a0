"""Somebody else's package: instrument, simulator and experiment, and nothing edited here."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from labctl.lab import bench_path
from labctl.storage import open_run
from tests.testing.sessions import clean_environment, outcome_of, write_project

PACKAGE = Path(__file__).parent / "outside_package"

Labctl: TypeAlias = Callable[..., subprocess.CompletedProcess[str]]

MY_SCAN = '''\
"""One file of a lab: the output of the laser at two powers."""
from pydantic import Field
from labctl.runs import Experiment, Parameters, Point, settle


class MyParameters(Parameters):
    highest_mw: float = Field(2.0, gt=0, description="The second power; the first is half of it.")


class MyResult:
    def __init__(self, outputs_mw):
        self.outputs_mw = outputs_mw

    def to_dict(self):
        return {"outputs_mw": self.outputs_mw}

    def rows(self):
        return [
            {"of": f"{n}", "quantity": "output_mw", "value": output_mw, "sigma": 0.01}
            for n, output_mw in enumerate(self.outputs_mw, 1)
        ]


def plan(bench, parameters):
    outputs_mw = []
    for n, power_mw in enumerate((parameters.highest_mw / 2, parameters.highest_mw), 1):
        bench.lasers[0].power_mw = power_mw
        yield from settle(bench, 1.0)
        outputs_mw.append(bench.lasers[0].output_mw)
        yield Point(n, 2, {"output_mw": outputs_mw[-1]})
    return MyResult(outputs_mw)


EXPERIMENT = Experiment("my_scan", "Power scan.", MyParameters, plan, True, lambda _: 2)
'''


def install(site: Path) -> Path:
    """Install the package as pip does: its files and a .dist-info with its entry points."""
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    shutil.copytree(PACKAGE / "example_voa", site / "example_voa")
    announced = [
        f"[{group}]\n" + "\n".join(f"{name} = {target}" for name, target in points.items())
        for group, points in project["entry-points"].items()
    ]
    metadata = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    files = {"METADATA": metadata, "entry_points.txt": "\n\n".join(announced) + "\n"}
    write_project(site / "example_voa-0.1.0.dist-info", files)
    return site


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Return a folder of installed packages with the outside package in it."""
    return install(tmp_path / "site")


@pytest.fixture
def labctl(site: Path, tmp_path: Path) -> Labctl:
    """Return a runner of the command line where the outside package is installed."""
    table = '[simulation.instruments.voa]\narm = "alice"\n'
    voa = '\n[instruments.voa]\ndriver = "example_voa"\naddress = "serial:///dev/ttyUSB7"\n'
    text = bench_path("default").read_text(encoding="utf-8")
    write_project(tmp_path, {"instruments.toml": text + voa + table, "my_scan.py": MY_SCAN})

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "labctl.cli.main", *arguments],
            cwd=tmp_path,
            env=clean_environment(tmp_path, PYTHONPATH=str(site), LABCTL_SIMULATED_ONLY="1"),
            capture_output=True,
            text=True,
            check=True,
        )

    return run


def test_its_driver_and_experiment_are_listed_with_the_package_they_come_from(
    labctl: Labctl,
) -> None:
    listed = json.loads(labctl("list", "--json").stdout)
    (driver,) = [row for row in listed["drivers"] if row["name"] == "example_voa"]
    assert driver == {
        "name": "example_voa",
        "kinds": ["attenuator"],
        "simulated": True,
        "package": "example-voa",
    }
    assert "attenuation" in [row["name"] for row in listed["experiments"]]
    assert "voa" in [row["name"] for row in listed["instruments"]]


def test_it_is_checked_read_and_set_from_the_command_line(labctl: Labctl) -> None:
    checked = json.loads(labctl("check", "--simulated", "--json").stdout)["instruments"]
    (voa,) = [row for row in checked if row["name"] == "voa"]
    assert (voa["error"], voa["identity"]) == ("", "Example Optics VOA-1 serial 1701")
    assert labctl("get", "voa.attenuation_db", "--simulated").stdout.strip() == "0 dB"
    assert labctl("set", "voa.attenuation_db", "3", "--simulated").stdout.strip() == "3 dB"


@pytest.mark.parametrize(
    ("experiment", "parameter"),
    [("attenuation", "dwell_s=0.1"), ("./my_scan.py", "highest_mw=4")],
)
def test_its_experiment_and_one_in_a_single_file_run_and_are_recorded(
    labctl: Labctl, tmp_path: Path, experiment: str, parameter: str
) -> None:
    options = ("--simulated", "--speed", "0", "--out", str(tmp_path / "runs"), "--json")
    ended = json.loads(labctl("run", experiment, "-p", parameter, *options).stdout)
    assert ended["status"] == "finished"
    with open_run(ended["path"]) as file:
        assert file.metadata["instruments"]["voa"]["driver_version"] == "example-voa 0.1.0"
    if experiment == "./my_scan.py":
        # The laser holds its power to 0.1 % rms, and has settled for 20 time constants.
        assert ended["result"]["outputs_mw"] == pytest.approx([2.0, 4.0], rel=0.005)


@pytest.mark.slow
def test_its_authors_tests_pass_and_the_contract_finds_what_is_broken(
    site: Path, tmp_path: Path
) -> None:
    project = write_project(tmp_path / "project", {})
    project.mkdir(exist_ok=True)
    shutil.copy(PACKAGE / "test_voa.py", project)
    session = outcome_of(project, "-W", "error", PYTHONPATH=str(site))
    failed = {test: text for test, text in session.failures.items() if text}
    assert failed.keys() == {"test_a_refused_command_that_nobody_noticed_is_a_leak"}
    (leak,) = failed.values()
    assert "errors: voa has refused something and nobody has asked it: its error queue" in leak
    assert '-113,"Undefined header"' in leak

    simulator = site / "example_voa" / "simulator.py"
    text = simulator.read_text(encoding="utf-8")
    assert "self._attenuation_db = attenuation_db\n" in text
    simulator.write_text(text.replace("self._attenuation_db = attenuation_db\n", "pass\n"))
    broken = outcome_of(project, "-k", "accepted", PYTHONPATH=str(site))
    failing = {test.partition("[")[0] for test, text in broken.failures.items() if text}
    assert "test_numbers_at_the_narrowed_limits_are_accepted" in failing
