"""Tables of findings: about documents, from the index, and about side files, from the answers."""

from collections.abc import Iterator

import pyarrow.compute as pc

from zs_pipeline import arrow
from zs_pipeline.code import of_table
from zs_pipeline.declaration import FromFindings, Row
from zs_pipeline.documents import upheavals
from zs_pipeline.documents.state import DocumentState, load
from zs_pipeline.publishing.facts_file import FactsFile, read_facts
from zs_pipeline.publishing.table_update import PartitionUpdate, TableUpdate
from zs_pipeline.shape.findings import COUNTED, WARNING
from zs_pipeline.side_files import answers
from zs_pipeline.tables.inputs import Surroundings
from zs_pipeline.tables.reuse import is_current


def plan(kind: FromFindings, known: FactsFile, around: Surroundings) -> TableUpdate:
    """Plan the update of a table of findings."""
    acorn, code = known.acorn, of_table(known.acorn)
    documents = load(known.store)
    # The same documents have other findings when other kinds of value are expected.
    state = {"documents": documents.state, "reads": documents.head.get("reads", "")}
    contents = {}
    for asking in around.catalogue.asking:
        facts = read_facts(known.store, known.layout, asking.table)
        if facts and "answers" in facts["source_state"]:
            contents[asking.name] = facts["source_state"]["answers"]
    state |= contents
    if reasons := [upheaval.reason for upheaval in upheavals.findings(documents.head)]:
        state["upheavals"] = " ".join(reasons)
    if is_current(known.facts, state, code, state):
        return TableUpdate((), state, code, "neither documents nor side files changed")

    def partitions() -> Iterator[PartitionUpdate]:
        findings = [*_findings(documents)]
        for name, content in contents.items():
            findings += answers.problems(known.store, name, content)
        yield PartitionUpdate("", arrow.table(acorn, kind.rows(findings)))

    return TableUpdate(partitions(), state, code, notes=_counted(documents))


def _findings(documents: DocumentState) -> Iterator[Row]:
    """Yields the findings of the documents, and those about documents set aside."""
    index = documents.index.filter(documents.index["problems"].is_valid())
    for key, name, problems in arrow.values(index, "_id", "name", "problems"):
        for problem in problems:
            # An index of 1.0.0 has no severities: all its findings are warnings.
            severity = problem["severity"] or WARNING
            if severity != COUNTED:
                yield {"_id": key, "name": name, **problem, "severity": severity}
    for aside in (*documents.set_aside, *upheavals.findings(documents.head)):
        yield {"_id": aside.id, **{k: v for k, v in aside._asdict().items() if k != "id"}}


def _counted(documents: DocumentState) -> dict[str, int | str]:
    """Returns by column and reason in how many documents a rule decided a common case."""
    problems = pc.list_flatten(documents.index["problems"])
    counted = problems.filter(pc.equal(pc.struct_field(problems, "severity"), COUNTED))
    names = pc.binary_join_element_wise(
        pc.struct_field(counted, "column"), pc.struct_field(counted, "reason"), " "
    )
    counts = names.value_counts().to_pylist()
    return dict(sorted((count["values"], count["counts"]) for count in counts))
