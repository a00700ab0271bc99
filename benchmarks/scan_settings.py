"""What each scan setting costs and loses: `python -m benchmarks.scan_settings data/lake-simulated 2018-02-07`.

One session of a lake is ranked and scanned with the defaults, then with one setting changed at a time. Printed are
CPU-seconds of all threads, so that other work on the machine counts little; and how many of the best confirmed counts
that the defaults find are found.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

import numpy as np

from assets.lookback import Lookback, load_lookback
from kernels.errors import WavemillError
from kernels.panel import Int32Array1D
from kernels.waves import CONFIRMED, Scan, scan_origins
from kernels.windows import rank_windows, window_features
from resources.parquet_lake import open_lake
from resources.wiring import ScanSettingsResource

REPEATS = 3
CHANGES: tuple[dict[str, Any], ...] = (
    {},
    {"lengths": [63, 126, 252]},
    {"lengths": [63, 126]},
    {"threshold": 0.0},
    {"threshold": 0.5},
    {"pre_score_top_k": 500},
    {"max_span": 252},
    {"max_span": 126},
    {"max_skip": 16},
    {"max_skip": 8},
    {"max_skip": 4},
    {"top_n": 3},
    {"top_n": 10},
    {"max_overlap": 0.5},
    {"max_overlap": 1.0},
    {"lengths": [63, 126, 252], "threshold": 0.5, "max_skip": 8, "max_span": 252, "top_n": 3},
    {"threshold": 0.0, "top_n": 10},
)
"""The last two are the profiles."""


def main() -> int:
    """Print a line for each change. Returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lake", help="folder of the tables")
    parser.add_argument("session", help="an ISO date")
    arguments = parser.parse_args()
    try:
        look = load_lookback(open_lake(arguments.lake), [arguments.session])
    except WavemillError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    expected: set[tuple[int, ...]] = set()
    base = 0.0
    print("| changed | CPU-seconds | times | candidates | rows | of the default's best found |")
    for change in CHANGES:
        settings = ScanSettingsResource(**change)
        length = kept_lengths(look, settings)
        seconds, found = timed(look, length, settings)
        best = best_counts(found)
        expected, base = expected or best, base or seconds
        words = ", ".join(f"{name} {value}" for name, value in change.items()) or "nothing"
        share = len(best & expected) / len(expected)
        print(
            f"| {words} | {seconds:.2f} | {seconds / base:.2f} | {int(found.candidates.sum()):,} | "
            f"{len(found.origin):,} | {share:.1%} |",
            flush=True,
        )
    return 0


def kept_lengths(look: Lookback, settings: ScanSettingsResource) -> Int32Array1D:
    """int32 [E]: sessions in the longest window of each symbol that the filter keeps; 0 for none."""
    rows, origins, windows = look.rows, look.origins, settings.windows()
    features = window_features(rows.high, rows.low, rows.close, origins.row, origins.end, lengths=windows.lengths)
    count, lengths = features.shape[:2]
    ranked = rank_windows(features.reshape(count * lengths, -1), np.tile(np.arange(lengths), count), settings=windows)
    kept = np.where(ranked.kept.reshape(count, lengths), np.array(windows.lengths), 0)
    return kept.max(axis=1).astype(np.int32)


def timed(look: Lookback, length: Int32Array1D, settings: ScanSettingsResource) -> tuple[float, Scan]:
    """CPU-seconds of the fastest of some scans, and what it found."""
    rows, origins = look.rows, look.origins
    taken = []
    for _ in range(REPEATS):
        began = time.process_time()
        found = scan_origins(
            rows.low, rows.high, origins.row, origins.end, length, settings=settings.scan(), backend="cpu"
        )
        taken.append(time.process_time() - began)
    return min(taken), found


def best_counts(found: Scan) -> set[tuple[int, ...]]:
    """The confirmed counts that are kept, by symbol, class, direction and pivots."""
    patterns = found.patterns
    chosen = found.pattern[patterns.status[found.pattern] == CONFIRMED]
    columns = np.column_stack([patterns.series, patterns.class_index, patterns.direction, patterns.pivots])[chosen]
    return set(map(tuple, columns.tolist()))


if __name__ == "__main__":
    sys.exit(main())
