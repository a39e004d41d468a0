"""`labctl simulate`: the simulated laboratory without the program in front of it."""

from __future__ import annotations

import typer

from labctl.cli import faulting, serving

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add the commands of this module."""
    simulate = typer.Typer(
        name="simulate",
        help="Serve simulated instruments to other programs, and let things go wrong in them.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    serving.add_to(simulate)
    faulting.add_to(simulate)
    app.add_typer(simulate)
