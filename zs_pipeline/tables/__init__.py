"""How each kind of table is brought up to date, without Dagster."""
