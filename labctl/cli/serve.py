"""`serve` and `stop`: the acquisition service of this machine."""

from __future__ import annotations

import signal
import threading
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labctl.cli.options import (
    BenchOption,
    ConfigOption,
    JsonOption,
    SeedOption,
    SimulatedOption,
    chosen_config,
)

if TYPE_CHECKING:
    from types import FrameType

    from labctl.lab import OpenLabClient
    from labctl.service import Service

__all__ = ["add_to"]

_POLL_S = 0.05


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("serve")(serve)
    app.command("stop")(stop)


def serve(
    *,
    config: ConfigOption = None,
    bench: BenchOption = None,
    simulated: SimulatedOption = False,
    seed: SeedOption = 0,
    speed: Annotated[
        float,
        typer.Option(
            "--speed",
            envvar="LABCTL_SPEED",
            help="Speed of simulated time, above 0; 1 as the wall.",
        ),
    ] = 1.0,
    json: JsonOption = False,
) -> None:
    """Own the laboratory until `labctl stop` or Ctrl-C; windows and commands are its clients.

    It keeps the instruments connected, shows live counts, records runs and takes a queue of
    them. It listens on this machine's loopback only. On its end a run under way is aborted and
    everything is left safe.
    """
    from labctl.cli.output import print_json, say, simulated_badge  # noqa: PLC0415
    from labctl.errors import ConfigError  # noqa: PLC0415
    from labctl.lab import load_bench  # noqa: PLC0415

    if not speed > 0:
        raise ConfigError(f"--speed {speed:g}: a service lives in running time; say 1, or more")
    loaded = load_bench(chosen_config(config, bench))
    started_s = time.monotonic()
    from labctl.service import Service  # noqa: PLC0415  heavy, and only needed here
    from labctl.service.warming import warm_kernels  # noqa: PLC0415

    ending = threading.Event()
    with _ended_by_signals(ending):
        warm_kernels()
        with Service(loaded, simulated=simulated, seed=seed, speed=speed) as service:
            ready_s = time.monotonic() - started_s
            if json:
                print_json(_ready(service, ready_s))
            else:
                if simulated:
                    simulated_badge()
                say(f"serving {loaded.path}, ready after {ready_s:.1f} s; Ctrl-C or `labctl stop`")
            while not (service.wait(_POLL_S) or ending.is_set()):
                pass
            say("stopping: everything is made safe")


def stop(
    *,
    config: ConfigOption = None,
    bench: BenchOption = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Also while a run is under way or something emits."),
    ] = False,
    json: JsonOption = False,
) -> None:
    """Stop the acquisition service; it leaves everything safe."""
    from labctl.cli.output import print_json, say  # noqa: PLC0415  --help must stay fast
    from labctl.errors import LinkError  # noqa: PLC0415
    from labctl.service.client import find_service  # noqa: PLC0415

    explicit = config is not None or bench is not None
    found = find_service(chosen_config(config, bench) if explicit else None)
    if found is None:
        raise LinkError("no service is running", hint="`labctl status` lists open laboratories.")
    found.ask("stop", timeout_s=10.0, force=force)
    deadline_s = time.monotonic() + 60.0
    while _is_open(found) and time.monotonic() < deadline_s:
        time.sleep(_POLL_S)
    if json:
        print_json({"stopped": str(found.config), "pid": found.owner.pid})
    else:
        say(f"stopped the service of {found.config}")


def _is_open(service: OpenLabClient) -> bool:
    from labctl.lab import find_open_labs  # noqa: PLC0415

    return any(lab.endpoint == service.endpoint for lab in find_open_labs(service.config))


def _ready(service: Service, ready_s: float) -> dict[str, Any]:
    return {
        "event": "ready",
        "ready_s": round(ready_s, 3),
        **service.snapshot()["service"],
        "pid": service.health.latest()["pid"],
    }


class _ended_by_signals:  # noqa: N801  reads as a function where it is used
    """Sets an event at SIGINT and SIGTERM; a second one ends the process as it did before."""

    def __init__(self, ending: threading.Event) -> None:
        self._ending = ending
        self._before: dict[int, Any] = {}

    def __enter__(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._end)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _end(self, number: int, _: FrameType | None) -> None:
        self._ending.set()
        signal.signal(number, self._before[number])
