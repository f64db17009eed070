"""The fibers, patch cords and channels of a document, and which of them belong together.

This module decides which spellings mean one device, which channel belongs to which fiber, and
which of several structures counts. Each choice between readings is returned with the values.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from zs_pipeline import implants, zones
from zs_pipeline.declaration import Expected, Read
from zs_pipeline.implants import (
    IMPLANT_NAME,
    IMPLANT_STRUCTURE,
    NO_TARGET,
    SURGERY_DATE,
    Target,
    Words,
    words_of,
)
from zs_pipeline.shape.findings import NOTE, WARNING, Finding
from zs_pipeline.shape.values import day, part, parts, texts, trimmed

MISSING = "missing"

_NUMBERED_FIBER = re.compile(r"(?<![^\W_])fib(er|re)[ _-]?\d+", re.IGNORECASE)
_CORD = frozenset(
    f"{patch}{noun}{plural}"
    for patch in ("", "patch")
    for noun in ("cord", "cable")
    for plural in ("", "s")
)
# Words that tell that a device with fiber in its name is no fiber in the brain.
_NO_FIBER = frozenset(
    (
        "assembly",
        "camera",
        "channel",
        "cmos",
        "detector",
        "diode",
        "filter",
        "laser",
        "led",
        "light",
        "photometry",
    )
)

_STREAM = "acquisition.data_streams[]"
_CONFIG = f"{_STREAM}.configurations[]"

MODALITIES = (
    "data_description.modalities[].abbreviation",
    f"{_STREAM}.modalities[].abbreviation",
)
CONNECTED_FROM = f"{_STREAM}.connections[].source_device"
CONNECTED_TO = f"{_STREAM}.connections[].target_device"
CORD_NAME = f"{_CONFIG}.device_name"
ASSEMBLY_CORD_NAME = f"{_CONFIG}.patch_cords[].device_name"
PROBE_NAME = f"{_CONFIG}.probes[].device_name"
PROBE_STRUCTURE = f"{_CONFIG}.probes[].{implants.STRUCTURE}"
CHANNELS = f"{_CONFIG}.channels[]"
ASSEMBLY_CHANNELS = f"{_CONFIG}.patch_cords[].channels[]"
NAME, MEASUREMENT = "channel_name", "intended_measurement"

READS = (
    *(Read(path, Expected.TEXT) for path in MODALITIES),
    *implants.READS,
    *zones.READS,
    Read(f"{_STREAM}.modalities[]", Expected.OBJECT_OR_TEXT),
    Read(CONNECTED_FROM, Expected.TEXT),
    Read(CONNECTED_TO, Expected.TEXT),
    Read(f"{_CONFIG}.object_type", Expected.TEXT),
    Read(CORD_NAME, Expected.TEXT),
    Read(f"{CHANNELS}.{NAME}", Expected.TEXT),
    Read(f"{CHANNELS}.{MEASUREMENT}", Expected.TEXT),
    Read(PROBE_NAME, Expected.TEXT),
    Read(PROBE_STRUCTURE, Expected.TEXT),
    Read(ASSEMBLY_CORD_NAME, Expected.TEXT),
    Read(f"{ASSEMBLY_CHANNELS}.{NAME}", Expected.TEXT),
    Read(f"{ASSEMBLY_CHANNELS}.{MEASUREMENT}", Expected.TEXT),
)


class Kind(Enum):
    """A kind of choice or of missing value: the column that it concerns, reason and severity."""

    PLACEHOLDER_MEASUREMENT = (
        "intended_measurement",
        "is what a form leaves in a field, and is taken as missing",
        NOTE,
    )
    PLACEHOLDER_STRUCTURE = (
        "targeted_structure",
        "is what a form leaves in a field, and is taken as missing",
        NOTE,
    )
    LATER_IMPLANT = (
        "targeted_structure",
        "is after the acquisition, so that the implant of a fiber does not count",
        NOTE,
    )
    UNNAMED_IMPLANT = ("fiber", "is not given for an implanted fiber, which is left out", WARNING)
    NO_IMPLANT = (
        "targeted_structure",
        "names no implant of a fiber that the acquisition uses, so that its structure is missing",
        NOTE,
    )
    IMPLANTS_DIFFER = (
        "targeted_structure",
        "differs between implants of one name, so that the structure is missing",
        WARNING,
    )
    ASSEMBLIES_DIFFER = (
        "targeted_structure",
        "differs between fiber assemblies, and no implant gives it, so that it is missing",
        WARNING,
    )
    ASSEMBLY_DIFFERS = (
        "targeted_structure",
        "differs from the structure of the implant, which is taken",
        WARNING,
    )
    MEASUREMENTS_DIFFER = (
        "intended_measurement",
        "differs between configurations of one channel; the first is taken",
        WARNING,
    )
    PAIRED = (
        "fiber",
        "has no connection to a fiber; the only probe of its assembly is taken",
        WARNING,
    )
    NAMED_WITHOUT_CONNECTION = (
        "fiber",
        "names the fiber, which is taken since no connection does",
        NOTE,
    )
    NAMED_AMONG_SEVERAL = (
        "fiber",
        "names the fiber, which is taken since the patch cord serves several",
        NOTE,
    )
    NAMED_AGAINST_CONNECTION = (
        "fiber",
        "names a fiber that no connection names, which is taken in place of the connected one",
        WARNING,
    )
    CONNECTED_AGAINST_NAME = (
        "fiber",
        "names another fiber than the one of its patch cord, which is taken",
        NOTE,
    )
    GIVEN_TO_EACH = (
        "fiber",
        "names no fiber and the patch cord serves several, so that each has the channel",
        WARNING,
    )
    TARGETS_DIFFER = (
        "target_coordinate_ap",
        "is of two implants of one name, so that the target coordinate is null",
        WARNING,
    )
    NO_CHANNEL = (
        "channel",
        "is given nowhere, though the data asset has fiber photometry",
        WARNING,
    )


@dataclass(frozen=True, slots=True)
class Fiber:
    """One fiber.

    Attributes:
        name: Its name: the implant's before an assembly's, a connection's and a channel's.
        structure: The acronym of the structure that the fiber is aimed at.
        target: The coordinate at which the fiber's implant was aimed.
        cords: The names of the patch cords that serve the fiber.
    """

    name: str
    structure: str
    target: Target = NO_TARGET
    cords: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Photometry:
    """The fiber photometry of a document; the text `missing` stands for values not given.

    Attributes:
        fibers: All fibers.
        channels: The intended measurements, by the names of fiber, patch cord and channel.
        choices: The choices between readings, in the order in which they were made.
    """

    fibers: tuple[Fiber, ...]
    channels: dict[tuple[str, str, str], str]
    choices: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class _Cord:
    """One configuration of a patch cord.

    Attributes:
        words: The patch cord's name; empty where it has none.
        channels: The channels of the configuration.
        path: The path of the channels.
        probe: The only probe of the assembly whose only patch cord this is.
    """

    words: Words
    channels: tuple[dict[str, Any], ...]
    path: str
    probe: Words = ()


@dataclass
class _Devices:
    """The devices of a document, and the choices made among them.

    Attributes:
        fibers: The spellings of the fibers that implants, assemblies and connections name.
        named: The spellings of the fibers that only channels of unconnected patch cords name.
        cords: The spellings of the patch cords, a configuration's before a connection's.
        others: The devices that are configured as another kind.
        probes: The devices that are configured as probes, which may be fibers or electrodes.
        implanted: The targeted structures of a fiber's implants, None for an implant without one.
        targets: The target coordinates of a fiber's implants.
        assembled: The targeted structures that assemblies give of a fiber.
        links: The fibers that each patch cord serves, over all data streams.
        choices: The choices that were made.
    """

    fibers: dict[Words, str] = field(default_factory=dict)
    named: dict[Words, str] = field(default_factory=dict)
    cords: dict[Words, str] = field(default_factory=dict)
    others: set[Words] = field(default_factory=set)
    probes: set[Words] = field(default_factory=set)
    implanted: dict[Words, list[str | None]] = field(default_factory=dict)
    targets: dict[Words, list[Target]] = field(default_factory=dict)
    assembled: dict[Words, list[str]] = field(default_factory=dict)
    links: dict[Words, list[Words]] = field(default_factory=dict)
    choices: list[Finding] = field(default_factory=list)

    def choose(
        self, kind: Kind, path: str, taken: str | None = None, other: str | None = None
    ) -> None:
        """Add a choice."""
        column, reason, severity = kind.value
        concerned = f"platform_fib.{column}"
        self.choices.append(Finding(path, concerned, reason, taken, other, severity))

    def structure(self, value: Any, path: str) -> str | None:
        """Returns a targeted structure; None where it is not given, or root, the whole brain."""
        acronym = self._given(value, Kind.PLACEHOLDER_STRUCTURE, path)
        return None if acronym and acronym.casefold() == "root" else acronym

    def measurement(self, value: Any, path: str) -> str:
        """Returns the intended measurement of a channel."""
        return self._given(value, Kind.PLACEHOLDER_MEASUREMENT, path) or MISSING

    def _given(self, value: Any, kind: Kind, path: str) -> str | None:
        written = trimmed(value)
        if written is None or not implants.PLACEHOLDER.fullmatch(written):
            return written
        if written != MISSING:
            self.choose(kind, path, MISSING, written)
        return None


def read(document: Mapping[str, Any]) -> Photometry | None:
    """Returns the fiber photometry of a document; None without the modality fib."""
    if not _has_fib(document):
        return None
    devices = _Devices()
    _add_implants(devices, document)
    streams = list(parts(document, "acquisition.data_streams"))
    # Configurations come before connections: they tell the kinds of the connected devices.
    cords = [_cords_of(devices, stream) for stream in streams]
    links = [_links(devices, stream) for stream in streams]
    connected = frozenset(devices.links)
    # Pairs come before channels: a patch cord may stand in several configurations.
    cords = [[_paired(devices, cord, connected) for cord in of_stream] for of_stream in cords]
    channels: dict[tuple[str, str, str], str] = {}
    for of_stream, links_of_stream in zip(cords, links, strict=True):
        for cord in of_stream:
            _add_channels(channels, devices, cord, links_of_stream)
    if all(channel == MISSING for _, _, channel in channels):
        devices.choose(Kind.NO_CHANNEL, f"{CHANNELS}.{NAME}")
    fibers = tuple(
        Fiber(
            name,
            _structure(devices, words, name),
            _target(devices, words, name),
            tuple(devices.cords[cord] for cord, served in devices.links.items() if words in served),
        )
        for words, name in (devices.named | devices.fibers).items()
    )
    return Photometry(fibers, channels, tuple(devices.choices))


def _has_fib(document: Mapping[str, Any]) -> bool:
    holders = [part(document, "data_description"), *parts(document, "acquisition.data_streams")]
    return any(
        modality.lower() == "fib"
        for holder in holders
        for modality in texts(part(holder, "modalities"), "abbreviation") or ()
    )


def _add_implants(devices: _Devices, document: Mapping[str, Any]) -> None:
    """Add the implanted fibers, except for surgeries after the acquisition."""
    acquired = zones.start(document.get("acquisition")).day
    for implant in implants.fibers(document):
        operated, name = day(implant.operated), implant.name
        if acquired and operated and operated > acquired:
            label = f"{operated}, {name or MISSING}: {trimmed(implant.structure) or MISSING}"
            devices.choose(Kind.LATER_IMPLANT, SURGERY_DATE, str(acquired), label)
        elif name is None:
            devices.choose(Kind.UNNAMED_IMPLANT, IMPLANT_NAME, None, trimmed(implant.structure))
        else:
            words = words_of(name)
            devices.fibers.setdefault(words, name)
            structure = devices.structure(implant.structure, IMPLANT_STRUCTURE)
            devices.implanted.setdefault(words, []).append(structure)
            devices.targets.setdefault(words, []).append(implant.target)
            if implant.doubt:
                devices.choices.append(implant.doubt)


def _cords_of(devices: _Devices, stream: dict[str, Any]) -> list[_Cord]:
    """Returns the configurations of patch cords in a data stream.

    The names of all configured devices are added to the devices.
    """
    cords: list[_Cord] = []
    for config in parts(stream, "configurations"):
        kind, name = config.get("object_type"), trimmed(config.get("device_name"))
        if kind == "Patch cord config":
            cords.append(_cord(devices, config, CHANNELS))
        elif kind == "Fiber assembly config":
            cords += _assembly(devices, config)
        elif name:
            (devices.probes if kind == "Probe config" else devices.others).add(words_of(name))
    return cords


def _cord(devices: _Devices, config: dict[str, Any], path: str, probe: Words = ()) -> _Cord:
    name = trimmed(config.get("device_name"))
    words = words_of(name) if name else ()
    if name:
        devices.cords.setdefault(words, name)
    return _Cord(words, tuple(parts(config, "channels")), path, probe)


def _assembly(devices: _Devices, config: dict[str, Any]) -> list[_Cord]:
    """Returns the patch cords of a fiber assembly, whose probes are added to the fibers."""
    probes = []
    for probe in parts(config, "probes"):
        name = trimmed(probe.get("device_name"))
        words = words_of(name) if name else ()
        probes.append(words)
        if name:
            devices.fibers.setdefault(words, name)
            structure = devices.structure(part(probe, implants.STRUCTURE), PROBE_STRUCTURE)
            if structure:
                devices.assembled.setdefault(words, []).append(structure)
    configs = list(parts(config, "patch_cords"))
    cords = {words_of(trimmed(cord.get("device_name")) or "") for cord in configs}
    only = probes[0] if len(set(probes)) == len(cords) == 1 else ()
    return [_cord(devices, cord, ASSEMBLY_CHANNELS, only) for cord in configs]


def _links(devices: _Devices, stream: dict[str, Any]) -> dict[Words, list[Words]]:
    """Returns the fibers that a data stream connects to each patch cord, from either end.

    New fibers, patch cords and links are added to the devices.
    """
    links: dict[Words, list[Words]] = {}
    for connection in parts(stream, "connections"):
        ends = [trimmed(connection.get(end)) for end in ("source_device", "target_device")]
        names = {words_of(end): end for end in ends if end}
        fibers = [words for words in names if _is_fiber(devices, words)]
        cords = [words for words in names if words not in fibers and _is_cord(devices, words)]
        if cords and not fibers:
            # No patch cord is connected to an electrode.
            fibers = [words for words in names if words in devices.probes and words not in cords]
        for words in fibers:
            devices.fibers.setdefault(words, names[words])
        for words in cords:
            devices.cords.setdefault(words, names[words])
            for fibers_by_cord in (links, devices.links) if fibers else ():
                served = fibers_by_cord.setdefault(words, [])
                served += [fiber for fiber in fibers if fiber not in served]
    return links


def _is_cord(devices: _Devices, words: Words) -> bool:
    return words in devices.cords or not _CORD.isdisjoint(words)


def _is_fiber(devices: _Devices, words: Words) -> bool:
    """Returns whether a name is a fiber's; `Fiber optic patch cord` is none."""
    if words in devices.fibers:
        return True
    is_other = words in devices.others or not _NO_FIBER.isdisjoint(words)
    return "fiber" in words and not is_other and not _is_cord(devices, words)


def _paired(devices: _Devices, cord: _Cord, connected: frozenset[Words]) -> _Cord:
    """Returns a configuration without its probe where a connection names the patch cord.

    Otherwise links the patch cord and the only probe of its assembly.
    """
    if not cord.probe or cord.words in connected:
        return replace(cord, probe=())
    name = devices.cords.get(cord.words, MISSING)
    devices.choose(Kind.PAIRED, ASSEMBLY_CORD_NAME, f"{name}: {devices.fibers[cord.probe]}")
    if cord.words:
        served = devices.links.setdefault(cord.words, [])
        served += [] if cord.probe in served else [cord.probe]
    return cord


def _add_channels(
    channels: dict[tuple[str, str, str], str],
    devices: _Devices,
    cord: _Cord,
    links: Mapping[Words, list[Words]],
) -> None:
    """Add the intended measurements of a configuration's channels, with its data stream's links."""
    # A data stream may leave its connections to another one.
    elsewhere = [cord.probe] if cord.probe else devices.links.get(cord.words, [])
    linked = links.get(cord.words) or elsewhere
    path = f"{cord.path}.{MEASUREMENT}"
    for channel in cord.channels:
        name = trimmed(channel.get(NAME)) or MISSING
        measured = devices.measurement(channel.get(MEASUREMENT), path)
        for fiber in _fibers_of(devices, name, linked, f"{cord.path}.{NAME}"):
            key = (fiber, devices.cords.get(cord.words, MISSING), name)
            known = channels.setdefault(key, measured)
            if known == MISSING:
                channels[key] = measured
            elif measured not in (known, MISSING):
                taken, other = f"{name}: {known}", f"{name}: {measured}"
                devices.choose(Kind.MEASUREMENTS_DIFFER, path, taken, other)


def _fibers_of(devices: _Devices, channel: str, linked: list[Words], path: str) -> list[str]:
    """Returns the names of a channel's fibers.

    The connections decide where the patch cord serves one fiber. Where it serves several or none,
    the fiber in the channel's name decides. The name also decides when no patch cord serves that
    fiber, since then the connections are incomplete.
    """
    named, written = _fiber_in(devices, channel)
    names = [devices.fibers[words] for words in linked]
    if len(linked) == 1:
        is_served = any(named in fibers for fibers in devices.links.values())
        if named not in devices.fibers or is_served or named in linked:
            if named and named not in linked:
                connected, read = f"{channel}: {names[0]}", f"{channel}: {written}"
                devices.choose(Kind.CONNECTED_AGAINST_NAME, path, connected, read)
            return names
        kind = Kind.NAMED_AGAINST_CONNECTION
    elif named:
        kind = Kind.NAMED_AMONG_SEVERAL if linked else Kind.NAMED_WITHOUT_CONNECTION
    else:
        if linked:
            devices.choose(Kind.GIVEN_TO_EACH, path, f"{channel}: {', '.join(names)}")
        return names or [MISSING]
    fiber = devices.fibers.get(named) or devices.named.setdefault(named, written)
    other = f"{channel}: {names[0]}" if len(names) == 1 else None
    devices.choose(kind, path, f"{channel}: {fiber}", other)
    return [fiber]


def _fiber_in(devices: _Devices, channel: str) -> tuple[Words, str]:
    """Returns the fiber in a channel's name, and its spelling; empty where the name has none.

    Known fibers come before other fibers with numbers, then more words before fewer, then the
    first in the name.
    """
    words = words_of(channel)
    matches = [
        (-len(fiber), at, fiber)
        for fiber in devices.fibers
        for at in range(len(words) - len(fiber) + 1)
        if words[at : at + len(fiber)] == fiber
    ]
    if matches:
        longest = min(matches)[2]
        return longest, devices.fibers[longest]
    numbered = _NUMBERED_FIBER.search(channel)
    return (words_of(numbered[0]), numbered[0]) if numbered else ((), "")


def _structure(devices: _Devices, words: Words, name: str) -> str:
    """Returns the targeted structure of a fiber; `missing` where none counts."""
    implanted = devices.implanted.get(words, [])
    assembled = sorted(set(devices.assembled.get(words, [])))
    if len(set(implanted)) > 1:
        structures = ", ".join(sorted({structure or MISSING for structure in implanted}))
        taken = f"{name}: {MISSING}"
        devices.choose(Kind.IMPLANTS_DIFFER, IMPLANT_STRUCTURE, taken, f"{name}: {structures}")
        return MISSING
    implant = implanted[0] if implanted else None
    if implant:
        if assembled not in ([], [implant]):
            taken, other = f"{name}: {implant}", f"{name}: {', '.join(assembled)}"
            devices.choose(Kind.ASSEMBLY_DIFFERS, PROBE_STRUCTURE, taken, other)
        return implant
    if len(assembled) > 1:
        other = f"{name}: {', '.join(assembled)}"
        devices.choose(Kind.ASSEMBLIES_DIFFER, PROBE_STRUCTURE, f"{name}: {MISSING}", other)
        return MISSING
    if not implanted and not assembled:
        devices.choose(Kind.NO_IMPLANT, IMPLANT_NAME, f"{name}: {MISSING}")
    return assembled[0] if assembled else MISSING


def _target(devices: _Devices, words: Words, name: str) -> Target:
    """Returns the target coordinate of a fiber; null where its name is that of two implants."""
    targets = devices.targets.get(words, [])
    if len(targets) == 1:
        return targets[0]
    if any(target != NO_TARGET for target in targets):
        devices.choose(Kind.TARGETS_DIFFER, IMPLANT_NAME, None, name)
    return NO_TARGET
