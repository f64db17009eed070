"""The names that custom tables may have; `zs_client.user_tables` stores the tables."""

import re

from zs_client.read_requests import TABLES

LONGEST = 100

# No file on Windows can have these names, whatever its ending.
_DEVICES = frozenset(
    ("con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10)))
)
_NAME = re.compile(r"[\w-]([\w .-]*[\w-])?")
# Acorns of other versions, and names that folders use: a custom table of the same name would hide
# them in a version folder.
_RESERVED = (
    *("assets_smartspim", "platform_exaspim", "platform_fib", "behavior_curriculum"),
    *("foraging_sessions", "metadata_upgrade", "metadata_core", "data_asset_problems"),
    *("raw_to_derived", "documents", "custom", "squirrel", "zombie-squirrel", "zombie-squirrels"),
)


def check(name: str) -> None:
    """Refuse what is no name of a custom table.

    Raises:
        ValueError: It is empty, too long, a path, reserved, or the name of an acorn.
        TypeError: It is no text.
    """
    if not isinstance(name, str):
        raise TypeError(f"a custom table's name is a text, not {name!r}")
    quoted = f"{name[:LONGEST]!r}"
    if not name:
        raise ValueError("a custom table needs a name")
    if any(c in name for c in "/\\") or name.startswith("."):
        raise ValueError(f"{quoted} is a path, and a custom table has a name, with no folder")
    size = len(name.encode("utf-8", "replace"))
    if size > LONGEST:
        raise ValueError(
            f"{quoted}… has {size:,} bytes; a custom table's name has at most {LONGEST}"
        )
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{quoted}: a custom table's name is of letters, digits, _ and -, with dots and blanks "
            "inside it"
        )
    acorns = {word for line in TABLES for word in line[:2]}
    # Some file systems do not tell capitals from small letters.
    if name.casefold().partition(".")[0].rstrip() in _DEVICES:
        raise ValueError(f"{quoted} is a device to Windows; choose another name for a custom table")
    if name.startswith("_") or name.casefold() in {*_RESERVED, *acorns}:
        kind = "the name of an acorn" if name.casefold() in acorns else "reserved"
        raise ValueError(f"{quoted} is {kind}; choose another name for a custom table")
