"""Kinds of tables for tests that look at how a table is written, not at what its rows are."""

from collections.abc import Iterable
from typing import Any

from zs_pipeline.catalogue import Reads
from zs_pipeline.declaration import ByDocument, ByKey, ByPlatform, OfName, Read


def no_rows(document: dict[str, Any]) -> Iterable[dict[str, Any]]:
    return ()


def no_rows_of_both(document: dict[str, Any], basics: Any) -> Iterable[dict[str, Any]]:
    return ()


WHOLE = ByDocument(rows=no_rows, reads=(), reuse=None)
BY_SUBJECT = ByKey(key="subject_id", rows=no_rows_of_both, reads=(), basics=())


def no_platform(basics: Any) -> Iterable[str]:
    return ()


def by_platform(*values: str) -> ByPlatform:
    return ByPlatform("platform", values, no_rows_of_both, no_platform, (), (), OfName("name"))


def reads(*given: Read) -> Reads:
    """What one table reads of a document."""
    return Reads({"table": given})
