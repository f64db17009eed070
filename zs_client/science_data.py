"""The functions of biodata-cache whose tables hold no metadata of data assets, so we have none.

`zs_client.biodata_cache` has them all, so that a script that only imports one runs on.
"""

from collections.abc import Callable
from typing import NoReturn

from zs_client.errors import AcornNotFound

_NWB = "the NWB files of derived data assets, at the `location` of asset_basics"
_FORAGING = "the parquet files of aind-dynamic-foraging-database"
_LOGS = "the logs of the processing pipeline, in CloudWatch"
_WORKSHOP = "the data collections of the Summer Workshop on the Dynamic Brain"


def _without_table(name: str, source: str) -> Callable[..., NoReturn]:
    """Returns a function that says that this cache has no such table."""

    def reader(*_args: object, **_kwargs: object) -> NoReturn:
        raise AcornNotFound(
            f"{name}: this cache has no such table, as it holds metadata of data assets alone; "
            f"these data come from {source}"
        )

    reader.__name__ = reader.__qualname__ = name
    reader.__doc__ = f"Raises `AcornNotFound`: this cache has no such table, but {source} has."
    return reader


cell_genes = _without_table("cell_genes", "the transcriptomics of each project")
cell_index = _without_table("cell_index", _NWB)
cell_properties = _without_table("cell_properties", _NWB)
platform_df_operations = _without_table("platform_df_operations", _LOGS)
platform_dynamic_foraging_events = _without_table("platform_dynamic_foraging_events", _FORAGING)
platform_dynamic_foraging_trials = _without_table("platform_dynamic_foraging_trials", _FORAGING)
platform_ecephys_spikes = _without_table("platform_ecephys_spikes", _NWB)
platform_ecephys_units = _without_table("platform_ecephys_units", _NWB)
platform_exaspim_intermediates = _without_table(
    "platform_exaspim_intermediates", "listings of the buckets of exaSPIM data assets"
)
platform_fib_operations = _without_table("platform_fib_operations", _LOGS)
platform_fib_traces = _without_table("platform_fib_traces", _NWB)
platform_mouselight = _without_table(
    "platform_mouselight", "Janelia's MouseLight, https://ml-neuronbrowser.janelia.org"
)
platform_pophys = _without_table("platform_pophys", _NWB)
platform_video_frame_times = _without_table(
    "platform_video_frame_times", "the sync files of raw data assets"
)
platform_visual_coding_ophys = _without_table("platform_visual_coding_ophys", _NWB)
platform_visual_learning_cell_gene = _without_table(
    "platform_visual_learning_cell_gene", "the public Visual Learning collection"
)
platform_visual_learning_coreg = _without_table(
    "platform_visual_learning_coreg", "the public Visual Learning collection"
)
storage_lens = _without_table("storage_lens", "the weekly storage reports of the buckets")
swdb_2025_bci = _without_table("swdb_2025_bci", _WORKSHOP)
swdb_2025_v1dd = _without_table("swdb_2025_v1dd", _WORKSHOP)
swdb_2026_bci = _without_table("swdb_2026_bci", _WORKSHOP)
swdb_2026_dynamic_routing = _without_table("swdb_2026_dynamic_routing", _WORKSHOP)
swdb_2026_neuropixels_opto = _without_table("swdb_2026_neuropixels_opto", _WORKSHOP)
swdb_2026_v1dd = _without_table("swdb_2026_v1dd", _WORKSHOP)
swdb_2026_visual_coding_neuropixels = _without_table(
    "swdb_2026_visual_coding_neuropixels", _WORKSHOP
)
swdb_2026_visual_coding_ophys = _without_table("swdb_2026_visual_coding_ophys", _WORKSHOP)
swdb_2026_visual_learning = _without_table("swdb_2026_visual_learning", _WORKSHOP)
