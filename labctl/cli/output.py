"""How commands print: tables for people, JSON for machines, notes and errors on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

__all__ = [
    "error_console",
    "note",
    "print_error",
    "print_json",
    "print_table",
    "say",
    "simulated_badge",
]

console = Console(highlight=False)
error_console = Console(stderr=True, highlight=False)


def print_json(value: Any) -> None:
    """Print one JSON document (a line) on stdout, at once."""
    sys.stdout.write(json.dumps(value, default=str, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def say(text: str) -> None:
    """Print a line for people on stdout."""
    console.print(Text(text), soft_wrap=True)


def note(text: str) -> None:
    """Print a remark on stderr, so that stdout holds results only."""
    error_console.print(Text(text), style="dim", soft_wrap=True)


def print_error(text: str) -> None:
    """Print an error on stderr."""
    line = Text("error: ", style="bold red")
    line.append(text, style="default")
    error_console.print(line, soft_wrap=True)


def simulated_badge() -> None:
    """Say unmistakably that no real instrument is involved."""
    error_console.print(Text(" SIMULATED ", style="bold black on yellow"))


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, title: str | None = None
) -> None:
    """Print a table; columns whose name ends in a space are aligned to the right."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(
            column.strip(), justify="right" if column.endswith(" ") else "left", overflow="fold"
        )
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)
