"""Where Dagster looks: `dagster dev`, `dg dev`, `workspace.yaml`.

What it finds is put together in `zs_pipeline.orchestration.code_location`.
"""

import dagster as dg

from zs_pipeline.orchestration import code_location


@dg.definitions
def defs() -> dg.Definitions:
    """The acorns, with source and store from variables when a run asks for them."""
    return code_location.definitions()
