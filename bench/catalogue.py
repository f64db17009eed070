"""What the catalogue costs in a browser: seconds, requests and bytes of its pages, from S3.

`make bench` measures it on the store that it built; `python -m bench.catalogue --store FOLDER` on
any. Each page is opened in an empty browser, from the stand-in of S3, which waits before each
answer; the page itself is that of the package, packed as a publication puts it.
"""

import argparse
import gzip
import os
import shutil
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import quote

from bench import corpus, server
from zs_client.content_types import content_type
from zs_client.contract import Layout, __version__

BUCKET = "cache"
LAYOUT = Layout(__version__)
# What a page may cost, in bytes over the network, and a first view in seconds.
FIRST_VIEW, DATA_ASSET, FIRST_SECONDS = 300_000, 2_000_000, 1.0
DRAWN = """() => new Promise((done) => {
  const look = () => document.title === "Catalogue" || document.querySelector("[aria-busy]")
    ? setTimeout(look, 5) : done();
  look();
})"""


@dataclass
class View:
    """What a page cost.

    Attributes:
        page: What it shows.
        seconds: Until nothing of it is being loaded, from an empty browser.
        requests: How many were sent.
        bytes: Of the answers, as they came over the network.
    """

    page: str
    seconds: float
    requests: int
    bytes: int


def installed() -> str:
    """Returns the program Chromium; nothing where it or what drives it is not there."""
    try:
        import playwright.sync_api  # noqa: F401 - whether it is there
    except ImportError:
        return ""
    return shutil.which("chromium") or shutil.which("chromium-browser") or ""


def measured(store: Path, latency: float, repeat: int = 3) -> list[dict[str, Any]]:
    """Returns what the pages of a store in a folder cost from the stand-in of S3.

    Args:
        store: The folder; it stays as it is.
        latency: Seconds that the stand-in waits before each answer.
        repeat: The median of so many.
    """
    with tempfile.TemporaryDirectory(dir=store.parent, prefix="buckets-") as made:
        shutil.copytree(store, Path(made) / BUCKET, copy_function=os.link)
        words = ("--files", made, "--latency", str(latency))
        with server.started("bench.s3", *words) as address, _chromium() as browser:
            root = f"{address}/{BUCKET}"
            _put_page(root)
            routes = _routes(browser, root)
            return [asdict(_view(browser, root, name, routes[name], repeat)) for name in routes]


def _put_page(root: str) -> None:
    from zs_pipeline.publishing.catalogue_page import page

    for name, body in page().items():
        headers = {"Content-Type": content_type(name), "Content-Encoding": "gzip"}
        url = f"{root}/{LAYOUT.catalogue}/{name}"
        packed = gzip.compress(body, mtime=0)
        request = urllib.request.Request(url, packed, headers, method="PUT")  # noqa: S310 - ours
        _OPENER.open(request, timeout=60).close()


# No proxy: the variables of whoever measures may name one.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@contextmanager
def _chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=installed(), args=["--no-sandbox"])
        yield browser
        browser.close()


def _routes(browser: Any, root: str) -> dict[str, str]:
    """Returns the pages by what they show; of the largest subject, and a data asset of it."""
    page = browser.new_page()
    subject = f"subject/{corpus.BIG_SUBJECT}"
    _go(page, root, subject)
    links = page.locator("main td a").all_text_contents()
    page.close()
    derived = [name for name in links if "_processed_" in name]
    name = (derived or links or ["none"])[-1]
    return {
        "tables": "",
        "asset_basics": "table/asset_basics",
        "asset_basics, a condition and an order": "table/asset_basics?where=age,ge,100&sort=-age",
        "all rows of quality_control": "table/quality_control",
        "one partition of it": f"table/quality_control?partition={corpus.BIG_SUBJECT}",
        "a data asset": f"data-asset/{quote(name, safe='')}",
        "the largest subject": subject,
        "snapshots": "snapshots",
    }


def _go(page: Any, root: str, route: str) -> None:
    page.goto(f"{root}/{LAYOUT.catalogue_page}#/{route}")
    page.evaluate(DRAWN)


def _view(browser: Any, root: str, name: str, route: str, repeat: int) -> View:
    seconds, requests, transferred = [], 0, 0
    for _ in range(repeat):
        context = browser.new_context()
        page = context.new_page()
        lengths: list[float] = []
        network = context.new_cdp_session(page)
        network.send("Network.enable")
        network.on(
            "Network.loadingFinished", lambda it, to=lengths: to.append(it["encodedDataLength"])
        )
        began = time.perf_counter()
        _go(page, root, route)
        seconds.append(time.perf_counter() - began)
        requests, transferred = len(lengths), int(sum(lengths))
        context.close()
    return View(name, median(seconds), requests, transferred)


def missed(views: Sequence[dict[str, Any]]) -> list[str]:
    """Returns which budgets were missed: of the first view, and of a data asset's page."""
    by_page = {view["page"]: view for view in views}
    first, one = by_page["tables"], by_page["a data asset"]
    budgets = (
        ("the first view took {:.2f} s, over {:g}", first["seconds"], FIRST_SECONDS),
        ("the first view had {:,} bytes, over {:,}", first["bytes"], FIRST_VIEW),
        ("a data asset had {:,} bytes, over {:,}", one["bytes"], DATA_ASSET),
    )
    return [text.format(cost, most) for text, cost, most in budgets if cost > most]


def lines(views: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Returns the rows of a table of pages, below its head."""
    return [
        [
            view["page"],
            f"{view['requests']}",
            f"{view['bytes'] / 1e3:,.0f}",
            f"{view['seconds']:.2f}",
        ]
        for view in views
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Print what the catalogue's pages cost of a store that is built; returns 1 over a budget."""
    parser = argparse.ArgumentParser(prog="python -m bench.catalogue", description=main.__doc__)
    parser.add_argument("--store", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--s3-ms", type=float, default=20, metavar="MS", help="latency")
    parser.add_argument("--repeat", type=int, default=3, metavar="N", help="the median of N")
    given = parser.parse_args(argv)
    if not installed():
        print("bench: there is no Chromium here, or no Playwright", file=sys.stderr)
        return 1
    views = measured(given.store.resolve(), given.s3_ms / 1000, given.repeat)
    for line in lines(views):
        print("  ".join([line[0].ljust(40), *(cell.rjust(7) for cell in line[1:])]))
    for text in missed(views):
        print(f"bench: {text}", file=sys.stderr)
    return int(bool(missed(views)))


if __name__ == "__main__":
    sys.exit(main())
