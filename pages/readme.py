"""What of README.md and docs/values.md is made from the declarations.

`make pages` writes the table of acorns, the graph and the rules of
columns between their marks. The rest of the pages is written by hand; the descriptions are the
declarations' own.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from pages import rules
from zs_pipeline.acorns import ACORNS
from zs_pipeline.declaration import Acorn
from zs_pipeline.orchestration import code_location

README = Path(__file__).parents[1] / "README.md"
VALUES = README.parent / "docs" / "values.md"


def table(acorns: Sequence[Acorn]) -> str:
    """The acorns as a Markdown table: how each is read, and what it holds."""
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
    """What is made from what, as a Mermaid graph; without the arrows that follow from others.

    Args:
        acorns: The acorns.
        parents: For each asset the assets that it is made from.
    """
    by = {acorn.name: f"<br/>by {acorn.partition}" for acorn in acorns if acorn.partition}
    names = [acorn.name for acorn in acorns]
    names = [*sorted(name for name in parents if name not in names), *names]
    lines = ["```mermaid", "flowchart LR"]
    for name in names:
        shape = "{}[{}]" if name in {acorn.name for acorn in acorns} else "{}([{}])"
        lines.append("    " + shape.format(_node(name), f'"{name}{by.get(name, "")}"'))
    for name in names:
        kept = parents[name] - {far for near in parents[name] for far in _above(near, parents)}
        lines += [f"    {_node(parent)} --> {_node(name)}" for parent in names if parent in kept]
    return "\n".join([*lines, "```"])


def _above(name: str, parents: Mapping[str, set[str]]) -> set[str]:
    """All that an asset is made from, directly or not."""
    return parents[name] | {far for near in parents[name] for far in _above(near, parents)}


def edges() -> dict[str, set[str]]:
    """For each asset what it is made from, as Dagster has it; none that stands alone."""
    assets = code_location.definitions().resolve_asset_graph()
    found = {
        key.to_user_string(): {parent.to_user_string() for parent in assets.get(key).parent_keys}
        for key in assets.get_all_asset_keys()
    }
    used = set().union(*found.values())
    return {name: above for name, above in found.items() if above or name in used}


def filled(text: str) -> str:
    """The README with the table and the graph between their marks.

    Raises:
        ValueError: The page lacks a mark.
    """
    return _filled(text, {"acorns": table(ACORNS), "graph": picture(ACORNS, edges())})


def ruled(text: str) -> str:
    """Returns the page of rules with all of them between its marks.

    Raises:
        ValueError: The page lacks a mark.
    """
    made = {"instruments": rules.kept_apart(), "rules": rules.rules(ACORNS)}
    return _filled(text, made)


def _filled(text: str, made: Mapping[str, str]) -> str:
    for name, part in made.items():
        begin, end = f"<!-- {name}: made by pages.readme -->\n", f"<!-- {name}: end -->"
        found = re.compile(f"(?<={re.escape(begin)}).*?(?={re.escape(end)})", re.DOTALL)
        if not found.search(text):
            raise ValueError(f"the page has no {begin.strip()} with {end} after it")
        text = found.sub(lambda _, part=part: f"\n{part}\n\n", text, count=1)  # type: ignore[misc]
    return text


def _node(name: str) -> str:
    """A name that Mermaid takes for a node."""
    return re.sub(r"\W", "_", name)


if __name__ == "__main__":
    for page, fill in ((README, filled), (VALUES, ruled)):
        page.write_text(fill(page.read_text(encoding="utf-8")), encoding="utf-8")
