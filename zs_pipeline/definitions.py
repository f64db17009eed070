"""Where Dagster looks: `dagster dev`, `dg dev`, `workspace.yaml`. All of it is in `graph`."""

import dagster as dg

from zs_pipeline.orchestration import assets as graph


@dg.definitions
def defs() -> dg.Definitions:
    """The acorns, with source and store from variables when a run asks for them."""
    return graph.definitions()
