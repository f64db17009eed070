"""The site: it builds strictly and offline, its made pages are whole.

That what it shows runs is in `test_client_recipes`.
"""

import html
import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from test_readme import PAGES, commands

import zs_client
from pages import site
from zs_client import arguments, plots
from zs_pipeline.acorns import ACORNS

ROOT = Path(__file__).parents[1]
BY_HAND = [page for page in PAGES if page.parent == ROOT / "docs"]
MOVING = (ROOT / "docs/moving.md").read_text(encoding="utf-8")
# What `from zombie_squirrel import …` offers in 0.28.6.
BEFORE = [
    "asset_basics",
    "foraging_sessions",
    "assets_smartspim",
    "behavior_curriculum",
    "platform_fib",
    "platform_qc",
    "custom",
    "metadata_upgrade",
    "qc",
    "qc_columns",
    "raw_to_derived",
    "source_data",
    "unique_project_names",
    "unique_genotypes",
    "unique_subject_ids",
    "get_squirrel_info",
]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT)},
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    return folder


def test_the_site_has_a_page_for_all_that_it_promises(built):
    wanted = [page.with_suffix(".html").name for page in BY_HAND]
    wanted += [name.replace(".md", ".html") for name in site.pages()]
    wanted += [f"decisions/{page.stem}.html" for page in PAGES if page.parent.name == "decisions"]
    assert [name for name in wanted if not (built / name).is_file()] == []


def test_the_site_loads_nothing_from_elsewhere(built):
    pages = list(built.rglob("*.html"))
    assert len(pages) > len(ACORNS) + len(BY_HAND)
    loads = re.compile(r'(?:\bsrc|<link[^>]*\bhref)="?((?:https?:)?//[^">\s]+)')
    styles = re.compile(r"url\(\s*[\"']?((?:https?:)?//[^)]+)\)|@import")
    for page in pages:
        assert loads.findall(page.read_text(encoding="utf-8")) == [], page
    for sheet in built.rglob("*.css"):
        assert styles.findall(sheet.read_text(encoding="utf-8")) == [], sheet


# In each page: code blocks that go on beyond their edge, and words outside of them that are broken.
MEASURE = r"""
addEventListener("load", () => {
  const faults = [];
  for (const code of document.querySelectorAll("pre > code"))
    if (code.scrollWidth > code.clientWidth + 1) faults.push(`cut: ${code.textContent}`);
  const article = document.querySelector("article");
  const texts = document.createTreeWalker(article, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const node = texts.currentNode;
    if (node.parentElement.closest("pre")) continue;
    for (const word of node.data.matchAll(/\w+/g)) {
      const range = document.createRange();
      range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      const parts = [...range.getClientRects()].filter((part) => part.width > 0);
      const lines = new Set(parts.map((part) => Math.round(part.top)));
      if (lines.size > 1) faults.push(`broken: ${word[0]}`);
    }
  }
  if (document.documentElement.scrollWidth > innerWidth) faults.push("wider than the screen");
  parent.postMessage([location.pathname, innerWidth, faults], "*");
});
"""
# Chromium's own windows are not as narrow.
FRAMES = """<body><script>
const seen = [];
addEventListener("message", ({{ data }}) => {{
  seen.push(data);
  document.title = JSON.stringify(seen);
}});
for (const page of {pages})
  for (const width of [400, 1200]) {{
    const frame = document.createElement("iframe");
    Object.assign(frame, {{ src: page, width, height: 900 }});
    document.body.append(frame);
  }}
</script>"""


def test_a_long_path_may_go_on_after_a_mark_and_a_block_stays():
    page = "<p title='https://one.two/three'><code>a.pqt</code> one/two_three.four[].five</p>"
    broken = page.replace("one/two_three.four[].five", "one/<wbr>two_three.<wbr>four[].<wbr>five")
    assert site.on_page_content(page) == broken
    for block in ("<pre><span></span><code>one/two.three/four.five\n</code></pre>",
                  "<pre><code>one/two.three/four.five\n</code></pre>"):  # fmt: skip
        assert site.on_page_content(block) == block


@pytest.mark.skipif(not shutil.which("chromium"), reason="there is no chromium")
def test_no_code_is_cut_off_and_no_name_is_broken_on_a_telephone_and_a_screen(built, tmp_path):
    folder = tmp_path / "site"
    shutil.copytree(built, folder)
    pages = [page for page in folder.rglob("*.html") if page.parent.name != "decisions"]
    pages = [page for page in pages if page.stem != "404"]
    for page in pages:
        text = page.read_text(encoding="utf-8")
        page.write_text(text.replace("</head>", f"<script>{MEASURE}</script></head>"))
    frames = tmp_path / "frames.html"
    frames.write_text(FRAMES.format(pages=json.dumps([page.as_uri() for page in pages])))
    done = subprocess.run(
        [
            *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"),
            *("--virtual-time-budget=60000", f"--user-data-dir={tmp_path / 'profile'}"),
            frames.as_uri(),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=150,
    )
    title = re.search(r"<title>(.*?)</title>", done.stdout, re.DOTALL)
    assert title, done.stderr[-500:]
    seen = json.loads(html.unescape(title[1]))
    assert {(path, width) for path, width, _ in seen} == {
        (page.as_uri().removeprefix("file://"), width) for page in pages for width in (400, 1200)
    }
    assert [found for found in seen if found[2]] == []


@pytest.mark.parametrize("acorn", ACORNS, ids=lambda acorn: acorn.name)
def test_the_page_of_a_table_tells_all_of_it(acorn):
    page = site.table_page(acorn)
    split = acorn.kind.partitioning
    for text in (acorn.description, *acorn.key, *(split.values if split else ())):
        assert text in page
    for column in acorn.columns:
        null = "yes" if column.nullable else "never"
        row = f"| `{column.name}` | `{column.type}` | {null} | {site._cell(column.description)} |"
        assert row in page


def test_every_public_thing_is_on_the_page_of_functions_with_its_arguments():
    page = site.functions_page()
    drawn = {name for name in plots.__all__ if inspect.isfunction(getattr(plots, name))}
    assert drawn == {name for name in vars(plots) if name.startswith("plot_")}
    assert set(site.PICTURES) == drawn
    for name in [*zs_client.__all__, *drawn]:
        if name[0] == "_":
            continue
        _, found, text = page.partition(f"\n### {name}\n")
        assert found, name
        text = text.split("\n### ")[0]
        thing = getattr(zs_client, name, None) or getattr(plots, name)
        assert inspect.cleandoc(thing.__doc__).splitlines()[0] in text
        if inspect.isfunction(thing):
            for argument in inspect.signature(thing).parameters:
                assert argument in text.split("```")[1], f"{name}: {argument}"


def test_no_text_of_a_docstring_is_lost():
    def words(text):
        return re.findall(r"\w+", text)

    for name in zs_client.__all__:
        if name != "__version__":
            thing = getattr(zs_client, name)
            assert words("\n".join(site._docstring(thing))) == words(
                inspect.cleandoc(thing.__doc__)
            )


def test_every_function_of_the_earlier_program_and_of_this_one_is_on_the_page_of_those_who_move():
    page = MOVING.partition("## From biodata-cache")[0]
    rows = dict(re.findall(r"^\| `(\w+)\([^`]*\)` \| `(\w+)\([^`]*\)` \|", page, re.MULTILINE))
    assert sorted(rows) == sorted(BEFORE)
    for now in rows.values():
        assert callable(getattr(zs_client, now))
    functions = {n for n in zs_client.__all__ if inspect.isfunction(getattr(zs_client, n))}
    # The page of tables has those that came later.
    functions -= {acorn.name for acorn in ACORNS}
    assert {name for name in functions if f"`{name}(" not in MOVING} == set()


@pytest.mark.parametrize("page", BY_HAND, ids=lambda page: page.stem)
def test_the_commands_of_a_page_are_understood(page):
    makefile = (ROOT / "Makefile").read_text()
    for words in commands(page.read_text(encoding="utf-8")):
        if words[0] == "zs":
            arguments.parser().parse_args(words[1:])
        if words[0] == "make":
            assert re.search(rf"^{words[1]}:", makefile, re.MULTILINE), words


def test_an_error_in_a_cell_is_an_error(tmp_path):
    from pages import notebook

    cell = {"cell_type": "code", "source": ["1 / 0"], "outputs": []}
    with pytest.raises(ZeroDivisionError):
        notebook.run({"cells": [cell]})
