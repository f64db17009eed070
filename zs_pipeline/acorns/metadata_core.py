"""metadata_core: the core files that a document has, one row for each document."""

from collections.abc import Iterator
from typing import Any

from zs_pipeline.declaration import CORE, Acorn, ByDocument, Column, Expected, OfId, Read
from zs_pipeline.shape.values import time

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
    """Yields the row of a document."""
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
        Column(
            "_id",
            "string",
            "The document's id in the database.",
            nullable=False,
            reads=("_id",),
            rule="As in asset_basics.",
            example="`8c593ace-ad9e-5074-a9db-fdbc23f836b9` stays as it is.",
        ),
        Column(
            "_last_modified",
            "time",
            "When the document was last changed in the database.",
            reads=("_last_modified", "last_modified"),
            rule="As in asset_basics.",
            example="`2026-02-14T13:00:35.192Z` becomes 2026-02-14 13:00:35.192 UTC.",
        ),
        *(
            Column(
                core,
                "bool",
                f"Whether the document has {core}: {_MEANING[core]}.",
                nullable=False,
                reads=(core,),
                rule="True when the document has the key and its value is not null, also where it "
                "is empty or no object.",
                example="`null` and no such key become false; `{}` becomes true.",
                identifies=core in ("subject", "data_description", "acquisition"),
            )
            for core in CORE
        ),
    ),
)
