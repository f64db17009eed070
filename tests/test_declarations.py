"""A table that cannot be built as it is declared is refused when it is declared, in a sentence."""

import pickle
from typing import Any

import pytest
from declaring import WHOLE, by_platform, no_platform, no_rows, no_rows_of_both

from zs_pipeline.acorns import ALL_ACORNS, CATALOGUE, asset_basics
from zs_pipeline.catalogue import Catalogue, Reads
from zs_pipeline.declaration import (
    Acorn,
    ByDocument,
    ByKey,
    ByLineage,
    ByPlatform,
    Column,
    DeclarationError,
    Expected,
    FromTables,
    Kind,
    OfId,
    OfName,
    Read,
    TableRead,
)

COLUMNS = (Column("name", "string", "A name."), Column("number", "int64", "A number."))


def declared(kind: Kind = WHOLE, **more: Any) -> Acorn:
    given = {"description": "A.", "type": "asset", "columns": COLUMNS, "key": (), "kind": kind}
    return Acorn("made_up", **{**given, **more})


def no_table(tables: Any) -> Any:
    return None


def no_merge(documents: Any) -> Any:
    return ()


def method_holder() -> Any:
    return [].append


KINDS_REFUSED = {
    "rows are reused by '_id', which is none of its columns": ByDocument(no_rows, (), OfId()),
    "rows are reused by 'asset_name', which is none of its columns": ByPlatform(
        "platform", ("a",), no_rows_of_both, no_platform, (), (), OfName("asset_name")
    ),
    "it names other tables and has no finish": ByDocument(
        no_rows, (), None, tables=(TableRead("asset_basics", ("name",)),)
    ),
    "it is made from other tables and names none": FromTables(no_table, ()),
    "it is split by 'platform' and names no values": by_platform(),
    "it is split by 'origin', which is none of its columns": ByLineage(
        "origin", no_table, no_rows_of_both, no_merge, (), (), ()
    ),
    "its rows read columns of asset_basics that are not among its tables'": ByLineage(
        "name", no_table, no_rows_of_both, no_merge, (), ("name",), (TableRead("a", ("name",)),)
    ),
    "'number' is its partition, and also one of its columns": ByPlatform(
        "number", ("1",), no_rows_of_both, no_platform, (), (), OfName("name")
    ),
    "<lambda> is no function of a module": ByDocument(lambda document: (), (), None),
    "append is no function of a module": ByDocument(method_holder(), (), None),
}


@pytest.mark.parametrize("sentence", KINDS_REFUSED)
def test_a_kind_that_cannot_make_the_table_is_refused(sentence: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        declared(KINDS_REFUSED[sentence])
    assert str(refused.value).startswith("made_up: ")
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"key": ("_id",)}, "made_up: '_id' is none of its columns"),
        ({"order": ("when",)}, "made_up: 'when' is none of its columns"),
        ({"columns": (COLUMNS[0], COLUMNS[0])}, "made_up: the column 'name' is declared twice"),
    ],
)
def test_a_key_or_order_of_no_column_is_refused(more: dict[str, Any], sentence: str) -> None:
    with pytest.raises(DeclarationError, match=sentence):
        declared(**more)


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("", "'' is no path"),
        ("subject..genotype", "is no path"),
        ("subject.[]", "is no path"),
        ("subject[0].genotype", "is no path"),
        ("subject.$where", "is no path"),
        ("[].subject", "is no path"),
        (".subject", "is no path"),
        ("subject.", "is no path"),
        ("sbject.subject_id", "begins with 'sbject', which is neither a core file"),
        ("model.name", "begins with 'model', which is neither a core file"),
    ],
)
def test_a_path_that_leads_nowhere_is_refused(path: str, sentence: str) -> None:
    with pytest.raises(DeclarationError) as refused:
        Read(path, Expected.TEXT)
    assert sentence in str(refused.value)


def test_only_a_core_file_is_asked_to_be_there() -> None:
    with pytest.raises(
        DeclarationError, match="is no core file, and only core files can be read for presence"
    ):
        Read("subject.subject_id", Expected.PRESENCE)


def both(*tables: tuple[Read, ...]) -> Reads:
    return Reads(dict(zip(("one", "other"), tables, strict=False)))


@pytest.mark.parametrize(
    ("one", "other", "sentence"),
    [
        (
            Read("subject.subject_id", Expected.TEXT),
            Read("subject.subject_id", Expected.SUBJECT),
            "'subject.subject_id' is a text for one and a subject's id for other",
        ),
        (
            Read("subject.subject_details", Expected.TEXT),
            Read("subject.subject_details.genotype", Expected.TEXT),
            "other reads 'subject.subject_details.genotype', and one expects a text at ",
        ),
        (
            Read("subject.notes[]", Expected.TEXT),
            Read("subject.notes{}", Expected.TEXT),
            "'subject.notes', which cannot hold that",
        ),
        (Read("subject", Expected.TEXT), Read("subject", Expected.PRESENCE), "'subject' is a text"),
    ],
)
def test_two_tables_that_expect_different_values_in_one_place_are_refused(
    one: Read, other: Read, sentence: str
) -> None:
    for pair in (((one,), (other,)), ((one, other),)):
        with pytest.raises(DeclarationError) as refused:
            both(*pair)
        if len(pair) == 2:
            assert sentence in str(refused.value)


def test_a_partition_whose_value_no_document_has_is_refused() -> None:
    def catalogue(key: str) -> Catalogue:
        kind = ByKey(key, no_rows_of_both, (), ())
        return Catalogue([asset_basics.ACORN, declared(kind)])

    assert catalogue("project_name").keys == ("project_name",)
    with pytest.raises(DeclarationError, match="made_up: 'project' is no column of asset_basics"):
        catalogue("project")
    with pytest.raises(
        DeclarationError, match=r"made_up: it is split by 'modalities', which is \[string\]"
    ):
        catalogue("modalities")


def test_a_table_made_from_what_is_not_there_is_refused() -> None:
    def made_from(table: str, column: str) -> Acorn:
        return declared(FromTables(no_table, (TableRead(table, (column,)),)))

    with pytest.raises(DeclarationError, match="made_up: there is no table 'asset_basic'"):
        Catalogue([asset_basics.ACORN, made_from("asset_basic", "name")])
    with pytest.raises(DeclarationError, match="made_up: 'nme' is no column of asset_basics"):
        Catalogue([asset_basics.ACORN, made_from("asset_basics", "nme")])
    with pytest.raises(DeclarationError, match="a table would be made from itself: made_up"):
        Catalogue([made_from("made_up", "name")])


def test_two_tables_of_one_name_or_folder_are_refused() -> None:
    for more in ({}, {"folder": "asset_basics"}):
        with pytest.raises(DeclarationError, match="the same name or the same folder"):
            Catalogue([asset_basics.ACORN, declared(), declared(**more)])


@pytest.mark.parametrize("acorn", ALL_ACORNS, ids=lambda acorn: acorn.name)
def test_a_declaration_can_be_sent_to_another_process(acorn: Acorn) -> None:
    assert pickle.loads(pickle.dumps(acorn)) == acorn


def test_what_is_read_can_be_sent_to_another_process() -> None:
    sent = pickle.loads(pickle.dumps(CATALOGUE.reads))
    assert (sent, hash(sent)) == (CATALOGUE.reads, hash(CATALOGUE.reads))


# What is asked of a source.


def test_a_source_is_asked_for_what_is_read_and_no_more() -> None:
    found = both(
        (
            Read("subject.subject_details[]", Expected.OBJECT_OR_TEXT),
            Read("subject.subject_details[].genotype", Expected.TEXT),
            Read("procedures", Expected.PRESENCE),
            Read("name", Expected.TEXT),
        ),
        (
            Read("processing.notes", Expected.OBJECT_OR_LIST, whole=True),
            Read("processing.notes{}.at", Expected.TIME),
            Read("acquisition.stimuli{}", Expected.TEXT),
        ),
    )
    assert found.paths == (
        "acquisition.stimuli",
        "procedures.object_type",
        "processing.notes",
        "subject.subject_details.genotype",
    )


def test_the_digest_tells_places_and_kinds_and_not_their_order() -> None:
    one, other = Read("subject.a", Expected.TEXT), Read("subject.b", Expected.TEXT)
    assert both((one, other)).digest == both((other,), (one,)).digest
    assert both((one,)).digest != both((one, other)).digest
    assert both((one,)).digest != both((Read("subject.a", Expected.TIME),)).digest
