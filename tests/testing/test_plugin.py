"""A lab tests its own scripts: fixtures, seeds, benches, and no real instrument ever."""

from __future__ import annotations

import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from tests.testing.conftest import RunPytest
from tests.testing.sessions import PLUGIN, clean_environment

#: What a lab has: a script that knows nothing of tests, and a module of its own beside it.
SCRIPT = '''\
"""Count coincidences at several powers of the pump."""
import sys
import labctl
from settings import DWELL_S


def power_scan(lab, powers_mw):
    rates_hz = []
    for power_mw in powers_mw:
        lab.set("pump.power_mw", power_mw)
        run = lab.run("counting", dwell_s=DWELL_S)
        rates_hz.append(sum(pair.coincidences_hz.value for pair in run.result.pairs))
    return rates_hz


if __name__ == "__main__":
    powers_mw = [float(text) for text in sys.argv[1:]]
    if not powers_mw:
        sys.exit("give me powers")
    with labctl.open_lab() as lab:
        for power_mw, rate_hz in zip(powers_mw, power_scan(lab, powers_mw)):
            print(power_mw, rate_hz)
        open("table.csv", "w").close()
'''

# 5 mW give 25 000 coincidences/s (instruments.toml). In 0.2 s 1 mW gives 1000 and 4 mW 4000,
# so their ratio is 4 with a relative error of 3.5 %; five of them are 18 %.
TESTS = """\
import os
import pytest
import labctl
from scan import power_scan


def test_the_rate_follows_the_power(simulated_lab, tmp_path, run_folder):
    low_hz, high_hz = power_scan(simulated_lab, [1.0, 4.0])
    assert high_hz / low_hz == pytest.approx(4.0, rel=0.18)
    assert len(list(run_folder.rglob("*.h5"))) == 2
    assert run_folder.is_relative_to(tmp_path)


def test_the_script_runs_unedited_and_gives_the_same_in_both_ways(run_script, tmp_path):
    here = run_script("scan.py", 1.0, 2.0)
    elsewhere = run_script.in_subprocess("scan.py", 1.0, 2.0)
    assert [line.split()[0] for line in here.stdout.splitlines()] == ["1.0", "2.0"]
    assert here.stdout == elsewhere.stdout
    assert len(here.run_files) == len(elsewhere.run_files) == 2
    assert not set(here.run_files) & set(elsewhere.run_files)
    assert "power_scan" in here.names
    assert (tmp_path / "table.csv").exists()
    with labctl.open_run(here.run_files[0]) as file:
        assert file.metadata["simulated"]


@pytest.mark.parametrize("how", ["here", "elsewhere"])
def test_an_exit_code_can_be_expected(run_script, how):
    run = run_script if how == "here" else run_script.in_subprocess
    assert run("scan.py", exit_code=1).stderr == "give me powers\\n"


def test_another_exit_code_fails_with_what_was_printed(run_script):
    run_script("scan.py")


def test_a_missing_script_is_told(run_script):
    run_script("no_such_scan.py")


@pytest.mark.usefixtures("simulated_environment")
def test_a_function_that_opens_the_lab_itself():
    with labctl.open_lab() as lab:
        assert lab.is_simulated
        assert lab.speed == 0


def test_a_real_instrument_is_refused(simulated_environment):
    labctl.open_lab(simulated=False)


def test_nothing_is_set_for_tests_that_do_not_ask():
    assert [name for name in os.environ if name.startswith("LABCTL_")] == []
"""
PROJECT = {
    "scan.py": SCRIPT,
    "settings.py": "DWELL_S = 0.2\n",
    "test_scan.py": TESTS,
    "pytest.ini": "[pytest]\nfilterwarnings = error\naddopts = --strict-markers --strict-config\n",
}
EXPECTED_FAILURES = {
    "test_another_exit_code_fails_with_what_was_printed": "exit code 1 instead of 0\ngive me",
    "test_a_missing_script_is_told": "there is no script no_such_scan.py in ",
    "test_a_real_instrument_is_refused": "refused to open a real instrument because LABCTL_SIM",
}


@pytest.mark.slow
def test_a_labs_script_is_tested_with_strict_settings_and_two_processes(
    run_pytest: RunPytest,
) -> None:
    session = run_pytest(PROJECT, "-n", "2")
    failed = {name: text for name, text in session.failures.items() if text}
    assert failed.keys() == EXPECTED_FAILURES.keys(), session.output
    for name, told in EXPECTED_FAILURES.items():
        assert told in failed[name]
    assert len(session.failures) == 9
    assert "warning" not in session.output.lower()


SEEDS = """\
import pytest

@pytest.mark.parametrize("n", [1, 2])
def test_each(simulated_lab, n):
    assert simulated_lab.seed == {seeds}[n]

@pytest.mark.labctl_bench(seed=5)
class TestMarked:
    def test_of_the_class(self, simulated_lab):
        assert (simulated_lab.seed, simulated_lab.speed) == (5, 0)

    @pytest.mark.labctl_bench("mine.toml", seed=6, speed=100)
    def test_of_its_own(self, simulated_lab):
        assert (simulated_lab.seed, simulated_lab.speed) == (6, 100)
        assert simulated_lab.loaded.config.lab.name == "Mine"
        assert "calibration" not in simulated_lab.status()
        assert simulated_lab.bench.calibration is None

@pytest.mark.labctl_bench("default")
def test_packaged(simulated_lab):
    assert simulated_lab.loaded.config.lab.name == "Bell bench"

@pytest.mark.labctl_bench("minne.toml")
def test_no_such_bench(simulated_lab):
    pass

@pytest.mark.labctl_bench(sed=1)
def test_no_such_argument(simulated_lab):
    pass

class TestOverridden:
    @pytest.fixture
    def simulated_bench(self):
        return open("mine.toml").read()

    def test_text(self, simulated_lab):
        assert simulated_lab.loaded.config.lab.name == "Mine"
"""


def test_seeds_and_benches_are_those_of_the_test(run_pytest: RunPytest) -> None:
    # CRC-32 of the test's name, by its definition in zlib; not Python's salted hash.
    seeds = {n: zlib.crc32(f"test_each[{n}]".encode()) for n in (1, 2)}
    default = Path(__file__).parents[2] / "instruments.toml"
    mine = default.read_text(encoding="utf-8").replace('"Bell bench"', '"Mine"', 1)
    # A calibration of the real bench, which is none of the simulated one's business.
    files = {"mine.toml": mine, "mine.calibration.json": "damaged"}
    session = run_pytest({"test_seeds.py": SEEDS.format(seeds=seeds), **files})
    failed = {name: text for name, text in session.failures.items() if text}
    assert failed.keys() == {"test_no_such_bench", "test_no_such_argument"}, session.output
    assert "no such file in " in failed["test_no_such_bench"]
    packaged = failed["test_no_such_bench"].partition("packaged are: ")[2].splitlines()[0]
    assert {"default", "g2", "hom"} <= {name.strip() for name in packaged.split(",")}
    assert "it takes a configuration, seed= and speed=" in failed["test_no_such_argument"]


REAL = """\
import labctl

def test_any():
    labctl.open_lab()
"""


def test_the_ini_option_forbids_real_instruments_in_every_test(run_pytest: RunPytest) -> None:
    ini = "[pytest]\nlabctl_simulated_only = true\n"
    session = run_pytest({"test_real.py": REAL, "pytest.ini": ini})
    assert "because LABCTL_SIMULATED_ONLY=1" in session.failures["test_any"]


def test_the_plugin_loads_nothing_until_it_is_used(tmp_path: Path) -> None:
    (tmp_path / "test_other.py").write_text(
        "import sys\n\ndef test_light():\n"
        "    heavy = {'numpy', 'pydantic', 'labctl.lab', 'labctl.runs', 'labctl.transport'}\n"
        "    assert heavy & set(sys.modules) == set()\n"
    )
    # xdist, hypothesis and the like would load numpy themselves.
    options = ("-p", "no:hypothesispytest", "-p", "no:benchmark", "-W", "error", "-q")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *PLUGIN, *options],
        cwd=tmp_path,
        env=clean_environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


def test_markers_and_fixtures_are_listed_with_what_they_do(tmp_path: Path) -> None:
    told = ""
    for option in ("--markers", "--fixtures"):
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *PLUGIN, option],
            cwd=tmp_path,
            env=clean_environment(tmp_path),
            capture_output=True,
            text=True,
            check=True,
        )
        told += done.stdout
    for word in ("labctl_bench(", "labctl_may_leave(", "simulated_lab", "run_script"):
        assert word in told
