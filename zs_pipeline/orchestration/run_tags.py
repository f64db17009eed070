"""The tags on Dagster's runs by which the parts of a night know who started it.

Who sets them and who reads them is in the jobs, the assets and `zs_pipeline.build`. Dagster keeps
them with each run, so that their names stay.
"""

# Set on the runs of `zs build`, which starts the later ones itself.
BY_COMMAND = "zs/by_command"
# Set on the runs of a schedule and those that follow: the hours between two of them.
EVERY_HOURS = "zs/every_hours"
# Set on the runs that a sensor starts: the run that they follow.
FOLLOWS = "zs/follows"
# Dagster's own, on a run that failed.
WILL_RETRY = "dagster/will_retry"
# The code location, as in `workspace.yaml` and `pyproject.toml`; Dagster keeps it with each run.
LOCATION = "data-asset-cache"
