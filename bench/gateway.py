"""A stand-in for the REST gateway: `find` with MongoDB's semantics over a dump.

`find` is what the gateway of the tests answers with, too. Here the documents stay bytes until they
are asked for. What a sweep asks for is at hand as JSON, as in a database that has an index of it:
a page of 5,000 took 2 s when it was read out of whole documents, which was four fifths of a night
without a change on the cores that the build shares. Gateway's faults and compression are not here.
"""

import argparse
import mmap
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from bench.server import Answer, Request, serve
from zs_pipeline.shape.projection import SWEEP

FIND = "/v2/metadata_index/data_assets/find"
CHANGE = "/_change"
# The most bytes in a page; a page holds one document at least.
CAP = 6_000_000
_RANKS = ((type(None), 0), (bool, 5), (int, 1), (float, 1), (str, 2), (dict, 3), (list, 4))


def find(rows: Iterable[dict[str, Any]], query: dict[str, Any], cap: int = CAP) -> bytes:
    """A page of the documents that a query asks for.

    Args:
        rows: The documents, all of them or those that may be meant.
        query: `filter`, `sort`, `skip`, `limit` and `projection`, parsed.
        cap: The most bytes in a page.

    Raises:
        ValueError: An operator that is not known here.
    """
    found = [document for document in rows if matches(document, query.get("filter") or {})]
    for key, direction in (query.get("sort") or {}).items():
        found.sort(key=_by(key), reverse=direction < 0)
    skip = query.get("skip", 0)
    page = islice(found, skip, skip + query["limit"] if query.get("limit") else None)
    bodies = (orjson.dumps(project(document, query.get("projection"))) for document in page)
    return _page(bodies, cap)


def _page(bodies: Iterable[bytes], cap: int) -> bytes:
    """The JSON of documents as a list, as far as they fit."""
    out: list[bytes] = []
    size = 2
    for body in bodies:
        size += len(body) + 1
        if out and size > cap:
            break
        out.append(body)
    return b"[" + b",".join(out) + b"]"


def _by(key: str) -> Callable[[dict[str, Any]], tuple[int, Any]]:
    return lambda document: order(document.get(key))


def order(value: Any) -> tuple[int, Any]:
    """What MongoDB sorts a value by: its type, then the value."""
    rank = next(rank for kind, rank in _RANKS if isinstance(value, kind))
    return (rank, value if rank in (1, 2) else 0)


def matches(document: Any, wanted: dict[str, Any]) -> bool:
    """Whether a document is one that a filter asks for."""
    return all(
        any(matches(document, one) for one in condition)
        if key == "$or"
        else _holds(document.get(key), condition)
        for key, condition in wanted.items()
    )


def _holds(value: Any, condition: Any) -> bool:
    if not isinstance(condition, dict) or not any(key.startswith("$") for key in condition):
        return _equal(value, condition)
    for operator, operand in condition.items():
        if operator == "$in":
            found = any(_equal(value, one) for one in operand)
        elif operator == "$ne":
            found = not _equal(value, operand)
        elif operator in ("$gt", "$gte"):
            same = order(value)[0] == order(operand)[0]
            found = same and (value > operand if operator == "$gt" else value >= operand)
        elif operator == "$oid":
            found = value == condition
        else:
            raise ValueError(operator)
        if not found:
            return False
    return True


def _equal(value: Any, wanted: Any) -> bool:
    # MongoDB compares a list with a scalar element by element.
    if isinstance(value, list) and not isinstance(wanted, list):
        return any(_equal(one, wanted) for one in value)
    return type(value) is type(wanted) and bool(value == wanted)


def project(document: dict[str, Any], projection: dict[str, int] | None) -> dict[str, Any]:
    """A document with nothing but the paths asked for; texts in a list on the way are dropped."""
    if not projection:
        return document
    tree: dict[str, Any] = {}
    for path in projection:
        node = tree
        *parents, leaf = path.split(".")
        for key in parents:
            node = node.setdefault(key, {})
        node[leaf] = None
    return _cut(document, tree)


def _cut(document: dict[str, Any], tree: dict[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, value in document.items():
        if key not in tree:
            continue
        below = tree[key]
        if below is None:
            out[key] = value
        elif isinstance(value, dict):
            out[key] = _cut(value, below)
        elif isinstance(value, list):
            out[key] = [_cut(one, below) for one in value if isinstance(one, dict)]
    return out


class Documents:
    """The documents of a dump, in the order of `_id`."""

    def __init__(self, dump: Path) -> None:
        with dump.open("rb") as file:
            self._content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._changed: dict[Any, bytes] = {}
        ids: list[Any] = []
        heads, places, start = [], array("Q"), 0
        while end := self._content.find(b"\n", start) + 1:
            document = orjson.loads(self._content[start:end])
            ids.append(document.get("_id"))
            heads.append(_head(document))
            places.append(start)
            start = end
        keys = [order(one) for one in ids]
        rows = sorted(range(len(heads)), key=keys.__getitem__)
        self._ids = [ids[row] for row in rows]
        # Of each what a sweep asks for, as it is sent.
        self._heads = [heads[row] for row in rows]
        self._places = array("Q", (places[row] for row in rows))
        self._keys = [keys[row] for row in rows]

    def change(self, dump: Path) -> None:
        """Take other content for the documents that a dump holds; their `_id`s stay."""
        with dump.open("rb") as lines:
            for line in lines:
                document = orjson.loads(line)
                (row,) = self._rows([document["_id"]])
                self._heads[row] = _head(document)
                self._changed[document["_id"]] = line

    def find(self, query: dict[str, Any]) -> bytes:
        """A page of what a query asks for; see `find`."""
        wanted = query.get("filter") or {}
        condition = wanted.get("_id")
        if isinstance(condition, dict) and "$in" in condition:
            rows: Sequence[int] = self._rows(condition["$in"])
        elif _by_id(wanted, query.get("sort") or {}):
            rows, query = self._range(condition or {}, query), {**query, "sort": None, "skip": 0}
            if query.get("projection") == SWEEP:
                return _page((self._heads[row] for row in rows), CAP)
        else:
            rows = range(len(self._heads))
        # A sweep again for some ids, or for `_id` alone.
        swept = query.get("projection") and query["projection"].keys() <= SWEEP.keys()
        heads = swept and wanted.keys() <= {"_id"}
        documents = (orjson.loads(self._heads[r]) if heads else self._document(r) for r in rows)
        return find(documents, query)

    def _range(self, condition: dict[str, Any], query: dict[str, Any]) -> Sequence[int]:
        """The rows of a page in the order of `_id`."""
        first, last = 0, len(self._keys)
        for operator, operand in condition.items():
            key = order(operand)
            cut = bisect_left if operator == "$gte" else bisect_right
            first = cut(self._keys, key)
            last = bisect_left(self._keys, (key[0] + 1,), key=lambda one: one[:1])
        rows: Sequence[int] = range(first, last)
        if (query.get("sort") or {}).get("_id", 1) < 0:
            rows = rows[::-1]
        skip = query.get("skip", 0)
        return rows[skip : skip + query["limit"]] if query.get("limit") else rows[skip:]

    def _rows(self, ids: list[Any]) -> list[int]:
        found = []
        for one in ids:
            key = order(one)
            row = bisect_left(self._keys, key)
            while row < len(self._keys) and self._keys[row] == key:
                found.append(row)
                row += 1
        return sorted(set(found))

    def _document(self, row: int) -> dict[str, Any]:
        one = self._ids[row]
        start = self._places[row]
        raw = self._changed.get(one) if isinstance(one, str) else None
        if raw is None:
            raw = self._content[start : self._content.find(b"\n", start)]
        document: dict[str, Any] = orjson.loads(raw)
        return document


def _by_id(wanted: dict[str, Any], sort: dict[str, int]) -> bool:
    """Whether a query asks for nothing but a stretch in the order of `_id`."""
    condition = wanted.get("_id", {})
    ranged = isinstance(condition, dict) and condition.keys() <= {"$gt", "$gte"}
    return ranged and (wanted.keys() | sort.keys()) <= {"_id"}


def _head(document: dict[str, Any]) -> bytes:
    return orjson.dumps(project(document, SWEEP))


def main() -> None:
    """Serve until stdin ends."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("dump", type=Path, help="lines of JSON, each with a line's end")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each answer")
    given = parser.parse_args()
    documents = Documents(given.dump)

    def answer(request: Request) -> Answer:
        if request.path == CHANGE:
            documents.change(Path(request.body.decode()))
            return Answer(200)
        if request.path != FIND:
            return Answer(404, b'{"message":"Not Found"}', kind="OTHER")
        query = {key: orjson.loads(value) for key, value in request.query.items()}
        page = documents.find(query)
        return Answer(200, page, {"Content-Type": "application/json"}, kind="GET")

    serve(answer, given.latency)


if __name__ == "__main__":
    main()
