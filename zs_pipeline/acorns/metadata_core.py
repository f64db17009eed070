"""metadata_core: which core files a document has, one row for each document."""

from collections.abc import Iterator
from typing import Any

from zs_pipeline.declaration import CORE, Acorn, ByDocument, Column, Expected, OfId, Read
from zs_pipeline.fields import time

_MEANING = {
    "subject": "the animal",
    "data_description": "the project, modalities, people and sources",
    "procedures": "surgeries and other procedures",
    "instrument": "the instrument's parts",
    "acquisition": "how the data was acquired",
    "processing": "how the data was processed",
    "quality_control": "quality control metrics",
}


def rows(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The one row of a document."""
    yield {
        "_id": document["_id"],
        "_last_modified": time(document.get("_last_modified") or document.get("last_modified")),
        **{core: document[core] is not None for core in CORE},
    }


ACORN = Acorn(
    name="metadata_core",
    description=(
        "Which core metadata files each document has, one row per document. Join asset_basics on "
        "_id."
    ),
    type="asset",
    key=("_id",),
    kind=ByDocument(
        rows=rows,
        reuse=OfId(),
        reads=tuple(Read(core, Expected.PRESENCE) for core in CORE),
    ),
    columns=(
        Column("_id", "string", "The document's id in the database.", nullable=False),
        Column("_last_modified", "time", "When the document was last changed in the database."),
        *(
            Column(
                core,
                "bool",
                f"Whether the document has {core}: {_MEANING[core]}.",
                nullable=False,
            )
            for core in CORE
        ),
    ),
)
