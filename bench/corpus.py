"""Made-up documents of our own, at any size, and the side files beside their data.

The same seed gives the same bytes. Shapes, odd forms among them, are those of real documents; what
is in them is invented. How much of each there is was chosen here: about 20 KB for a document, a
dozen data assets for a subject, and one subject with about 400.
"""

import hashlib
import json
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from itertools import count, islice
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from zs_pipeline.settings import sample

Document = dict[str, Any]
Files = dict[str, Any]

DUMP, CHANGED, FILES = "documents.ndjson", "changed.ndjson", "files"
BUCKET = "made-up-open-data"
BIG_SUBJECT, BIG = "600000", 400
PER_SUBJECT = 12
# Every so many documents one has an odd form, each form in its turn.
ODD_EVERY = 25
# Documents without a usable `_id`, at the end of the dump: what a build sets aside.
ASIDE: tuple[Any, ...] = (None, {"made": "up"})

_BEGAN = datetime(2024, 1, 1, 8, tzinfo=UTC)
_SEATTLE = timezone(timedelta(hours=-7))
_FRAME = "aind-behavior-data/foraging_nwb_bonsai_processed/df_sessions.pkl"


class Kind(NamedTuple):
    """A way of acquiring data."""

    weight: int
    prefix: str
    modalities: tuple[str, ...]
    types: tuple[str, ...]
    instruments: tuple[str, ...]
    derived: str


_FORAGING = ("Uncoupled Baiting", "Coupled Without Baiting", "AindDynamicForaging")
KINDS = (
    Kind(5, "", ("behavior", "behavior-videos"), ("AindVrForaging",), ("4A", "4B"), "processed"),
    Kind(4, "behavior_", ("behavior",), _FORAGING, ("447-3-B_2025-01-31", "447-1-A"), "processed"),
    Kind(3, "", ("behavior", "behavior-videos", "fib"), _FORAGING, ("FRG.4-C",), "processed"),
    Kind(3, "SmartSPIM_", ("SPIM",), ("SmartSPIM",), ("SmartSPIM-2-1",), "stitched"),
    Kind(1, "exaSPIM_", ("SPIM",), ("ExaSPIM",), ("exaSPIM-1",), "fused"),
    Kind(2, "ecephys_", ("ecephys", "behavior"), ("ecephys",), ("323_EPHYS1_20250922",), "sorted"),
    Kind(2, "multiplane-ophys_", ("pophys",), ("ophys",), ("429-mesoscope-20220321",), "processed"),
)
_MODALITIES = {
    "behavior": "Behavior",
    "behavior-videos": "Behavior videos",
    "fib": "Fiber photometry",
    "SPIM": "Selective plane illumination microscopy",
    "ecephys": "Extracellular electrophysiology",
    "pophys": "Planar optical physiology",
}
_PEOPLE = (
    "Ada Example",
    "ada.example",
    "Bo  Sample",
    "Bo",
    "C. Instance",
    "dee van Made",
    "unknown",
)
_GENOTYPES = ("wt/wt", " Dbh-Cre/wt ", "Ai14(RCL-tdT)/wt", "Chat-IRES-Cre/wt", None)
_STAGES = ("Raw data", "Processing", "Analysis")
_STATUSES = ("Pass", "Pass", "Pass", "Fail", "Pending")
_STRUCTURES = ("VTA", "NAc", "LC", "DR", "root")
_TEXT = (
    "Pass when the device is there in the recording and answers as it should. ",
    "Fraction of frames that were dropped between the first and the last trial of the session. ",
    "Counts come from the first five hundred frames; the threshold was agreed on by the team. ",
)


def documents(size: int, seed: int = 0) -> Iterator[tuple[Document, Files]]:
    """The documents one after another, and what lies beside the data of each.

    Args:
        size: How many.
        seed: Another one gives other documents.

    Yields:
        The document, and its side files by key below its location.
    """
    sound = size - len(ASIDE)
    for number, (document, files) in enumerate(islice(_sessions(size, seed), sound)):
        if number % ODD_EVERY == ODD_EVERY // 2:
            _ODD[number // ODD_EVERY % len(_ODD)](document)
        yield document, files
    for number, one in enumerate(ASIDE):
        raw = _raw(random.Random(f"{seed} aside"), size + number, _subject(1), KINDS[0])
        yield raw | {"_id": one}, {}


def _sessions(size: int, seed: int) -> Iterator[tuple[Document, Files]]:
    """Documents without end, those of the big subject first."""
    subjects = max(3, size // PER_SUBJECT)
    left = min(BIG, size // 4)
    for session in count():
        # One for each session: what is in a document does not depend on those before it.
        rng = random.Random(f"{seed} {session}")
        subject = BIG_SUBJECT if left > 0 else _subject(rng.randrange(1, subjects))
        for found in _session(rng, session, subject):
            left -= 1
            yield found


def _subject(number: int) -> str:
    if number % 200 == 2:
        return f"M{2400 + number}"
    return f"made/up 100% ü{number}" if number % 1000 == 3 else str(600000 + number)


def _session(rng: random.Random, session: int, subject: str) -> Iterator[tuple[Document, Files]]:
    """A raw data asset, and what was made from it."""
    kind = rng.choices(KINDS, [kind.weight for kind in KINDS])[0]
    raw = _raw(rng, session, subject, kind)
    yield raw, _raw_files(rng, kind, raw)
    for number in range(rng.choices((0, 1, 2), (55, 38, 7))[0]):
        made = _derived(rng, raw, kind, session, 2 + 30 * number)
        yield made, _derived_files(rng, kind)


def _raw(rng: random.Random, session: int, subject: str, kind: Kind) -> Document:
    began = _BEGAN + timedelta(minutes=9 * session, seconds=rng.randrange(60))
    name = f"{kind.prefix}{_segment(subject)}_{_stamp(began)}"
    written = _times(rng)
    instrument = rng.choice(kind.instruments)
    return {
        **_envelope(rng, name, began + timedelta(days=1)),
        "subject": {
            "object_type": "Subject",
            "schema_version": "2.3.3",
            "subject_id": subject,
            "subject_details": {
                "object_type": "Mouse subject",
                "sex": rng.choice(("Male", "Female")),
                "date_of_birth": str((began - timedelta(days=rng.randint(60, 300))).date()),
                "species": {"name": "Mus musculus", "registry_identifier": "NCBI:txid10090"},
                "genotype": rng.choice(_GENOTYPES),
                "notes": _TEXT[0] * 4,
            },
        },
        "data_description": {
            "object_type": "Data description",
            "name": name,
            "subject_id": subject,
            "data_level": "raw",
            "project_name": f"Project {rng.randrange(40)}",
            "modalities": [_modality(one) for one in kind.modalities],
            "institution": {"name": "Made up for the benchmark", "abbreviation": "AIND"},
            "investigators": [{"object_type": "Person", "name": n} for n in _people(rng)],
            "funding_source": [{"funder": "made up", "grant_number": "0"}] * 3,
            "source_data": None,
        },
        "procedures": {
            "object_type": "Procedures",
            "subject_id": subject,
            "subject_procedures": [
                {"object_type": "Surgery", "procedures": [*_implants(rng, kind)], "notes": _TEXT[1]}
            ],
            "notes": _TEXT[0] * 10,
        },
        "instrument": {
            "object_type": "Instrument",
            "instrument_id": instrument,
            "components": _components(rng),
        },
        "acquisition": {
            "object_type": "Acquisition",
            "subject_id": subject,
            "acquisition_start_time": written(began),
            "acquisition_end_time": written(began + timedelta(minutes=rng.randint(20, 120))),
            "acquisition_type": rng.choice(kind.types),
            "experimenters": _people(rng),
            "instrument_id": instrument,
            "data_streams": [_stream(rng, kind)],
            "subject_details": {"animal_weight_prior": "24.5", "weight_unit": "gram"},
        },
        "processing": _processing(began + timedelta(hours=2), "transform_and_upload", written),
        "quality_control": _quality(rng, kind, began),
    }


def _derived(rng: random.Random, raw: Document, kind: Kind, session: int, hours: int) -> Document:
    made = _BEGAN + timedelta(minutes=9 * session, hours=hours)
    name = f"{raw['name']}_{kind.derived}_{_stamp(made)}"
    pipeline = f"{kind.derived} pipeline" if rng.random() < 0.9 else None
    return {
        **raw,
        **_envelope(rng, name, made + timedelta(days=1)),
        "data_description": {
            **raw["data_description"],
            "name": name,
            "data_level": "derived",
            "source_data": [raw["name"]],
        },
        "processing": _processing(made, pipeline, _times(rng)),
        "quality_control": _quality(rng, kind, made),
    }


def _envelope(rng: random.Random, name: str, modified: datetime) -> Document:
    location = f"s3://{BUCKET}/{name}"
    return {
        "_id": f"{rng.getrandbits(128):032x}",
        "object_type": "Metadata",
        "name": name,
        "location": location,
        "_created": _milliseconds(modified - timedelta(hours=1)),
        "_last_modified": _milliseconds(modified),
        "other_identifiers": {"Code Ocean": [f"{rng.getrandbits(64):016x}"]},
    }


def _quality(rng: random.Random, kind: Kind, when: datetime) -> Document | None:
    """Quality control of 4 to 60 metrics, for seven documents of ten."""
    if rng.random() > 0.7:
        return None
    bare = rng.random() < 0.4
    status: dict[str, str] = {}
    metrics = []
    for number in range(rng.randint(4, 60)):
        modality, stage = rng.choice(kind.modalities), rng.choice(_STAGES)
        tag, said = chr(ord("A") + number % 6), rng.choice(_STATUSES)
        status |= dict.fromkeys((tag if bare else f"probe:{tag}", modality, stage), said)
        metrics.append(
            {
                "object_type": "QC metric",
                "name": f"Made up metric {number}",
                "modality": _modality(modality),
                "stage": stage,
                "value": _value(rng),
                "tags": [tag] if bare else {"probe": tag},
                "description": rng.choice(_TEXT) * rng.randint(1, 3),
                "reference": f"qc/figure_{number}.png" if rng.random() < 0.5 else None,
                "status_history": [
                    _status("Automated", "Pending", when),
                    _status(rng.choice(_PEOPLE), said, when + timedelta(hours=number)),
                ][rng.randrange(2) :],
                "evaluated_assets": None,
            }
        )
    metrics.append({"object_type": "Curation metric", "name": "c", "value": {"curations": [[]]}})
    return {"object_type": "Quality control", "metrics": metrics, "status": status}


def _status(evaluator: str, status: str, when: datetime) -> Document:
    return {
        "object_type": "QC status",
        "evaluator": evaluator,
        "status": status,
        "timestamp": _milliseconds(when),
    }


def _value(rng: random.Random) -> Any:
    number = rng.random()
    picked = {"value": "good", "options": ["good", "bad"], "status": ["Pass", "Fail"]}
    values = (number, int(number * 1000), "ok", None, number < 0.5, [1, 2, 3], picked, picked)
    return rng.choice(values)


def _implants(rng: random.Random, kind: Kind) -> Iterator[Document]:
    for number in range(rng.randint(1, 4) if "fib" in kind.modalities else 0):
        yield {
            "object_type": "Probe implant",
            "implanted_device": {"object_type": "Fiber probe", "name": f"Fiber_{number}"},
            "device_config": {
                "primary_targeted_structure": {
                    "acronym": rng.choice(_STRUCTURES),
                    "name": "made up",
                }
            },
        }


def _stream(rng: random.Random, kind: Kind) -> Document:
    cords = (
        [f"Patch Cord {n}" for n in range(rng.randint(1, 4))] if "fib" in kind.modalities else []
    )
    return {
        "object_type": "Data stream",
        "modalities": [_modality(one) for one in kind.modalities],
        "active_devices": [f"device {n}" for n in range(12)],
        "connections": [
            *({"source_device": c, "target_device": f"Fiber {n}"} for n, c in enumerate(cords)),
            *({"source_device": "LED", "target_device": cord} for cord in cords),
        ],
        "configurations": [
            *(
                {
                    "object_type": "Patch cord config",
                    "device_name": cord,
                    "channels": [
                        {"channel_name": f"Fiber_{n}_{color}", "intended_measurement": measured}
                        for color, measured in (("Green", "dopamine"), ("Iso", None))
                    ],
                }
                for n, cord in enumerate(cords)
            ),
            *({"object_type": "Detector config", "notes": _TEXT[n % 3]} for n in range(12)),
        ],
    }


def _components(rng: random.Random) -> list[Document]:
    return [
        {
            "object_type": "Device",
            "name": f"device {number}",
            "serial_number": f"{rng.getrandbits(40):010x}",
            "manufacturer": {"name": "Made up", "registry": "Research Organization Registry (ROR)"},
            "notes": _TEXT[number % 3],
        }
        for number in range(rng.randint(8, 24))
    ]


def _processing(began: datetime, pipeline: str | None, written: Callable[[datetime], str]) -> Any:
    return {
        "object_type": "Processing",
        "data_processes": [
            {
                "process_type": "Other",
                "start_date_time": written(began + timedelta(hours=step)),
                "end_date_time": written(began + timedelta(hours=step + 1)),
                "code": {"url": "https://example.org/made/up", "parameters": {"made": "up"}},
            }
            for step in range(2)
        ],
        "pipelines": [{"name": pipeline}] if pipeline else None,
    }


def _raw_files(rng: random.Random, kind: Kind, raw: Document) -> Files:
    """A trainer state beside half of the behavior data, a link beside most images."""
    if "behavior" in kind.modalities and rng.random() < 0.5:
        old = rng.random() < 0.5
        key = "Logs/.launcher/TrainerState_0.json" if old else "trainer_state.json"
        nodes = {str(n): {"name": f"stage_{n}"} for n in range(4)}
        stage = {"name": f"stage_{rng.randrange(5)}"}
        curriculum = {"name": "Made up", "graph": {"nodes": nodes}}
        return {f"behavior/{key}": {"curriculum": curriculum, "stage": stage}}
    if kind.derived == "stitched" and rng.random() < 0.8:
        link = f"https://example.org/#!{raw['location']}/derivatives/x.json"
        return {"SPIM/derivatives/neuroglancer_config.json": {"ng_link": link}}
    return {"neuroglancer.json": {}} if kind.derived == "fused" and rng.random() < 0.8 else {}


def _derived_files(rng: random.Random, kind: Kind) -> Files:
    channels = ("Ex_488_Em_525", "Ex_561_Em_600")[: rng.randint(0, 2)]
    shown = "visualization/neuroglancer_config.json"
    if kind.derived != "stitched":
        return {}
    return {f"image_cell_segmentation/{channel}/{shown}": {} for channel in channels}


def _modality(abbreviation: str) -> Document:
    return {"name": _MODALITIES[abbreviation], "abbreviation": abbreviation}


def _people(rng: random.Random) -> list[str]:
    return rng.sample(_PEOPLE, rng.randint(1, 2))


def _times(rng: random.Random) -> Callable[[datetime], str]:
    """One of the two spellings of times that documents have."""
    if rng.random() < 0.3:
        return lambda when: when.isoformat().replace("+00:00", "Z")
    return lambda when: str(when.astimezone(_SEATTLE))


def _milliseconds(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _stamp(when: datetime) -> str:
    return when.strftime("%Y-%m-%d_%H-%M-%S")


def _segment(subject: str) -> str:
    return "".join(c if c.isascii() and c.isalnum() else "-" for c in subject)


def _older_envelope(document: Document) -> None:
    document["created"] = document.pop("_created")
    document["last_modified"] = document.pop("_last_modified")


# Each is a form that real documents have; none of them is set aside.
_ODD: tuple[Callable[[Document], Any], ...] = (
    lambda document: document.update(subject=None),
    _older_envelope,
    lambda document: document.update(instrument=None, processing=None),
    lambda document: [document.pop(core) for core in ("procedures", "quality_control")],
    lambda document: document.update(name="Made up, and several times"),
    lambda document: document["acquisition"].update(acquisition_start_time="in the morning"),
    lambda document: document["other_identifiers"].update({"Code Ocean": "a bare text"}),
    lambda document: document.update(quality_control={"metrics": [], "status": {}}),
    lambda document: document.update(location="s3://made-up-missing-bucket/one"),
    lambda document: document["subject"].update(subject_details=None),
    lambda document: document["acquisition"].update(experimenters=[{"name": "a.b@example.org"}]),
    lambda document: document.update(location=None),
    lambda document: document["data_description"].update(modalities=None, source_data="a text"),
)


def write(folder: Path, size: int, seed: int = 0) -> dict[str, Any]:
    """Write the documents and the side files into a folder.

    Returns:
        What there is: `documents`, those `set_aside` among them, `bytes` of the dump, `metrics`,
        `subjects`, data assets of the `big_subject`, `side_files`, and the dump's `sha256`.
    """
    told: Counter[str] = Counter(set_aside=len(ASIDE))
    subjects: Counter[str] = Counter()
    digest = hashlib.sha256()
    bucket = folder / FILES / BUCKET
    bucket.mkdir(parents=True)
    with (folder / DUMP).open("wb") as dump:
        for document, files in documents(size, seed):
            line = orjson.dumps(document) + b"\n"
            digest.update(line)
            dump.write(line)
            metrics = (document.get("quality_control") or {}).get("metrics") or ()
            told.update(
                documents=1,
                bytes=len(line),
                side_files=len(files),
                metrics=max(0, len(metrics) - 1),
            )
            if document["subject"]:
                subjects[document["subject"]["subject_id"]] += 1
            for key, content in files.items():
                path = bucket / document["data_description"]["name"] / key
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(json.dumps(content))
    (folder / FILES / _FRAME).parent.mkdir(parents=True)
    shutil.copyfile(sample() / "files" / _FRAME, folder / FILES / _FRAME)
    return {
        **told,
        "subjects": len(subjects),
        "big_subject": subjects[BIG_SUBJECT],
        "sha256": digest.hexdigest(),
    }


def change(folder: Path, share: float, seed: int = 0) -> int:
    """Change a share of the documents of a dump, as a day's work changes them.

    The dump is replaced by another file; the changed documents lie beside it as well.

    Returns:
        How many were changed.
    """
    with (folder / DUMP).open("rb") as dump:
        sound = sum(1 for _ in dump) - len(ASIDE)
    rng = random.Random(f"{seed} {share}")
    chosen = set(rng.sample(range(sound), max(1, round(sound * share))))
    new = folder / f"{DUMP}.new"
    with (
        (folder / DUMP).open("rb") as dump,
        new.open("wb") as out,
        (folder / CHANGED).open("wb") as changed,
    ):
        for number, line in enumerate(dump):
            kept = line
            if number in chosen:
                document = orjson.loads(line)
                _edit(rng, document)
                kept = orjson.dumps(document) + b"\n"
                changed.write(kept)
            out.write(kept)
    new.replace(folder / DUMP)
    return len(chosen)


def _edit(rng: random.Random, document: Document) -> None:
    key = "_last_modified" if "_last_modified" in document else "last_modified"
    before = datetime.fromisoformat(document[key])
    document[key] = _milliseconds(before + timedelta(days=1, seconds=rng.randrange(3600)))
    quality = document.get("quality_control")
    if quality and quality["metrics"]:
        said = rng.choice(_STATUSES)
        quality["metrics"][0]["status_history"].append(_status("Ada Example", said, before))
        quality["status"] = dict.fromkeys(quality["status"], said)
    elif document.get("data_description"):
        document["data_description"]["project_name"] = f"Project {rng.randrange(40)}"
