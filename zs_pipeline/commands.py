"""The pipeline's entry points of the group `zs_client.commands`.

Importing this module imports no library of the pipeline: where one is missing, `zs` tells what to
install.
"""

from collections.abc import Callable
from typing import Any

from zs_pipeline import memory


def load_build(*, own_process: bool) -> Callable[..., int]:
    """Import `zs_pipeline.build` and return its `main`.

    Args:
        own_process: Whether the process runs the build alone, so that its memory may be set up
            before the libraries are imported.

    Raises:
        ImportError: A library of the extra `pipeline` is not installed.
    """
    if own_process:
        memory.own_process()
    with memory.freeze_imports():
        from zs_pipeline.build import main  # noqa: PLC0415 - the process is set up first
    memory.without_pandas()
    return main


def prune(**given: Any) -> int:
    """Run `zs prune`; see `zs_pipeline.keeping.run_prune`."""
    from zs_pipeline.keeping import run_prune  # noqa: PLC0415 - its libraries may be missing

    return run_prune(**given)


def release(**given: Any) -> int:
    """Run `zs release`; see `zs_pipeline.keeping.run_release`."""
    from zs_pipeline.keeping import run_release  # noqa: PLC0415 - its libraries may be missing

    return run_release(**given)


def rollback(**given: Any) -> int:
    """Run `zs rollback`; see `zs_pipeline.keeping.run_rollback`."""
    from zs_pipeline.keeping import run_rollback  # noqa: PLC0415 - its libraries may be missing

    return run_rollback(**given)
