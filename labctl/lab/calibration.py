"""Calibrations: measured delays of detectors, with the date and the run they come from.

They live in a JSON file beside the configuration (`instruments.toml` ->
`instruments.calibration.json`); for a packaged bench in the user's data folder. A calibrated
delay takes the place of the configured one, and every run says how old it is.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import platformdirs

from labctl.errors import ConfigError
from labctl.lab.config_files import benches
from labctl.lab.loading import LoadedBench

__all__ = ["Calibration", "calibration_path", "load_calibration", "save_calibration"]

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Calibration:
    """Delays of detectors relative to a reference.

    Attributes:
        delays_ps: detector -> delay, to be subtracted.
        sigmas_ps: detector -> standard uncertainty.
        measured: when.
        run: uid of the run that measured them.
    """

    delays_ps: Mapping[str, int]
    sigmas_ps: Mapping[str, float]
    measured: datetime
    run: str

    @property
    def age_s(self) -> float:
        """Seconds since the measurement."""
        return (datetime.now(UTC) - self.measured).total_seconds()

    def to_dict(self) -> dict[str, Any]:
        """Return the calibration as JSON carries it."""
        return {
            "version": _VERSION,
            "measured_utc": self.measured.isoformat(),
            "run": self.run,
            "delays_ps": dict(self.delays_ps),
            "sigmas_ps": dict(self.sigmas_ps),
        }

    def __str__(self) -> str:
        return f"delays of run {self.run}, {_age(self.age_s)} old"


def calibration_path(loaded: LoadedBench) -> Path:
    """Return where the calibration of a bench is kept."""
    if loaded.path in {path.resolve() for path in benches().values()}:
        folder = platformdirs.user_data_path("labctl") / "calibrations"
        return folder / f"{loaded.path.stem}.calibration.json"
    return loaded.path.with_suffix(".calibration.json")


def load_calibration(loaded: LoadedBench) -> Calibration | None:
    """Return the calibration of a bench, or None where there is none.

    Raises:
        ConfigError: the file is damaged, or names a detector that the bench does not have.
    """
    path = calibration_path(loaded)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        calibration = Calibration(
            {str(name): int(delay) for name, delay in content["delays_ps"].items()},
            {str(name): float(sigma) for name, sigma in content["sigmas_ps"].items()},
            datetime.fromisoformat(content["measured_utc"]),
            str(content["run"]),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"the calibration {path} cannot be read ({error})",
            hint="Measure the delays again (labctl run delays --apply), or delete the file.",
        ) from error
    unknown = [name for name in calibration.delays_ps if name not in loaded.config.detectors]
    if unknown:
        raise ConfigError(
            f"the calibration {path} names detectors that the bench does not have: "
            f"{', '.join(unknown)}",
            hint="Measure the delays again, or delete the file.",
        )
    return calibration


def save_calibration(loaded: LoadedBench, calibration: Calibration) -> Path:
    """Write the calibration of a bench, all or nothing, and return the file.

    Raises:
        ConfigError: the file cannot be written.
    """
    path = calibration_path(loaded)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(calibration.to_dict(), indent=2) + "\n", encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise ConfigError(f"the calibration {path} cannot be written: {error.strerror}") from error
    return path


def _age(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"
