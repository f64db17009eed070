"""The pipeline as Dagster has it: resources, assets, checks, jobs and events."""
