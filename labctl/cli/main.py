"""The entry point `labctl`: commands, errors as one clear message, exit codes."""

from __future__ import annotations

import importlib
import sys
from typing import Annotated, cast

import typer

from labctl.cli.exit_codes import ExitCode, code_of
from labctl.errors import LabError

__all__ = ["app", "main", "run_command"]

#: The base of everything that is wrong with a command line. Releases of typer differ in whose
#: it is, click's or their own copy's.
_UsageError = cast("type[typer.BadParameter]", typer.BadParameter.__bases__[0])
#: What typer makes of Ctrl-C where it does not raise Abort.
_INTERRUPTED = 130

app = typer.Typer(
    name="labctl",
    help="Control software for quantum-networking laboratories.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(value: bool) -> None:  # noqa: FBT001  typer's callback
    if value:
        import labctl  # noqa: PLC0415  only for this option

        typer.echo(f"labctl {labctl.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error; works anywhere.")
    ] = False,
) -> None:
    """Control software for quantum-networking laboratories.

    Exit codes: 0 finished, 1 failed, 2 wrong usage or configuration, 3 aborted,
    4 an instrument cannot be reached.
    """
    del version, debug


for _module in (
    "setup",
    "instruments",
    "live",
    "run",
    "scan",
    "files",
    "recorded",
    "care",
    "exporting",
    "simulate",
    "serve",
    "queueing",
    "controlling",
    "gui",
):
    importlib.import_module(f"labctl.cli.{_module}").add_to(app)


def main() -> None:
    """Run the command line and exit with its code."""
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    is_debugging = len(arguments) < len(sys.argv) - 1
    sys.exit(run_command(arguments, is_debugging=is_debugging))


def run_command(arguments: list[str], *, is_debugging: bool = False) -> int:
    """Run one command line in this process and return its exit code.

    Errors are printed as one message; with `is_debugging` they are raised.
    """
    try:
        code = app(arguments, prog_name="labctl", standalone_mode=False)
    except _UsageError as error:
        error.show()
        return ExitCode.USAGE
    except (KeyboardInterrupt, typer.Abort):
        code = _INTERRUPTED
    except SystemExit as end:
        # How typer ends where the reader of our output (head, less) has seen enough.
        if isinstance(end.__context__, BrokenPipeError):
            return ExitCode.FINISHED
        raise
    except Exception as error:
        if is_debugging:
            raise
        return _explain(error)
    if code == _INTERRUPTED:
        typer.echo("aborted", err=True)
        return ExitCode.ABORTED
    return int(code) if isinstance(code, int) else ExitCode.FINISHED


def _explain(error: Exception) -> ExitCode:
    from labctl.cli.output import print_error  # noqa: PLC0415  rich only when something is printed

    if isinstance(error, LabError):
        print_error(str(error))
        return code_of(error)
    print_error(
        f"unexpected {type(error).__name__}: {error}. This is a bug of labctl; "
        "repeat with --debug and report what it prints."
    )
    return ExitCode.FAILED


if __name__ == "__main__":
    main()
