"""Media types of what lies in a store, by the ends of keys."""

from pathlib import Path

_TYPES = {
    ".pqt": "application/vnd.apache.parquet",
    ".json": "application/json",
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
}


def content_type(key: str) -> str:
    """Returns the media type of a key, by its end."""
    return _TYPES.get(Path(key).suffix, "application/octet-stream")
