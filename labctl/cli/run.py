"""`run`: an experiment from the command line, with progress, and a clean end on Ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
import threading
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labctl.cli.exit_codes import ExitCode
from labctl.cli.options import (
    BenchOption,
    ConfigOption,
    JsonOption,
    SeedOption,
    SimulatedOption,
    SpeedOption,
    chosen_config,
)
from labctl.errors import ConfigError

if TYPE_CHECKING:
    from labctl.cli.progress import Display
    from labctl.runs import Experiment, LabSession, Run, RunOutcome

__all__ = ["add_to", "drive"]

_POLL_S = 0.05


class ProgressStyle(StrEnum):
    """How progress is told."""

    BAR = "bar"
    JSON = "json"
    NONE = "none"


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("run")(run)


def run(  # noqa: PLR0913  options of a command
    experiment: Annotated[str, typer.Argument(help="An experiment of `labctl list experiments`.")],
    *,
    parameter: Annotated[
        list[str] | None,
        typer.Option("--parameter", "-p", help="A parameter of the experiment, NAME=VALUE."),
    ] = None,
    config: ConfigOption = None,
    bench: BenchOption = None,
    simulated: SimulatedOption = False,
    seed: SeedOption = 0,
    speed: SpeedOption = 1.0,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder of the run file.", show_default=False)
    ] = None,
    arm: Annotated[
        bool | None,
        typer.Option("--arm/--no-arm", help="Let the run switch on the light it needs, or not."),
    ] = None,
    apply: Annotated[
        bool,
        typer.Option("--apply", help="Keep the measured delays as the bench's calibration."),
    ] = False,
    truth: Annotated[
        Path | None,
        typer.Option("--truth", help="List every simulated tag in this file.", show_default=False),
    ] = None,
    progress: Annotated[
        ProgressStyle, typer.Option("--progress", help="How progress is told.")
    ] = ProgressStyle.BAR,
    json: JsonOption = False,
) -> int:
    """Run an experiment, record it, and print its result.

    Ctrl-C aborts: instruments are made safe, the file is closed and says so. A second Ctrl-C
    does not wait for the file, but still makes everything safe.
    """
    from labctl.cli.output import note  # noqa: PLC0415  --help must stay fast
    from labctl.runs import load_experiment, open_lab  # noqa: PLC0415

    found = load_experiment(experiment)
    parameters = _parse(parameter or [])
    found.parse(parameters)
    if apply and found.calibrates is None:
        raise ConfigError(f"--apply: experiment {found.name} measures nothing to keep")
    file = chosen_config(config, bench)
    with open_lab(file, simulated=simulated, seed=seed, speed=speed, truth_file=truth) as lab:
        armed = _arm(lab, found, arm)
        with _display(progress, json=json) as display:
            started = lab.start(found, parameters, folder=out, arm=armed)
            outcome = drive(lab, started, display)
        if apply and outcome.result is not None:
            note(f"calibration written to {lab.apply_calibration(found, outcome)}")
    return _report(outcome, lab, json=json, progress=progress)


def _parse(texts: list[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator:
            raise ConfigError(f'parameter "{text}" is not NAME=VALUE')
        values[name.strip()] = value.strip()
    return values


def _arm(lab: LabSession, experiment: Experiment[Any], arm: bool | None) -> bool:  # noqa: FBT001
    """Return whether the run may switch light on, asking where nobody has said."""
    from labctl.cli.output import note, simulated_badge  # noqa: PLC0415

    if any(lab.is_device_simulated(name) for name in lab.devices):
        simulated_badge()
    if not experiment.needs_light or arm is not None:
        return bool(arm)
    if lab.arms_by_itself:
        note("armed by itself: every instrument of this bench is simulated")
        return True
    lasers = ", ".join(f"{laser.name} ({laser.power_mw:g} mW)" for laser in lab.bench.lasers)
    if not sys.stdin.isatty():
        raise ConfigError(
            f"{experiment.name} needs light from {lasers}; say --arm to switch it on, "
            "or --no-arm to run with the lasers as they are"
        )
    return typer.confirm(
        f"{experiment.name} switches on {lasers}. Is the beam path safe?", err=True
    )


def _display(style: ProgressStyle, *, json: bool) -> Display:
    from labctl.cli.progress import BarDisplay, JsonDisplay, QuietDisplay  # noqa: PLC0415

    if style is ProgressStyle.JSON:
        return JsonDisplay()
    return QuietDisplay() if json or style is ProgressStyle.NONE else BarDisplay()


def drive(lab: LabSession, run_: Run, display: Display) -> RunOutcome:
    """Show a run until it ends; interrupts abort it."""
    with _Interrupts(lab, run_):
        while True:
            outcome = run_.wait(_POLL_S)
            display.show(run_.status)
            if outcome is not None:
                return outcome


class _Interrupts:
    """Ctrl-C and termination abort the run; a second one does not wait for the file."""

    def __init__(self, lab: LabSession, run_: Run) -> None:
        self._lab = lab
        self._run = run_
        self._before: dict[int, Any] = {}
        self._is_aborting = False

    def __enter__(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._handle)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, _: object) -> None:
        if not self._is_aborting:
            self._is_aborting = True
            self._run.abort(
                "interrupted from the keyboard" if number == signal.SIGINT else "terminated"
            )
            return
        # The handler interrupts the main thread, which may hold a lock: the work is another's.
        thread = threading.Thread(target=self._leave_at_once, name="second interrupt")
        thread.start()

    def _leave_at_once(self) -> None:
        report = self._lab.make_safe()
        os.write(2, f"{report}\n".encode())
        os._exit(ExitCode.ABORTED)


def _report(
    outcome: RunOutcome, lab: LabSession, *, json: bool, progress: ProgressStyle
) -> ExitCode:
    from labctl.cli.output import print_json, say  # noqa: PLC0415  --help must stay fast
    from labctl.cli.results import outcome_dict, print_result  # noqa: PLC0415

    if json or progress is ProgressStyle.JSON:
        event = {"event": "end"} if progress is ProgressStyle.JSON else {}
        print_json({**event, **outcome_dict(outcome)})
    else:
        print_result(outcome.result, outcome.warnings)
        say(f"{outcome.status}{': ' + outcome.reason if outcome.reason else ''} — {outcome.path}")
    del lab
    return ExitCode.FINISHED if outcome.status == "finished" else ExitCode.ABORTED
