"""`run`: an experiment from the command line, with progress, and a clean end on Ctrl-C."""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labctl.cli.exit_codes import ExitCode
from labctl.cli.following import follow
from labctl.cli.options import (
    BenchOption,
    ConfigOption,
    JsonOption,
    SeedOption,
    SimulatedOption,
    SpeedOption,
    chosen_config,
)
from labctl.cli.run_options import (
    ApplyOption,
    ArmOption,
    DetachOption,
    OutOption,
    ParameterOption,
    ProgressOption,
    ProgressStyle,
    RunWanted,
    TruthOption,
    parse_parameters,
)
from labctl.errors import ConfigError

if TYPE_CHECKING:
    from labctl.cli.progress import Display
    from labctl.runs import Experiment, LabSession, Run, RunOutcome

__all__ = ["add_to", "drive", "perform"]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("run")(run)


def run(  # noqa: PLR0913  options of a command
    experiment: Annotated[str, typer.Argument(help="An experiment of `labctl list experiments`.")],
    *,
    parameter: ParameterOption = None,
    config: ConfigOption = None,
    bench: BenchOption = None,
    simulated: SimulatedOption = False,
    seed: SeedOption = 0,
    speed: SpeedOption = 1.0,
    out: OutOption = None,
    arm: ArmOption = None,
    apply: ApplyOption = False,
    truth: TruthOption = None,
    detach: DetachOption = False,
    progress: ProgressOption = ProgressStyle.BAR,
    json: JsonOption = False,
) -> int:
    """Run an experiment, record it, and print its result.

    Where an acquisition service has the configuration open, the run goes on in it. Ctrl-C
    aborts: instruments are made safe, the file is closed and says so. A second Ctrl-C does not
    wait for the file, but still makes everything safe.
    """
    return perform(
        RunWanted(
            file=chosen_config(config, bench),
            experiment=experiment,
            parameters=parse_parameters(parameter or []),
            simulated=simulated,
            seed=seed,
            speed=speed,
            out=out,
            arm=arm,
            apply=apply,
            truth=truth,
            detach=detach,
            progress=progress,
            json=json,
        )
    )


def perform(wanted: RunWanted) -> int:
    """Run what is wanted, in the service of its configuration or in this process.

    Raises:
        ConfigError: unknown experiment, wrong parameters, or options that do not go together.
    """
    from labctl.cli.attaching import perform_attached, service_of  # noqa: PLC0415  --help is fast
    from labctl.cli.output import note  # noqa: PLC0415
    from labctl.runs import load_experiment, open_lab  # noqa: PLC0415

    found = load_experiment(wanted.experiment)
    parsed = found.parse(wanted.parameters)
    if wanted.apply and found.calibrates is None:
        raise ConfigError(f"--apply: experiment {found.name} measures nothing to keep")
    service = None if wanted.has_own_world else service_of(wanted.file, wanted.simulated)
    if service is not None:
        return perform_attached(wanted, service, needs_light=found.lights(parsed))
    if wanted.detach:
        raise ConfigError(
            f"--detach: no acquisition service has {wanted.file} open to let the run go on",
            hint="Start one with `labctl serve`, or leave --detach out.",
        )
    with open_lab(
        wanted.file,
        simulated=wanted.simulated,
        seed=wanted.seed,
        speed=wanted.speed,
        truth_file=wanted.truth,
    ) as lab:
        armed = _arm(lab, found, wanted.arm, needs_light=found.lights(parsed))
        with display_of(wanted) as display:
            started = lab.start(found, wanted.parameters, folder=wanted.out, arm=armed)
            outcome = drive(lab, started, display)
        if wanted.apply and outcome.result is not None:
            note(f"calibration written to {lab.apply_calibration(found, outcome)}")
    return report(outcome, wanted)


def _arm(
    lab: LabSession,
    experiment: Experiment[Any],
    arm: bool | None,  # noqa: FBT001
    *,
    needs_light: bool,
) -> bool:
    """Return whether the run may switch light on, asking where nobody has said."""
    from labctl.cli.output import note, simulated_badge  # noqa: PLC0415

    if any(lab.is_device_simulated(name) for name in lab.devices):
        simulated_badge()
    if not needs_light or arm is not None:
        return bool(arm)
    if lab.arms_by_itself:
        note("armed by itself: every instrument of this bench is simulated")
        return True
    lasers = [f"{laser.name} ({laser.power_mw:g} mW)" for laser in lab.bench.lasers]
    return ask_for_light(experiment.name, lasers)


def ask_for_light(experiment: str, lasers: list[str]) -> bool:
    """Return whether the person at the terminal lets the lasers be switched on.

    Raises:
        ConfigError: nobody is there to answer.
    """
    listed = ", ".join(lasers)
    if not sys.stdin.isatty():
        raise ConfigError(
            f"{experiment} needs light from {listed}; say --arm to switch it on, "
            "or --no-arm to run with the lasers as they are"
        )
    return typer.confirm(f"{experiment} switches on {listed}. Is the beam path safe?", err=True)


def display_of(wanted: RunWanted) -> Display:
    """Return what shows the progress of the run."""
    from labctl.cli.progress import BarDisplay, JsonDisplay, QuietDisplay  # noqa: PLC0415

    if wanted.progress is ProgressStyle.JSON:
        return JsonDisplay()
    is_quiet = wanted.json or wanted.progress is ProgressStyle.NONE
    return QuietDisplay() if is_quiet else BarDisplay()


def drive(lab: LabSession, run_: Run, display: Display) -> RunOutcome:
    """Show a run until it ends; interrupts abort it, a second one does not wait for its file."""

    def leave() -> None:
        report_ = lab.make_safe()
        os.write(2, f"{report_}\n".encode())
        os._exit(ExitCode.ABORTED)

    def leave_at_once() -> None:
        # A signal's handler interrupts the main thread, which may hold a lock.
        threading.Thread(target=leave, name="second interrupt").start()

    return follow(run_, display, leave_at_once)


def report(outcome: RunOutcome, wanted: RunWanted) -> ExitCode:
    """Print how a run ended and what it found; return the command's exit code."""
    from labctl.cli.output import print_json, say  # noqa: PLC0415  --help must stay fast
    from labctl.cli.results import outcome_dict, print_result  # noqa: PLC0415

    if wanted.json or wanted.progress is ProgressStyle.JSON:
        event = {"event": "end"} if wanted.progress is ProgressStyle.JSON else {}
        print_json({**event, **outcome_dict(outcome)})
    else:
        print_result(outcome.result, outcome.warnings)
        say(f"{outcome.status}{': ' + outcome.reason if outcome.reason else ''} — {outcome.path}")
    return ExitCode.FINISHED if outcome.status == "finished" else ExitCode.ABORTED
