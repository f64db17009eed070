"""The command line, `zs`: runs one command, and turns its errors into sentences and exit codes.

Words and options are in `zs_client.arguments`; the commands are in the modules that `_READING` and
`_OTHERS` name.
"""

import argparse
import errno
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any

from zs_client import (
    arguments,
    location_commands,
    pipeline_commands,
    reading_commands,
    store_commands,
    table_commands,
)
from zs_client.arguments import ERROR, INTERRUPTED, NOBODY_READS
from zs_client.masking import masked


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: The words after `zs`; None for those of the process.

    Returns:
        The exit code: 0 for success; 1 if an acorn is missing, stale or failed, or this machine
        cannot have a cache; 2 if nothing was done; 130 after an interrupt; 141 if nobody reads the
        output.
    """
    given, unknown = arguments.parser().parse_known_args(argv)
    if unknown:
        # With the command's usage; argparse itself would show that of `zs`.
        command = given.parser
        command.error(f"there is no option or argument {' '.join(unknown)}; see {command.prog} -h")
    given.own_process = argv is None
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - until the end
    if sys.stdout is None:
        print("zs: there is nowhere to write to: standard output is closed", file=sys.stderr)
        return ERROR
    for stream in (sys.stdout, sys.stderr):
        # In an encoding that lacks a character, a question mark stands for it.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _warn  # type: ignore[assignment]
            warnings.simplefilter("default")
            code: int = _run(given)
            sys.stdout.flush()
    except KeyboardInterrupt:
        print("zs: interrupted", file=sys.stderr, flush=True)
        if given.own_process:
            # Otherwise Python waits for threads that wait for a server.
            os._exit(INTERRUPTED)
        return INTERRUPTED
    except OSError as error:
        # Otherwise Python flushes, and fails, once more when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        # On Windows a pipe that nobody reads is EINVAL.
        is_pipe = os.name == "nt" and error.errno == errno.EINVAL
        if is_pipe or isinstance(error, BrokenPipeError):
            return NOBODY_READS
        reason = masked(str(error.strerror or error))
        print(f"zs: could not be written or read: {reason}", file=sys.stderr)
        return ERROR
    return code


def _warn(message: Warning | str, *_: Any) -> None:
    print(f"zs: {message}", file=sys.stderr)


def _run(given: argparse.Namespace) -> int:
    """Run a command; the error of a reading command is a line on stderr and exit code 2."""
    if given.command in _OTHERS:
        return _OTHERS[given.command](given)
    from zs_client.errors import AcornNotFound, ReadError, StoreError

    try:
        return _READING[given.command](given)
    except (StoreError, AcornNotFound, ReadError, ValueError, TypeError, ImportError) as error:
        print(f"zs {given.command}: {error}", file=sys.stderr)
        return ERROR


def _print_completion(given: argparse.Namespace) -> int:
    from zs_client.completion import script

    print(script(given.shell, arguments.parser()), end="")
    return 0


def _serve(given: argparse.Namespace) -> int:
    try:
        import mcp  # noqa: F401 - of which only the server knows more

        from zs_client.mcp_server import serve
    except ImportError as error:
        from zs_client.shapes import needs

        raise needs("The MCP SDK", "mcp") from error
    return serve(given)


def _serve_catalogue(given: argparse.Namespace) -> int:
    from zs_client.catalogue_server import serve_catalogue

    return serve_catalogue(given)


_READING = {
    "show": reading_commands.print_rows,
    "sql": reading_commands.print_answer,
    "describe": reading_commands.print_columns,
    "values": reading_commands.print_values,
    "explain": reading_commands.print_explanation,
    "derived": reading_commands.print_derived,
    "open": location_commands.print_locations,
    "plot": reading_commands.draw,
    "tables": table_commands.print_tables,
    "pull": table_commands.pull,
    "mcp": _serve,
    "catalogue": _serve_catalogue,
    "status": store_commands.print_status,
    "metrics": store_commands.print_metrics,
    "snapshots": store_commands.print_snapshots,
    "diff": store_commands.print_diff,
    "changes": store_commands.print_changes,
}
_OTHERS = {
    "build": pipeline_commands.run_build,
    "cache": store_commands.print_cache,
    "completion": _print_completion,
    "doctor": pipeline_commands.print_findings,
    "prune": pipeline_commands.run_keeping,
    "release": pipeline_commands.run_keeping,
    "rollback": pipeline_commands.run_keeping,
}


if __name__ == "__main__":
    sys.exit(main())
