"""How each kind of table is brought up to date, without Dagster; `build` knows all kinds."""
