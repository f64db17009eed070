"""Data assets and their sources, out of asset_basics and source_data.

For acorns about data assets, not documents: of several documents with one name the newest counts.
The questions to side files are made here.
"""

from collections import deque
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
    """A data asset as acorns with side files need it.

    Attributes:
        id: The `_id` of its document.
        name: Its name.
        modified: When its document was last changed, in microseconds since 1970.
        location: The folder of its files, as the document has it.
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
        """Returns a question, asked anew when the document changes or a night is due."""
        state = None if self.modified is None else f"{self.modified} {self.location}"
        return Question(self.id, self.name, self.location, state, about, schedule)

    def at(self, path: str) -> str | None:
        """Returns an address below the location; None without a location."""
        return f"{self.location.rstrip('/')}/{path}" if self.location else None


# The columns of asset_basics that `data_assets` reads, beside `_id`.
COLUMNS = (
    *("name", "_last_modified", "location", "modalities", "created"),
    *("data_level", "instrument_id"),
)
# The columns of source_data that `pairs` reads.
SOURCES = ("name", "source_data", "processing_time")


def data_assets(
    asset_basics: pa.Table, modality: str = "", names: Iterable[str] = ()
) -> dict[str, DataAsset]:
    """Returns data assets by name.

    Args:
        asset_basics: The documents.
        modality: Selects the names of documents with this modality; all names when empty.
        names: Further names that are selected with a modality.
    """
    if modality:
        lists, all_names = (arrow.column(asset_basics, name) for name in ("modalities", "name"))
        has_modality = pc.equal(pc.list_flatten(lists), modality)
        at = pc.list_parent_indices(lists).filter(has_modality)
        selected = pa.concat_arrays([all_names.take(at), pa.array(sorted(names), pa.string())])
        asset_basics = asset_basics.filter(pc.is_in(all_names, selected))
    by_name: dict[str, DataAsset] = {}
    # Few of these values differ: sharing equal ones saves 25 MB for 100,000 data assets.
    shared: dict[Any, Any] = {}
    rows = arrow.values(asset_basics, "_id", *COLUMNS)
    for document_id, name, modified, location, modalities, created, *texts in rows:
        if name is None:
            continue
        kinds, level, instrument = (
            shared.setdefault(value, value) for value in (tuple(modalities or ()), *texts)
        )
        new = DataAsset(document_id, name, modified, location, kinds, level, instrument, created)
        other = by_name.get(name)
        if other is None or _recency(other) < _recency(new):
            by_name[name] = new
    return by_name


def _recency(data_asset: DataAsset) -> tuple[int, str]:
    return (-1 if data_asset.modified is None else data_asset.modified), data_asset.id


def pairs(
    asset_basics: pa.Table, source_data: pa.Table, modality: str, word: str, made_word: str
) -> list[tuple[DataAsset, DataAsset | None]]:
    """Returns raw data assets, each with the latest data asset derived from it, or None.

    Args:
        asset_basics: The documents.
        source_data: The sources of derived data assets. A data asset with a source is derived,
            whatever its level.
        modality: The modality of the raw data assets.
        word: A word in their name or instrument, in any case.
        made_word: A word in the name of the derived data assets, in any case.
    """
    rows = arrow.values(source_data, *SOURCES)
    derived = [row for row in rows if row[1] is not None]
    matches = [row for row in derived if made_word in row[0].lower()]
    by_name = data_assets(asset_basics, modality, {name for name, _, _ in matches})
    latest: dict[str, tuple[str, str]] = {}
    for name, source, processed in matches:
        if name in by_name:
            latest[source] = max(latest.get(source, ("", "")), (processed or "", name))
    not_raw = {name for name, _, _ in derived}
    return [
        (raw, by_name[latest[raw.name][1]] if raw.name in latest else None)
        for raw in by_name.values()
        if raw.data_level == "raw"
        and modality in raw.modalities
        and raw.name not in not_raw
        and (word in raw.name.lower() or word in (raw.instrument_id or "").lower())
    ]


def origins(asset_basics: pa.Table, source_data: pa.Table) -> dict[str, dict[str, int]]:
    """Returns by a data asset's name the raw ones that it was made from, with the steps to each.

    A raw data asset is its own, at no step. Names without a known raw data asset are left out:
    their sources have no document, or were made from each other in a circle.

    Args:
        asset_basics: The documents, at least `name` and `data_level`.
        source_data: The sources of derived data assets, at least `name` and `source_data`.
    """
    rows = arrow.values(source_data, "name", "source_data")
    pairs = [(name, source) for name, source in rows if source is not None]
    made: dict[str, list[str]] = {}
    for name, source in pairs:
        made.setdefault(source, []).append(name)
    has_source = {name for name, _ in pairs}
    levels = arrow.values(asset_basics, "name", "data_level")
    raw = {name for name, level in levels if name is not None and level != "derived"}
    by_name: dict[str, dict[str, int]] = {}
    for name in sorted(raw - has_source):
        steps = {name: 0}
        ahead = deque([name])
        while ahead:
            source = ahead.popleft()
            for derived in made.get(source, ()):
                if derived not in steps:
                    steps[derived] = steps[source] + 1
                    ahead.append(derived)
        for descendant, count in steps.items():
            by_name.setdefault(descendant, {})[name] = count
    return by_name
