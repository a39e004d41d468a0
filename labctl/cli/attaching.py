"""Attaches commands to a running acquisition service."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from labctl.cli.exit_codes import ExitCode
from labctl.cli.following import follow
from labctl.cli.options import chosen_config
from labctl.cli.run_options import ProgressStyle, RunWanted
from labctl.errors import ConfigError, LinkError

if TYPE_CHECKING:
    from labctl.lab import OpenLabClient
    from labctl.service import LabClient

__all__ = ["perform_attached", "required_service", "sent_experiment", "service_of"]


def service_of(file: Path, simulated: bool) -> OpenLabClient | None:  # noqa: FBT001
    """Return the service that has the configuration open, real or simulated; None without one."""
    from labctl.lab import find_open_labs  # noqa: PLC0415  --help must stay fast

    found = find_open_labs(file, simulated=simulated)
    return next((lab for lab in found if lab.is_service), None)


def required_service(config: Path | None, bench: str | None) -> OpenLabClient:
    """Return the service of the configuration that the options name; without them, the only one.

    Raises:
        ConfigError: there are several, and nothing says which.
        LinkError: there is none.
    """
    from labctl.service import find_service  # noqa: PLC0415  --help must stay fast

    is_named = config is not None or bench is not None
    found = find_service(chosen_config(config, bench) if is_named else None)
    if found is None:
        raise LinkError("no acquisition service is running", hint="Start one with `labctl serve`.")
    return found


def sent_experiment(name: str) -> str:
    """Return the experiment as the service finds it: its folder is another."""
    return str(Path(name).resolve()) if name.endswith(".py") else name


def perform_attached(wanted: RunWanted, service: OpenLabClient, *, needs_light: bool) -> int:
    """Run what is wanted in the service, show it, and return the command's exit code.

    Ctrl-C aborts the run; a second one leaves it to the service to end it.

    Raises:
        ConfigError: the options ask for what only a laboratory of the command's own can do.
        InterlockError: somebody else holds control.
    """
    from labctl.cli.output import note, simulated_badge  # noqa: PLC0415  --help must stay fast
    from labctl.cli.run import display_of, report  # noqa: PLC0415
    from labctl.service import connect  # noqa: PLC0415

    if wanted.apply:
        raise ConfigError(
            f"--apply writes a calibration that the service in {service.owner} would not know of",
            hint="Stop the service, measure the delays with --apply, and start it again.",
        )
    with connect(service.config, simulated=service.simulated) as client:
        if service.simulated:
            simulated_badge()
        arm = _arm(client, wanted) if needs_light else wanted.arm
        run = client.start(
            sent_experiment(wanted.experiment), wanted.parameters, folder=wanted.out, arm=arm
        )
        note(f"in the laboratory held open by {service.owner}")
        if wanted.detach:
            return _detached(wanted, run.status.to_dict())
        with display_of(wanted) as display:
            outcome = follow(run, display, _leave_at_once)
    return report(outcome, wanted)


def _arm(client: LabClient, wanted: RunWanted) -> bool | None:
    from labctl.cli.output import note  # noqa: PLC0415  --help must stay fast
    from labctl.cli.run import ask_for_light  # noqa: PLC0415

    if wanted.arm is not None:
        return wanted.arm
    if client.snapshot()["service"]["arms_by_itself"]:
        note("armed by itself: every instrument of this bench is simulated")
        return True
    lasers = [f"{n} ({client.get(f'{n}.power_mw'):g} mW)" for n in client.status()["emission"]]
    return ask_for_light(wanted.experiment, lasers)


def _detached(wanted: RunWanted, status: dict[str, Any]) -> ExitCode:
    from labctl.cli.output import print_json, say  # noqa: PLC0415  --help must stay fast

    if wanted.json or wanted.progress is ProgressStyle.JSON:
        print_json(status)
    else:
        say(f"{status['experiment']} runs in the service; `labctl status` tells how far it is")
    return ExitCode.FINISHED


def _leave_at_once() -> None:
    # The service has been told, and ends the run without anybody waiting for it.
    raise KeyboardInterrupt
