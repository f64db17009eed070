"""The catalogue in Debian's Chromium, driven by Playwright, which downloads no browser.

One browser for a module of tests. Whatever a page says to its console and whatever it asks of
another host fails the test. Nothing here is a test. PYTEST_DONT_REWRITE, or pytest warns where a
module both imports this one and names it as a plugin.
"""

import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from client_store import LAYOUT

from zs_client.catalogue_server import server
from zs_client.contract import Layout
from zs_client.store import Store

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "catalogue"
# What a machine without a registry of npm says.
OFFLINE = ("ENOTFOUND", "ECONNREFUSED", "ETIMEDOUT", "EAI_AGAIN")
WAIT = 60_000
_DRAWN = """() => new Promise((done) => {
  const loads = () => document.title === "Catalogue" || document.querySelector("[aria-busy]")
    || document.querySelector("main").innerText.includes("Loading…");
  const look = () => loads() ? setTimeout(look, 10) : done();
  look();
})"""


@contextmanager
def serving(store: Store, layout: Layout = LAYOUT) -> Iterator[str]:
    """Serve a version folder; gives the address of the server."""
    with server(store, layout) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_port}"
        finally:
            http.shutdown()
            thread.join()


@pytest.fixture(scope="session")
def node() -> str:
    """The program Node."""
    found = shutil.which("node")
    if not found:
        pytest.skip("Node is not on this machine")
    return found


@pytest.fixture(scope="session")
def node_modules(node, tmp_path_factory) -> Path:
    """What the lock of `catalogue/` pins: esbuild, hyparquet, and axe for the tests."""
    there = SOURCE / "node_modules"
    if (there / "axe-core").is_dir():
        return there
    npm = shutil.which("npm")
    if not npm:
        pytest.skip("npm is not on this machine")
    folder = tmp_path_factory.mktemp("npm")
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(SOURCE / name, folder)
    done = subprocess.run(
        [npm, "ci", "--ignore-scripts"], cwd=folder, capture_output=True, text=True, check=False
    )
    if any(word in done.stderr for word in OFFLINE):
        pytest.skip("no registry of npm can be reached")
    assert done.returncode == 0, done.stderr
    return folder / "node_modules"


class Browser:
    """A tab of Chromium, and the address of the store that it shows."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.address = ""
        self.said: list[str] = []
        self.asked: list[str] = []
        # No night was built in the stores of most tests.
        self.may_lack: tuple[str, ...] = ("/_night.json",)
        page.set_default_timeout(WAIT)
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("dialog", lambda dialog: self.said.append(dialog.message))
        page.on("request", lambda request: self.asked.append(request.url))

    def _hear(self, message: Any) -> None:
        # A browser says so itself of what is not there, and a page cannot ask otherwise.
        is_lack = message.text.startswith("Failed to load resource") and " 40" in message.text
        if not (is_lack and message.location["url"].endswith(self.may_lack)):
            self.said.append(f"{message.text} {message.location['url']}")

    def shows(self, route: str = "") -> str:
        """Returns the text of a page once it is drawn."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.address}/{LAYOUT.catalogue_page}#/{route}")
        return self.text()

    def text(self) -> str:
        """Returns the text of the content once nothing of it is being loaded."""
        # Playwright's own way to wait evaluates text, which the page's policy forbids.
        self.page.evaluate(_DRAWN)
        return " ".join(self.page.inner_text("main").split())

    def lines(self) -> dict[str, str]:
        """Returns the lines to copy, by language, whichever is in view."""
        blocks = self.page.query_selector_all("pre[aria-label]")
        return {
            block.get_attribute("aria-label").removeprefix("Lines for "): block.text_content()
            for block in blocks
        }

    def check(self) -> None:
        """Fail for what was said to the console, and for what was asked of another host."""
        assert not self.said
        others = [url for url in self.asked if not url.startswith(("about:", "data:"))]
        assert all(url.startswith(f"{self.address}/") for url in others)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Chromium without pages."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if not program:
        pytest.skip("Chromium is not on this machine")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        # Names of hosts lead nowhere.
        rules = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
        browser = started.chromium.launch(executable_path=program, args=["--no-sandbox", rules])
        yield browser
        browser.close()


@pytest.fixture
def opened(chromium) -> Iterator[Any]:
    """Returns a function that opens a tab on a store; what is wrong with it is said at the end."""
    contexts, tabs, places = [], [], []

    def open_on(store: Store | str, **how: Any) -> Browser:
        context = chromium.new_context(**{"bypass_csp": False, **how})
        contexts.append(context)
        tab = Browser(context.new_page())
        if isinstance(store, str):
            tab.address = store
        else:
            place = serving(store)
            tab.address = place.__enter__()
            places.append(place)
        tabs.append(tab)
        return tab

    yield open_on
    for tab in tabs:
        tab.check()
    for context in contexts:
        context.close()
    for place in places:
        place.__exit__(None, None, None)
