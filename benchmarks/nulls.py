"""Best scores of surrogates: parity first, then surrogates a second for each null, and the ratio to the plain scan.

Run from the project root: `python -m benchmarks.nulls LAKE [--surrogates N] [--json PATH]`. The last 504 sessions of
every symbol in the lake, all classes, both directions.
"""

from __future__ import annotations

import argparse
import time
from datetime import date
from pathlib import Path

import numpy as np

from benchmarks.machine import machine, report
from kernels.nulls import null_histograms
from kernels.panel import PricePanel
from kernels.surrogates import NULLS
from kernels.volatility import fit_gjr
from kernels.waves import STAGES, ScanSettings, best_scores, scan, stage_index
from resources.parquet_lake import open_lake

SESSIONS, SEED, CHECKED_ROWS, FEW = 504, 7, 3, 20


def main() -> None:
    """Check, measure, print and, on request, write."""
    parser = argparse.ArgumentParser(description="Best scores of surrogates.")
    parser.add_argument("lake", help="folder of a lake with 504 sessions of prices")
    parser.add_argument("--surrogates", type=int, default=200, help="of each symbol, for the null block")
    parser.add_argument("--json", type=Path, help="file to write the numbers to")
    asked = parser.parse_args()
    lake = open_lake(asked.lake)
    panel = lake.panel(date.fromisoformat(lake.partitions("quarantine")[-1]), SESSIONS)
    check(panel)
    parameters, _ = fit_gjr(panel.close, 0, panel.close.shape[1] - 1)

    def counted(null: str, surrogates: int) -> float:
        bars = panel.open, panel.high, panel.low, panel.close
        keys = np.arange(len(panel.symbols), dtype=np.int64)
        began = time.perf_counter()
        null_histograms(*bars, keys, surrogates=surrogates, null=null, seed=SEED, parameters=parameters)
        return time.perf_counter() - began

    for null in NULLS:
        counted(null, 1)
    began = time.perf_counter()
    best_scores(panel.low, panel.high)
    searched = time.perf_counter() - began
    began = time.perf_counter()
    scan(panel)
    scanned = time.perf_counter() - began
    few = {null: counted(null, FEW) for null in NULLS}
    whole = counted("block", asked.surrogates)
    series = len(panel.symbols) * asked.surrogates
    report(
        {
            "machine": machine(),
            "symbols": len(panel.symbols),
            "bars": SESSIONS,
            "seconds": round(whole, 1),
            "surrogates_of_each": asked.surrogates,
            "surrogates_per_second": round(series / whole),
            "per_second_by_null": {null: round(len(panel.symbols) * FEW / taken) for null, taken in few.items()},
            "plain_scan_seconds": round(scanned, 2),
            "best_scores_seconds": round(searched, 2),
            "one_round_of_surrogates_to_one_scan": round(whole / asked.surrogates / scanned, 3),
        },
        asked.json,
    )


def check(panel: PricePanel) -> None:
    """The best scores of some rows are those of the best patterns and setups that the scan keeps of them."""
    rows = slice(0, CHECKED_ROWS)
    fields = {
        name: np.ascontiguousarray(getattr(panel, name)[rows]) for name in ("open", "high", "low", "close", "volume")
    }
    some = PricePanel(panel.symbols[rows], panel.sessions, **fields)
    kept = scan(some, settings=ScanSettings(top_n=100_000, max_overlap=1.0))
    patterns, best = kept.patterns, best_scores(some.low, some.high)
    stages = stage_index(patterns.class_index, patterns.legs)
    for series in range(CHECKED_ROWS):
        for index, stage in enumerate(STAGES):
            for side, direction in enumerate((1, -1)):
                own = (patterns.series == series) & (stages == index) & (patterns.direction == direction)
                score = patterns.score[own].max(initial=-1.0)
                expected = np.nanmax(best.score[series, index, side], initial=-1.0)
                assert score == expected, (panel.symbols[series], stage, direction, score, expected)


if __name__ == "__main__":
    main()
