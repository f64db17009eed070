"""The commands that call the pipeline: build, doctor, and those of who keeps a store.

The pipeline is never imported from here. It names its functions as entry points of the group
`zs_client.commands`, which are looked up for these commands only.
"""

import argparse
import errno
import sys
from collections.abc import Callable
from typing import Any

from zs_client.arguments import ERROR, NOT_ALL, store_url
from zs_client.printing import aligned

_GROUP = "zs_client.commands"


def _from_pipeline(command: str) -> Callable[..., Any]:
    """Returns the pipeline's function for a command.

    Raises:
        ImportError: The pipeline or a package that it needs is not installed.
    """
    from importlib.metadata import entry_points

    for entry_point in entry_points(group=_GROUP, name=command):
        return entry_point.load()  # type: ignore[no-any-return]
    raise ImportError(f"no entry point {command} in the group {_GROUP}")


def run_build(given: argparse.Namespace) -> int:
    """Run the pipeline's build."""
    try:
        build = _from_pipeline("build")(own_process=given.own_process)
    except ImportError as error:
        message = _not_installed(error)
    except OSError as error:
        if error.errno != errno.EMFILE:
            raise
        message = f"{error.strerror}: raise the limit, as with `ulimit -n 1024`"
    else:
        return build(  # type: ignore[no-any-return]
            source=given.source,
            store=given.store,
            files=given.files,
            select=[name.strip() for name in given.select.split(",") if name.strip()],
            subjects=given.subject,
            accept_shrink=given.accept_shrink,
            alert=given.alert,
        )
    print(f"zs build: {message}", file=sys.stderr)
    return ERROR


def run_keeping(given: argparse.Namespace) -> int:
    """Run the pipeline's function for prune, release or rollback."""
    try:
        run = _from_pipeline(given.command)
    except ImportError as error:
        print(f"zs {given.command}: {_not_installed(error)}", file=sys.stderr)
        return ERROR
    own = ("command", "own_process", "parser")
    return run(**{k: v for k, v in vars(given).items() if k not in own})  # type: ignore[no-any-return]


def _not_installed(error: ImportError) -> str:
    return (
        f"the pipeline cannot be imported ({error}); install it with "
        "pip install 'data-asset-cache[pipeline]'"
    )


def print_findings(given: argparse.Namespace) -> int:
    """Print the findings of `zs doctor`."""
    from zs_client.doctor import NOT_TRIED, WRONG, Finding, findings

    all_findings = findings(store_url(given), given.version, write=given.write)
    try:
        all_findings += _from_pipeline("doctor")(given.source or "")
    except ImportError:
        reason = "the pipeline is not installed, and reading does not need it"
        all_findings += [Finding(what, NOT_TRIED, reason) for what in ("source", "history")]
    rows = [(finding.what, finding.state, finding.said) for finding in all_findings]
    print(*aligned([("what", "state", "found"), *rows], ()), sep="\n")
    return NOT_ALL if any(finding.state == WRONG for finding in all_findings) else 0
