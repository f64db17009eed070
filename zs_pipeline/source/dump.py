"""Documents from a dump: lines of JSON, plain or compressed, or a folder of `.json` files.

Any encoding of Unicode is read: a dump that is not UTF-8 is first copied in UTF-8. A sweep parses
only ids, versions and subjects and remembers the position of each document; a fetch seeks.
"""

import contextlib
import gzip
import hashlib
import io
import json
import os
import re
import tempfile
import weakref
import zlib
from array import array
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import IO, Any, NamedTuple

import msgspec
import orjson
import zstandard

from zs_pipeline import settings
from zs_pipeline.shape import json_reading
from zs_pipeline.shape import values as read
from zs_pipeline.shape.problems import Problem
from zs_pipeline.shape.projection import path_map
from zs_pipeline.source.interface import Lacking, SourceError, Swept
from zs_pipeline.source.plain import head, identity, load, parse
from zs_pipeline.source.unread import Unread

SUFFIXES = tuple(
    f".{lines}{packed}" for lines in ("ndjson", "jsonl") for packed in ("", ".gz", ".zst")
)
_BOM = b"\xef\xbb\xbf"
_CHUNK = 1 << 20
# Compressed bytes that are unpacked at a time; those of a line of zeros become 130 MB.
_PACKED = 1 << 12
# Bytes in which the _id of a document is sought that is larger than allowed.
_SOUGHT = 1 << 16
_MAIN = -1
_BLANK = b" \t\r\n\v\f"
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[{}\[\]]', re.DOTALL)
_VALUE = re.compile(rb"\s*:\s*(?=\S)")


class _Head(msgspec.Struct):
    """The keys that a sweep needs; these decode at 1,500 MB/s, the whole document at 190."""

    id: Any = msgspec.field(name="_id", default=msgspec.UNSET)
    name: Any = None
    modified: Any = msgspec.field(name="_last_modified", default=None)
    last_modified: Any = None
    subject: Any = None
    # Parsed only where `subject` gives no id, which halves the time for all other documents.
    data_description: msgspec.Raw = msgspec.Raw(b"null")


_HEAD = msgspec.json.Decoder(_Head)
_RAWS = msgspec.json.Decoder(list[msgspec.Raw])


class _Piece(NamedTuple):
    """The bytes that should be one document, and their position.

    `cut` is True where the document is larger than allowed; `raw` is then only its beginning.
    """

    raw: bytes
    file: int
    offset: int
    number: int
    cut: bool = False


class _Places:
    """The position of each document, in 32 bytes beside its `_id`."""

    def __init__(self) -> None:
        self.row: dict[str, int] = {}
        self.nameless = 0
        self.set_aside: set[str] = set()
        self.file, self.offset = array("l"), array("Q")
        self.length, self.number = array("Q"), array("Q")

    def aside(self, problem: Problem) -> None:
        """Remember a document that was set aside: it cannot be used, but is not gone either."""
        if problem.id is None:
            self.nameless += 1
        else:
            self.set_aside.add(problem.id)

    def add(self, piece: _Piece) -> int:
        self.file.append(piece.file)
        self.offset.append(piece.offset)
        self.length.append(len(piece.raw))
        self.number.append(piece.number)
        return len(self.file) - 1


class DumpSource:
    """A dump on a local disk.

    The file stays open between sweep and fetch, so that a dump that is replaced in the meantime is
    read as it was. A compressed dump is unpacked in each sweep, into a temporary file without a
    name.

    Attributes:
        tree: The paths that are read of a document.
    """

    requests = 0

    def __init__(self, path: Path, fields: Sequence[str]) -> None:
        self.url = str(path)
        self.bytes = 0
        self._path = path
        try:
            self._largest = settings.largest_document()
        except ValueError as error:
            raise SourceError(str(error)) from None
        self.tree = path_map(fields)
        self._main: IO[bytes] | None = None
        self._files: list[Path] = []
        self._places: _Places | None = None
        self._close: Callable[[], Any] = lambda: None

    def check(self) -> None:
        """See `Source`."""
        with self._reading():
            if not self._path.is_dir():
                with self._path.open("rb") as file:
                    file.read(1)
            elif not self._json_files():
                raise SourceError(f"{self.url}: the folder holds no .json file")

    def sweep(self) -> Iterator[Swept | Problem]:
        """See `Source`; a repeated `_id` is reported once, after the last document is read.

        Among documents with the same `_id` the latest `_last_modified` counts, then the later
        position in the dump.
        """
        with self._reading():
            yield from self._sweep()

    def sweep_again(self, ids: Sequence[str]) -> Iterator[Swept | Lacking | Problem]:
        """See `Source`; a dump is not read again, but documents set aside do not count as gone."""
        places = self._read_to_its_end()
        if places.nameless:
            reason = (
                f"the dump lacks {len(ids)} documents that were there before, and of "
                f"{places.nameless} that were set aside the _id is not known; as these may be "
                "those, none was removed"
            )
            yield Problem(None, None, "_id", reason, "warning")
            return
        for document_id in ids:
            if document_id not in places.set_aside:
                yield Lacking(document_id, gone=True, reason="")

    def fetch(self, ids: Sequence[str]) -> Iterator[dict[str, Any] | Lacking]:
        """See `Source`; in the order of the dump."""
        for document in self.fetch_unread(ids):
            yield document if isinstance(document, Lacking) else document.read(self.tree)

    def fetch_unread(self, ids: Sequence[str]) -> Iterator[Unread | Lacking]:
        """See `UnreadSource`; in the order of the dump."""
        places = self._read_to_its_end()
        yield from (Lacking(key, gone=True, reason="") for key in ids if key not in places.row)
        rows = {places.row[key]: key for key in ids if key in places.row}
        for row in sorted(rows):
            with self._reading():
                raw = self._raw(places, row)
            where = self._where(places.file[row], places.number[row])
            yield Unread(rows[row], raw, f"{self.url}: {where}")

    def _read_to_its_end(self) -> _Places:
        if self._places is None:
            for _ in self.sweep():
                pass
        if self._places is None:
            raise SourceError(f"{self.url}: a sweep of the dump was not read to its end")
        return self._places

    def _sweep(self) -> Iterator[Swept | Problem]:
        self._places = None
        places = _Places()
        modified: list[str | None] = []
        subjects: list[str | None] = []
        prints = bytearray()
        # One string for each subject.
        known: dict[str | None, str | None] = {}
        duplicates: list[tuple[int, int]] = []
        self._open()
        for piece in self._pieces():
            self.bytes += len(piece.raw)
            entry = self._read(piece)
            if isinstance(entry, Problem):
                places.aside(entry)
                yield entry
                continue
            row = places.add(piece)
            modified.append(entry.modified)
            subjects.append(known.setdefault(entry.subject_id, entry.subject_id))
            prints += hashlib.sha256(piece.raw).digest()[:8]
            earlier = places.row.setdefault(entry.id, row)
            if earlier != row:
                is_later = _order(modified[row]) >= _order(modified[earlier])
                dropped, chosen = (earlier, row) if is_later else (row, earlier)
                places.row[entry.id] = chosen
                duplicates.append((dropped, chosen))
        self._places = places
        for dropped, chosen in duplicates:
            yield self._duplicate(places, dropped, chosen)
        for document_id, row in places.row.items():
            fingerprint = prints[8 * row : 8 * row + 8].hex()
            yield Swept(document_id, modified[row], fingerprint, subjects[row])

    def _read(self, piece: _Piece) -> Swept | Problem:
        where = f" ({self._where(piece.file, piece.number)})"
        if piece.cut:
            reason = (
                f"it is larger than {self._largest:,} bytes, the most that ZS_LARGEST_DOCUMENT "
                f"allows; set aside{where}"
            )
            return Problem(_sought(piece.raw), None, "", reason, "error")
        try:
            document = _headed(piece.raw)
        except ValueError as error:
            return Problem(None, None, "", f"no JSON: {error}; set aside{where}", "error")
        if not isinstance(document, dict):
            kind = type(document).__name__
            reason = f"JSON of type {kind} in place of a document; set aside{where}"
            return Problem(None, None, "", reason, "error")
        return head(document, where)

    def _duplicate(self, places: _Places, dropped: int, chosen: int) -> Problem:
        document = parse(self._raw(places, dropped))
        here = self._where(places.file[dropped], places.number[dropped])
        there = self._where(places.file[chosen], places.number[chosen])
        reason = f"the _id occurs again: {here} was set aside for {there}, not older by its time"
        entry = head(document)
        document_id = entry.id if isinstance(entry, Swept) else None
        return Problem(document_id, read.text(document.get("name")), "_id", reason, "error")

    def _open(self) -> None:
        self._files = []
        if self._path.is_dir():
            self._files = self._json_files()
            main: IO[bytes] = tempfile.TemporaryFile(buffering=_CHUNK)  # noqa: SIM115 - open until the source goes
        elif self._path.name.endswith((".gz", ".zst")):
            main = self._unpacked()
        else:
            main = self._path.open("rb", buffering=_CHUNK)
        main = _in_utf8(main, self._largest)
        self._close()
        self._close = weakref.finalize(self, main.close)
        self._main = main

    def _json_files(self) -> list[Path]:
        names = (p for p in self._path.iterdir() if p.suffix == ".json" and p.name[0] != ".")
        return sorted(p for p in names if p.is_file())

    def _unpacked(self) -> IO[bytes]:
        target = tempfile.TemporaryFile(buffering=_CHUNK)  # noqa: SIM115 - open until the source goes
        lines = _Lines(target, self._largest)
        try:
            with self._path.open("rb") as packed:
                if self._path.name.endswith(".gz"):
                    with gzip.GzipFile(fileobj=packed) as unpacked:
                        for chunk in iter(partial(unpacked.read, _CHUNK), b""):
                            lines.write(chunk)
                else:
                    _unpack_zstd(packed, lines)
        except (EOFError, zlib.error, zstandard.ZstdError, gzip.BadGzipFile) as error:
            target.close()
            raise SourceError(
                f"{self.url}: cut off or damaged ({error}); copy or export the dump again"
            ) from error
        except OSError as error:
            target.close()
            raise SourceError(
                f"{self.url}: could not be unpacked into {tempfile.gettempdir()}: {error}; "
                "TMPDIR chooses another folder"
            ) from error
        target.seek(0)
        return target

    def _pieces(self) -> Iterator[_Piece]:
        if self._path.is_dir():
            return chain.from_iterable(map(self._file, range(len(self._files))))
        return _lines(self._main_file(), self._largest)

    def _file(self, file: int) -> Iterator[_Piece]:
        path = self._files[file]
        with path.open("rb") as part:
            start = part.read(_SOUGHT)
        encoding = json_reading.encoding_of(start)
        begins = _utf8(start, encoding).removeprefix(_BOM).lstrip(_BLANK)
        is_list = begins.startswith(b"[")
        if not is_list and path.stat().st_size > self._largest:
            yield _Piece(begins, file, 0, 0, cut=True)
            return
        content = path.read_bytes()
        raw = _utf8(content, encoding).removeprefix(_BOM).strip()
        # A fetch reads a document that has a file of its own, in UTF-8, from that file.
        elements = [raw] if encoding else None
        if is_list:
            with contextlib.suppress(ValueError):
                elements = _elements(raw)
        if elements is None:
            yield _Piece(raw, file, content.find(raw), 0)
            return
        main = self._main_file()
        for number, element in enumerate(elements, 1):
            offset = main.seek(0, os.SEEK_END)
            if len(element) > self._largest:
                yield _Piece(element[:_SOUGHT], _MAIN - 1 - file, offset, number, cut=True)
                continue
            main.write(element)
            yield _Piece(element, _MAIN - 1 - file, offset, number)

    def _raw(self, places: _Places, row: int) -> bytes:
        file, offset, length = places.file[row], places.offset[row], places.length[row]
        self.bytes += length
        if file >= 0:
            with self._files[file].open("rb") as part:
                return os.pread(part.fileno(), length, offset)
        main = self._main_file()
        main.flush()
        return os.pread(main.fileno(), length, offset)

    def _main_file(self) -> IO[bytes]:
        if self._main is None:
            raise SourceError(f"{self.url}: read before it was opened")
        return self._main

    def _where(self, file: int, number: int) -> str:
        if file == _MAIN:
            return f"line {number}"
        if file >= 0:
            return f"file {self._files[file].name}"
        return f"file {self._files[_MAIN - 1 - file].name}, document {number}"

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = error.strerror or error
            raise SourceError(f"{self.url}: cannot be read: {reason}") from error


class _Lines:
    """Writes lines to a file; a line that is too long is cut off after it exceeds the limit."""

    def __init__(self, target: IO[bytes], largest: int) -> None:
        self._target = target
        self._largest = largest
        self._length = 0

    def write(self, chunk: bytes) -> None:
        if self._length > self._largest:
            end = chunk.find(b"\n")
            if end < 0:
                return
            chunk = chunk[end:]
        self._target.write(chunk)
        last = chunk.rfind(b"\n")
        self._length = self._length + len(chunk) if last < 0 else len(chunk) - last - 1


def _lines(file: IO[bytes], largest: int) -> Iterator[_Piece]:
    """Yields the lines that are not blank, in memory independent of their number and length."""
    if not isinstance(file, io.BufferedReader | io.BufferedRandom):
        return
    file.seek(0)
    number, offset = 1, 0
    while line := file.readline(largest + 1):
        length = len(line)
        start = len(_BOM) if offset == 0 and line.startswith(_BOM) else 0
        cut = length > largest and not line.endswith(b"\n")
        if cut:
            line = line[:_SOUGHT]
            while (more := file.readline(_CHUNK)) and not more.endswith(b"\n"):
                length += len(more)
            length += len(more)
        raw = line[start:].strip()
        if raw or cut:
            yield _Piece(raw, _MAIN, offset + line.find(raw, start), number, cut)
        offset += length
        number += 1
        if not raw:
            # There may be millions of empty lines: skip them a buffer at a time.
            ahead = file.peek()
            # Testing whether a buffer is blank takes a tenth of the time of stripping the buffer.
            blank = len(ahead) - len(ahead.translate(None, _BLANK) and ahead.lstrip(_BLANK))
            number += file.read(blank).count(b"\n")
            offset += blank


def _sought(start: bytes) -> str | None:
    """Returns the `_id` in the beginning of a document; None where there is none."""
    depth = 0
    for token in _TOKEN.finditer(start):
        if token[0] in (b"{", b"["):
            depth += 1
        elif token[0] in (b"}", b"]"):
            depth -= 1
        elif depth == 1 and token[0] == b'"_id"' and (value := _VALUE.match(start, token.end())):
            try:
                text = start[value.end() :].decode(errors="replace")
                return identity(json.JSONDecoder().raw_decode(text)[0])
            except (ValueError, RecursionError):
                return None
    return None


def _utf8(content: bytes, encoding: str | None) -> bytes:
    return content.decode(encoding, "replace").encode() if encoding else content


def _in_utf8(file: IO[bytes], largest: int) -> IO[bytes]:
    """Returns a file in UTF-8: the file, or a copy without a name of one in another encoding."""
    file.seek(0)
    encoding = json_reading.encoding_of(file.read(json_reading.HEAD))
    file.seek(0)
    if encoding is None:
        return file
    target = tempfile.TemporaryFile(buffering=_CHUNK)  # noqa: SIM115 - open until the source goes
    lines = _Lines(target, largest)
    # Damaged text becomes a document that is set aside.
    with io.TextIOWrapper(file, encoding, "replace", newline="") as text:
        while chunk := text.read(_CHUNK):
            lines.write(chunk.encode())
    return target


def _headed(raw: bytes) -> Any:
    # msgspec does not decode skipped values, so invalid UTF-8 there would only fail in a fetch.
    raw.decode()
    try:
        keys = _HEAD.decode(raw)
        document = {
            "name": keys.name,
            "_last_modified": keys.modified,
            "last_modified": keys.last_modified,
            "subject": keys.subject,
        }
        if read.subject_of(document) is None:
            document["data_description"] = msgspec.json.decode(keys.data_description)
    except (msgspec.MsgspecError, RecursionError):
        # No JSON, no object, or text that orjson or json read: NaN, lone surrogates.
        return parse(raw)
    if keys.id is not msgspec.UNSET:
        document["_id"] = keys.id
    subjects = (read.part(document, path) for path in read.SUBJECT_PLACES)
    if any(isinstance(value, float) for value in (keys.id, *subjects)):
        return load(raw)[0]
    return document


def _elements(raw: bytes) -> list[bytes]:
    """Returns the elements of a JSON list, with their original bytes where msgspec reads them."""
    try:
        return [bytes(element) for element in _RAWS.decode(raw)]
    except (msgspec.MsgspecError, RecursionError):
        return [orjson.dumps(element) for element in parse(raw)]


def _order(modified: str | None) -> tuple[float, str]:
    moment = read.time(modified)
    return (float("-inf") if moment is None else moment, modified or "")


def _unpack_zstd(packed: IO[bytes], target: _Lines) -> None:
    # zstandard's stream reader ends without an error where a file is cut off.
    context = zstandard.ZstdDecompressor()
    frame = None
    while chunk := packed.read(_PACKED):
        while chunk:
            frame = frame or context.decompressobj()
            target.write(frame.decompress(chunk))
            chunk = frame.unused_data if frame.eof else b""
            frame = None if frame.eof else frame
    if frame is not None:
        raise EOFError("the last frame has no end")
