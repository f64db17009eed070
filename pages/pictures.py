"""Makes the pictures of `docs/` that show the catalogue and Dagster's UI. `make pictures`.

Both are looked at in Chromium, on the sample: built twice, once with a part of its documents, so
that there are two snapshots, into a stand-in of S3. What is compared is not the pictures' bytes,
since they have the times of the build in them; whoever makes them looks at them.
"""

import io
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from bench import server
from bench.catalogue import DRAWN, installed
from bench.measure import environment
from zs_client.contract import Layout, __version__
from zs_pipeline.settings import sample

CHECKOUT = Path(__file__).parents[1]
DOCS = CHECKOUT / "docs"
BUCKET = "allen-data-views"
LAYOUT = Layout(__version__)
# A picture with so many colors has a third of the bytes of one with all of them.
COLORS = 255
# Seconds until Dagster's UI has drawn what it was told.
SETTLE = 3
MOST_BYTES = 150_000
WIDE, NARROW = (1100, 900), (400, 900)
DERIVED = "901001_2024-09-03_17-12-31_processed_2024-09-04_12-44-45"
# What the last night could not bring up to date, as the list of tables shows it.
STALE = {
    "source_data": "failed in the night's first run: OSError: s3://allen-data-views: no space left"
}


def main() -> int:
    """Write the pictures; returns 1 without a browser."""
    if not installed():
        print("pages.pictures: there is no Chromium here, or no Playwright", file=sys.stderr)
        return 1
    from playwright.sync_api import sync_playwright

    with (
        tempfile.TemporaryDirectory(prefix="pictures-", ignore_cleanup_errors=True) as made,
        server.started("bench.s3", "--bucket", BUCKET) as address,
        server.started("bench.s3", "--bucket", BUCKET) as other,
        sync_playwright() as started,
    ):
        browser = started.chromium.launch(executable_path=installed(), args=["--no-sandbox"])
        variables = _variables(Path(made) / "twice", address)
        snapshots = [_build(variables, less) for less in (9, 0)]
        _mark_stale(variables)
        _of_catalogue(browser, f"{address}/{BUCKET}", snapshots)
        # Of one build: a check of the second one says that tables grew by a fifth.
        variables = _variables(Path(made) / "once", other)
        _build(variables, 0)
        with _dagster(variables) as url:
            _of_dagster(browser, url)
        browser.close()
    return 0


# ---- What is looked at -------------------------------------------------------------------------


def _variables(home: Path, address: str) -> dict[str, str]:
    home.mkdir()
    shutil.copyfile(CHECKOUT / "dagster.yaml", home / "dagster.yaml")
    return environment(
        home,
        AWS_ENDPOINT_URL=address,
        AWS_ACCESS_KEY_ID="made",
        AWS_SECRET_ACCESS_KEY="up",  # noqa: S106 - of the stand-in
        AWS_DEFAULT_REGION="us-west-2",
        ZS_STORE=f"s3://{BUCKET}",
    )


def _build(variables: Mapping[str, str], less: int) -> str:
    """Build the sample with so many documents less; returns the snapshot's id."""
    lines = (sample() / "documents.ndjson").read_text(encoding="utf-8").splitlines()
    part = Path(variables["DAGSTER_HOME"]) / "documents.ndjson"
    part.write_text("\n".join([*lines[: len(lines) - less], ""]), encoding="utf-8")
    words = ["build", "--source", str(part), "--files", str(sample() / "files")]
    _run(["-m", "zs_client.cli", *words], variables)
    program = "import zs_client; print(zs_client.snapshots()[0].id)"
    return _run(["-c", program], variables).split()[-1]


def _mark_stale(variables: Mapping[str, str]) -> None:
    program = f"""
from zs_client.contract import Layout
from zs_client.opening import open_store
from zs_pipeline.acorns import ACORNS, CATALOGUE
from zs_pipeline.publishing import facts_file, squirrel
store, layout = open_store("s3://{BUCKET}"), Layout("{__version__}")
for name, reason in {STALE!r}.items():
    facts_file.mark_stale(store, layout, CATALOGUE.by_name[name], reason)
squirrel.publish(store, layout, ACORNS)
"""
    _run(["-c", program], variables)


def _run(words: list[str], variables: Mapping[str, str]) -> str:
    done = subprocess.run(  # noqa: S603 - our own programs
        [sys.executable, *words],
        cwd=CHECKOUT,
        env=dict(variables),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


@contextmanager
def _dagster(variables: Mapping[str, str]) -> Iterator[str]:
    """Start Dagster's UI and daemon on what was built; gives the address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["-m", "dagster", "dev", "-p", str(port), "-w", "workspace.yaml"]
    with (Path(variables["DAGSTER_HOME"]) / "log").open("w") as log:
        process = subprocess.Popen(  # noqa: S603 - Dagster's
            [sys.executable, *words],
            cwd=CHECKOUT,
            env=dict(variables),
            start_new_session=True,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        for _ in range(180):
            with suppress(OSError):
                opener.open(f"{url}/server_info", timeout=5).close()
                break
            time.sleep(0.5)
        yield url
    finally:
        os.killpg(process.pid, 15)
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.wait()


# ---- Pictures ----------------------------------------------------------------------------------


def _of_catalogue(browser: Any, root: str, snapshots: list[str]) -> None:
    before, after = snapshots
    wide = {
        "tables": ("", "light"),
        "table": ("table/asset_basics?where=modalities,has,behavior&sort=-age", "light"),
        "subject": ("subject/901001", "light"),
        "data-asset": (f"data-asset/{DERIVED}", "dark"),
        "diff": (f"snapshots/{before}/{after}", "dark"),
    }
    narrow = [("", "light"), ("subject/901001", "dark"), ("table/quality_control", "light")]
    for name, (route, scheme) in wide.items():
        _write(f"catalogue-{name}.png", [_shot(browser, root, route, scheme, WIDE)])
    shots = [_shot(browser, root, route, scheme, NARROW) for route, scheme in narrow]
    _write("catalogue-narrow.png", shots)


def _shot(browser: Any, root: str, route: str, scheme: str, size: tuple[int, int]) -> bytes:
    width, height = size
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    page.goto(f"{root}/{LAYOUT.catalogue_page}#/{route}")
    page.evaluate(DRAWN)
    if route.startswith("snapshots/"):
        page.locator("details").first.locator("summary").click()
    body: bytes = page.screenshot()
    page.close()
    return body


def _of_dagster(browser: Any, url: str) -> None:
    _write("graph.png", [_graph(browser, url)], width=700)
    views = {
        "dagster-table.png": ("assets/asset_basics?view=overview", (1300, 1000)),
        "dagster-checks.png": ("assets/asset_basics?view=checks", (1300, 700)),
        "dagster-runs.png": ("runs", (1300, 620)),
    }
    for name, (route, (width, height)) in views.items():
        page = browser.new_page(viewport={"width": width, "height": height}, color_scheme="light")
        _settle(page, f"{url}/{route}")
        if name == "dagster-checks.png":
            page.get_by_text("names_once").first.click()
            time.sleep(SETTLE)
        _write(name, [page.screenshot()])
        page.close()


def _settle(page: Any, url: str) -> None:
    """Open a page of Dagster's UI, which draws after its last answer has come."""
    page.goto(url)
    page.wait_for_load_state("networkidle")
    time.sleep(SETTLE)


def _graph(browser: Any, url: str) -> bytes:
    """Returns the graph alone, with its groups open; the UI fits it in where it is opened again."""
    page = browser.new_page(viewport={"width": 1700, "height": 5200}, color_scheme="light")
    _settle(page, f"{url}/asset-groups")
    page.mouse.click(1000, 4900)
    page.keyboard.press("Alt+e")
    time.sleep(SETTLE)
    _settle(page, page.url)
    # Dots in the background are half of the picture's bytes.
    page.add_style_tag(content="* { background-image: none !important }")
    boxes = page.evaluate(
        "[...document.querySelectorAll('foreignObject')].map((one) => one.getBoundingClientRect())"
        ".filter((box) => box.width > 0).map((box) => [box.left, box.top, box.right, box.bottom])"
    )
    left, top = (min(box[at] for box in boxes) - 12 for at in (0, 1))
    right, bottom = (max(box[at] for box in boxes) + 12 for at in (2, 3))
    clip = {"x": left, "y": top, "width": right - left, "height": bottom - top}
    body: bytes = page.screenshot(clip=clip)
    page.close()
    return body


def _write(name: str, shots: list[bytes], width: int = 0) -> None:
    """Write shots beside each other as one picture of few colors, made narrower if it is wider."""
    from PIL import Image

    pictures = [Image.open(io.BytesIO(shot)).convert("RGB") for shot in shots]
    gap = 16
    total = sum(picture.width for picture in pictures) + gap * (len(pictures) - 1)
    whole = Image.new("RGB", (total, max(picture.height for picture in pictures)), "#888888")
    left = 0
    for picture in pictures:
        whole.paste(picture, (left, 0))
        left += picture.width + gap
    if width and whole.width > width:
        height = round(whole.height * width / whole.width)
        whole = whole.resize((width, height), Image.Resampling.LANCZOS)
    path = DOCS / name
    # Without another look the few pixels of a red mark take the color of many gray ones.
    colors = 24 if width else COLORS
    whole.quantize(colors, kmeans=2, dither=Image.Dither.NONE).save(path, optimize=True)
    size = path.stat().st_size
    print(f"{path.relative_to(CHECKOUT)}: {whole.width} x {whole.height}, {size:,} bytes")
    if size > MOST_BYTES:
        raise ValueError(f"{path.name} has {size:,} bytes, over {MOST_BYTES:,}")


if __name__ == "__main__":
    sys.exit(main())
