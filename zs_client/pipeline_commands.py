"""The commands that run what the pipeline brings: build, and what doctor tells of builds.

The pipeline is never imported from here. It names what there is to call as entry points of the
group `zs_client.commands`, which are looked up for these two commands alone.
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
    """Returns what the pipeline brings for a command.

    Raises:
        ImportError: It is not installed, or not with what it needs.
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
        print(
            f"zs build: the pipeline cannot be imported ({error}); install it with "
            "pip install 'data-asset-cache[pipeline]'",
            file=sys.stderr,
        )
        return ERROR
    except OSError as error:
        if error.errno != errno.EMFILE:
            raise
        print(
            f"zs build: {error.strerror}: raise the limit, as with `ulimit -n 1024`",
            file=sys.stderr,
        )
        return ERROR
    code: int = build(
        source=given.source,
        store=given.store,
        files=given.files,
        select=[name.strip() for name in given.select.split(",") if name.strip()],
        subjects=given.subject,
        accept_shrink=given.accept_shrink,
        alert=given.alert,
    )
    return code


def print_findings(given: argparse.Namespace) -> int:
    """Print whether all that is needed is as it must be."""
    from zs_client.doctor import NOT_TRIED, WRONG, Finding, findings

    all_findings = findings(store_url(given), given.version, write=given.write)
    try:
        all_findings += _from_pipeline("doctor")(given.source or "")
    except ImportError:
        said = "the pipeline is not installed, and reading does not need it"
        all_findings += [Finding(what, NOT_TRIED, said) for what in ("source", "history")]
    rows = [(finding.what, finding.state, finding.said) for finding in all_findings]
    for line in aligned([("what", "state", "found"), *rows], ()):
        print(line)
    return NOT_ALL if any(finding.state == WRONG for finding in all_findings) else 0
