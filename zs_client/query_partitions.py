"""Which partitions a query needs: what its conditions say of a table's partition column.

A condition at another table counts through the equality of a join: with `qc.subject_id =
asset_basics.subject_id` and `asset_basics.subject_id = '…'`, one partition of `qc` is read. Only
texts are compared, since a comparison with a number would convert one of both. `zs_client.query`
runs the query.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

Parameters = Sequence[Any] | Mapping[str, Any] | None
# A column as a query names it, in small letters: (table or alias, column) or (column,).
_Name = tuple[str, ...]
_OF_COLUMNS = ("COLUMN_REF", "STAR", "POSITIONAL_REFERENCE")


def nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Yields the nodes of DuckDB's syntax tree."""
    waiting = [tree]
    while waiting:
        below = waiting.pop()
        if isinstance(below, dict):
            yield below
            waiting.extend(below.values())
        elif isinstance(below, list):
            waiting.extend(below)


def tables(tree: Any) -> Iterator[dict[str, Any]]:
    """Yields the nodes that name a table."""
    return (node for node in nodes(tree) if node.get("type") == "BASE_TABLE")


def names_columns(tree: Any) -> bool:
    """Returns whether a query uses any column of a table; `count(*)` needs none."""
    return any(
        node.get("type") in _OF_COLUMNS
        or node.get("using_columns")
        or node.get("ref_type") == "NATURAL"
        for node in nodes(tree)
    )


def partition_values(
    tree: Any, table: str, column: str, texts: Mapping[str, Collection[str]], parameters: Parameters
) -> tuple[str, ...] | None:
    """Returns the partitions that conditions select; None when the query needs all partitions.

    Args:
        tree: DuckDB's syntax tree of the query.
        table: The table's name in the query, in small letters.
        column: The column by which the table is partitioned.
        texts: The text columns of each table of the cache that the query names.
        parameters: The query's parameters.
    """
    mentions = sum(node["table_name"].lower() == table for node in tables(tree))
    selected: set[str] = set()
    for node in nodes(tree):
        if node.get("type") != "SELECT_NODE" or node.get("sample"):
            continue
        leaves = _leaves(node.get("from_table") or {})
        for leaf in leaves:
            if leaf.get("type") != "BASE_TABLE" or leaf["table_name"].lower() != table:
                continue
            if leaf.get("sample") or leaf.get("column_name_alias"):
                return None
            names = _equal_columns(node, leaves, (_alias(leaf), column), texts)
            values = _condition(node, names, parameters)
            if values is None:
                return None
            selected |= values
            mentions -= 1
    return tuple(sorted(selected)) if mentions == 0 else None


def _leaves(source: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns the joined tables; none for a join that also gives rows without a match."""
    if source.get("type") != "JOIN":
        return [source]
    if source.get("ref_type") not in ("REGULAR", "CROSS"):
        return []
    return [*_leaves(source["left"]), *_leaves(source["right"])]


def _alias(leaf: Mapping[str, Any]) -> str:
    return str(leaf.get("alias") or leaf["table_name"]).lower()


def _equal_columns(
    node: dict[str, Any],
    leaves: Sequence[dict[str, Any]],
    name: _Name,
    texts: Mapping[str, Collection[str]],
) -> set[_Name]:
    """Returns the columns that have a column's value in each row of the answer, and itself."""
    aliases = {(item.get("alias") or "").lower() for item in node.get("select_list") or ()}
    equal: set[_Name] = {name}
    if len(leaves) == 1 and name[-1] not in aliases:
        equal.add(name[-1:])
    known: set[_Name] = {
        (_alias(leaf), column.lower())
        for leaf in leaves
        if leaf.get("type") == "BASE_TABLE" and not leaf.get("column_name_alias")
        for column in texts.get(leaf["table_name"].lower(), ())
    }
    pairs: list[set[_Name]] = [
        {_name(test["left"]), _name(test["right"])}
        for test in _conditions(node)
        if test.get("type") == "COMPARE_EQUAL"
    ]
    for left, right, using in _merged(node.get("from_table") or {}):
        pairs.append({(left, using), (right, using)})
        # A column of both has no table's name.
        if using not in aliases:
            pairs.append({(left, using), (using,)})
            known.add((using,))
    while further := [pair for pair in pairs if pair & equal and not pair <= equal]:
        for pair in further:
            if not pair <= known | equal:
                pairs.remove(pair)
            equal |= pair & known
    return equal


def _name(expression: Mapping[str, Any]) -> _Name:
    """Returns the column that an expression names; an empty name for anything else."""
    if expression.get("type") != "COLUMN_REF":
        return ()
    return tuple(item.lower() for item in expression.get("column_names") or ())


def _conditions(node: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields the conditions that all have to hold in each row of a SELECT with all its tables."""
    yield from _all_of(node.get("where_clause"))
    yield from _joined(node.get("from_table") or {})


def _all_of(expression: dict[str, Any] | None) -> Iterator[dict[str, Any]]:
    """Yields the conditions that all have to hold."""
    waiting = [expression or {}]
    while waiting:
        test = waiting.pop()
        if test.get("type") == "CONJUNCTION_AND":
            waiting.extend(test["children"])
        else:
            yield test


def _joined(source: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields the conditions of inner joins.

    Those of other joins do not hold for rows without a match.
    """
    if source.get("type") == "JOIN":
        if source.get("join_type") == "INNER":
            yield from _all_of(source.get("condition"))
        yield from _joined(source["left"])
        yield from _joined(source["right"])


def _merged(source: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yields (table, table, column) for the columns of USING in inner joins of two tables."""
    if source.get("type") != "JOIN":
        return
    sides = source["left"], source["right"]
    if source.get("join_type") == "INNER" and all(s.get("type") == "BASE_TABLE" for s in sides):
        for column in source.get("using_columns") or ():
            yield _alias(sides[0]), _alias(sides[1]), column.lower()


def _condition(
    node: dict[str, Any], names: Collection[_Name], parameters: Parameters
) -> set[str] | None:
    """Returns the values of a column that a SELECT selects; None when it selects any.

    Args:
        node: The SELECT.
        names: The column's names, and columns that are equal to it.
        parameters: The query's parameters.
    """
    for test in _conditions(node):
        if test.get("type") == "COMPARE_IN":
            sides = test["children"]
        elif test.get("type") == "COMPARE_EQUAL":
            sides = [test["left"], test["right"]]
            if sides[0].get("type") != "COLUMN_REF":
                sides.reverse()
        else:
            continue
        values = [_constant(side, parameters) for side in sides[1:]]
        if _name(sides[0]) in names and all(value is not None for value in values):
            return {value for value in values if value is not None}
    return None


def _constant(side: dict[str, Any], parameters: Parameters) -> str | None:
    """Returns a text constant of the query or a text given for a parameter; else None."""
    constant: Any = None
    if side.get("type") == "VALUE_CONSTANT":
        literal, value = side.get("literal") or {}, side.get("value") or {}
        if literal.get("kind") == "STRING":
            constant = literal.get("text", "")
        elif isinstance(value, dict) and (value.get("type") or {}).get("id") == "VARCHAR":
            constant = value.get("value")
    elif side.get("type") == "VALUE_PARAMETER":
        name = str(side.get("identifier"))
        if isinstance(parameters, Mapping):
            constant = parameters.get(name)
        elif parameters is not None and name.isdecimal() and int(name) <= len(parameters):
            constant = parameters[int(name) - 1]
    return constant if isinstance(constant, str) else None
