"""`scan`: any experiment at every point of one or two settings."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperCommand

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

__all__ = ["AxisCommand", "AxisOption", "SnakeOption", "add_to"]

_SEPARATOR = "--"


class AxisCommand(TyperCommand):
    """A command whose axes stand before its experiment: `SETTING VALUES -- ... -- EXPERIMENT`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take the axes out of the words and parse the rest as any command's."""
        return super().parse_args(ctx, _with_axes(list(args)))

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the words of the usage line."""
        return ["SETTING VALUES [-- SETTING VALUES] --", *super().collect_usage_pieces(ctx)]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("scan", cls=AxisCommand)(scan)


AxisOption = Annotated[
    list[str] | None,
    typer.Option("--axis", help='An axis as one word, "SETTING VALUES", instead.'),
]
SnakeOption = Annotated[
    bool,
    typer.Option("--snake/--no-snake", help="Take every other row of two axes backward, or not."),
]


def scan(  # noqa: PLR0913  options of a command
    experiment: Annotated[str, typer.Argument(help="An experiment of `labctl list experiments`.")],
    *,
    axis: AxisOption = None,
    snake: SnakeOption = True,
    settle_s: Annotated[
        float, typer.Option("--settle", min=0.0, help="Seconds to wait after a setting changed.")
    ] = 0.0,
    parameter: ParameterOption = None,
    config: ConfigOption = None,
    bench: BenchOption = None,
    simulated: SimulatedOption = False,
    seed: SeedOption = 0,
    speed: SpeedOption = 1.0,
    out: OutOption = None,
    arm: ArmOption = None,
    truth: TruthOption = None,
    detach: DetachOption = False,
    progress: ProgressOption = ProgressStyle.BAR,
    json: JsonOption = False,
) -> int:
    """Run an experiment at every value of one setting, or of two, and record it in one file.

    labctl scan pump.power_mw 0.5:5:10 -- counting -p dwell_s=0.5

    VALUES are START:STOP:NUMBER, both ends included, or a list such as 1,2,5. A second axis,
    behind another --, is the fast one. Limits are checked before anything is set; however the
    run ends, the settings are brought back to what they were.
    """
    from labctl.cli.attaching import sent_experiment  # noqa: PLC0415  --help must stay fast
    from labctl.cli.run import perform  # noqa: PLC0415

    if not axis:
        raise ConfigError(
            "what is to be scanned? Say labctl scan SETTING VALUES -- EXPERIMENT, such as "
            "labctl scan pump.power_mw 0.5:5:10 -- counting"
        )
    parameters = {
        "axes": axis,
        "each": sent_experiment(experiment),
        "parameters": parse_parameters(parameter or []),
        "snake": snake,
        "settle_s": settle_s,
    }
    return perform(
        RunWanted(
            file=chosen_config(config, bench),
            experiment="scan",
            parameters=parameters,
            simulated=simulated,
            seed=seed,
            speed=speed,
            out=out,
            arm=arm,
            truth=truth,
            detach=detach,
            progress=progress,
            json=json,
        )
    )


def _with_axes(words: list[str]) -> list[str]:
    """Return the words with every leading `SETTING VALUES --` as an option of the rest."""
    axes: list[str] = []
    rest: list[str] = []
    while _SEPARATOR in words:
        end = words.index(_SEPARATOR)
        segment, words = words[:end], words[end + 1 :]
        # Options may stand on either side of the axis.
        at = max(0, len(segment) - 2) if segment[:1] and segment[0].startswith("-") else 0
        axes += ["--axis", " ".join(segment[at : at + 2])]
        rest += segment[:at] + segment[at + 2 :]
    return [*axes, *rest, *words]
