"""Puts the catalogue, a page for browsers, into the version folder with each publication.

The page is made of `catalogue/` by `make catalogue` and comes with the package. It has no address
of a store in it and reads what lies beside its folder, so it is the same for every store. The
registry has the digest of what was put, so that a night without a change neither writes nor asks.
"""

import hashlib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from zs_client.contract import Layout
from zs_client.store import Store

# The page comes last: whoever sees it finds what it loads.
NAMES = ("licenses.txt", "parquet.js", "app.js", "style.css", "index.html")


def page() -> dict[str, bytes]:
    """Returns the files of the page, by name, in the order in which they are put."""
    folder = files("zs_pipeline") / "catalogue_page"
    return {name: (folder / name).read_bytes() for name in NAMES}


def publish(store: Store, layout: Layout, former: Mapping[str, Any]) -> dict[str, str]:
    """Put the page where another one lies, or none.

    Args:
        store: The store.
        layout: The layout of the version.
        former: The last registry.

    Returns:
        What the registry says of the page: `location` and `sha256`, a digest of its files.
    """
    contents = page()
    digest = hashlib.sha256()
    for name, body in contents.items():
        digest.update(f"{name} {hashlib.sha256(body).hexdigest()}\n".encode())
    entry = {
        "location": f"{store.url}/{layout.catalogue_page}",
        "sha256": digest.hexdigest(),
    }
    there = former.get("catalogue")
    if not isinstance(there, dict) or there.get("sha256") != entry["sha256"]:
        for name, body in contents.items():
            store.put_packed(f"{layout.catalogue}/{name}", body)
    return entry
