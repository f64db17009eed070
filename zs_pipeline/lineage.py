"""Which data assets there are, and which was made from which, out of the tables that say so.

For acorns that are about data assets, not documents: of several documents with one name the newest
counts. What a side file says of a data asset is asked with what stands here.
"""

from collections import defaultdict
from dataclasses import dataclass

import pyarrow as pa

from zs_pipeline.files import Question


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
    """

    id: str
    name: str
    modified: int | None
    location: str | None
    modalities: tuple[str, ...]
    data_level: str | None
    instrument_id: str | None

    def question(self, about: str = "") -> Question:
        """What is asked about it anew once its document changes."""
        state = None if self.modified is None else f"{self.modified} {self.location}"
        return Question(self.id, self.name, self.location, state, about)

    def at(self, path: str) -> str | None:
        """An address below its location."""
        return f"{self.location.rstrip('/')}/{path}" if self.location else None


# The columns of asset_basics that `data_assets` looks at, beside `_id`.
COLUMNS = ("name", "_last_modified", "location", "modalities", "data_level", "instrument_id")


def data_assets(asset_basics: pa.Table) -> dict[str, DataAsset]:
    """Every data asset by name."""
    columns = [
        (asset_basics[c].cast(pa.int64()) if c == "_last_modified" else asset_basics[c]).to_pylist()
        for c in ("_id", *COLUMNS)
    ]
    found: dict[str, DataAsset] = {}
    for key, name, modified, location, modalities, level, instrument in zip(*columns, strict=True):
        if name is None:
            continue
        one = DataAsset(key, name, modified, location, tuple(modalities or ()), level, instrument)
        other = found.get(name)
        if other is None or _age(other) < _age(one):
            found[name] = one
    return found


def _age(one: DataAsset) -> tuple[int, str]:
    return (-1 if one.modified is None else one.modified), one.id


def raw_ones(
    assets: dict[str, DataAsset], source_data: pa.Table, modality: str, word: str
) -> list[DataAsset]:
    """The raw data assets of a modality with a word, in any case, in their name or instrument.

    One that names a source is derived, whatever its level says.
    """
    sources = zip(*(source_data[c].to_pylist() for c in ("name", "source_data")), strict=True)
    derived = {name for name, source in sources if source is not None}
    return [
        one
        for one in assets.values()
        if one.data_level == "raw"
        and modality in one.modalities
        and one.name not in derived
        and (word in one.name.lower() or word in (one.instrument_id or "").lower())
    ]


def latest_derived(
    assets: dict[str, DataAsset], source_data: pa.Table, word: str
) -> dict[str, DataAsset]:
    """By name of a data asset the latest one that was made from it and has a word in its name."""
    made: dict[str, list[tuple[str, str]]] = defaultdict(list)
    columns = (source_data[c].to_pylist() for c in ("name", "source_data", "processing_time"))
    for name, source, processed in zip(*columns, strict=True):
        if source is not None and name in assets and word in name.lower():
            made[source].append((processed or "", name))
    return {source: assets[max(names)[1]] for source, names in made.items()}
