"""The variables under which a script opens the simulated bench without being edited."""

from __future__ import annotations

from pathlib import Path

from labctl.runs.environment import CONFIG, DATA_FOLDER, SEED, SIMULATED, SPEED
from labctl.testing.benches import Choice, text_of
from labctl.transport import SIMULATED_ONLY

__all__ = ["simulated_variables"]


def simulated_variables(
    choice: Choice, bench: Path | str, run_folder: Path, private: Path
) -> dict[str, str]:
    """Return the variables, with a copy of `bench` in the folder `private`.

    Claims of open laboratories and calibrations go there too (on Linux: platformdirs reads
    the XDG variables), so that tests, and `labctl status` in a shell, do not see each other.
    """
    copy = private / "instruments.toml"
    copy.write_text(text_of(bench), encoding="utf-8")
    return {
        SIMULATED_ONLY: "1",
        SIMULATED: "1",
        CONFIG: str(copy),
        SEED: str(choice.seed),
        SPEED: repr(choice.speed),
        DATA_FOLDER: str(run_folder),
        "XDG_STATE_HOME": str(private / "state"),
        "XDG_DATA_HOME": str(private / "data"),
    }
