"""The errors for names that no data asset has, and for subjects."""

import re
from collections.abc import Sequence

from zs_client import fetch
from zs_client.contract import Layout
from zs_client.errors import AcornNotFound, SubjectNotFound
from zs_client.store import Reader

_OF_A_DATA_ASSET = re.compile(r"_\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d", re.ASCII)


def unknown_subject(who: str, subject: str | None, subjects: Sequence[str]) -> SubjectNotFound:
    """Returns the error for a subject that nobody has, with similar subjects."""
    import difflib

    similar = difflib.get_close_matches((subject or "")[: fetch.SHOWN], subjects, n=5)
    hint = f"Alike: {', '.join(similar)}" if similar else "None is written alike"
    if _OF_A_DATA_ASSET.search(subject or ""):
        hint = (
            "It looks like the name of a data asset: asset_names= takes one, and "
            "qc_by_raw_asset reads QC by raw data asset"
        )
    return SubjectNotFound(
        f"{who} has the subject {fetch.short(subject)}. {hint}; unique_subject_ids() has all"
    )


def unknown_name(who: str, name: str | None, store: Reader, layout: Layout) -> AcornNotFound:
    """Returns the error for a name that no data asset has."""
    return AcornNotFound(
        f"{who}: no data asset in {store.url}, version {layout}, has the name {fetch.short(name)}; "
        "asset_basics(name_contains=…) looks for one"
    )
