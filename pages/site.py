"""Makes pages of the site: one for each table, the functions, the notebook, the root's pages.

mkdocs calls `on_files` and `on_page_markdown` (its `hooks`). The text comes from declarations and
docstrings; the other pages lie in `docs/` and are written by hand.
"""

import dataclasses
import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import zs_client
from pages import notebook
from zs_client import plots
from zs_client.contract import Layout, __version__
from zs_pipeline.acorns import ALL_ACORNS, FULL_CATALOGUE
from zs_pipeline.declaration import Acorn, FromCustomTable, FromFindings

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

ROOT = Path(__file__).parents[1]
NOTEBOOK = ROOT / "docs" / "notebook.ipynb"
# Pages of the root under their names in the site.
OF_ROOT = {"GLOSSARY.md": "glossary.md", "CHANGELOG.md": "changelog.md",
           "BENCHMARKS.md": "benchmarks.md", "CONTRIBUTING.md": "contributing.md"}  # fmt: skip
PICTURES = (
    *("plot_animal", "plot_curriculum", "plot_foraging", "plot_growth", "plot_projects"),
    *("plot_qc", "plot_qc_over_time"),
)
# Partitions for the examples; the sample has them.
EXAMPLES = {
    "subject_id": "901001",
    "platform": "fib",
    "raw_asset_name": "behavior_901003_2024-10-21_13-02-48",
}
# Of a page's HTML: blocks of code and tags; what lies between them is text.
_MARKUP = re.compile(r"(<pre.*?</pre>|<[^>]+>)", re.DOTALL)
_LONG = re.compile(r"[^\s&;]{20,}")
_AFTER_MARK = re.compile(r"(?<=[./\]}:=])(?=\w)")
KINDS = {
    "metadata": "small enough to be loaded whole",
    "asset": "details of data assets",
    "platform": "one platform at a time",
}
SOURCES = {
    "documents": "the documents",
    "files": "side files",
    "custom": "the custom table `{custom}`",
    "old_documents": "the documents of the old database",
}


def pages() -> dict[str, str | bytes]:
    """Returns the site's made files by their paths: Markdown, and the notebook's pictures."""
    text, pictures = notebook.page(json.loads(NOTEBOOK.read_text(encoding="utf-8")))
    return {
        "tables/index.md": tables_page(),
        **{f"tables/{acorn.name}.md": table_page(acorn) for acorn in ALL_ACORNS},
        "functions.md": functions_page(),
        "notebook.md": text,
        **pictures,
        **{
            there: (ROOT / here).read_text(encoding="utf-8").replace("](docs/", "](")
            for here, there in OF_ROOT.items()
        },
    }


def example(acorn: Acorn) -> str:
    """Returns the call that reads a table, or one of its partitions."""
    return f"{acorn.table}({json.dumps(EXAMPLES[acorn.partition]) if acorn.partition else ''})"


def path(acorn: Acorn) -> str:
    """Returns the fixed path of a table, or of the partition that the example reads."""
    if not acorn.partition:
        return Layout(__version__).table(acorn.table)
    return Layout(__version__).partition(acorn.table, acorn.partition, EXAMPLES[acorn.partition])


def tables_page() -> str:
    """Returns the page that lists all tables, and describes the types of columns."""
    rows = "\n".join(
        f"| [`{acorn.name}`]({acorn.name}.md) | `{example(acorn)}` | {_cell(acorn.description)} |"
        for acorn in ALL_ACORNS
    )
    return f"""# Tables

These pages are made from the declarations by which the tables are written.
A table that differs from its page is refused.

| table | read with | holds |
| --- | --- | --- |
{rows}

`time` is a timestamp in microseconds, UTC. `[string]` is a list of texts,
`{{string: string}}` a map. Null means that a value is not there; an empty text is never
used for it.
"""


def table_page(acorn: Acorn) -> str:
    """Returns the page of a table: how to read it, what a row is, what each column means."""
    about = [
        ("type", f"`{acorn.type}`: {KINDS[acorn.type]}"),
        ("key", ", ".join(f"`{name}`" for name in acorn.key) or "none"),
        ("rows in the order of", ", ".join(f"`{name}`" for name in acorn.order or acorn.key)),
        ("one file for each", f"`{acorn.partition}`" if acorn.partition else "the whole table"),
        ("made from", ", ".join(_inputs(acorn))),
        ("fixed path", f"`{path(acorn)}`"),
    ]
    split = acorn.kind.partitioning
    if split and split.is_fixed:
        about.insert(4, ("partitions", ", ".join(f"`{name}`" for name in split.values)))
    facts = "\n".join(f"| {name} | {text} |" for name, text in about if text)
    columns = "\n".join(
        f"| `{column.name}` | `{column.type}` | {'yes' if column.nullable else 'never'} "
        f"| {_cell(column.description)} |"
        for column in acorn.columns
    )
    return f"""# {acorn.name}

{acorn.description}

```python
from zs_client import {acorn.table}
{example(acorn)}
```

```sql
SELECT * FROM read_parquet('{path(acorn)}');
```
{_guesses(acorn)}
| | |
| --- | --- |
{facts}

## Columns

| column | type | null | meaning |
| --- | --- | --- | --- |
{columns}
"""  # noqa: S608 - SQL to be read


def functions_page() -> str:
    """Returns the page of all public functions and classes, from their docstrings."""
    lines = [
        "# Functions",
        "",
        "All of `zs_client`, from its docstrings. Importing it loads, connects and reads nothing.",
        "",
        "In a signature `...` stands for a filter that is left out. `Text`, `Values`, `Names`: one",
        "or several. `Time`: a time, a date or its text. `Flag`: True or False.",
    ]
    public = {name: getattr(zs_client, name) for name in zs_client.__all__ if name[0] != "_"}
    functions = {name: thing for name, thing in public.items() if inspect.isfunction(thing)}
    drawn = {name: getattr(plots, name) for name in PICTURES}
    others = {name: thing for name, thing in public.items() if name not in functions}
    for title, usage, things in (
        ("Reading", "`from zs_client import …`", functions),
        ("Pictures", "`from zs_client.plots import …`; they need the extra `plot`.", drawn),
        ("What they return and raise", "`from zs_client import …`", others),
    ):
        lines += ["", f"## {title}", "", usage]
        for name, thing in things.items():
            lines += ["", f"### {name}", ""]
            if inspect.isfunction(thing):
                lines += ["```python", f"{name}{_signature(thing)}", "```", ""]
            lines += _docstring(thing)
    return "\n".join([*lines, ""])


def on_files(files: "Files", config: "MkDocsConfig") -> "Files":
    """Add the made pages to those of `docs/`."""
    from mkdocs.structure.files import File

    for name, content in pages().items():
        files.append(File.generated(config, name, content=content))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Point links to pages of the root, which are right in a checkout, to the site's pages."""
    for here, there in OF_ROOT.items():
        markdown = re.sub(rf"\]\((?:\.\./)?{re.escape(here)}", f"]({there}", markdown)
    return markdown


def on_page_content(html: str, **_: Any) -> str:
    """Let a long path go on in the next line after a mark, so that no name in it is broken."""
    parts = _MARKUP.split(html)
    parts[::2] = [_LONG.sub(lambda path: _AFTER_MARK.sub("<wbr>", path[0]), p) for p in parts[::2]]
    return "".join(parts)


def _inputs(acorn: Acorn) -> Iterator[str]:
    if isinstance(acorn.kind, FromFindings):
        yield "what did not fit in the documents and side files"
        return
    for source in acorn.kind.sources:
        name = acorn.kind.custom if isinstance(acorn.kind, FromCustomTable) else ""
        yield SOURCES[source].format(custom=name)
    for name in FULL_CATALOGUE.made_from(acorn):
        yield f"[`{name}`]({name}.md)"


def _guesses(acorn: Acorn) -> str:
    """Returns what readers that guess do wrong with a table's files."""
    lines = [
        "DuckDB does not know the ending `.pqt`: `FROM 'x.pqt'` fails, `read_parquet` reads it."
    ]
    if acorn.partition:
        lines.append(
            f"DuckDB takes `{acorn.partition}` from the path, and makes a number of it where it "
            "can, unless `hive_types_autocast=false`. `pandas.read_parquet` of the folder fails "
            "without `partitioning=None`."
        )
    return "\n\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _signature(function: Any) -> str:
    # Annotations of lazily loaded types are quoted.
    signature = re.sub(r"(?<=[:>] )'([^']+)'", r"\1", str(inspect.signature(function)))
    signature = signature.replace("= Ellipsis", "= ...")
    return re.sub(
        r"\b(?:zs_client\.\w+|collections\.abc|datetime|typing)\.(?=[A-Za-z])", "", signature
    )


def _docstring(thing: Any) -> list[str]:
    """Returns a docstring in Google's style as Markdown, its sections as lists."""
    lines: list[str] = []
    section = ""
    for line in inspect.cleandoc(thing.__doc__ or "").splitlines():
        item = re.fullmatch(r"    (\*{0,2}\w+(?:, \w+)*): (.*)", line)
        if re.fullmatch(r"(Args|Attributes|Returns|Raises|Yields):", line):
            section = line.removesuffix(":")
            lines += [f"**{section}**", ""]
        elif section and section not in ("Returns", "Yields") and item:
            lines.append(f"- `{item[1]}`: {item[2]}")
        elif section and line.startswith("    "):
            lines.append(line.strip() if section in ("Returns", "Yields") else f"  {line.strip()}")
        else:
            lines.append(line)
    if dataclasses.is_dataclass(thing) and "**Attributes**" not in lines:
        lines += ["", f"Fields: {', '.join(f'`{f.name}`' for f in dataclasses.fields(thing))}."]
    return lines
