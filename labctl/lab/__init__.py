"""The laboratory: configuration, instruments, bench, safety and the control endpoint.

Names are loaded on first use: `labctl safe` must reach an open laboratory at once, without
loading what opening one needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from labctl.lazy import lazy_exports

if TYPE_CHECKING:
    from labctl.lab.alarms import AlarmBook
    from labctl.lab.bench import Bench, Detector, Station
    from labctl.lab.calibration import Calibration, calibration_path, save_calibration
    from labctl.lab.config import BenchConfig
    from labctl.lab.config_files import bench_path, benches, find_config
    from labctl.lab.control import OpenLabClient, find_open_labs
    from labctl.lab.lab import Lab
    from labctl.lab.loading import LoadedBench, check_table, load_bench
    from labctl.lab.monitor import Monitor
    from labctl.lab.paths import find_parameter
    from labctl.lab.probing import ProbedInstrument, probe, safe_everything
    from labctl.lab.problems import Problems
    from labctl.lab.restoring import Restored, restore, restore_stepwise
    from labctl.lab.safety import SafetyReport, make_one_safe

__all__ = [
    "AlarmBook",
    "Bench",
    "BenchConfig",
    "Calibration",
    "Detector",
    "Lab",
    "LoadedBench",
    "Monitor",
    "OpenLabClient",
    "ProbedInstrument",
    "Problems",
    "Restored",
    "SafetyReport",
    "Station",
    "bench_path",
    "benches",
    "calibration_path",
    "check_table",
    "find_config",
    "find_open_labs",
    "find_parameter",
    "load_bench",
    "make_one_safe",
    "probe",
    "restore",
    "restore_stepwise",
    "safe_everything",
    "save_calibration",
]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        "alarms": ("AlarmBook",),
        "bench": (
            "Bench",
            "Detector",
            "Station",
        ),
        "calibration": ("Calibration", "calibration_path", "save_calibration"),
        "config": ("BenchConfig",),
        "config_files": ("bench_path", "benches", "find_config"),
        "control": (
            "OpenLabClient",
            "find_open_labs",
        ),
        "lab": ("Lab",),
        "loading": ("LoadedBench", "check_table", "load_bench"),
        "paths": ("find_parameter",),
        "monitor": ("Monitor",),
        "probing": (
            "ProbedInstrument",
            "probe",
            "safe_everything",
        ),
        "problems": ("Problems",),
        "restoring": (
            "Restored",
            "restore",
            "restore_stepwise",
        ),
        "safety": (
            "SafetyReport",
            "make_one_safe",
        ),
    },
)
