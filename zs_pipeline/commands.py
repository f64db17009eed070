"""What `zs_client` finds of the pipeline, as entry points of the group `zs_client.commands`.

Importing this imports no library of the pipeline: `zs` tells who lacks them what to install.
"""

from collections.abc import Callable

from zs_pipeline import memory


def load_build(*, own_process: bool) -> Callable[..., int]:
    """Import `zs_pipeline.build` and return its `main`.

    Args:
        own_process: Whether the process is there for the build alone, so that what holds for a
            whole process may be set in it, before the libraries are imported.

    Raises:
        ImportError: A library of the extra `pipeline` is not installed.
    """
    if own_process:
        memory.own_process()
    with memory.freeze_imports():
        from zs_pipeline.build import main  # noqa: PLC0415 - the process is set up first
    memory.without_pandas()
    return main
