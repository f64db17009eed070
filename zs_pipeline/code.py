"""Names for the code that makes values; values are made anew when its name changes."""

import hashlib
import inspect
import sys
from collections.abc import Callable, Iterable
from types import ModuleType

from zs_client import kinds
from zs_pipeline import (
    ages,
    arrow,
    implants,
    instruments,
    light_sheet,
    lineage,
    people,
    photometry,
    quality,
    tags,
    zones,
)
from zs_pipeline.catalogue import Reads
from zs_pipeline.declaration import Acorn, ByDocument, ByLineage, FromFrame, FromSideFiles
from zs_pipeline.documents import shards
from zs_pipeline.shape import findings, problems
from zs_pipeline.shape import values as fields
from zs_pipeline.side_files import pickled_calls, pickled_frame

_OF_DOCUMENTS = (
    *(fields, ages, findings, implants, instruments, light_sheet, people, photometry, quality),
    *(tags, zones),
)
_SHARED = (*_OF_DOCUMENTS, arrow, kinds.arrow_types, shards)
_OF_FRAMES = (pickled_frame, pickled_calls)
_FROM_FILES = (*_OF_FRAMES, lineage)
_OF_FINDINGS = (*_OF_DOCUMENTS, problems)


def of_table(acorn: Acorn) -> str:
    """Returns a name for the code of a table: its own file, and the modules its values pass."""
    kind = acorn.kind
    more: tuple[ModuleType | Callable[..., object], ...]
    more = _FROM_FILES if isinstance(kind, FromSideFiles | FromFrame) else ()
    if isinstance(kind, ByDocument) and kind.frame:
        more = (*_OF_FRAMES, _module(kind.frame.texts))
    if isinstance(kind, ByLineage):
        more = (lineage, _module(kind.places), _module(kind.merge))
    return _digest([*_own(kind.rows), *_SHARED, *more])[:12]


def _own(rows: Callable[..., object]) -> list[ModuleType]:
    """Returns the file of a table, and those of the tables whose functions it calls."""
    own = _module(rows)
    package = own.__name__.rpartition(".")[0]
    called = {f.__module__ for f in vars(own).values() if inspect.isfunction(f)} - {own.__name__}
    others = (name for name in sorted(called) if name.rpartition(".")[0] == package != "")
    return [own, *(sys.modules[name] for name in others)]


def of_findings(reads: Reads) -> str:
    """Returns a name for the code of findings in documents: the reads, and the tables' modules."""
    modules = dict.fromkeys((*map(_module, reads.findings), *_OF_FINDINGS))
    return _digest(modules, reads.digest)[:16]


def _module(function: Callable[..., object]) -> ModuleType:
    module = inspect.getmodule(function)
    if module is None:
        raise ValueError(f"{function} stands in no module")
    return module


def _digest(code: Iterable[ModuleType | Callable[..., object]], *more: str) -> str:
    texts = (*map(inspect.getsource, code), *more)
    return hashlib.sha256("".join(texts).encode()).hexdigest()
