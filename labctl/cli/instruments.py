"""`check`, `get`, `set` and `do`: one look at the instruments, or one touch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from labctl.cli.exit_codes import ExitCode
from labctl.cli.options import (
    BenchOption,
    ConfigOption,
    JsonOption,
    SimulatedOption,
    chosen_config,
)

if TYPE_CHECKING:
    from labctl.lab import Lab

__all__ = ["add_to"]

PathArgument = Annotated[str, typer.Argument(help="INSTRUMENT.SETTING, such as pump.power_mw.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("check")(check)
    app.command("get")(get)
    app.command("set")(set_)
    app.command("do")(do)


def check(
    *,
    config: ConfigOption = None,
    bench: BenchOption = None,
    simulated: SimulatedOption = False,
    json: JsonOption = False,
) -> int:
    """Check the configuration and that every instrument answers and is what it should be."""
    from labctl.cli.output import print_json, print_table, simulated_badge  # noqa: PLC0415
    from labctl.lab import load_bench, probe  # noqa: PLC0415  --help must stay fast

    loaded = load_bench(chosen_config(config, bench))
    found = probe(loaded, simulated=simulated)
    failed = any(instrument.error for instrument in found)
    if json:
        print_json({"config": str(loaded.path), "instruments": [asdict(i) for i in found]})
    else:
        if any(instrument.simulated for instrument in found):
            simulated_badge()
        rows = [
            (i.name, i.driver, i.address, "FAILED" if i.error else "ok", i.error or i.identity)
            for i in found
        ]
        print_table(("instrument", "driver", "address", "state", "says"), rows)
    return ExitCode.UNREACHABLE if failed else ExitCode.FINISHED


def get(
    path: PathArgument,
    *,
    config: ConfigOption = None,
    bench: BenchOption = None,
    simulated: SimulatedOption = False,
    json: JsonOption = False,
) -> None:
    """Read a setting of an instrument."""
    file = chosen_config(config, bench)
    reply = _ask_open_lab(file, "get", simulated=simulated, path=path)
    if reply is None:
        with _opened(file, path, simulated=simulated) as lab:
            value = lab.get(path)
            reply = {"value": getattr(value, "value", value), "unit": lab.parameter(path).unit}
        _say_own_world(simulated=simulated)
    _print_value(path, reply, json=json)


def set_(
    path: PathArgument,
    value: Annotated[str, typer.Argument(help="The new value, in the setting's unit.")],
    *,
    arm: Annotated[
        bool, typer.Option("--arm", help="Allow this to switch emission on; the beam path is safe.")
    ] = False,
    config: ConfigOption = None,
    bench: BenchOption = None,
    simulated: SimulatedOption = False,
    json: JsonOption = False,
) -> None:
    """Set a setting of an instrument and print what it reads back."""
    file = chosen_config(config, bench)
    reply = _ask_open_lab(
        file, "set", simulated=simulated, path=path, value=value, arm=arm or simulated
    )
    if reply is None:
        reply = _set_here(file, path, value, simulated=simulated, arm=arm or simulated)
    _print_value(path, reply, json=json)


def do(
    path: Annotated[
        str, typer.Argument(help="INSTRUMENT.ACTION, such as pump.clear_fault or alice_hwp.home.")
    ],
    *,
    config: ConfigOption = None,
    bench: BenchOption = None,
    simulated: SimulatedOption = False,
) -> None:
    """Tell an instrument to do something that is no setting; never is emission the effect."""
    from labctl.cli.output import say  # noqa: PLC0415  --help must stay fast

    file = chosen_config(config, bench)
    # Detectors that are armed again step by step take their time.
    if _ask_open_lab(file, "do", simulated=simulated, timeout_s=120.0, path=path) is None:
        with _opened(file, path, simulated=simulated) as lab:
            lab.act(path)
        _say_own_world(simulated=simulated)
    say(f"{path}: done")


def _set_here(file: Path, path: str, value: str, *, simulated: bool, arm: bool) -> dict[str, Any]:
    from labctl.cli.output import note  # noqa: PLC0415  --help must stay fast

    with _opened(file, path, simulated=simulated) as lab:
        now = lab.set(path, value, arm=arm)
        reply = {"value": getattr(now, "value", now), "unit": lab.parameter(path).unit}
        left_on = [name for name, is_on in lab.emitting().items() if is_on]
    _say_own_world(simulated=simulated)
    if left_on and not simulated:
        note(f"left on: emission of {', '.join(left_on)}; `labctl safe` switches it off")
    return reply


@contextmanager
def _opened(file: Path, path: str, *, simulated: bool) -> Iterator[Lab]:
    """Open the instrument that `path` names, and leave its emission as it is.

    A slip of the keyboard must not switch off the light that somebody works with.
    """
    from labctl.lab import Lab  # noqa: PLC0415  --help must stay fast

    # A real instrument is taken as it is; a simulated one was made a moment ago and gets
    # what the configuration says.
    only = [path.partition(".")[0]]
    lab = Lab(file, simulated=simulated, only=only, configure=simulated)
    try:
        yield lab
    finally:
        lab.close(leave_emission=True)


def _ask_open_lab(
    file: Path, request: str, *, simulated: bool, timeout_s: float = 10.0, **fields: Any
) -> dict[str, Any] | None:
    """Ask the process that holds this laboratory open, if there is one."""
    from labctl.cli.output import note  # noqa: PLC0415  --help must stay fast
    from labctl.lab import find_open_labs  # noqa: PLC0415

    for lab in find_open_labs(file, simulated=simulated):
        reply = lab.ask(request, timeout_s=timeout_s, **fields)
        note(f"in the laboratory held open by {lab.owner}")
        return reply
    return None


def _say_own_world(*, simulated: bool) -> None:
    from labctl.cli.output import note  # noqa: PLC0415  --help must stay fast

    if simulated:
        note(
            "simulated, in a world of this command's own; to share one, keep a simulated lab "
            "open in another terminal (labctl watch --simulated)"
        )


def _print_value(path: str, reply: dict[str, Any], *, json: bool) -> None:
    from labctl.cli.output import print_json, say  # noqa: PLC0415  --help must stay fast
    from labctl.units import format_quantity  # noqa: PLC0415

    if json:
        print_json({"path": path, "value": reply["value"], "unit": reply["unit"]})
    else:
        say(format_quantity(reply["value"], reply["unit"]))
