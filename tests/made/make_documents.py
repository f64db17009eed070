"""Documents of invented animals, written with the library that real ones are written with.

`make made` runs this in `.venv-made` and keeps the documents in `documents.ndjson.zst`; the tests
read those, and need no second environment. The same seed gives the same documents. Each is right
by aind-data-schema when it is made; `mangle.py` then does to a part of them what has been seen in
real ones.
"""

import argparse
import json
import random
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import mangle
import zstandard
from aind_data_schema.components.configs import (
    Channel,
    DetectorConfig,
    FiberAssemblyConfig,
    LightEmittingDiodeConfig,
    ManipulatorConfig,
    PatchCordConfig,
    ProbeConfig,
)
from aind_data_schema.components.connections import Connection
from aind_data_schema.components.coordinates import CoordinateSystemLibrary, Translation
from aind_data_schema.components.devices import EphysProbe, FiberProbe
from aind_data_schema.components.identifiers import Code, Person
from aind_data_schema.components.subject_procedures import Surgery
from aind_data_schema.components.subjects import (
    BreedingInfo,
    MouseSubject,
    NonHumanPrimateSubject,
)
from aind_data_schema.components.surgery_procedures import ProbeImplant
from aind_data_schema.core.acquisition import (
    Acquisition,
    AcquisitionSubjectDetails,
    DataStream,
    ExternalDataStream,
)
from aind_data_schema.core.data_description import DataDescription, Funding
from aind_data_schema.core.metadata import Metadata
from aind_data_schema.core.procedures import Procedures
from aind_data_schema.core.processing import DataProcess, Processing
from aind_data_schema.core.quality_control import (
    CurationMetric,
    QCMetric,
    QCStatus,
    QualityControl,
)
from aind_data_schema.core.subject import Subject
from aind_data_schema_models.brain_atlas import CCFv3
from aind_data_schema_models.modalities import Modality
from aind_data_schema_models.organizations import Organization
from aind_data_schema_models.process_names import ProcessName
from aind_data_schema_models.species import Species, Strain

KEPT = Path(__file__).with_name("documents.ndjson.zst")
SEED = 20260101
COUNT = 2000

PEOPLE = [
    *("Ada Example", "ada.example", "Ada", "Bo Sample", "bo.sample@example.org", "Cy MacInvented"),
    *("Dee van der Made", "E,v,e,F,i,c,t,i,o,n", "unknown", "n/a", "Åse Påhitt", "Gil O'Made"),
]
INVESTIGATORS = ["Ada Example", "Hal Invention", "Ida Fable", "Jo de Story"]
PROJECTS = ["Made Up Project", "Invented Foraging", "Fabled Light Sheet", "Imagined Sorting"]
GENOTYPES = ["wt/wt", "Made1-IRES-Cre/wt", "Made2-Cre/wt;AiX(Invented)-hyg/wt"]
STRUCTURES = [CCFv3.PL, CCFv3.ACB, CCFv3.CP, CCFv3.VTA, CCFv3.PIR, CCFv3.ROOT]
MEASUREMENTS = ["dopamine", "calcium", "acetylcholine", "control", None]
RIGS = {
    "ecephys": ["323_EPHYS1_20230922", "323_EPHYS1", "EPHYS1", "342_NP.3_20241111", "NP3"],
    "fib": ["447_FIP_Sue_20240101", "FIP_Sue", "428_FIP1_20231107", "1_FIP1", "428_1_FIP1"],
    "vr": ["446_8C_20241222", "4A", "426_4A_20240902", "13A_20240101", "FRG.9-B"],
    "foraging": ["447-3-D_20240203", "447_3D_20240203", "447-1-D", "342_BEHDEV.B-4_20240401"],
    "pophys": ["422-mesoscope-20220218", "422_MESO2_20241017", "MESO.1", "429_MESO1_20230122"],
    "slap2": ["442_Bergamo_2p_photostim", "Bergamo_2p-photostim-room442_20241021", "SLAP2_1"],
    "smartspim": ["SmartSPIM-2-1", "SmartSPIM2-1", "440_SmartSPIM2_20240327", "SmartSPIM3-1"],
    "exaspim": ["exaSPIM1-01", "exaspim-01", "exaSPIM1"],
}
PACIFIC = ZoneInfo("America/Los_Angeles")
NOWHERE = Translation(translation=[1.0, 1.0, 1.0])
ATLAS = CoordinateSystemLibrary.BREGMA_ARI


@dataclass
class Animal:
    """An animal and what was done to it."""

    id: str
    born: date
    genotype: str
    project: str
    kind: str
    fibers: list[tuple[str, Any]] = field(default_factory=list)
    surgeries: list[tuple[date, list[ProbeImplant]]] = field(default_factory=list)


class Maker:
    """Makes documents; everything by chance comes from one generator.

    Args:
        seed: Where that generator begins.
    """

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.number = 0

    # Animals

    def animal(self, place: int) -> Animal:
        """Returns the animal of a place in the list of all."""
        chance = self.chance
        kind = list(RIGS)[place % len(RIGS)]
        animal = Animal(
            id=f"M{9000 + place}" if chance.random() < 0.1 else str(990000 + place),
            born=date(2022, 1, 1) + timedelta(days=chance.randrange(500)),
            genotype=chance.choice(GENOTYPES),
            project=chance.choice(PROJECTS),
            kind=kind,
        )
        if kind in ("fib", "foraging"):
            self._implant(animal)
        elif kind == "ecephys" and chance.random() < 0.3:
            probe = EphysProbe(name="Probe A", probe_model="Neuropixels 1.0")
            device = ProbeImplant(implanted_device=probe, device_config=self._config("Probe A"))
            animal.surgeries.append((date(2023, 5, 1), [device]))
        return animal

    def _implant(self, animal: Animal) -> None:
        chance = self.chance
        blank = chance.choice(["_", " "])
        animal.fibers = [
            (f"Fiber{blank}{number}", chance.choice(STRUCTURES))
            for number in range(chance.randint(1, 4))
        ]
        implants = [self._fiber(name, structure) for name, structure in animal.fibers]
        animal.surgeries.append((date(2023, 5, 1), implants))
        if chance.random() < 0.15:
            # Each surgery numbers its fibers from 0.
            again = [self._fiber(name, chance.choice(STRUCTURES)) for name, _ in animal.fibers[:2]]
            animal.surgeries.append((date(2023, chance.choice([3, 6]), 9), again))
        if chance.random() < 0.15:
            later = f"Fiber{blank}{len(animal.fibers)}"
            animal.surgeries.append(
                (date(2024, 6, 1), [self._fiber(later, chance.choice(STRUCTURES))])
            )

    def _fiber(self, name: str, structure: Any) -> ProbeImplant:
        device = FiberProbe(
            name=name, core_diameter=200, numerical_aperture="0.37", total_length="2.5"
        )
        return ProbeImplant(implanted_device=device, device_config=self._config(name, structure))

    def _config(self, name: str, structure: Any = CCFv3.MOS) -> ProbeConfig:
        return ProbeConfig(
            device_name=name,
            primary_targeted_structure=structure,
            local_coordinate_system=CoordinateSystemLibrary.BREGMA_ARI,
            transform=[NOWHERE],
        )

    # Core files

    def subject(self, animal: Animal) -> Subject:
        if self.chance.random() < 0.05:
            details: Any = NonHumanPrimateSubject(
                species=Species.RHESUS_MACAQUE,
                sex="Female",
                year_of_birth=animal.born.year,
                mating_status="Unknown",
                source=Organization.OTHER,
            )
        else:
            details = MouseSubject(
                sex="Male",
                date_of_birth=animal.born,
                strain=Strain.C57BL_6J,
                species=Species.HOUSE_MOUSE,
                genotype=animal.genotype,
                source=Organization.AI,
                breeding_info=BreedingInfo(
                    maternal_id="1",
                    maternal_genotype="wt/wt",
                    paternal_id="2",
                    paternal_genotype="wt/wt",
                ),
            )
        return Subject(subject_id=animal.id, subject_details=details)

    def description(
        self,
        animal: Animal,
        name: str,
        made: datetime,
        modalities: list[Any],
        sources: list[str] | None,
    ) -> DataDescription:
        return DataDescription(
            subject_id=animal.id,
            creation_time=made,
            name=name,
            institution=self.chance.choice([Organization.AIND, Organization.AIBS]),
            funding_source=[Funding(funder=Organization.AI)],
            data_level="derived" if sources is not None else "raw",
            investigators=[
                Person(name=name)
                for name in self.chance.sample(INVESTIGATORS, self.chance.randint(1, 3))
            ],
            project_name=animal.project,
            modalities=modalities,
            source_data=sources,
        )

    def procedures(self, animal: Animal) -> Procedures:
        return Procedures(
            subject_id=animal.id,
            subject_procedures=[
                Surgery(start_date=day, experimenters=["NSB"], procedures=implants)
                for day, implants in animal.surgeries
            ],
            global_coordinate_system=ATLAS if animal.surgeries else None,
        )

    def acquisition(
        self, animal: Animal, start: datetime, modalities: list[Any], kind: str
    ) -> Acquisition:
        end = start + timedelta(minutes=self.chance.randint(20, 120), milliseconds=250)
        has_fib = Modality.FIB in modalities
        stream = self._fibers(animal, start, end, modalities) if has_fib else None
        if stream is None:
            stream = ExternalDataStream(
                stream_start_time=start, stream_end_time=end, modalities=modalities
            )
        return Acquisition(
            subject_id=animal.id,
            specimen_id=f"{animal.id}_001" if Modality.SPIM in modalities else None,
            acquisition_start_time=start,
            acquisition_end_time=end,
            experimenters=self.chance.sample(PEOPLE, self.chance.randint(0, 3)),
            instrument_id=self.chance.choice(RIGS[animal.kind]),
            acquisition_type=kind,
            data_streams=[stream],
            global_coordinate_system=ATLAS if has_fib else None,
            subject_details=AcquisitionSubjectDetails(
                animal_weight_prior="29.0", mouse_platform_name="wheel"
            ),
        )

    # Fibers

    def _channels(self, prefix: str) -> list[Channel]:
        detector = DetectorConfig(device_name="Green CMOS", trigger_type="Internal")
        colors = self.chance.sample(["green", "isosbestic", "red"], self.chance.randint(1, 3))
        return [
            Channel(
                channel_name=f"{prefix}{color}",
                intended_measurement=self.chance.choice(MEASUREMENTS),
                detector=detector,
                light_sources=[LightEmittingDiodeConfig(device_name="470nm LED")],
            )
            for color in colors
        ]

    def _fibers(
        self, animal: Animal, start: datetime, end: datetime, modalities: list[Any]
    ) -> DataStream:
        chance = self.chance
        cords: list[PatchCordConfig] = []
        connections: list[Connection] = []
        assemblies: list[FiberAssemblyConfig] = []
        names = [name.replace("_", " ") for name, _ in animal.fibers]
        if chance.random() < 0.1:
            names.append(f"Fiber {len(names) + 3}")
        shared = len(names) > 1 and chance.random() < 0.2
        for number, name in enumerate(names):
            cord = f"Patch Cord {number}"
            prefix = f"{chance.choice([name, name.replace(' ', '_')])}_"
            if shared and number < 2:
                cord = "Patch Cord S"
            elif chance.random() < 0.15:
                prefix = ""
            channels = self._channels(prefix)
            if not (shared and number < 2) and chance.random() < 0.2:
                assemblies.append(self._assembly(number, name, cord, channels))
                if chance.random() < 0.5:
                    connections.append(self._connection(cord, name))
                continue
            if chance.random() < 0.2:
                # One configuration for each channel.
                cords += [PatchCordConfig(device_name=cord, channels=[one]) for one in channels]
            elif chance.random() < 0.93:
                cords.append(PatchCordConfig(device_name=cord, channels=channels))
            if (shared and number < 2) or chance.random() < 0.85:
                connections.append(self._connection(cord, name))
            connections.append(
                Connection(source_device=cord, target_device="Green CMOS", send_and_receive=False)
            )
        if chance.random() < 0.2:
            lonely = self._channels("")[:1]
            lonely[0].channel_name = "disconnected"
            cords.append(PatchCordConfig(device_name="Patch Cord X", channels=lonely))
        if not cords and not assemblies:
            cords.append(PatchCordConfig(device_name="Patch Cord X", channels=[]))
        ends = [d for c in connections for d in (c.source_device, c.target_device)]
        return DataStream(
            stream_start_time=start,
            stream_end_time=end,
            modalities=modalities,
            active_devices=list(dict.fromkeys([*ends, "470nm LED"])),
            configurations=[
                LightEmittingDiodeConfig(device_name="470nm LED", power=20, power_unit="microwatt"),
                *cords,
                *assemblies,
            ],
            connections=connections,
        )

    def _connection(self, cord: str, fiber: str) -> Connection:
        source, target = (fiber, cord) if self.chance.random() < 0.2 else (cord, fiber)
        return Connection(source_device=source, target_device=target, send_and_receive=True)

    def _assembly(
        self, number: int, name: str, cord: str, channels: list[Channel]
    ) -> FiberAssemblyConfig:
        return FiberAssemblyConfig(
            device_name=f"Assembly {number}",
            manipulator=ManipulatorConfig(
                device_name="Manipulator",
                local_coordinate_system=ATLAS,
                local_axis_positions=NOWHERE,
            ),
            probes=[self._config(name, self.chance.choice(STRUCTURES))],
            patch_cords=[PatchCordConfig(device_name=cord, channels=channels)],
        )

    # Processing and QC

    def processing(self, before: Processing | None, pipeline: str, start: datetime) -> Processing:
        """Returns the processing of a derived data asset, its source's first."""
        chance = self.chance
        names = [pipeline if chance.random() < 0.8 else None for _ in range(chance.randint(1, 4))]
        processes = [
            DataProcess(
                process_type=ProcessName.ANALYSIS,
                name=f"{pipeline} {number}",
                stage="Processing",
                code=Code(url=f"https://example.org/{pipeline}"),
                experimenters=["Ada Example"],
                pipeline_name=name,
                start_date_time=start + timedelta(minutes=7 * number),
                end_date_time=start + timedelta(minutes=7 * number + 5, microseconds=1234),
            )
            for number, name in enumerate(names)
        ]
        pipelines = [Code(url=f"https://example.org/{pipeline}", name=pipeline, version="1.0")]
        earlier = before.data_processes if before else []
        inherited = (before.pipelines or []) if before else []
        return Processing(data_processes=[*earlier, *processes], pipelines=[*inherited, *pipelines])

    def _value(self) -> Any:
        chance = self.chance
        return chance.choice(
            [
                *("Low", "", "5", "true", "null", "Ünïcode", "[1]"),
                *(5, -3, 0.1, 1e-07, 2.0, 12345678901, True, False, None),
                *([], [1, 2.5], ["a", None], {"x": {"y": [1]}}),
                {
                    "value": chance.choice(["", "Good", None]),
                    "options": ["Good", "Bad"],
                    "status": ["Pass", "Fail"],
                    "type": "dropdown",
                },
            ]
        )

    def _history(self, start: datetime) -> list[QCStatus]:
        chance = self.chance
        return [
            QCStatus(
                evaluator=chance.choice(["Automated", "ada.example", "Bo Sample"]),
                status=chance.choice(["Pass", "Pass", "Fail", "Pending"]),
                timestamp=start + timedelta(hours=5 * number, microseconds=chance.choice([0, 12])),
            )
            for number in range(chance.choice([1, 1, 1, 2, 3]))
        ]

    def quality(self, start: datetime, modalities: list[Any], others: list[str]) -> QualityControl:
        chance = self.chance
        metrics: list[Any] = []
        for number in range(chance.randint(1, 8)):
            stage = chance.choice(["Raw data", "Processing", "Processing", "Analysis"])
            evaluated = None
            if others and chance.random() < 0.1:
                stage, evaluated = "Multi-asset", others[:2]
            keys = chance.sample(["probe", "type", "Fiber ROI", "video"], chance.randint(0, 2))
            metrics.append(
                QCMetric(
                    name=f"metric {number}",
                    modality=chance.choice([*modalities, Modality.BEHAVIOR_VIDEOS]),
                    stage=stage,
                    value=self._value(),
                    status_history=self._history(start),
                    reference=chance.choice([None, f"qc/{number}.png"]),
                    tags={key: chance.choice(["A", "B", "Drift", "behavior"]) for key in keys},
                    evaluated_assets=evaluated,
                )
            )
        if chance.random() < 0.15:
            metrics.append(
                CurationMetric(
                    name="curation",
                    modality=modalities[0],
                    stage="Processing",
                    value=[{"unit": 1}],
                    type="sorting",
                    status_history=self._history(start),
                    tags={"probe": "A"},
                )
            )
        allowed = chance.sample(["A", "type:B", "Drift"], chance.choice([0, 0, 1, 2]))
        return QualityControl(
            metrics=metrics, default_grouping=["probe"], allow_tag_failures=allowed
        )

    # Documents

    def session(self, animal: Animal) -> Iterator[dict[str, Any]]:
        """Yields the documents of one session: raw, then what was derived from it."""
        chance = self.chance
        zone = chance.choice([PACIFIC, timezone(timedelta(hours=-7)), UTC])
        start = datetime(2023, 7, 1, 8, tzinfo=zone) + timedelta(
            days=chance.randrange(500),
            minutes=chance.randrange(16 * 60),
            seconds=chance.randrange(60),
            microseconds=chance.choice([0, 123000, 61848]),
        )
        modalities, prefix, kind = self._kind_of_session(animal.kind)
        stamp = f"{start:%Y-%m-%d_%H-%M-%S}"
        raw = f"{prefix}{animal.id}_{stamp}"
        acquisition = self.acquisition(animal, start, modalities, kind)
        processing = None
        if chance.random() < 0.5:
            processing = self.processing(None, "upload", start + timedelta(hours=9))
        yield self._document(animal, raw, start, modalities, None, acquisition, processing, [])
        source, sources = raw, [raw]
        for word, pipeline in self._derived(animal.kind):
            made = start + timedelta(days=chance.randint(1, 200), seconds=chance.randrange(9999))
            derived = f"{source}_{word}_{made:%Y-%m-%d_%H-%M-%S}"
            sources = [source] if chance.random() < 0.9 else [source, f"{raw}_other"]
            processing = self.processing(processing, pipeline, made - timedelta(hours=3))
            yield self._document(
                animal, derived, made, modalities, sources, acquisition, processing, [raw, source]
            )
            if chance.random() < 0.3:
                source = derived

    def _kind_of_session(self, kind: str) -> tuple[list[Any], str, str]:
        chance = self.chance
        of_foraging = ["Coupled Baiting", "Uncoupled Without Baiting", "AindDynamicForaging"]
        behavior = [Modality.BEHAVIOR, Modality.BEHAVIOR_VIDEOS]
        behavior = chance.choice([behavior, behavior[:1], behavior[1:]])
        return {
            "ecephys": ([Modality.ECEPHYS, *behavior], "ecephys_", "ecephys"),
            "fib": ([Modality.FIB], "", "FIB"),
            "vr": (behavior, "", "AindVrForaging"),
            "foraging": ([*behavior, Modality.FIB], "behavior_", chance.choice(of_foraging)),
            "pophys": ([Modality.POPHYS], "multiplane-ophys_", "ophys"),
            "slap2": ([Modality.SLAP2], "SLAP2_", "slap2"),
            "smartspim": ([Modality.SPIM], "SmartSPIM_", "SmartSPIM"),
            "exaspim": ([Modality.SPIM], "exaSPIM_", "ExaSPIM"),
        }[kind]

    def _derived(self, kind: str) -> list[tuple[str, str]]:
        words = {
            "ecephys": [("sorted", "sorting"), ("nwb", "nwb-export")],
            "smartspim": [("stitched", "stitching")],
            "exaspim": [("fused", "fusion")],
        }.get(kind, [("processed", "processing"), ("videoprocessed", "video")])
        return self.chance.sample(words, self.chance.randint(0, len(words)))

    def _document(
        self,
        animal: Animal,
        name: str,
        made: datetime,
        modalities: list[Any],
        sources: list[str] | None,
        acquisition: Acquisition,
        processing: Processing | None,
        others: list[str],
    ) -> dict[str, Any]:
        chance = self.chance
        self.number += 1
        quality = None
        if chance.random() < (0.25 if sources is None else 0.6):
            quality = self.quality(made, modalities, others)
        core = {
            "subject": self.subject(animal),
            "data_description": self.description(animal, name, made, modalities, sources),
            "procedures": self.procedures(animal),
            "instrument": None,
            "processing": processing,
            "acquisition": acquisition,
            "quality_control": quality,
            "model": None,
        }
        metadata = Metadata.model_construct(
            name=name,
            location=f"s3://made-up-data/{name}",
            other_identifiers=chance.choice([None, {"Code Ocean": [f"co-{self.number}"]}, {}]),
            **core,
        )
        # Both ways in which programs of the institute write documents: a blank or a T in times.
        document = (
            json.loads(metadata.model_dump_json(warnings=False))
            if chance.random() < 0.5
            else json.loads(json.dumps(metadata.model_dump(warnings=False), default=str))
        )
        written = made.astimezone(UTC) + timedelta(days=2)
        stamp = f"{written:%Y-%m-%dT%H:%M:%S}.{chance.randrange(1000):03}Z"
        envelope = {"_id": f"made-{self.number:05}", "_created": stamp, "_last_modified": stamp}
        if quality := document["quality_control"]:
            # The library goes through sets, whose order is another in each process.
            quality["status"] = dict(sorted(quality["status"].items()))
        return envelope | document

    def documents(self, count: int) -> list[dict[str, Any]]:
        """Returns so many documents, of which a part is mangled."""
        made: list[dict[str, Any]] = []
        place = 0
        while len(made) < count:
            animal = self.animal(place)
            place += 1
            for _ in range(self.chance.randint(1, 5)):
                made += self.session(animal)
        made = made[:count]
        mangler = mangle.Mangler(self.chance)
        return [mangler.mangled(document, made) for document in made]


def lines(count: int, seed: int) -> bytes:
    """Returns the documents as a dump."""
    dumps: Callable[[Any], str] = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode
    return "".join(f"{dumps(d)}\n" for d in Maker(seed).documents(count)).encode()


def main() -> int:
    """Make the documents and keep them, or say whether those that are kept are the same."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--check", action="store_true", help="compare with those that are kept")
    parser.add_argument("--count", type=int, default=COUNT)
    parser.add_argument("--seed", type=int, default=SEED)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    made = lines(arguments.count, arguments.seed)
    if not arguments.check:
        KEPT.write_bytes(zstandard.ZstdCompressor(level=19).compress(made))
        sys.stdout.write(f"{KEPT}: {arguments.count} documents, {KEPT.stat().st_size} bytes\n")
        return 0
    kept = zstandard.ZstdDecompressor().decompress(KEPT.read_bytes())
    if kept == made:
        sys.stdout.write("the documents that are kept are those that are made\n")
        return 0
    pairs = zip(kept.splitlines(), made.splitlines(), strict=False)
    number = next((at for at, (one, other) in enumerate(pairs, 1) if one != other), "the last")
    sys.stderr.write(f"{KEPT} differs from what is made, first in line {number}; `make made`\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
