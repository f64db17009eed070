"""SQL over all tables: right answers, and no more read than a query needs."""

import client_store
import duckdb
import pandas as pd
import polars as pl
import pytest
from client_store import LAYOUT, ODD, SUBJECTS
from hypothesis import given, settings
from hypothesis import strategies as st

import zs_client
from zs_client import QueryError, read, sql
from zs_client import query as query_module
from zs_client.opening import open_store
from zs_client.query import Limits, answer


@pytest.fixture(scope="module")
def at():
    return client_store.filled("memory://sql"), LAYOUT


@pytest.fixture
def store(at, monkeypatch):
    client_store.plain(monkeypatch)
    monkeypatch.setenv("ZS_STORE", at[0].url)
    return at[0]


@pytest.fixture
def wishes(store, monkeypatch):
    """What is read, by table: columns and partitions."""
    found = {}
    real = read.content

    def spy(read_request, at=None):
        found[read_request.table] = (read_request.columns, read_request.parts)
        return real(read_request, at)

    monkeypatch.setattr(read, "content", spy)
    return found


def test_tables_are_joined_and_only_their_needed_columns_are_read(wishes):
    found = sql(
        """
        WITH metrics AS (SELECT * FROM quality_control)
        SELECT b.name, count(m.status) AS n FROM asset_basics b
        LEFT JOIN metrics m ON m.asset_name = b.name GROUP BY ALL ORDER BY b.name
        """
    )
    assert found["n"].tolist() == [0] * 6
    assert wishes["asset_basics"] == (["name"], None)
    assert wishes["quality_control"] == (["status", "asset_name"], None)


SAME = [
    "SELECT name FROM (SELECT * FROM qc UNION ALL SELECT * FROM qc WHERE status = 'Fail')",
    (
        "SELECT a FROM (SELECT name, age FROM asset_basics UNION ALL SELECT source_data, 1 "
        "FROM source_data) AS t(a, b)"
    ),
    "SELECT c, g FROM qc AS q(a, b, c, d, e, f, g) WHERE e = 'Pass'",
    "SELECT #2 FROM source_data",
    "SELECT * EXCLUDE (name) FROM source_data",
    "SELECT COLUMNS('name|age') FROM asset_basics",
    "SELECT s FROM source_data s",
    "SELECT name FROM asset_basics NATURAL JOIN source_data",
    "SELECT (SELECT max(age) FROM asset_basics b WHERE b.name = source_data) x FROM source_data",
    "SELECT unnest(modalities) AS m FROM asset_basics WHERE list_contains(modalities, 'ecephys')",
    "SELECT name, row_number() OVER (ORDER BY age, name) AS n FROM asset_basics QUALIFY n < 3",
    "FROM source_data SELECT count(DISTINCT pipeline_name) AS n",
    (
        "SELECT count(*) AS n FROM qc FULL JOIN asset_basics b ON b.name = qc.asset_name "
        "WHERE qc.subject_id = 'M2501'"
    ),
    "SELECT count(*) AS n FROM asset_basics b LEFT JOIN qc ON qc.subject_id = 'M2501'",
    (
        "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 3) "
        "SELECT n, name FROM t, source_data"
    ),
]


@pytest.mark.parametrize("query", SAME)
def test_with_limits_the_first_rows_are_the_same_and_all_are_counted(store, query):
    content = answer(query)
    for rows in (0, 1, 2, 1000):
        limited = answer(query, limits=Limits(rows, 30))
        assert limited.schema.metadata[b"rows_total"] == str(content.num_rows).encode()
        assert limited.num_rows == min(rows, content.num_rows)
        assert limited.schema.types == content.schema.types


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM range(100000000000)",
        "SELECT count(*) FROM range(100000000) a, range(1000000) b WHERE a.range * b.range % 7 = 3",
    ],
)
def test_a_query_that_takes_too_long_is_stopped(store, query):
    with pytest.raises(QueryError, match=r"stopped after 0\.2 s"):
        answer(query, limits=Limits(1, 0.2))


def test_an_error_among_many_rows_is_the_query_s_and_not_of_arrow(store):
    query = "SELECT if(range = 2999999, error('at the end'), range) FROM range(3000000)"
    with pytest.raises(QueryError, match="at the end"):
        answer(query, limits=Limits(1, 30))


@pytest.mark.parametrize(
    ("where", "parts"),
    [
        ("q.subject_id = '828418'", ("828418",)),
        ("'828418' = subject_id AND status = 'Pass'", ("828418",)),
        (
            "q.status = 'Pass' AND (q.subject_id IN ('M2501', '828418') AND true)",
            ("828418", "M2501"),
        ),
        ("q.subject_id = '828418' OR q.status = 'Pass'", None),
        ("NOT q.subject_id = '828418'", None),
        ("q.subject_id NOT IN ('828418')", None),
        ("q.subject_id > '828418'", None),
        ("q.subject_id = 828418", None),
        ("q.subject_id = q.name", None),
        ("lower(q.subject_id) = '828418'", None),
        ("true", None),
    ],
)
def test_a_condition_on_subjects_leaves_partitions_unread(wishes, where, parts):
    query = f"SELECT count(*) AS n FROM quality_control q WHERE {where}"
    try:
        found = sql(query)
    except QueryError as error:
        # Not every subject is a number, so DuckDB cannot compare them with one.
        assert "Conversion Error" in str(error)  # noqa: PT017
    else:
        # The facts tell how many rows there are in all.
        assert wishes.get("quality_control", (None, None))[1] == parts
        # The same over all rows, by DuckDB alone.
        whole = {"quality_control": zs_client.qc.arrow(SUBJECTS)}
        assert found["n"].tolist() == sql(query, **whole)["n"].tolist()


@pytest.mark.parametrize(
    ("rest", "parts"),
    [
        ("JOIN asset_basics b ON q.subject_id = b.subject_id WHERE b.subject_id = '828418'", True),
        ("JOIN asset_basics b USING (subject_id) WHERE b.subject_id = '828418'", True),
        ("JOIN asset_basics b USING (subject_id) WHERE subject_id = '828418'", True),
        (", asset_basics b WHERE '828418' = b.subject_id AND b.subject_id = q.subject_id", True),
        ("JOIN asset_basics b ON q.subject_id = b.subject_id AND b.subject_id = '828418'", True),
        (
            """JOIN asset_basics b ON q.asset_name = b.name JOIN asset_basics c
            ON b.subject_id = c.subject_id AND c.subject_id IN ('828418')
            WHERE q.subject_id = b.subject_id""",
            True,
        ),
        (
            "LEFT JOIN asset_basics b ON q.subject_id = b.subject_id WHERE b.subject_id = '828418'",
            False,
        ),
        (
            "LEFT JOIN asset_basics b ON q.subject_id = b.subject_id AND b.subject_id = '828418'",
            False,
        ),
        ("FULL JOIN asset_basics b USING (subject_id) WHERE b.subject_id = '828418'", False),
        ("ANTI JOIN asset_basics b ON q.subject_id = b.subject_id", False),
        ("JOIN asset_basics b ON q.asset_name = b.name WHERE b.subject_id = '828418'", False),
        (
            "JOIN (SELECT * FROM asset_basics) b USING (subject_id) WHERE b.subject_id = '828418'",
            False,
        ),
        ("JOIN mine b ON q.subject_id = b.subject_id WHERE b.subject_id = '828418'", False),
        (
            """JOIN asset_basics b ON q.subject_id = b.subject_id
            WHERE b.subject_id = '828418' OR b.name = 'x'""",
            False,
        ),
        (
            """JOIN asset_basics b ON q.subject_id || '' = b.subject_id
            WHERE b.subject_id = '828418'""",
            False,
        ),
    ],
)
def test_a_condition_at_a_joined_table_leaves_partitions_unread(wishes, rest, parts):
    mine = zs_client.asset_basics.arrow(columns=["subject_id"])
    query = f"SELECT count(*) AS n FROM quality_control q {rest}"
    found = sql(query, mine=mine)
    assert wishes["quality_control"][1] == (("828418",) if parts else None)
    whole = {
        "quality_control": zs_client.qc.arrow(SUBJECTS),
        "asset_basics": zs_client.asset_basics.arrow(),
    }
    assert found["n"].tolist() == sql(query, mine=mine, **whole)["n"].tolist()


@pytest.mark.parametrize("query", SAME)
def test_the_answer_is_that_over_whole_tables(store, query):
    whole = {
        "asset_basics": zs_client.asset_basics.arrow(),
        "qc": zs_client.qc.arrow(SUBJECTS),
        "source_data": zs_client.source_data.arrow(),
    }
    found, wanted = sql.arrow(query), sql.arrow(query, **whole)
    assert found.schema.names == wanted.schema.names
    assert sorted(map(str, found.to_pylist())) == sorted(map(str, wanted.to_pylist()))


def test_a_column_that_the_plan_does_not_name_is_read_all_the_same(store, monkeypatch):
    real = query_module._plan

    def forgetful(connection, query, parameters, used):
        real(connection, query, parameters, used)
        for table in used:
            table.columns = table.columns[:1]

    monkeypatch.setattr(query_module, "_plan", forgetful)
    found = sql("SELECT name, status FROM qc WHERE subject_id = 'M2501'")
    assert found["status"].tolist() == ["Pass", "Pass"]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT 1 FROM qc, (SELECT * FROM qc WHERE subject_id = 'M2501') USING SAMPLE 100%",
        "SELECT count(*) n FROM qc a JOIN qc b ON true WHERE a.subject_id = 'M2501'",
        "SELECT count(*) n FROM qc a JOIN qc b USING (name) WHERE subject_id = 'M2501'",
        "SELECT subject_id, 'M2501' AS subject_id FROM qc WHERE subject_id = 'M2501'",
        "SELECT count(*) n FROM qc AS q(a, b, c, d, e, subject_id, f) WHERE subject_id = 'M2501'",
        "SELECT count(*) n FROM qc TABLESAMPLE 100% WHERE subject_id = 'M2501'",
        "SELECT count(*) n FROM qc NATURAL JOIN asset_basics b WHERE subject_id = 'M2501'",
    ],
)
def test_where_it_is_not_sure_every_partition_is_read(wishes, query):
    try:
        sql(query)
    except QueryError as error:
        assert "Ambiguous" in str(error) or "ambiguous" in str(error)  # noqa: PT017
        return
    assert wishes["quality_control"][1] is None


@pytest.mark.parametrize(
    ("query", "is_read"),
    [
        ("SELECT count(*) AS n FROM qc", False),
        ("SELECT 2 * count(*) + 1 AS n FROM qc a, qc b", False),
        ("SELECT (SELECT count(*) FROM qc) AS n", False),
        ("SELECT count() AS n FROM qc WHERE 1 = 1", False),
        ("SELECT count(name) AS n FROM qc", True),
        ("SELECT count(*) AS n FROM qc WHERE status = 'Pass'", True),
        ("SELECT count(*) AS n FROM (SELECT * FROM qc)", True),
        ("SELECT count(*) AS n FROM qc a JOIN qc b USING (name)", True),
        ("SELECT count(*) AS n FROM qc GROUP BY #1 ORDER BY n", True),
    ],
)
def test_the_number_of_all_rows_is_told_by_the_facts(packed, query, is_read):
    try:
        found = sql(query)
    except QueryError:
        assert is_read
        return
    assert bool(packed) is is_read
    whole = {"qc": zs_client.qc.arrow([None, *zs_client.unique_subject_ids()])}
    assert found["n"].tolist() == sql(query, **whole)["n"].tolist()


@pytest.fixture
def packed(monkeypatch):
    """The tables of the sample; holds what is read of them."""
    client_store.plain(monkeypatch)
    monkeypatch.setenv("ZS_STORE", "sample")
    found = []
    real = read.content

    def spy(read_request, at=None):
        found.append(read_request.table)
        return real(read_request, at)

    monkeypatch.setattr(read, "content", spy)
    return found


def test_parameters_are_values_and_leave_partitions_unread(wishes):
    query = "SELECT count(*) AS n FROM quality_control WHERE subject_id = "
    assert sql(f"{query}?", ["M2501"])["n"].tolist() == [2]
    assert wishes["quality_control"][1] == ("M2501",)
    assert sql(f"{query}$who", {"who": "it's"})["n"].tolist() == [2]
    assert wishes["quality_control"][1] == ("it's",)
    assert sql("SELECT count(*) AS n FROM platform_qc WHERE platform = 'fib'")["n"].tolist() == [1]
    assert wishes["platform_qc"] == (["platform"], ("fib",))


@pytest.mark.slow
@settings(max_examples=20)
@given(st.text(max_size=20) | st.sampled_from((*ODD, "'; DROP TABLE qc; --", "x" * 10_000)))
def test_no_text_breaks_a_query(at, text):
    found = answer("SELECT subject_id FROM quality_control WHERE subject_id = ?", [text], at=at)
    assert found["subject_id"].to_pylist() == ([text, text] if text in SUBJECTS else [])
    literal = text.replace("'", "''").replace("\0", "")
    found = answer(f"SELECT count(*) FROM qc WHERE subject_id = '{literal}'", at=at)
    assert found.num_rows == 1


def test_partitions_have_their_column(store):
    found = sql("SELECT DISTINCT subject_id FROM quality_control")
    assert set(found["subject_id"]) == set(SUBJECTS)
    found = sql("SELECT platform, tag FROM platform_qc")
    assert found.to_dict("records") == [{"platform": "fib", "tag": "a"}]


def test_all_columns_and_none(store):
    whole = sql.arrow("SELECT * FROM asset_basics ORDER BY _id")
    assert whole.drop_columns([]).num_columns == len(zs_client.asset_basics().columns)
    assert whole.column_names == zs_client.asset_basics().columns.tolist()
    assert sql("SELECT count(*) AS n FROM source_data")["n"].tolist() == [6]
    assert sql("SELECT b FROM asset_basics b LIMIT 1")["b"][0]["name"]
    assert sql.arrow("SELECT 1 AS a").to_pylist() == [{"a": 1}]


def test_shapes_and_what_is_told(store):
    query = "SELECT b.name FROM asset_basics b JOIN source_data s USING (name)"
    assert isinstance(sql.polars(query), pl.DataFrame)
    assert sql.duckdb(query).columns == ["name"]
    told = sql(query).attrs
    assert told["table"] == "asset_basics, source_data"
    assert told["snapshot"] == zs_client.get_squirrel_info().snapshot


def test_tables_of_ones_own_are_joined(store):
    mine = pd.DataFrame({"name": ["raw"], "note": ["good"]}, index=[7])
    query = "SELECT b.age, m.note FROM asset_basics b JOIN mine m USING (name)"
    for table in (mine, pl.from_pandas(mine), zs_client.asset_basics.arrow(name="raw")):
        if isinstance(table, pd.DataFrame | pl.DataFrame):
            assert sql(query, mine=table).values.tolist() == [[90, "good"]]
        else:
            assert len(sql("SELECT * FROM Mine", mine=table)) == 1


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT * FROM asset_basic", r"no table 'asset_basic'\. There are asset_basics, "),
        ("SELECT nam FROM asset_basics", "(?s)nam.*name"),
        ("selec", "cannot be understood"),
        ("", "0 statements"),
        ("SELECT 1; SELECT 2", "2 statements; sql takes one SELECT"),
        pytest.param(
            "FROM quality_control WHERE subject_id = 1",
            "subject_id has texts: .* in quotes$",
            marks=pytest.mark.skipif(duckdb.__version__ < "1.4", reason="it names no column"),
        ),
        ("CREATE TABLE x AS SELECT 1", "one SELECT"),
        ("COPY asset_basics TO 'x.csv'", "one SELECT"),
        ("INSTALL httpfs", "one SELECT"),
        ("SELECT * FROM '/etc/passwd'", "no table '/etc/passwd'"),
        ("SELECT * FROM read_csv('/etc/passwd')", "disabled"),
        ("SELECT * FROM read_parquet('s3://b/x')", "disabled|httpfs"),
        ("SELECT * FROM hidden", "no table 'hidden'"),
        ("SHOW TABLES", "lists no tables.* There are unique_project_names, "),
        pytest.param(
            "SHOW asset_basics",
            "DESCRIBE",
            marks=pytest.mark.skipif(duckdb.__version__ < "2", reason="it describes the table"),
        ),
        ("FROM (SHOW ALL TABLES)", "lists no tables"),
    ],
)
def test_what_cannot_be_answered_says_why(store, query, message):
    hidden = pd.DataFrame({"a": [1]})
    assert len(hidden) == 1
    with pytest.raises(QueryError, match=message):
        sql(query)


def test_a_column_that_is_not_there_is_shown_in_the_query_as_it_was_written(store):
    with pytest.raises(QueryError) as told:
        sql("SELECT nam FROM asset_basics WHERE name = ?", ["raw"])
    *_, line, mark = str(told.value).splitlines()
    assert line == "LINE 1: SELECT nam FROM asset_basics WHERE name = ?"
    # DuckDB before 2.0 marks its first letter alone.
    assert line[mark.index("^") : mark.rindex("^") + 1] in ("n", "nam")


def test_columns_of_a_table_are_described(store):
    assert sql("DESCRIBE asset_basics")["column_name"].tolist() == list(zs_client.asset_basics())


@pytest.mark.parametrize("parameters", ["r", b"r", 1])
def test_parameters_are_several_and_a_text_is_not_its_characters(store, parameters):
    with pytest.raises(TypeError, match=f"a list of values or a dict, not {parameters!r}"):
        sql("SELECT ? AS x", parameters)
    assert sql("SELECT ? AS x", ("r",))["x"].tolist() == ["r"]
    assert sql("SELECT $x AS x", {"x": "r"})["x"].tolist() == ["r"]


@pytest.mark.parametrize("query", [None, 5])
def test_a_query_is_a_text(store, query):
    with pytest.raises(TypeError, match=f"one SELECT, not {query}"):
        sql(query)


@pytest.mark.parametrize("table", [5, [1, 2], "x"])
def test_what_is_no_table_is_refused_by_its_name(store, table):
    with pytest.raises(TypeError, match="mine= must be a table for the query to read"):
        sql("SELECT 1", mine=table)


def test_a_table_that_is_not_there_is_not_found(monkeypatch, tmp_path):
    client_store.plain(monkeypatch)
    monkeypatch.setenv("ZS_STORE", str(tmp_path))
    for name in ("asset_basics", "quality_control"):
        with pytest.raises(zs_client.AcornNotFound, match=str(tmp_path)):
            sql(f"SELECT * FROM {name}")


def test_an_old_version_is_asked_too(monkeypatch, tmp_path):
    client_store.plain(monkeypatch)
    client_store.old(open_store(tmp_path))
    monkeypatch.setenv("ZS_STORE", str(tmp_path))
    monkeypatch.setenv("ZS_VERSION", "0.28.6")
    assert sql("SELECT name FROM asset_basics")["name"].tolist() == ["from before"]
