"""Makes the parts of README.md, docs/values.md and docs/catalogue.md that have another source.

`make pages` writes the table of acorns, the graph, the rules of columns and the catalogue's lines
to copy between their marks. The rest of the pages is written by hand.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from pages import rules
from zs_client.contract import __version__
from zs_pipeline.acorns import ALL_ACORNS, FULL_CATALOGUE
from zs_pipeline.declaration import Acorn
from zs_pipeline.orchestration import code_location

README = Path(__file__).parents[1] / "README.md"
VALUES = README.parent / "docs" / "values.md"
COPIED = README.parent / "docs" / "catalogue.md"
LANGUAGES = README.parent / "catalogue" / "src" / "languages.json"
# What the lines on the page read.
PUBLIC = "https://allen-data-views.s3.amazonaws.com/data-asset-cache"


def table(acorns: Sequence[Acorn]) -> str:
    """Returns the acorns as a Markdown table: how each is read, and what it holds."""
    lines = ["| acorn | read with | holds |", "| --- | --- | --- |"]
    for acorn in acorns:
        holds = acorn.description.replace("|", "\\|")
        split = acorn.kind.partitioning
        if split and split.is_fixed:
            names = ", ".join(f"`{name}`" for name in split.values)
            holds += f" The {acorn.partition} is one of {names}."
        lines.append(f"| `{acorn.name}` | `{acorn.table}({acorn.partition})` | {holds} |")
    return "\n".join(lines)


def picture(acorns: Sequence[Acorn], parents: Mapping[str, set[str]]) -> str:
    """Returns a Mermaid graph of the acorns and their sources, without redundant arrows.

    Args:
        acorns: The acorns.
        parents: For each asset the assets that it is made from.
    """
    partitions = {acorn.name: acorn.partition for acorn in acorns}
    names = [*sorted(parents.keys() - partitions.keys()), *partitions]
    lines = ["```mermaid", "flowchart LR"]
    for name in names:
        shape = "{}[{}]" if name in partitions else "{}([{}])"
        by = f"<br/>by {partitions[name]}" if partitions.get(name) else ""
        lines.append("    " + shape.format(_node(name), f'"{name}{by}"'))
    for name in names:
        direct = parents[name].difference(*(_ancestors(near, parents) for near in parents[name]))
        lines += [f"    {_node(parent)} --> {_node(name)}" for parent in names if parent in direct]
    return "\n".join([*lines, "```"])


def _ancestors(name: str, parents: Mapping[str, set[str]]) -> set[str]:
    """Returns all assets that an asset is made from, directly or not."""
    return parents[name].union(*(_ancestors(parent, parents) for parent in parents[name]))


def edges() -> dict[str, set[str]]:
    """Returns for each asset the assets that it is made from; none that stands alone."""
    graph = code_location.definitions(FULL_CATALOGUE).resolve_asset_graph()
    parents = {
        key.to_user_string(): {parent.to_user_string() for parent in graph.get(key).parent_keys}
        for key in graph.get_all_asset_keys()
    }
    used = set().union(*parents.values())
    return {name: above for name, above in parents.items() if above or name in used}


def filled(text: str) -> str:
    """Returns the README with the table and the graph between their marks.

    Raises:
        ValueError: The page lacks a mark.
    """
    return _filled(text, {"acorns": table(ALL_ACORNS), "graph": picture(ALL_ACORNS, edges())})


def ruled(text: str) -> str:
    """Returns the page of rules with the rules and the instruments between their marks.

    Raises:
        ValueError: The page lacks a mark.
    """
    return _filled(text, {"instruments": rules.kept_apart(), "rules": rules.rules(ALL_ACORNS)})


def copied(text: str) -> str:
    """Returns the catalogue's page with its lines to copy, from the catalogue's own source.

    Raises:
        ValueError: The page lacks a mark.
    """
    url = f"{PUBLIC}/zs-v{__version__}/unique_genotypes.pqt"
    words = {
        "{call}": "unique_genotypes()",
        "{store}": '"s3://allen-data-views"',
        "{version}": f'"{__version__}"',
        "{url}": f'"{url}"',
        "{url:sql}": f"'{url}'",
    }
    blocks = []
    for entry in json.loads(LANGUAGES.read_text(encoding="utf-8")):
        lines = "\n".join(entry["lines"])
        for word, content in words.items():
            lines = lines.replace(word, content)
        blocks.append(f"{entry['language']}:\n\n```{entry['fence']}\n{lines}\n```")
    return _filled(text, {"lines": "\n\n".join(blocks)})


def _filled(text: str, sections: Mapping[str, str]) -> str:
    for name, content in sections.items():
        begin, end = f"<!-- {name}: made by pages.readme -->\n", f"<!-- {name}: end -->"
        before, begin_mark, rest = text.partition(begin)
        _, end_mark, after = rest.partition(end)
        if not end_mark:
            raise ValueError(f"the page has no {begin.strip()} with {end} after it")
        text = f"{before}{begin_mark}\n{content}\n\n{end_mark}{after}"
    return text


def _node(name: str) -> str:
    """Returns a name that Mermaid accepts for a node."""
    return re.sub(r"\W", "_", name)


if __name__ == "__main__":
    for page, fill in ((README, filled), (VALUES, ruled), (COPIED, copied)):
        page.write_text(fill(page.read_text(encoding="utf-8")), encoding="utf-8")
