"""The pipeline: from documents and side files to tables, as a Dagster asset graph."""

import os

# pyarrow reads this once, when it is first imported. Its own pool, mimalloc, keeps what is free,
# even when told to release it: 20,000 documents take 532 to 577 MB with it, 510 to 534 MB with the
# C library's, which `zs_pipeline.memory` tells to give it back. `pyarrow.set_memory_pool` leaves
# out what C++ takes for itself, as to read and write parquet.
os.environ["ARROW_DEFAULT_MEMORY_POOL"] = "system"
