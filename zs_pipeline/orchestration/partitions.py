"""Dagster's partitions: their definitions, and the values that an instance knows of them.

Which partitions a run wrote is an event, and told in `zs_pipeline.orchestration.events`; which ones
a table has stands in its facts.
"""

import dagster as dg

from zs_client.contract import ROOT, encode_partition
from zs_pipeline.declaration import Partitioning


def definition(split: Partitioning | None) -> dg.PartitionsDefinition | None:
    """Returns Dagster's definition of how a table is split; None for a table that is not."""
    if split is None:
        return None
    if split.is_fixed:
        return dg.StaticPartitionsDefinition([encode_partition(value) for value in split.values])
    return dg.DynamicPartitionsDefinition(name=dynamic_name(split.column))


def dynamic_name(column: str) -> str:
    """Returns the name of the dynamic partitions of a column, which no other team's have."""
    return f"{ROOT}/{column}"


def has_key(context: dg.OutputContext | dg.AssetExecutionContext) -> bool:
    """Returns whether a person asked for some partitions, rather than for what changed."""
    if isinstance(context, dg.OutputContext):
        return bool(context.has_asset_partitions)
    return bool(context.has_partition_key or context.has_partition_key_range)


def known_values(instance: dg.DagsterInstance | None, name: str) -> set[str]:
    """Returns the values of a dynamic partition that Dagster knows."""
    return set(instance.get_dynamic_partitions(name)) if instance else set()


def sync(instance: dg.DagsterInstance | None, name: str, there: set[str], gone: set[str]) -> None:
    """Tell Dagster which values a dynamic partition has.

    Args:
        instance: The run's; None where it has none.
        name: The partition's name.
        there: Values that it has; those that are known are not told again.
        gone: Values that it had and has no longer.
    """
    if instance is None:
        return
    known = known_values(instance, name)
    if there - known:
        instance.add_dynamic_partitions(name, sorted(there - known))
    for value in gone & known:
        instance.delete_dynamic_partition(name, value)
