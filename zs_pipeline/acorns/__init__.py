"""Every table of the cache, one file each. A new table is a new file and its line here.

Which of them a build makes is decided by `settings.catalogue`.
"""

from zs_pipeline.acorns import (
    asset_basics,
    assets_smartspim,
    behavior_curriculum,
    data_asset_problems,
    document_problems,
    foraging_sessions,
    metadata_core,
    metadata_upgrade,
    platform_exaspim,
    platform_fib,
    platform_qc,
    platform_smartspim_fiber_ccf,
    platform_smartspim_qc_metrics,
    qc_by_raw_asset,
    qc_tag_status,
    quality_control,
    source_data,
    time_to_qc,
    unique_genotypes,
    unique_project_names,
    unique_subject_ids,
)
from zs_pipeline.catalogue import Catalogue
from zs_pipeline.declaration import Acorn

# Every build makes these.
ACORNS: tuple[Acorn, ...] = (
    unique_project_names.ACORN,
    unique_subject_ids.ACORN,
    unique_genotypes.ACORN,
    asset_basics.ACORN,
    source_data.ACORN,
    quality_control.ACORN,
    qc_tag_status.ACORN,
    time_to_qc.ACORN,
    platform_qc.ACORN,
    metadata_core.ACORN,
    assets_smartspim.ACORN,
    platform_smartspim_fiber_ccf.ACORN,
    platform_smartspim_qc_metrics.ACORN,
    platform_exaspim.ACORN,
    platform_fib.ACORN,
    foraging_sessions.ACORN,
    behavior_curriculum.ACORN,
    metadata_upgrade.ACORN,
    document_problems.ACORN,
    data_asset_problems.ACORN,
)

# Builds make these where they write the layout of the successor, whose readers ask for them.
FOR_SUCCESSOR: tuple[Acorn, ...] = (qc_by_raw_asset.ACORN,)
ALL_ACORNS = (*ACORNS, *FOR_SUCCESSOR)

CATALOGUE = Catalogue(ACORNS, unbuilt=FOR_SUCCESSOR)
FULL_CATALOGUE = Catalogue(ALL_ACORNS)
