"""The pipeline's entry points of the group `zs_client.commands`.

Importing this module imports no library of the pipeline: where one is missing, `zs` tells what to
install.
"""

from collections.abc import Callable

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
