"""What was measured, for people: Markdown tables, a plot, and the JSON that both are made from.

`python -m bench.report RESULTS.json` prints the tables; with `--markdown BENCHMARKS.md` they take
the place of those of the same version on that page. Nothing here measures.
"""

import argparse
import json
import os
import platform
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version as version_of
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import catalogue
from bench.scenarios import FIRST, MODES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Results = dict[str, Any]

# The packages that a build's time depends on.
PACKAGES = ("dagster", "obstore", "orjson", "msgspec", "pyarrow", "pandas", "urllib3")
NEWEST = "<!-- bench: newest first -->"
_HEAD = (
    ("documents", "scenario", "s", "of first", "CPU s", "others' CPU s", "peak MB"),
    ("processes", "fetched", "source requests", "source MB"),
    ("objects", "parquet", "written MB", "event rows", "event MB", "ms/partition"),
)
_METHODS = ("GET", "HEAD", "LIST", "PUT", "POST", "DELETE")


def machine() -> dict[str, Any]:
    """What was measured on: no names, no paths."""
    return {
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "cpu": _cpu(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: version_of(name) for name in PACKAGES},
    }


def _cpu() -> str:
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or "unknown"
    found = re.search(r"^model name\s*: (.+)$", told, re.MULTILINE)
    return found[1] if found else platform.processor() or "unknown"


def read(path: Path, version: str) -> Results:
    """The results of a version so far; those of another machine are left behind."""
    here = machine()
    if path.exists():
        found: Results = json.loads(path.read_text(encoding="utf-8"))
        if found["machine"] == here and found["version"] == version:
            return found
    return {"version": version, "machine": here, "runs": []}


def add(results: Results, run: dict[str, Any]) -> None:
    """Put a run in the place of the one of its mode and size."""
    others = [one for one in results["runs"] if _place(one) != _place(run)]
    run["measured_at"] = datetime.now(UTC).isoformat(timespec="seconds")
    results["runs"] = sorted([*others, run], key=_place)


def _place(run: dict[str, Any]) -> tuple[int, int]:
    return (MODES.index(run["mode"]), run["size"])


def write(results: Results, path: Path) -> None:
    """Keep the results."""
    path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def markdown(results: Results) -> str:
    """A version's part of BENCHMARKS.md."""
    about = results["machine"]
    packages = ", ".join(f"{name} {found}" for name, found in about["packages"].items())
    on = (
        f"{about['cores']} cores of {about['cpu']}, {about['memory_gb']:g} GB, "
        f"{about['system']}, Python {about['python']}; {packages}."
    )
    lines = [f"## {results['version']}", "", on]
    for mode in MODES:
        runs = [run for run in results["runs"] if run["mode"] == mode]
        if not runs:
            continue
        days = sorted({run["measured_at"][:10] for run in runs})
        waits = sorted({(run["latency"]["gateway"], run["latency"]["s3"]) for run in runs})
        said = "; ".join(f"{1000 * a:g} ms at the gateway, {1000 * b:g} ms at S3" for a, b in waits)
        lines += ["", f"### {mode}, {' and '.join(days)}", ""]
        lines += [*([f"Each request waits: {said}.", ""] if mode != MODES[0] else [])]
        lines += _table([_heads(mode), *(row for run in runs for row in _rows(run, mode))])
        lines += ["", *(_documents(run) for run in runs)]
    lines += _catalogue(results)
    return "\n".join(lines) + "\n"


def _catalogue(results: Results) -> list[str]:
    """Returns what the catalogue's pages cost, of runs in which it was measured."""
    runs = [run for run in results["runs"] if run.get("catalogue")]
    if not runs:
        return []
    rows = [
        [f"{run['size']:,}", *line] for run in runs for line in catalogue.lines(run["catalogue"])
    ]
    head = ["documents", "page", "requests", "kB", "s"]
    wait = f"{1000 * runs[0]['latency']['s3']:g} ms"
    text = (
        f"In Chromium, each page in an empty browser, from S3 that waits {wait}; median of three."
    )
    return ["", "### catalogue", "", text, "", *_table([head, *rows])]


def _documents(run: dict[str, Any]) -> str:
    made = run["corpus"]
    return (
        f"- {made['documents']:,} documents: {made['bytes'] / 1e6:,.0f} MB, "
        f"{made['subjects']:,} subjects, {made['metrics']:,} metrics, "
        f"{made['side_files']:,} side files; seed {run['seed']}."
    )


def _heads(mode: str) -> list[str]:
    servers = [*(f"S3 {method}" for method in _METHODS), "side files", "servers' CPU s"]
    first, source, last = _HEAD
    return [*first, *source, *(servers if mode != MODES[0] else ()), *last]


def _rows(run: dict[str, Any], mode: str) -> list[list[str]]:
    first = next(one for one in run["scenarios"] if one["scenario"] == FIRST)
    rows = []
    for one in run["scenarios"]:
        asked = one["s3_requests"]
        servers = [
            *(f"{asked.get(method, 0):,}" for method in _METHODS),
            # Results of before counted them with the store's.
            f"{sum(one.get('side_file_requests', {}).values()):,}",
            f"{one['gateway_cpu_seconds'] + one['s3_cpu_seconds']:.1f}",
        ]
        others, each = one["others_cpu_seconds"], one["event_ms_per_partition"]
        rows.append(
            [
                f"{run['size']:,}",
                one["scenario"],
                f"{one['seconds']:.1f}",
                f"{one['seconds'] / first['seconds']:.0%}",
                f"{one['cpu_seconds']:.1f}",
                "" if others is None else f"{others:.1f}",
                f"{one['peak_mb']:.0f}",
                # Not counted in results of before builds had several.
                str(one.get("processes", "")),
                f"{one['documents_fetched']:,}",
                f"{one['source_requests']:,}",
                f"{one['source_bytes'] / 1e6:.1f}",
                *(servers if mode != MODES[0] else ()),
                f"{one['objects_written']:,}",
                f"{one['parquet_written']:,}",
                f"{one['bytes_written'] / 1e6:.1f}",
                f"{one['event_rows']:,}",
                f"{one['event_bytes'] / 1e6:.1f}",
                "" if each is None else f"{each:.1f}",
            ]
        )
    return rows


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table that is also one on a terminal; numbers to the right."""
    widths = [max(4, *map(len, column)) for column in zip(*rows, strict=True)]
    texts = {1}
    rules = [
        "-" * width if place in texts else f"{'-' * (width - 1)}:"
        for place, width in enumerate(widths)
    ]
    return [
        "| "
        + " | ".join(
            cell.ljust(width) if place in texts else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        + " |"
        for row in [rows[0], rules, *rows[1:]]
    ]


def replaced(page: str, results: Results) -> str:
    """The page with a version's part in it, in place of an earlier one or before all others.

    Raises:
        ValueError: The page has no mark for the place.
    """
    version = results["version"]
    begin, end = f"<!-- bench {version}: made by bench.report -->", f"<!-- bench {version}: end -->"
    part = f"{begin}\n\n{markdown(results)}\n{end}"
    before, found, rest = page.partition(begin)
    if found:
        _, ended, after = rest.partition(end)
        if not ended:
            raise ValueError(f"the page has the mark {begin!r} and not its end")
        return f"{before}{part}{after}"
    if NEWEST not in page:
        raise ValueError(f"the page has no mark {NEWEST!r}")
    return page.replace(NEWEST, f"{NEWEST}\n\n{part}", 1)


def plot(results: Results, path: Path) -> None:
    """Draw cost against the number of documents, and against the share that changed, by mode."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    by_mode: dict[str, list[dict[str, Any]]] = {}
    for run in results["runs"]:
        by_mode.setdefault(run["mode"], []).append(run)
    figure = Figure(figsize=(11, 4.5 * len(by_mode)), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(f"zs build, version {results['version']}")
    axes = figure.subplots(len(by_mode), 2, squeeze=False)
    for (by_size, by_share), (mode, runs) in zip(axes, by_mode.items(), strict=True):
        _by_size(by_size, mode, runs)
        _by_share(by_share, mode, runs)
    figure.savefig(path, dpi=120)


def _by_size(axes: "Axes", mode: str, runs: list[dict[str, Any]]) -> None:
    from matplotlib.ticker import LogLocator

    for name in dict.fromkeys(one["scenario"] for run in runs for one in run["scenarios"]):
        points = [
            (run["size"], one["seconds"])
            for run in runs
            for one in run["scenarios"]
            if one["scenario"] == name
        ]
        axes.plot(*zip(*points, strict=True), marker="o", label=name)
    axes.set(title=f"{mode}: by size", xlabel="documents", ylabel="seconds")
    axes.set(xscale="log", yscale="log")
    sizes = [run["size"] for run in runs]
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.xaxis.set_minor_formatter("")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("")
    axes.legend()


def _by_share(axes: "Axes", mode: str, runs: list[dict[str, Any]]) -> None:
    wanted = ("no change", "1 % changed", "10 % changed", FIRST)
    for run in runs:
        seconds = {one["scenario"]: one["seconds"] for one in run["scenarios"]}
        shares = {one["scenario"]: 100 * one["share"] for one in run["scenarios"]}
        points = [
            (shares[name], 100 * seconds[name] / seconds[FIRST])
            for name in wanted
            if name in seconds
        ]
        axes.plot(*zip(*points, strict=True), marker="o", label=f"{run['size']:,} documents")
    axes.set(
        title=f"{mode}: by share changed",
        xlabel="% of the documents changed",
        ylabel="% of a first build's time",
        xscale="symlog",
        ylim=(0, None),
    )
    axes.set_xticks([0, 1, 10, 100], ["0", "1", "10", "100"])
    axes.legend()


def main() -> None:
    """Print the tables of results, or put them on a page."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("results", type=Path, help="a JSON file that `python -m bench` wrote")
    parser.add_argument("--markdown", type=Path, metavar="PAGE", help="replace them on this page")
    given = parser.parse_args()
    show(json.loads(given.results.read_text(encoding="utf-8")), given.markdown)


def show(results: Results, page: Path | None) -> None:
    """Print the tables, and put them on a page where one is named."""
    print(markdown(results))
    if page:
        before = page.read_text(encoding="utf-8")
        page.write_text(replaced(before, results), encoding="utf-8")


if __name__ == "__main__":
    main()
