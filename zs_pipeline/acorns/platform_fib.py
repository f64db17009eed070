"""platform_fib: the fibers of fiber photometry data assets, with their patch cords and channels.

Which spellings mean one device, and which channel belongs to which fiber, is decided here.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from zs_pipeline.declaration import Acorn, ByDocument, Column, Expected, OfName, Read, Tables
from zs_pipeline.fields import part, parts, text, texts, trimmed

MISSING = "missing"

# A device is known by the words of its name: `Fiber_0`, `Fiber 0` and `fiber-0` are one.
Words = tuple[str, ...]

_WORD = re.compile(r"[^\W\d_]+|\d+")
_NAMED_FIBER = re.compile(r"(?<![^\W_])fib(er|re)[ _-]?\d+", re.IGNORECASE)
# What a device with the word fiber in its name is, when it is no fiber in the brain.
_NO_FIBER = frozenset(
    ("camera", "channel", "cmos", "detector", "filter", "laser", "led", "light", "photometry")
)
_KEY = ("asset_name", "fiber", "patch_cord", "channel")
_VALUES = ("intended_measurement", "targeted_structure")


@dataclass
class _Devices:
    """The fibers and patch cords of a document.

    Attributes:
        fibers: How each is written, the implant's name before all others.
        cords: How each is written, its configuration before its connections.
        structures: The targeted structure of each implant that gives one.
        links: By patch cord the fibers that it serves, over all data streams.
    """

    fibers: dict[Words, str] = field(default_factory=dict)
    cords: dict[Words, str] = field(default_factory=dict)
    structures: dict[Words, str] = field(default_factory=dict)
    links: dict[Words, list[Words]] = field(default_factory=dict)


def rows(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """One row for each fiber and channel, one for a fiber without channels."""
    name = text(document.get("name"))
    if name is None or not _has_fib(document):
        return
    devices = _Devices()
    _add_implants(devices, document)
    streams = list(parts(document, "acquisition.data_streams"))
    configs = [_cord_configs(devices, stream) for stream in streams]
    links = [_links(devices, stream) for stream in streams]
    measured: dict[tuple[str, str, str], str] = {}
    for found, here in zip(configs, links, strict=True):
        for place, measurement in _channels(devices, found, here):
            if measured.get(place, MISSING) == MISSING:
                measured[place] = measurement
    with_channels = {fiber for fiber, _, _ in measured}
    for words, fiber in devices.fibers.items():
        if fiber not in with_channels:
            served = [c for c, fibers in devices.links.items() if words in fibers]
            for cord in [devices.cords[c] for c in served] or [MISSING]:
                measured[fiber, cord, MISSING] = MISSING
    for (fiber, cord, channel), measurement in measured.items():
        yield {
            "asset_name": name,
            "fiber": fiber,
            "patch_cord": cord,
            "channel": channel,
            "intended_measurement": measurement,
            "targeted_structure": devices.structures.get(_words(fiber), MISSING),
        }


def finish(table: pa.Table, _: Tables) -> pa.Table:
    """One row for what several documents of one name say; a value that is given comes first."""
    counted = table.group_by(list(_KEY)).aggregate([([], "count_all")])
    if counted.num_rows == table.num_rows:
        return table
    found: dict[tuple[str, ...], dict[str, str]] = {}
    for row in table.to_pylist():
        seen = found.setdefault(tuple(row[k] for k in _KEY), row)
        for value in _VALUES:
            # Independent of the order, which is that of the shards.
            seen[value] = min(seen[value], row[value], key=lambda v: (v == MISSING, v))
    return pa.Table.from_pylist(list(found.values()), schema=table.schema)


def _has_fib(document: dict[str, Any]) -> bool:
    holders = [part(document, "data_description"), *parts(document, "acquisition.data_streams")]
    return any(
        modality.lower() == "fib"
        for holder in holders
        for modality in texts(part(holder, "modalities"), "abbreviation") or ()
    )


def _words(name: str) -> Words:
    """The words of a name; the name itself where it has none."""
    found = _WORD.findall(name.lower().replace("fibre", "fiber"))
    return tuple(found) or (name,)


def _add_implants(devices: _Devices, document: dict[str, Any]) -> None:
    for surgery in parts(document, "procedures.subject_procedures"):
        for procedure in parts(surgery, "procedures"):
            if procedure.get("object_type") != "Probe implant":
                continue
            name = trimmed(part(procedure, "implanted_device.name"))
            kind = text(part(procedure, "implanted_device.object_type")) or "Fiber probe"
            # An electrode is implanted as a probe, too.
            if name is None or "fiber" not in kind.lower():
                continue
            devices.fibers.setdefault(_words(name), name)
            structure = trimmed(part(procedure, "device_config.primary_targeted_structure.acronym"))
            if structure not in (None, "root", MISSING):
                devices.structures.setdefault(_words(name), structure)


def _cord_configs(devices: _Devices, stream: dict[str, Any]) -> list[dict[str, Any]]:
    """The configurations of patch cords, whose names are added to the devices."""
    found = [
        config
        for config in parts(stream, "configurations")
        if config.get("object_type") == "Patch cord config"
    ]
    for name in (trimmed(config.get("device_name")) for config in found):
        if name:
            devices.cords.setdefault(_words(name), name)
    return found


def _links(devices: _Devices, stream: dict[str, Any]) -> dict[Words, list[Words]]:
    """By patch cord the fibers that a data stream connects it to, whichever comes first.

    Fibers, patch cords and links that are met for the first time are added to the devices.
    """
    found: dict[Words, list[Words]] = {}
    for connection in parts(stream, "connections"):
        ends = [trimmed(connection.get(end)) for end in ("source_device", "target_device")]
        names = {_words(end): end for end in ends if end}
        fibers = [words for words in names if _is_fiber(devices, words)]
        cords = [words for words in names if words not in fibers and _is_cord(devices, words)]
        for words in fibers:
            devices.fibers.setdefault(words, names[words])
        for words in cords:
            devices.cords.setdefault(words, names[words])
            for known in (found, devices.links) if fibers else ():
                served = known.setdefault(words, [])
                served += [fiber for fiber in fibers if fiber not in served]
    return found


def _is_cord(devices: _Devices, words: Words) -> bool:
    return words in devices.cords or "cord" in words


def _is_fiber(devices: _Devices, words: Words) -> bool:
    """Whether a name is that of a fiber; `Fiber optic patch cord` is none."""
    if words in devices.fibers:
        return True
    return "fiber" in words and not _is_cord(devices, words) and _NO_FIBER.isdisjoint(words)


def _channels(
    devices: _Devices,
    configs: Iterable[dict[str, Any]],
    links: Mapping[Words, list[Words]],
) -> Iterator[tuple[tuple[str, str, str], str]]:
    """The fiber, patch cord and channel of each channel, with its intended measurement."""
    for config in configs:
        device = trimmed(config.get("device_name"))
        words = _words(device) if device else ()
        cord = devices.cords.get(words, MISSING)
        # A data stream may leave its connections to another one.
        linked = links.get(words) or devices.links.get(words) or []
        for channel in parts(config, "channels"):
            name = trimmed(channel.get("channel_name")) or MISSING
            measurement = trimmed(channel.get("intended_measurement")) or MISSING
            for fiber in _fibers_of(devices, name, linked):
                yield (fiber, cord, name), measurement


def _fibers_of(devices: _Devices, channel: str, linked: list[Words]) -> list[str]:
    """The fibers of a channel.

    The connections decide, as long as its patch cord serves one fiber. With several or none, the
    fiber in the channel's name does; it does as well when no other patch cord serves that fiber,
    since then the connections are incomplete.
    """
    named, written = _fiber_in(devices, channel)
    if len(linked) == 1:
        elsewhere = any(named in fibers for fibers in devices.links.values())
        if named not in devices.fibers or elsewhere:
            return [devices.fibers[linked[0]]]
    if named:
        return [devices.fibers.setdefault(named, written)]
    return [devices.fibers[words] for words in linked] or [MISSING]


def _fiber_in(devices: _Devices, channel: str) -> tuple[Words, str]:
    """The fiber in a channel's name: a known one, the longest of them, or one with a number."""
    words = _words(channel)
    known = [
        fiber
        for fiber in devices.fibers
        if any(words[i : i + len(fiber)] == fiber for i in range(len(words)))
    ]
    if known:
        longest = max(known, key=len)
        return longest, devices.fibers[longest]
    written = _NAMED_FIBER.search(channel)
    return (_words(written[0]), written[0]) if written else ((), "")


_PROCEDURE = "procedures.subject_procedures[].procedures[]"
_STREAM = "acquisition.data_streams[]"
_CONFIGURATION = f"{_STREAM}.configurations[]"

ACORN = Acorn(
    name="platform_fib",
    description=(
        "Fibers of fiber photometry data assets: one row per data asset, fiber and channel, with "
        "the patch cord between them, what the channel measures and where the fiber ends. The "
        "text missing stands for what is not given. Join asset_basics.name on asset_name."
    ),
    type="metadata",
    key=_KEY,
    order=_KEY,
    kind=ByDocument(
        rows=rows,
        reuse=OfName("asset_name"),
        finish=finish,
        reads=(
            Read("data_description.modalities[].abbreviation", Expected.TEXT),
            Read(f"{_PROCEDURE}.object_type", Expected.TEXT),
            Read(f"{_PROCEDURE}.implanted_device.name", Expected.TEXT),
            Read(f"{_PROCEDURE}.implanted_device.object_type", Expected.TEXT),
            Read(f"{_PROCEDURE}.device_config.primary_targeted_structure.acronym", Expected.TEXT),
            Read(f"{_STREAM}.modalities[]", Expected.OBJECT_OR_TEXT),
            Read(f"{_STREAM}.modalities[].abbreviation", Expected.TEXT),
            Read(f"{_STREAM}.connections[].source_device", Expected.TEXT),
            Read(f"{_STREAM}.connections[].target_device", Expected.TEXT),
            Read(f"{_CONFIGURATION}.object_type", Expected.TEXT),
            Read(f"{_CONFIGURATION}.device_name", Expected.TEXT),
            Read(f"{_CONFIGURATION}.channels[].channel_name", Expected.TEXT),
            Read(f"{_CONFIGURATION}.channels[].intended_measurement", Expected.TEXT),
        ),
    ),
    columns=(
        Column("asset_name", "string", "The data asset's name.", nullable=False),
        Column(
            "fiber",
            "string",
            "The fiber, by its implant's name; as the acquisition writes it when no implant is "
            "recorded; missing when the channel cannot be given to a fiber.",
            nullable=False,
        ),
        Column(
            "patch_cord",
            "string",
            "The patch cord; missing when the acquisition connects the fiber to none.",
            nullable=False,
        ),
        Column(
            "channel",
            "string",
            "The channel as written, such as Fiber_0_green; missing for a fiber without channels.",
            nullable=False,
        ),
        Column(
            "intended_measurement",
            "string",
            "What the channel measures, such as dopamine, or control; missing when not given.",
            nullable=False,
        ),
        Column(
            "targeted_structure",
            "string",
            "Acronym of the brain structure that the implant was aimed at, such as ACB; missing "
            "when not given or root.",
            nullable=False,
        ),
    ),
)
