"""The errors for names that no data asset has, and for subjects."""

import re
import warnings
from collections.abc import Iterable, Sequence
from contextlib import suppress

from zs_client import fetch, filters, provenance
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


def check_subject(
    store: Reader, layout: Layout, who: str, subject: str | None, values: Sequence[str]
) -> None:
    """Refuse a subject that nobody has; `values` are subjects of a table, if there is no list.

    Raises:
        SubjectNotFound: No data asset has that subject.
        ReadError: The list of subjects cannot be read.
    """
    key = layout.table("unique_subject_ids")
    subjects = values
    with suppress(FileNotFoundError):
        subjects = fetch.decode(fetch.get(store, key), store.at(key))["subject_id"].to_pylist()
    if subject not in subjects:
        who = f"{who}: no data asset in {store.url}, version {layout},"
        raise unknown_subject(who, subject, subjects)


def unknown_partition(
    who: str, column: str, value: str | None, values: Iterable[str]
) -> ValueError:
    """Returns the error for a partition that there is not, with those that there are."""
    advice = filters.near(value, sorted(values))
    return ValueError(f"{who}: there is no {column} {filters.short(value)}. {advice}")


def unknown_name(who: str, name: str | None, store: Reader, layout: Layout) -> AcornNotFound:
    """Returns the error for a name that no data asset has."""
    return AcornNotFound(
        f"{who}: no data asset in {store.url}, version {layout}, has the name {fetch.short(name)}; "
        "asset_basics(name_contains=…) looks for one"
    )


def warn_of_missing(who: str, names: Iterable[str], asset_names: "set[str | None]") -> None:
    """Warn of data assets of which a partition has no rows.

    Args:
        who: The function that reads.
        names: The names that were asked for.
        asset_names: Those that the partition has.
    """
    missing = [name for name in dict.fromkeys(names) if name not in asset_names]
    if missing:
        advice = "asset_basics(name_contains=…) looks for one"
        if asset_names:
            advice = f"there are {len(asset_names)} others"
        warnings.warn(
            f"{who}: no rows with asset_name {', '.join(map(fetch.short, map(repr, missing[:20])))}"
            f"{' and others' if len(missing) > 20 else ''}; {advice}",
            UserWarning,
            stacklevel=provenance.outside(),
        )
