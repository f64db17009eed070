"""Chooses a source by its URL.

A source is imported when it is chosen: its driver takes time, and may not be needed.
"""

from collections.abc import Sequence

from zs_client import masking
from zs_client.opening import local_path
from zs_pipeline.source.interface import Source, SourceError, url_for_messages

KINDS = (
    "a source is a dump (a .ndjson or .jsonl file, also .gz or .zst, or a folder of .json files), "
    "MongoDB or DocumentDB (mongodb://host/database.collection or mongodb+srv://…), or the REST "
    "gateway (https://api.allenneuraldynamics.org/v2)"
)


def open_source(url: str, paths: Sequence[str]) -> Source:
    """Returns the source of a URL; it opens no connection or file before a method is called.

    Args:
        url: One of `KINDS`.
        paths: The dotted paths that documents are trimmed to, in full depth, through lists.

    Raises:
        SourceError: The URL is none of `KINDS`, or is malformed.
    """
    masking.remember(url)
    if url.startswith(("mongodb://", "mongodb+srv://")):
        from zs_pipeline.source.mongo import MongoSource  # noqa: PLC0415

        return MongoSource(url, paths)
    if url.startswith(("https://", "http://")):
        from zs_pipeline.source.gateway import GatewaySource  # noqa: PLC0415

        return GatewaySource(url, paths)
    from zs_pipeline.source.dump import SUFFIXES, DumpSource  # noqa: PLC0415

    if url and ("://" not in url or url.startswith("file://")):
        path = local_path(url)
        if path.name.endswith(SUFFIXES) or path.is_dir():
            return DumpSource(path, paths)
    raise SourceError(
        f"{url_for_messages(url) or 'an empty URL'} is no source that is known here; {KINDS}"
    )
