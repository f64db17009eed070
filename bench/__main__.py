"""`python -m bench`: make documents, measure builds of them, report.

What is measured is in `bench.scenarios`, how it is shown in `bench.report`.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench import catalogue, corpus, report, scenarios
from bench.measure import BuildFailed
from zs_client.contract import __version__

SIZES = [2_000, 20_000]
RESULTS = Path("bench-results")


def main(argv: Sequence[str] | None = None) -> int:
    """Measure what `zs build` costs on made-up documents.

    Args:
        argv: The words after `python -m bench`; those of the process when None.

    Returns:
        0, or 1 when a build failed.
    """
    given = _parser().parse_args(argv)
    path = given.results / f"{__version__}.json"
    latency = scenarios.Latency(given.gateway_ms / 1000, given.s3_ms / 1000)
    given.results.mkdir(parents=True, exist_ok=True)
    for size in given.size or SIZES:
        # Not in the system's folder for such, which may lie in memory.
        with tempfile.TemporaryDirectory(dir=given.results, prefix="work-") as folder:
            made = Path(folder).resolve() / "made"
            made.mkdir()
            told = corpus.write(made, size, given.seed)
            _say(f"{size:,} documents made, {told['bytes'] / 1e6:,.0f} MB")
            for mode in given.mode or scenarios.MODES:
                work = made.with_name(mode)
                work.mkdir()
                try:
                    measured = scenarios.run(
                        mode,
                        made,
                        work,
                        seed=given.seed,
                        latency=latency,
                        builds=given.builds,
                        more=dict(each.split("=", 1) for each in given.set),
                        progress=_say,
                    )
                except BuildFailed as error:
                    print(f"bench: {mode}, {size:,} documents: {error}", file=sys.stderr)
                    return 1
                views = _views(work, latency.s3) if mode == scenarios.DUMP else []
                results = report.read(path, __version__)
                run = {
                    "mode": mode,
                    "size": size,
                    "seed": given.seed,
                    "latency": asdict(latency),
                    "corpus": told,
                    "scenarios": measured,
                    "catalogue": views,
                }
                report.add(results, run)
                report.write(results, path)
    results = report.read(path, __version__)
    report.plot(results, path.with_suffix(".png"))
    report.show(results, given.markdown)
    _say(f"{path} and {path.with_suffix('.png')} have all of it")
    return 0


def _views(work: Path, latency: float) -> list[dict[str, Any]]:
    """Returns what the catalogue costs on the store that was built; nothing without a browser."""
    if not catalogue.installed():
        _say("catalogue: not measured, there is no Chromium or no Playwright")
        return []
    views = catalogue.measured(work / "store", latency)
    for text in catalogue.missed(views):
        _say(f"catalogue: {text}")
    return views


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=(main.__doc__ or "").splitlines()[0]
    )
    parser.add_argument(
        "--size", type=int, nargs="+", metavar="N", help="documents (default: 2,000 and 20,000)"
    )
    parser.add_argument(
        "--mode", choices=scenarios.MODES, nargs="+", help="default: both, one after the other"
    )
    parser.add_argument(
        "--builds", type=int, metavar="N", help="only the first N of the builds (default: all)"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="of the builds' variables"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the documents (default: 0)")
    parser.add_argument(
        "--gateway-ms", type=float, default=50, metavar="MS", help="latency (default: 50)"
    )
    parser.add_argument(
        "--s3-ms", type=float, default=20, metavar="MS", help="latency (default: 20)"
    )
    parser.add_argument(
        "--results", type=Path, default=RESULTS, metavar="FOLDER", help="default: bench-results"
    )
    parser.add_argument(
        "--markdown", type=Path, metavar="PAGE", help="put the tables on this page, too"
    )
    return parser


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
