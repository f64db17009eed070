"""What has been seen in real documents, done to right ones.

Each method does one thing to one document, in place. Only what the description of the tables
decides is done: where two readings are possible, a test could not say which is right.
"""

import copy
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

Document = dict[str, Any]

# Among them are the two that read alike, and those that no zone has.
ZONES = [
    *(-7, -8, 0, 5.5, "-07:00", "-8", "+09:00", "00:00", None, "UTC", "Etc/GMT+7", "GMT"),
    *("America/Los_Angeles", "America/New_York", "Asia/Tokyo", "Nowhere/Town", ""),
]
RIGS = [
    *("428_FIP1_20231107_447_2D_20240101", "13A_20240101_4A_20240102", "428_FIP1_20231107_447_2D"),
    *("NA", "n/a", "Unknown", "unknown_20240101", "unknown_NP3_240401", "none", "  ", None),
    *("323_EPHYS2_RF_20241223_01", "323_EPHYS2-RF_2023-11-09_01", "323_EPHYS1-OPTO_001"),
    *("325_NP1_Ultra_20240506", "428_FIP1_1", "exaspim-01", "SmartSPIM-2-1", "442 Bergamo 2p"),
]
LEFT_BY_FORMS = [
    *(
        "n/a",
        "N/A",
        "None",
        "null",
        "NaN",
        "Select...",
        "select…",
        "Unknown",
        "TBD",
        "-",
        " ",
        "NA",
    ),
]
# Times that are no times.
UNREADABLE = ["soon", "2024-11-31T10:00:00Z", "25:61", 1719805773, "2024-07-01T03", {}]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yields the path of each value below a value."""
    if isinstance(value, dict):
        pairs: Any = value.items()
    elif isinstance(value, list):
        pairs = enumerate(value)
    else:
        return
    for key, below in pairs:
        yield (*path, key)
        yield from places(below, (*path, key))


def at(value: Any, path: Sequence[Any]) -> Any:
    for key in path:
        value = value[key]
    return value


class Mangler:
    """Mangles documents.

    Args:
        chance: All that happens by chance comes from it.
    """

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.ways: tuple[tuple[float, Callable[[Document], None]], ...] = (
            (0.08, self.lacks_a_core_file),
            (0.15, self.has_a_null_somewhere),
            (0.04, self.has_a_list_for_an_object),
            (0.15, self.has_other_times_of_acquisition),
            (0.25, self.names_a_zone),
            (0.15, self.has_another_rig),
            (0.10, self.has_other_people),
            (0.06, self.has_an_older_envelope),
            (0.06, self.has_other_identifiers),
            (0.12, self.has_another_subject),
            (0.08, self.has_another_source),
            (0.10, self.has_blanks_round_texts),
            (0.25, self.has_processes_of_another_form),
            (0.40, self.has_what_forms_leave),
            (0.25, self.has_another_acquisition_type_or_modalities),
            (0.30, self.has_metrics_with_tags_in_lists),
            (0.25, self.has_metrics_of_another_form),
            (0.30, self.has_a_stale_status),
            (0.30, self.has_histories_of_another_form),
        )

    def mangled(self, document: Document, others: Sequence[Document]) -> Document:
        """Returns a document, perhaps mangled in one way or several."""
        found = copy.deepcopy(document)
        if self.chance.random() < 0.3:
            return found
        for share, way in self.ways:
            if self.chance.random() < share:
                way(found)
        if self.chance.random() < 0.02:
            self.has_the_name_of_another(found, document, others)
        return found

    def has_the_name_of_another(
        self, found: Document, document: Document, others: Sequence[Document]
    ) -> None:
        animal = document["data_description"]["subject_id"]
        names = [d["name"] for d in others if d["data_description"]["subject_id"] == animal]
        found["name"] = self.chance.choice(names)

    # Whole documents

    def lacks_a_core_file(self, document: Document) -> None:
        core = self.chance.choice(
            ["subject", "data_description", "procedures", "acquisition", "processing"]
        )
        if self.chance.random() < 0.5:
            document[core] = None
        else:
            del document[core]

    def has_a_null_somewhere(self, document: Document) -> None:
        core = self.chance.choice(["subject", "data_description", "acquisition", "quality_control"])
        found = list(places(document.get(core)))
        if found:
            *above, last = self.chance.choice(found)
            at(document[core], above)[last] = None

    def has_a_list_for_an_object(self, document: Document) -> None:
        core = self.chance.choice(["subject", "data_description", "acquisition", "processing"])
        found = [
            path
            for path in places(document.get(core))
            if isinstance(at(document[core], path), dict)
        ]
        if found:
            *above, last = self.chance.choice(found)
            value = at(document[core], above)[last]
            # Among the values of a list a text could be a name, as people are.
            other = [] if isinstance(last, int) else ["oops", 7]
            at(document[core], above)[last] = self.chance.choice([[], [value], *other])

    def has_an_older_envelope(self, document: Document) -> None:
        document["created"] = document.pop("_created").rstrip("Z")
        document["last_modified"] = document.pop("_last_modified").rstrip("Z")

    def has_other_identifiers(self, document: Document) -> None:
        document["other_identifiers"] = self.chance.choice(
            [{"Code Ocean": "co-text"}, {"Code Ocean": ["co-1", "co-2"]}, {"Code Ocean": None}]
        )

    # Times, zones and rigs

    def _other_time(self, written: str) -> Any:
        """Returns a time that is written otherwise, or means something else."""
        chance = self.chance
        plain = written[:19]
        return chance.choice(
            [
                plain,
                plain.replace("T", " "),
                f"{plain}.123",
                f"{plain}.123456+00:00",
                f"{plain}Z",
                f"{plain}-0700",
                f"{plain}+05:30",
                # The hour that the clock has twice, and the one that it skips.
                "2023-11-05T01:30:00",
                "2024-03-10 02:30:00",
                chance.choice(UNREADABLE),
            ]
        )

    def has_other_times_of_acquisition(self, document: Document) -> None:
        acquisition = document.get("acquisition")
        if isinstance(acquisition, dict):
            for name in ("acquisition_start_time", "acquisition_end_time"):
                if isinstance(acquisition.get(name), str):
                    acquisition[name] = self._other_time(acquisition[name])

    def names_a_zone(self, document: Document) -> None:
        if isinstance(document.get("acquisition"), dict):
            document["acquisition"]["acquisition_start_tz"] = self.chance.choice(ZONES)

    def has_another_rig(self, document: Document) -> None:
        if isinstance(document.get("acquisition"), dict):
            document["acquisition"]["instrument_id"] = self.chance.choice(RIGS)

    # People, subjects, sources

    def has_other_people(self, document: Document) -> None:
        if isinstance(document.get("acquisition"), dict):
            people = document["acquisition"].get("experimenters") or ["Ada Example"]
            document["acquisition"]["experimenters"] = self.chance.choice(
                [
                    [{"object_type": "Person", "name": name} for name in people],
                    [*people, None],
                    None,
                ]
            )

    def has_another_subject(self, document: Document) -> None:
        chance, subject = self.chance, document.get("subject")
        if not isinstance(subject, dict):
            return
        if chance.random() < 0.3 and str(subject.get("subject_id")).isdecimal():
            subject["subject_id"] = int(subject["subject_id"])
        elif chance.random() < 0.4:
            subject["subject_id"] = chance.choice([None, ""])
        details = subject.get("subject_details")
        if isinstance(details, dict):
            details.pop("date_of_birth", None)
            details["year_of_birth"] = chance.choice([2022, "2022", 2031, None])

    def has_another_source(self, document: Document) -> None:
        description = document.get("data_description")
        if isinstance(description, dict):
            sources = description.get("source_data")
            description["source_data"] = self.chance.choice(
                [
                    "made_source_2023-01-01_00-00-00",
                    [],
                    None,
                    [*(sources or []), None, *(sources or [])],
                ]
            )
            description["data_level"] = self.chance.choice(["raw", "derived"])

    def has_blanks_round_texts(self, document: Document) -> None:
        description, subject = document.get("data_description"), document.get("subject")
        if isinstance(description, dict):
            description["project_name"] = self.chance.choice([" Made Up Project ", "  ", ""])
        if isinstance(subject, dict) and isinstance(subject.get("subject_details"), dict):
            subject["subject_details"]["genotype"] = self.chance.choice(["wt/wt ", " ", None])

    # Processing

    def has_processes_of_another_form(self, document: Document) -> None:
        chance, processing = self.chance, document.get("processing")
        if not isinstance(processing, dict) or not isinstance(
            processing.get("data_processes"), list
        ):
            return
        processes = [p for p in processing["data_processes"] if isinstance(p, dict)]
        if chance.random() < 0.4:
            chance.shuffle(processes)
        for process in processes:
            if chance.random() < 0.3:
                process["start_date_time"] = self._other_time(str(process["start_date_time"]))
            if chance.random() < 0.3:
                process["pipeline_name"] = chance.choice(["", None])
        processing["data_processes"] = chance.choice([processes, processes, processes, []])
        if chance.random() < 0.2:
            processing["pipelines"] = chance.choice([None, [], [{"name": ""}, {"name": "last"}]])

    # Fibers

    def has_what_forms_leave(self, document: Document) -> None:
        for path in list(places(document)):
            if path[-1] in ("intended_measurement", "acronym") and self.chance.random() < 0.3:
                at(document, path[:-1])[path[-1]] = self.chance.choice(LEFT_BY_FORMS)

    def has_another_acquisition_type_or_modalities(self, document: Document) -> None:
        acquisition, description = document.get("acquisition"), document.get("data_description")
        if isinstance(acquisition, dict):
            acquisition["acquisition_type"] = self.chance.choice(
                [
                    "Coupled Baiting Warmup",
                    "Uncoupled Baiting",
                    "Baiting",
                    "AindVrForaging",
                    "ecephys",
                ]
            )
        if isinstance(description, dict) and isinstance(description.get("modalities"), list):
            behavior = {"name": "Behavior", "abbreviation": "behavior"}
            description["modalities"] = [*description["modalities"], behavior, behavior, None]

    # QC

    def _metrics(self, document: Document) -> list[dict[str, Any]]:
        quality = document.get("quality_control")
        metrics = quality.get("metrics") if isinstance(quality, dict) else None
        return [m for m in metrics if isinstance(m, dict)] if isinstance(metrics, list) else []

    def has_metrics_with_tags_in_lists(self, document: Document) -> None:
        # As the schema was up to 2.1.1.
        for metric in self._metrics(document):
            if isinstance(metric.get("tags"), dict):
                metric["tags"] = list(metric["tags"].values())

    def has_metrics_of_another_form(self, document: Document) -> None:
        chance = self.chance
        for metric in self._metrics(document):
            if chance.random() < 0.2:
                metric["value"] = float("nan")
            if chance.random() < 0.2:
                metric["tags"] = chance.choice(
                    [{"probe": None}, {"probe": 7}, {}, [], None, ["A", None]]
                )
            if chance.random() < 0.1:
                metric["stage"] = chance.choice(["Processing", "Raw data", None])
        quality = document.get("quality_control")
        if isinstance(quality, dict) and chance.random() < 0.1:
            quality["metrics"] = chance.choice([[], None])

    def has_a_stale_status(self, document: Document) -> None:
        quality = document.get("quality_control")
        if isinstance(quality, dict) and isinstance(quality.get("status"), dict):
            stale = dict.fromkeys(quality["status"], "Pending")
            quality["status"] = self.chance.choice([stale, stale, {}, None])

    def has_histories_of_another_form(self, document: Document) -> None:
        chance = self.chance
        for metric in self._metrics(document):
            history = metric.get("status_history")
            if not isinstance(history, list) or not history or chance.random() < 0.5:
                continue
            entries = [entry for entry in history if isinstance(entry, dict)]
            for entry in entries:
                written = str(entry.get("timestamp"))
                entry["timestamp"] = chance.choice(
                    [
                        *(written, written, written[:19], f"{written[:19]}-07:00"),
                        *("2024-06-01T10:00:00Z", "2031-01-01 00:00:00Z", "soon", None),
                    ]
                )
            chance.shuffle(entries)
            metric["status_history"] = chance.choice(
                [entries, entries, entries, entries, [], {"status": "Pass"}, "Pass", None]
            )
