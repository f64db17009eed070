"""The sample that ships with the package: whole, small, invented, and with every form in it."""

import json
import pickletools
import re
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from zs_pipeline.acorns import CATALOGUE
from zs_pipeline.acorns.platform_qc import PLATFORMS, platforms
from zs_pipeline.declaration import CORE
from zs_pipeline.settings import sample
from zs_pipeline.shape import values as fields
from zs_pipeline.shape.problems import Problem, check
from zs_pipeline.source.choice import open_source

SAMPLE = sample()
FILES = SAMPLE / "files"
LINES = (SAMPLE / "documents.ndjson").read_text(encoding="utf-8").splitlines()
DOCUMENTS = [json.loads(line) for line in LINES]
SESSIONS = FILES / "aind-behavior-data" / "foraging_nwb_bonsai_processed" / "df_sessions.pkl"
CORPUS = Path(__file__).parents[2] / "shared" / "corpus"


def of(path: str) -> list[Any]:
    """What the documents have at a path, nulls and all."""
    return [fields.part(document, path) for document in DOCUMENTS]


def all_in(path: str) -> list[Any]:
    """The elements of the lists that the documents have at a path."""
    return [item for found in of(path) if isinstance(found, list) for item in found]


def named(start: str) -> dict[str, Any]:
    """The one document whose name begins so."""
    (found,) = [d for d in DOCUMENTS if d["name"].startswith(start)]
    return found


def below(document: dict[str, Any], pattern: str) -> list[Path]:
    """The side files of a document."""
    folder = FILES / document["location"].removeprefix("s3://")
    return sorted(p for p in folder.glob(pattern) if p.is_file())


METRICS = all_in("quality_control.metrics")
EXPERIMENTERS = all_in("acquisition.experimenters")
NAMES = [p["name"] if isinstance(p, dict) else p for p in EXPERIMENTERS]


# What it is


def test_it_is_one_compact_document_a_line_and_small() -> None:
    assert len(LINES) == 46
    assert (SAMPLE / "documents.ndjson").stat().st_size < 250_000
    for line, document in zip(LINES, DOCUMENTS, strict=True):
        assert line == json.dumps(document, separators=(",", ":"), ensure_ascii=False)
    assert sum(p.stat().st_size for p in FILES.rglob("*") if p.is_file()) < 100_000


def test_every_document_looks_like_one() -> None:
    for document in DOCUMENTS:
        assert document["object_type"] == "Metadata"
        assert document["schema_version"].startswith("2.")
        assert document["location"].startswith("s3://sample-")
        for core in CORE:
            body = document.get(core)
            assert body is None or {"object_type", "schema_version"} <= body.keys()


def test_no_document_changed_before_it_was_made() -> None:
    for document in DOCUMENTS:
        made = fields.time(document.get("_created") or document.get("created"))
        changed = fields.time(document.get("_last_modified") or document.get("last_modified"))
        assert made is not None
        assert changed is not None
        assert made <= changed


def test_only_the_line_without_an_id_is_set_aside() -> None:
    swept = list(open_source(str(SAMPLE / "documents.ndjson"), ["_id"]).sweep())
    (aside,) = [one for one in swept if isinstance(one, Problem)]
    assert "_id" not in DOCUMENTS[-1]
    assert aside.name == DOCUMENTS[-1]["name"]
    assert len({one.id for one in swept if not isinstance(one, Problem)}) == 45


def test_only_one_value_cannot_be_read() -> None:
    found = [
        (document["name"], finding.field)
        for document in DOCUMENTS
        for finding in check(document, CATALOGUE.reads)
    ]
    assert found == [(named("behavior_901019")["name"], "acquisition.acquisition_end_time")]


def test_a_status_is_the_worst_of_its_metrics() -> None:
    worst = ["Pass", "Pending", "Fail"]
    for document in DOCUMENTS:
        for key, status in (fields.part(document, "quality_control.status") or {}).items():
            last = [
                (m["status_history"] or [{"status": "Pending"}])[-1]["status"]
                for m in document["quality_control"]["metrics"]
                if key in keys(m)
            ]
            assert status == max(last, key=worst.index), (document["name"], key)


def keys(metric: dict[str, Any]) -> set[str]:
    tags = metric["tags"]
    by_tag = (
        {f"{k}:{v}" for k, v in tags.items()} | set(tags.values())
        if isinstance(tags, dict)
        else set(tags)
    )
    return by_tag | {metric["modality"]["abbreviation"], metric["stage"]}


# Side files


def test_every_side_file_belongs_to_a_document() -> None:
    places = [f"{d['location'].removeprefix('s3://')}/" for d in DOCUMENTS]
    for path in FILES.rglob("*"):
        key = path.relative_to(FILES).as_posix()
        assert path.is_dir() or path == SESSIONS or key.startswith(tuple(places)), key


def test_every_side_file_is_json_but_one_that_is_cut_off() -> None:
    broken = []
    for path in FILES.rglob("*.json"):
        try:
            json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            broken.append(path.name)
    assert broken == ["trainer_state_2024-09-11_10-18-31.json"]


def test_every_link_into_a_bucket_leads_to_a_data_asset() -> None:
    places = tuple(f"{d['location']}/" for d in DOCUMENTS)
    for path in FILES.rglob("*.json"):
        for link in re.findall(r"s3://[^\"]+", path.read_text("utf-8")):
            assert link.startswith(places)


def test_what_is_read_beside_a_document_is_there() -> None:
    raw = "SPIM/derivatives/neuroglancer_config.json"
    cells = "image_cell_segmentation"
    older, newer = sorted(
        (d for d in DOCUMENTS if d["name"].startswith("SmartSPIM_901006_2024-10-21_14-05-40_st")),
        key=lambda d: d["name"],
    )
    first = next(d for d in DOCUMENTS if d["name"] == older["data_description"]["source_data"][0])
    link = json.loads(below(first, raw)[0].read_text())["ng_link"]
    assert "/derivatives/" in link
    assert "/SPIM/derivatives/" not in link
    assert [p.parts[-2] for p in below(older, f"{cells}/*/*")] == ["Ex_488_Em_525"]
    assert len(below(newer, f"{cells}/*/*")) == 2
    assert below(newer, f"{cells}/*.json")
    assert not below(named("SmartSPIM_S2401_2025-03-11_16-20-03_stitched"), f"{cells}/**/*")
    assert not below(named("SmartSPIM_901007"), "**/*")
    exa = next(d for d in DOCUMENTS if d["name"] == "exaSPIM_901009_2024-05-06_18-29-40")
    assert [p.name for p in below(exa, "*")] == ["neuroglancer.json"]
    assert [p.name for p in below(named("exaSPIM_901010"), "*")] == ["process_output.json"]
    assert named("exaSPIM_901009_2024-05-06_18-29-40_fused")
    assert named("exaSPIM_901009_2024-05-06_18-29-40_flatfield")
    assert modalities(named("HCR_901008")) == ["SPIM"]


def trainer_states(where: str) -> Iterator[tuple[str, Any]]:
    for document in DOCUMENTS:
        for path in below(document, where):
            try:
                yield document["name"], json.loads(path.read_text())
            except ValueError:
                yield document["name"], None


def test_a_data_asset_has_one_trainer_state_in_a_place() -> None:
    # The newest counts, and a checkout does not keep times.
    for where in ("behavior/trainer_state*", "behavior/Logs/.launcher/TrainerState_*"):
        assert max(Counter(name for name, _ in trainer_states(where)).values()) == 1


def test_trainer_states_have_all_their_forms() -> None:
    found = dict(trainer_states("behavior/trainer_state*"))
    older = dict(trainer_states("behavior/Logs/.launcher/TrainerState_*"))
    assert older.keys() - found.keys()
    assert older.keys() & found.keys()
    states = [state for state in found.values() if state is not None]
    assert len(states) == len(found) - 1
    assert any(s.get("curriculum", "") is None for s in states)
    assert any(s.get("curriculum") and s.get("stage", "") is None for s in states)
    assert any("curriculum" not in s for s in states)
    assert any(s.get("stage") and "graph" not in s["curriculum"] for s in states)
    nodes = [
        (s["stage"]["name"], {n["name"]: k for k, n in s["curriculum"]["graph"]["nodes"].items()})
        for s in [*states, *older.values()]
        if s.get("stage") and s["curriculum"].get("graph")
    ]
    assert {"0", "1", "2", None} <= {ids.get(stage) for stage, ids in nodes}
    assert dict(nodes)["graduated"]["graduated"] < dict(nodes)["graduated"]["two_patches"]
    behaving = [d for d in DOCUMENTS if "behavior" in json.dumps(modalities(d))]
    assert len(behaving) > len({*found, *older})


def modalities(document: dict[str, Any]) -> list[str]:
    return [m["abbreviation"] for m in fields.parts(document, "data_description.modalities")]


def test_sessions_are_a_frame_that_any_supported_pandas_reads() -> None:
    body = SESSIONS.read_bytes()
    protocols = [arg for op, arg, _ in pickletools.genops(body) if op.name == "PROTO"]
    assert protocols == [4]
    frame = pd.read_pickle(SESSIONS)
    assert set(frame.index.names) == {"subject_id", "session_date", "session", "nwb_suffix"}
    assert frame.index.names != ["subject_id", "session_date", "session", "nwb_suffix"]
    assert {
        ("metadata", "rig"),
        ("metadata", "user_name"),
        ("metadata", "task"),
        ("auto_train", "curriculum_name"),
        ("auto_train", "curriculum_version"),
        ("auto_train", "current_stage_actual"),
        ("session_stats", "foraging_eff"),
        ("session_stats", "foraging_eff_random_seed"),
        ("session_stats", "finished_trials"),
        ("session_stats", "finished_rate"),
        ("session_stats", "total_trials"),
        ("session_stats", "bias_naive"),
    } <= set(frame.columns)
    assert {t.kind for t in [*frame.dtypes, *frame.index.dtypes]} == {"O", "i", "f"}
    rows = frame.index.to_frame(index=False)
    assert len(rows) == 12
    assert rows["session"].isna().sum() == 1
    assert rows.duplicated(["subject_id", "session_date"]).any()
    assert frame[("auto_train", "curriculum_name")].isna().any()
    assert frame[("metadata", "user_name")].isna().any()
    assert (frame[("session_stats", "total_trials")] == 0).any()
    subjects = set(of("subject.subject_id"))
    assert set(rows["subject_id"]) & subjects
    assert set(rows["subject_id"]) - subjects


# The forms in the documents


def test_every_platform_has_a_data_asset_with_statuses() -> None:
    found = set()
    for document in DOCUMENTS:
        if fields.part(document, "quality_control.status"):
            kind = fields.part(document, "acquisition.acquisition_type")
            basics = {
                "modalities": modalities(document),
                "acquisition_type": kind,
                "project_name": fields.part(document, "data_description.project_name"),
                "instrument_id": fields.part(document, "acquisition.instrument_id"),
                "name": document["name"],
            }
            found.update(platforms(basics))
    # The sample's exaSPIM data assets have no quality control, and nobody there routes.
    assert found == set(PLATFORMS) - {"exaspim", "dynamic_routing"}


def test_one_subject_has_twelve_data_assets_and_many_metrics() -> None:
    mine = [d for d in DOCUMENTS if fields.part(d, "subject.subject_id") == "901001"]
    assert len(mine) == 12
    assert sum(len(list(fields.parts(d, "quality_control.metrics"))) for d in mine) > 60


def test_values_of_metrics_have_all_their_forms() -> None:
    values = [m["value"] for m in METRICS]
    assert {str, int, float, bool, list, dict, type(None)} == {type(v) for v in values}
    assert "" in values
    assert any(v is False for v in values)
    shapes = {frozenset(v) for v in values if isinstance(v, dict)}
    assert len(shapes) > 3
    judged = [v for v in values if isinstance(v, dict) and v.keys() >= {"options", "status"}]
    assert {type(v["value"]) for v in judged} == {str, list, type(None)}


def test_tags_are_objects_and_lists() -> None:
    assert {len(m["tags"]) for m in METRICS if isinstance(m["tags"], dict)} == {1, 2}
    assert any(isinstance(m["tags"], list) for m in METRICS)
    status_keys = {key for status in of("quality_control.status") for key in status or ()}
    assert {"Side bias", "type:Side bias", "fib", "Raw data"} <= status_keys
    assert {} in of("quality_control.status")


def test_metrics_have_none_to_three_statuses_and_some_are_curation() -> None:
    assert {len(m["status_history"]) for m in METRICS} == {0, 1, 2, 3}
    assert {m["object_type"] for m in METRICS} == {"QC metric", "Curation metric"}
    assert {m["stage"] for m in METRICS} == {"Raw data", "Processing", "Analysis"}
    assert any(
        d["subject"] is None and fields.part(d, "quality_control.metrics") for d in DOCUMENTS
    )


@pytest.mark.parametrize(
    "spelling",
    [
        r"\d{4}-\d\d-\d\dT[\d:]{8}Z",
        r"\d{4}-\d\d-\d\dT[\d:]{8}\.\d{6}Z",
        r"\d{4}-\d\d-\d\d [\d:]{8}[-+]\d\d:\d\d",
        r"\d{4}-\d\d-\d\d [\d:]{8}\.\d{6}[-+]\d\d:\d\d",
    ],
)
def test_times_are_spelled_in_both_ways(spelling: str) -> None:
    starts = [t for t in of("acquisition.acquisition_start_time") if t]
    assert any(re.fullmatch(spelling, t) for t in starts)


def test_times_are_wrong_where_they_are_meant_to_be() -> None:
    unread, backwards = [], []
    for document in DOCUMENTS:
        start, end = (
            fields.part(document, f"acquisition.acquisition_{t}_time") for t in ("start", "end")
        )
        if start and fields.time(end) is None:
            unread.append(document["subject"]["subject_id"])
        elif start and fields.time(end) < fields.time(start):
            backwards.append(document["subject"]["subject_id"])
    assert (unread, backwards) == (["901019"], ["901018"])


def test_the_latest_process_is_not_always_the_last() -> None:
    starts = [
        [fields.time(p["start_date_time"]) for p in fields.parts(d, "processing.data_processes")]
        for d in DOCUMENTS
    ]
    assert any(earlier > later for found in starts for earlier, later in pairwise(found))


@pytest.mark.parametrize(
    ("path", "fits"),
    [
        ("other_identifiers", lambda v: v is None),
        ("other_identifiers.Code Ocean", lambda v: v == []),
        ("other_identifiers.Code Ocean", lambda v: isinstance(v, list) and len(v) == 1),
        ("other_identifiers.Code Ocean", lambda v: isinstance(v, list) and len(v) == 2),
        ("other_identifiers.Code Ocean", lambda v: isinstance(v, str)),
        ("created", bool),
        ("last_modified", bool),
        ("subject.subject_id", lambda v: v and not v.isdigit()),
        ("subject.subject_details.date_of_birth", lambda v: v and v > "2025-02-25"),
        ("subject.subject_details.year_of_birth", bool),
        ("subject.subject_details.genotype", lambda v: v and v != v.strip()),
        ("data_description.project_name", lambda v: v and v != v.strip()),
        ("data_description.source_data", lambda v: v and len(v) == 2),
        ("processing.pipelines", lambda v: v and v[0]["name"] == ""),
        ("acquisition.experimenters", lambda v: v == []),
        (
            "acquisition.experimenters",
            lambda v: v and all(len(n) == 1 for n in fields.texts(v, "name")),
        ),
        ("acquisition.instrument_id", lambda v: v and re.fullmatch(r"\d+_.*_\d{8}_01", v)),
        ("location", lambda v: not v.startswith("s3://sample-open-data/")),
    ],
)
def test_a_document_has_this_form(path: str, fits: Callable[[Any], Any]) -> None:
    assert any(fits(value) for value in of(path))


def test_core_files_are_null_and_absent() -> None:
    for core in ("procedures", "processing", "quality_control"):
        assert any(document.get(core, "") is None for document in DOCUMENTS)
    assert any("instrument" not in document for document in DOCUMENTS)
    assert any("processing" not in document for document in DOCUMENTS)


def test_people_are_written_in_all_ways() -> None:
    assert {type(p) for p in EXPERIMENTERS} == {str, dict}
    assert {"unknown", "unknown user", "n/a", "Odile", "pim.de.groot", "MARLOW FINCH"} <= {*NAMES}
    assert any("@example.org" in name for name in NAMES)
    assert not any("@" in name and "@example.org" not in name for name in NAMES)


def test_one_name_belongs_to_two_documents() -> None:
    (shared,) = [name for name, n in Counter(of("name")).items() if n > 1]
    assert len({d["_id"] for d in DOCUMENTS if d["name"] == shared}) == 2


def test_derived_data_assets_name_one_source_none_and_one_that_is_not_there() -> None:
    names = set(of("name"))
    derived = [d["data_description"] for d in DOCUMENTS if named_level(d) == "derived"]
    sources = [d["source_data"] for d in derived]
    assert None in sources
    assert any(s and s[0] in names for s in sources)
    assert [s for s in sources if s and s[0] not in names] == [
        ["behavior_901016_2024-02-11_10-00-00"]
    ]
    assert any(d["data_description"]["source_data"] and named_level(d) == "raw" for d in DOCUMENTS)


def named_level(document: dict[str, Any]) -> str:
    return document["data_description"]["data_level"]


def wiring(start: str) -> tuple[set[str], set[tuple[str, str]], dict[str, list[list[str]]]]:
    """Implants, connections, and each cord's configurations as their channels' names."""
    document = named(start)
    implants = {
        part["implanted_device"]["name"]
        for surgery in fields.parts(document, "procedures.subject_procedures")
        for part in surgery["procedures"]
        if part["object_type"] == "Probe implant"
    }
    (stream,) = document["acquisition"]["data_streams"]
    pairs = {(c["source_device"], c["target_device"]) for c in stream["connections"]}
    cords: dict[str, list[list[str]]] = {}
    for config in stream["configurations"]:
        if config["object_type"] == "Patch cord config":
            channels = [c["channel_name"] for c in config["channels"]]
            cords.setdefault(config["device_name"], []).append(channels)
    return implants, pairs, cords


def test_fibers_are_wired_plainly() -> None:
    implants, pairs, cords = wiring("behavior_901002_2024-10-14_09-30-05_processed")
    assert implants == {"Fiber_0", "Fiber_1"}
    assert {("Patch Cord 0", "Fiber 0"), ("470nm LED", "Patch Cord 0")} <= pairs
    assert ("Patch Cord 0", "Green CMOS") in pairs
    assert cords["Patch Cord 1"] == [["Green", "Isosbestic"]]


def test_one_cord_serves_two_fibers_and_is_connected_from_them() -> None:
    _, pairs, cords = wiring("behavior_901003")
    assert {("Fiber 0", "Patch Cord A"), ("Fiber 1", "Patch Cord A")} <= pairs
    (channels,) = cords["Patch Cord A"]
    assert {"Fiber_0_green", "Fiber_1_green"} <= set(channels)
    assert '"acronym":"root"' in next(line for line in LINES if "behavior_901003" in line)


def test_fibers_cords_and_implants_are_missing() -> None:
    implants, pairs, cords = wiring("behavior_901004")
    connected = {device for pair in pairs for device in pair}
    assert "fib" not in modalities(named("behavior_901004"))
    assert implants == {"Fiber_0", "Fiber_1", "Fiber_3"}
    assert ("Patch Cord 2", "Fiber 2") in pairs
    assert not {"Fiber 3", "Fiber 1", "Patch Cord 1", "Patch Cord 9"} & connected
    assert cords["Patch Cord 1"] == [["Fiber_1_green"]]
    assert cords["Patch Cord 9"] == [["Green"]]
    assert cords["Patch Cord 0"] == [["Green"], ["Isosbestic"], ["Red"]]


# Nobody and nothing in it is real


@pytest.mark.real
def test_nothing_in_it_is_from_a_real_document() -> None:
    dump = CORPUS / "documents.ndjson"
    if not dump.exists():
        pytest.skip(f"the corpus of real documents is not in {CORPUS}")
    real = [json.loads(line) for line in dump.read_text(encoding="utf-8").splitlines()]
    real += [json.loads(p.read_text(encoding="utf-8")) for p in (CORPUS / "records").glob("*.json")]
    taken: set[str] = set()
    for document in real:
        ids = fields.part(document, "other_identifiers.Code Ocean")
        people = [
            *(fields.texts(fields.part(document, "acquisition.experimenters"), "name") or ()),
            *(fields.texts(fields.part(document, "data_description.investigators"), "name") or ()),
        ]
        taken.update(
            text
            for text in (
                fields.text(document.get("_id")),
                fields.text(document.get("name")),
                fields.text(fields.part(document, "subject.subject_id")),
                fields.text(fields.part(document, "data_description.project_name")),
                *(ids if isinstance(ids, list) else [ids]),
                *(name for name in people if " " in name),
            )
            if text is not None
        )
    # Placeholders are nobody's names.
    taken -= {"unknown", "unknown user"}
    assert len(taken) > 100
    bodies = [p for p in SAMPLE.rglob("*") if p.is_file()]
    shipped = "\n".join(str(p.relative_to(SAMPLE)) + p.read_text("latin-1") for p in bodies)
    assert sorted(one for one in taken if whole(one, shipped)) == []


def whole(text: str, shipped: str) -> bool:
    """Whether a text stands there by itself, not as a part of a longer word or number."""
    if text not in shipped:
        return False
    return re.search(rf"(?<![0-9A-Za-z]){re.escape(text)}(?![0-9A-Za-z])", shipped) is not None
