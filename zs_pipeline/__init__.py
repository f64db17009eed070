"""The pipeline: from documents and side files to tables, as a Dagster asset graph."""
