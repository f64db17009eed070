"""Side files for the made documents, which a test writes where a build looks for them.

What a data asset has depends on its place among the documents alone.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

STAGES = ["warmup", "stage_1", "stage_2", "graduated"]
CHANNELS = ["Ex_488_Em_525", "Ex_561_Em_600", "Ex_639_Em_680"]
OLD_LINK = "https://neuroglancer-demo.appspot.com/#!s3://made-up-data/x/derivatives/old.json"
NEW_LINK = "https://neuroglancer-demo.appspot.com/#!s3://made-up-data/x/SPIM/derivatives/new.json"


def write(folder: Path, documents: Sequence[dict[str, Any]]) -> Path:
    """Write files for a part of the documents; returns the folder of buckets."""
    (folder / "made-up-data").mkdir(parents=True)
    for place, document in enumerate(documents):
        base = folder / document["location"].removeprefix("s3://")
        if "SPIM" in base.name:
            _light_sheet(base, place)
        else:
            _trainer_states(base, place)
    return folder


def _put(path: Path, body: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)


def _light_sheet(base: Path, place: int) -> None:
    for channel in CHANNELS[: place % 4]:
        config = f"image_cell_segmentation/{channel}/visualization/neuroglancer_config.json"
        _put(base / config, b"{}")
    _put(base / "image_cell_segmentation" / "notes.txt", b"no folder, so no channel")
    links: list[dict[str, str] | None] = [{"ng_link": OLD_LINK}, {"ng_link": NEW_LINK}, {}, None]
    if (link := links[place % len(links)]) is not None:
        config = "SPIM/derivatives/neuroglancer_config.json"
        _put(base / config, json.dumps(link).encode())
    for number, name in enumerate(("neuroglancer.json", "process_output.json")):
        if place >> number & 1:
            _put(base / name, b"{}")


def _trainer_states(base: Path, place: int) -> None:
    stage = STAGES[place % len(STAGES)]
    nodes = {str(number): {"name": name} for number, name in enumerate(STAGES)}
    state: dict[str, Any] = {
        "curriculum": {"name": f"Made {place % 3}", "graph": {"nodes": nodes}},
        "stage": {"name": stage},
        "metrics": float("nan"),
    }
    earlier = json.dumps(state | {"stage": {"name": "warmup"}}).encode()
    without: list[str] = ["", "", "curriculum", "stage", "graph", "", "", ""]
    match without[place % len(without)]:
        case "graph":
            state["curriculum"]["graph"] = None
        case "":
            pass
        case lacking:
            state[lacking] = None
    body = json.dumps(state)
    match place % 9:
        case 0:
            _put(base / "behavior/trainer_state.json", body.encode())
        case 1:
            _put(base / "behavior/trainer_state.json", body.encode("utf-8-sig"))
        case 2:
            _put(base / "behavior/trainer_state.json", body.encode("utf-16"))
        case 3:
            _put(base / "Behavior/trainer_state.json", body.encode())
        case 4:
            _put(base / "behavior/Logs/.launcher/TrainerState_1.json", body.encode())
        case 5:
            _put(base / "behavior/trainer_state.json", body.encode())
            _put(base / "behavior/Logs/.launcher/TrainerState_1.json", earlier)
        case 6:
            _put(base / "behavior/trainer_state_2024-01-02T000000.json", body.encode())
            _put(base / "behavior/trainer_state_2024-01-01T000000.json", earlier)
        case 7:
            whole = json.dumps({"trainer_state": state, "version": "1"})
            _put(base / "behavior/trainer_state.json", whole.encode())
        case _:
            _put(base / "behavior/other.json", body.encode())
