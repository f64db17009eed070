"""Where the files of a data asset lie, and the command that fetches them: `zs open`.

Nothing is fetched here, and no bucket is asked: a location is what the document says.
"""

import argparse
import re
import shlex
import sys
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from zs_client.arguments import store_url
from zs_client.reading_commands import write

if TYPE_CHECKING:
    import pyarrow as pa

_BUCKET = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?")
_ADVICE = "zs open: of a bucket that everybody may read, add --no-sign-request"


def print_locations(given: argparse.Namespace) -> int:
    """Print where a data asset's files lie, and the command to fetch them.

    Raises:
        AcornNotFound: There is no such data asset; the message names alike ones.
        ValueError: The document has no location.
    """
    from zs_client.place import asking

    with asking(
        snapshot=given.snapshot, offline=given.offline, url=store_url(given), version=given.version
    ):
        locations = _locations(given.name)
    if not locations:
        raise ValueError(f"the document of {given.name} has no location")
    if given.format is not None:
        write(_table(given.name, locations), given)
        return 0
    for location in locations:
        for line in lines(given.name, location):
            print(line)
    if sys.stderr.isatty() and any(_BUCKET.fullmatch(location) for location in locations):
        print(_ADVICE, file=sys.stderr)
    return 0


def lines(name: str, location: str) -> Iterator[str]:
    """Yields a location and the command that fetches it, each fit for a terminal and a shell.

    Both are texts of a document, which anybody may have written: characters that a terminal would
    obey are escaped, and there is a command for an S3 bucket and a name fit for a folder only.
    """
    yield location if location.isprintable() else ascii(location)
    is_plain = location.isprintable() and name.isprintable() and name.strip(".")
    if is_plain and _BUCKET.fullmatch(location):
        folder = shlex.quote(f"./{name.replace('/', '_')}")
        yield f"aws s3 sync {shlex.quote(location)} {folder}"


def _table(name: str, locations: Sequence[str]) -> "pa.Table":
    """Returns each location with its command, null where there is none."""
    import pyarrow as pa

    pairs = [(*lines(name, location), None)[:2] for location in locations]
    columns = [pa.array(column, pa.string()) for column in zip(*pairs, strict=True)]
    return pa.table(columns, names=["location", "command"])


def _locations(name: str) -> list[str]:
    """Returns the locations of all documents of a name, each once."""
    from zs_client.acorns import asset_basics
    from zs_client.errors import AcornNotFound, NoSuchValue
    from zs_client.nearest import nearest

    with warnings.catch_warnings():
        # The error says it.
        warnings.simplefilter("ignore", NoSuchValue)
        rows = asset_basics.arrow(name=name, columns="location")
    if not rows.num_rows:
        names = asset_basics.arrow(columns="name")["name"].drop_null().to_pylist()
        alike = ", ".join(nearest(name, set(names)))
        advice = f"alike: {alike}" if alike else "zs show asset_basics --where name_contains=…"
        raise AcornNotFound(f"there is no data asset {name!r}; {advice}")
    return list(dict.fromkeys(rows["location"].drop_null().to_pylist()))
