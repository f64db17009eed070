"""Which data assets there are, and which was made from which, out of the tables that say so.

For acorns that are about data assets, not documents: of several documents with one name the newest
counts. What a side file says of a data asset is asked with what stands here.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from zs_pipeline import arrow
from zs_pipeline.side_files.nights import Schedule
from zs_pipeline.side_files.outcomes import Question


@dataclass(frozen=True, slots=True)
class DataAsset:
    """What acorns with side files need to know of a data asset.

    Attributes:
        id: The `_id` of its document.
        name: Its name.
        modified: When its document was last changed, in microseconds since 1970.
        location: Where it lies, as the document has it.
        modalities: Abbreviations of the kinds of data in it.
        data_level: `raw` or `derived`, as the document has it.
        instrument_id: As the document has it.
        created: When its document was made, in microseconds since 1970.
    """

    id: str
    name: str
    modified: int | None
    location: str | None
    modalities: tuple[str, ...]
    data_level: str | None
    instrument_id: str | None
    created: int | None

    def question(self, about: str = "", schedule: Schedule | None = None) -> Question:
        """Returns what is asked about it anew once its document changes, or a night is due."""
        state = None if self.modified is None else f"{self.modified} {self.location}"
        return Question(self.id, self.name, self.location, state, about, schedule)

    def at(self, path: str) -> str | None:
        """An address below its location."""
        return f"{self.location.rstrip('/')}/{path}" if self.location else None


# The columns of asset_basics that `data_assets` looks at, beside `_id`.
COLUMNS = (
    *("name", "_last_modified", "location", "modalities", "created"),
    *("data_level", "instrument_id"),
)
# The columns of source_data that `pairs` looks at.
SOURCES = ("name", "source_data", "processing_time")


def data_assets(
    asset_basics: pa.Table, modality: str = "", names: Iterable[str] = ()
) -> dict[str, DataAsset]:
    """Every data asset by name.

    Args:
        asset_basics: The documents.
        modality: Only those whose name a document with this modality has;
        names: and these.
    """
    if modality:
        lists, given = (arrow.column(asset_basics, name) for name in ("modalities", "name"))
        having = pc.equal(pc.list_flatten(lists), modality)
        at = pc.list_parent_indices(lists).filter(having)
        wanted = pa.concat_arrays([given.take(at), pa.array(sorted(names), pa.string())])
        asset_basics = asset_basics.filter(pc.is_in(given, wanted))
    found: dict[str, DataAsset] = {}
    # Few of these differ: one of each is held, 25 MB less for 100,000 data assets.
    same: dict[Any, Any] = {}
    rows = arrow.values(asset_basics, "_id", *COLUMNS)
    for key, name, modified, location, modalities, created, *words in rows:
        if name is None:
            continue
        kinds = tuple(modalities or ())
        level, instrument = (same.setdefault(word, word) for word in words)
        having = same.setdefault(kinds, kinds)
        one = DataAsset(key, name, modified, location, having, level, instrument, created)
        other = found.get(name)
        if other is None or _age(other) < _age(one):
            found[name] = one
    return found


def _age(one: DataAsset) -> tuple[int, str]:
    return (-1 if one.modified is None else one.modified), one.id


def pairs(
    asset_basics: pa.Table, source_data: pa.Table, modality: str, word: str, made_word: str
) -> list[tuple[DataAsset, DataAsset | None]]:
    """Raw data assets, each with the latest one that was made from it, if there is one.

    Args:
        asset_basics: The documents.
        source_data: Which of them names which source. One that names a source is derived, whatever
            its level says.
        modality: What the raw ones have.
        word: What stands in their name or instrument, in any case.
        made_word: What stands in the name of one that was made from them, in any case.
    """
    rows = arrow.values(source_data, *SOURCES)
    derived = [row for row in rows if row[1] is not None]
    made = [row for row in derived if made_word in row[0].lower()]
    assets = data_assets(asset_basics, modality, {name for name, _, _ in made})
    latest: dict[str, tuple[str, str]] = {}
    for name, source, processed in made:
        if name in assets:
            latest[source] = max(latest.get(source, ("", "")), (processed or "", name))
    not_raw = {name for name, _, _ in derived}
    return [
        (one, assets[latest[one.name][1]] if one.name in latest else None)
        for one in assets.values()
        if one.data_level == "raw"
        and modality in one.modalities
        and one.name not in not_raw
        and (word in one.name.lower() or word in (one.instrument_id or "").lower())
    ]
