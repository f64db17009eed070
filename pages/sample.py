"""Makes `zs_client/sample.zip`, the sample's tables that come with the client.

`make sample` builds the sample, with the tables that only readers of the successor ask for, and
writes the file: the tables at their fixed paths, their facts and the registry, no snapshots and no
documents. Equal tables give equal bytes: entries are sorted,
and times are those of `BUILT`.
"""

import json
import os
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from zs_client.contract import ROOT, Layout, __version__
from zs_client.sample import FILE, SAMPLE
from zs_pipeline import build
from zs_pipeline.settings import source_url_of_sample

# The time of each table. A night's own would change the file with every build.
BUILT = "2026-01-01T00:00:00Z"
# The version of the second layout, of which nothing is packed.
SUCCESSOR = "0.99"
_TIMES = ("built_at", "checked_at", "published_at")
# Of the snapshot nothing is packed; an age says nothing of a sample.
_ABSENT = ("snapshot", "expected_every_hours")
# Views name the folder of the build, and DuckDB opens no file in a zip.
_NOT_PACKED = "duckdb"


def contents(store: Path) -> dict[str, bytes]:
    """Returns what is packed of a built store, by key, in order."""
    folder = store / Layout(__version__).table("x")
    paths = [path for path in folder.parent.rglob("*") if path.is_file()]
    files = {path.relative_to(store).as_posix(): path for path in paths}
    fixed = {
        key: path
        for key, path in files.items()
        if not any(part.startswith("_") and "=" not in part for part in key.split("/")[2:])
    }
    return {
        key: _packed(path, store) if key.endswith(".json") else path.read_bytes()
        for key, path in sorted(fixed.items())
        if key.endswith((".json", ".pqt"))
    }


def _packed(path: Path, store: Path) -> bytes:
    """Returns a JSON file without the build's folder and times."""
    text = path.read_text(encoding="utf-8").replace(json.dumps(str(store))[1:-1], SAMPLE)
    return json.dumps(_timeless(json.loads(text)), indent=1, ensure_ascii=False).encode()


def _timeless(value: Any) -> Any:
    if isinstance(value, list):
        return [_timeless(item) for item in value]
    if not isinstance(value, dict):
        return value
    fixed: dict[str, Any] = {k: _timeless(item) for k, item in value.items() if k != _NOT_PACKED}
    fixed |= {key: BUILT for key in _TIMES if fixed.get(key)}
    return fixed | {key: None for key in _ABSENT if key in fixed}


def write(store: Path, file: Path = FILE) -> None:
    """Pack a built store into a file."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for key, body in contents(store).items():
            entry = zipfile.ZipInfo(key, (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, body)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder).resolve()
        os.environ["ZS_BDC_VERSION"] = SUCCESSOR
        if build.main(source=source_url_of_sample(), store=str(root)):
            raise SystemExit("the sample was not built whole")
        write(root)
        print(f"{FILE.name}: {FILE.stat().st_size:,} bytes, {ROOT}")  # noqa: T201
