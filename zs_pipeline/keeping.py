"""The commands of who keeps a store: `zs prune`, `zs release` and `zs rollback`.

They need no source and no Dagster. What they do is in `zs_pipeline.publishing`.
"""

import sys
from collections.abc import Callable

from zs_client.contract import Layout
from zs_client.errors import AcornNotFound, ReadError, StoreError
from zs_client.masking import masked
from zs_client.opening import open_store
from zs_client.pinned import state_of
from zs_client.printing import size
from zs_client.published import latest
from zs_client.store import Store
from zs_pipeline import settings
from zs_pipeline.acorns import ALL_ACORNS
from zs_pipeline.publishing import pruning, snapshot_list
from zs_pipeline.publishing.prune import prune
from zs_pipeline.publishing.retention import Keep
from zs_pipeline.publishing.rollback import release as release_hold
from zs_pipeline.publishing.rollback import roll_back

_REFUSED = 2


def run_prune(
    *,
    store: str | None,
    version: str | None,
    keep_nightly: int,
    keep_weekly: int,
    keep_named: bool,
    dry_run: bool,
) -> int:
    """Remove old snapshots and what nothing names, and say what there was and is.

    Args:
        store: The store's URL; `ZS_STORE`, else the current folder.
        version: The version; `ZS_VERSION`, else that of this package.
        keep_nightly: The nights whose last snapshot is kept.
        keep_weekly: The weeks whose last snapshot is kept.
        keep_named: Whether snapshots with a name are kept.
        dry_run: Say what would be removed, and remove nothing.

    Returns:
        0, or 2 when nothing could be done.
    """

    def run(opened: Store, layout: Layout) -> None:
        keep = Keep(keep_nightly, keep_weekly, keep_named)
        done = prune(opened, layout, keep, dry_run=dry_run, progress=_to_stderr)
        would = "would be " if dry_run else ""
        print(
            f"snapshots: {done.snapshots_before:,} before, {would}"
            f"{done.snapshots_before - len(done.snapshots):,} after\n"
            f"objects: {done.objects_before:,} before, {would}{done.objects_after:,} after\n"
            f"size: {size(done.bytes_before)} before, {would}{size(done.bytes_after)} after"
        )

    return _run("prune", store, version, run)


def run_release(*, name: str, snapshot: str | None, store: str | None, version: str | None) -> int:
    """Give a snapshot a name.

    Args:
        name: The name.
        snapshot: The snapshot's id or another name of it; what is published now when None.
        store: As for `run_prune`.
        version: As for `run_prune`.

    Returns:
        0, or 2 when nothing was done.
    """

    def run(opened: Store, layout: Layout) -> None:
        snapshot_list.check_name(name)
        id_ = snapshot or latest(opened, layout)
        if id_ is None:
            raise ValueError(f"nothing is published in version {layout} of {opened.url}")
        state = state_of(opened, layout, id_)
        snapshot_list.give_name(opened, state.layout, name, state.id)
        # A prune may have been about to remove it.
        pruning.wait_for_end(opened, state.layout)
        if not opened.exists(state.layout.snapshot(state.id)):
            raise ValueError(f"snapshot {state.id} was pruned meanwhile; {name!r} is spent")
        print(f"{name} is snapshot {state.id}; snapshot={name!r} reads it")

    return _run("release", store, version, run)


def run_rollback(
    *, snapshot: str | None, release: bool, store: str | None, version: str | None
) -> int:
    """Publish an earlier snapshot, or again what builds make.

    Args:
        snapshot: The snapshot's id or name.
        release: Publish what builds made since the rollback, in place of a snapshot.
        store: As for `run_prune`.
        version: As for `run_prune`.

    Returns:
        0, or 2 when nothing was done.
    """

    def run(opened: Store, layout: Layout) -> None:
        if release == bool(snapshot):
            raise ValueError("give the snapshot's id or name, or --release alone")
        if snapshot:
            print(roll_back(opened, layout, ALL_ACORNS, snapshot).sentence)
        else:
            tables = settings.catalogue()
            released = release_hold(opened, layout, tables.acorns, tables.unbuilt)
            print(f"published again is what builds make: {released}")

    return _run("rollback", store, version, run)


def _run(
    command: str, store: str | None, version: str | None, run: Callable[[Store, Layout], None]
) -> int:
    """Open a store and run a command on it; an error is a line on stderr."""
    try:
        # Not as for a build, which makes the folder of a store.
        opened = open_store(settings.store_url(store or ""))
        opened.check()
        run(opened, settings.layout(version or ""))
    except (StoreError, ReadError, AcornNotFound, ValueError, OSError) as error:
        print(masked(f"zs {command}: {error}"), file=sys.stderr)
        return _REFUSED
    return 0


def _to_stderr(sentence: str) -> None:
    print(sentence, file=sys.stderr)
