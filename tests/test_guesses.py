"""What readers that guess do wrong, as each table's page says it."""

import duckdb
import pandas as pd
import pytest

from zs_client.contract import Layout, __version__


def test_what_the_pages_say_of_duckdb_and_pandas_is_so(sample_store):
    folder = sample_store / Layout(__version__).folder
    one = folder / "qc" / "subject_id=901001" / "data.pqt"
    with pytest.raises(duckdb.Error):
        duckdb.sql(f"FROM '{one}'").fetchall()
    kind = f"SELECT DISTINCT typeof(subject_id) FROM read_parquet('{one}'"
    assert duckdb.sql(f"{kind})").fetchall() == [("BIGINT",)]
    assert duckdb.sql(f"{kind}, hive_types_autocast=false)").fetchall() == [("VARCHAR",)]
    assert len(pd.read_parquet(folder / "qc", partitioning=None)) == 121
