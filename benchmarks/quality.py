"""How well the fault rules do on real prices with known defects: precision and recall by kind, and the time.

    python -m benchmarks.quality [--json PATH] [--thresholds]

Reads `../shared/data/sp500_daily.parquet` and `sp500_daily_defects.csv`, beside the project's folder. A defect is a
symbol-session; it is found when its kind is reported for that bar on whatever session. A flagged bar without any
defect on it is a false alarm.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.machine import machine
from kernels.panel import Float64Array2D
from kernels.quality import DEFAULT_SETTINGS, KINDS, Faults, QualitySettings, find_faults

DATA = Path(__file__).parents[2] / "shared" / "data"
PRICES = DATA / "sp500_daily.parquet"
DEFECTS = DATA / "sp500_daily_defects.csv"

LABELS = {
    "null_price": ("null_ohl",),
    "nonpositive_price": (),
    "ohlc_order": ("ohlc_violation",),
    "zero_volume": ("zero_volume",),
    "missing_bar": ("missing_session",),
    "repeated_bar": ("repeated_bar",),
    "suspect_close": ("suspect_close",),
    "unexplained_move": ("unadjusted_action", "unadjusted_special_dividend"),
}
"""The kinds of the defects file that each kind of `kernels.quality.KINDS` is measured against."""

VARIANTS = {
    "as set": {},
    "unexplained_move: volume ignored": {"volume_sigmas": 0.0},
    "unexplained_move: volume_sigmas 2": {"volume_sigmas": 2.0},
    "unexplained_move: volume_sigmas 4": {"volume_sigmas": 4.0},
    "unexplained_move: move_sigmas 8": {"move_sigmas": 8.0},
    "unexplained_move: gap_ranges 1": {"gap_ranges": 1.0},
    "suspect_close: island_sigmas 0.25": {"island_sigmas": 0.25},
    "suspect_close: island_sigmas 1.5": {"island_sigmas": 1.5},
    "suspect_close: reversal_sigmas 1": {"reversal_sigmas": 1.0},
    "suspect_close: reversal_sigmas 3": {"reversal_sigmas": 3.0},
}

Bars = set[tuple[str, str]]


@dataclass(frozen=True)
class Prices:
    """The price file as matrices [S, T] in the order of `find_faults`, with the names of rows and columns."""

    symbols: list[str]
    sessions: list[str]
    matrices: tuple[Float64Array2D, ...]
    present: npt.NDArray[np.bool_]

    def find_faults(
        self, first: int, last: int, settings: QualitySettings = DEFAULT_SETTINGS, **options: Any
    ) -> Faults:
        """The faults that become known in a range of columns; the file records no splits and no dividends."""
        no_split, no_dividend = np.ones(self.present.shape), np.zeros(self.present.shape)
        return find_faults(
            *self.matrices, self.present, no_split, no_dividend, first, last, settings=settings, **options
        )

    def bars(self, faults: Faults, kind: str | None = None, *, excluded: bool = False) -> Bars:
        """Symbol and session of the faulty bars, of one kind or of all, of all or of those left out."""
        chosen = np.ones(len(faults), np.bool_) if kind is None else faults.kind == KINDS.index(kind)
        if excluded:
            chosen &= faults.excluded
        pairs = zip(faults.symbol[chosen], faults.session[chosen], strict=True)
        return {(self.symbols[symbol], self.sessions[session]) for symbol, session in pairs}


def load_prices(path: Path = PRICES) -> Prices:
    """Read the price file."""
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    symbols, symbol = np.unique(np.array(table["symbol"].to_pylist()), return_inverse=True)
    sessions, session = np.unique(np.array([str(date) for date in table["date"].to_pylist()]), return_inverse=True)
    shape = (len(symbols), len(sessions))
    matrices = []
    for name in ("open", "high", "low", "close", "volume"):
        matrix = np.full(shape, np.nan)
        matrix[symbol, session] = table[name].to_numpy().astype(np.float64)
        matrices.append(matrix)
    present = np.zeros(shape, np.bool_)
    present[symbol, session] = True
    return Prices(symbols.tolist(), sessions.tolist(), tuple(matrices), present)


def load_defects(path: Path = DEFECTS) -> dict[str, Bars]:
    """Symbol and session of the known defects, by kind of the defects file."""
    defects: dict[str, Bars] = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            defects.setdefault(row["kind"], set()).add((row["symbol"], row["date"]))
    return defects


def measure(prices: Prices, faults: Faults, defects: dict[str, Bars]) -> dict[str, Any]:
    """Count defects and flagged bars by kind; see the module's docstring for what counts as what."""
    any_defect = set().union(*defects.values())
    any_flagged = prices.bars(faults)
    left_out = prices.bars(faults, excluded=True)
    n_bars = int(prices.present.sum())
    kinds = {}
    for kind, labels in LABELS.items():
        truth = set().union(*(defects.get(label, set()) for label in labels))
        flagged = prices.bars(faults, kind)
        found = truth & flagged
        kinds[kind] = {
            "defects": len(truth),
            "found": len(found),
            "recall": len(found) / len(truth) if truth else None,
            "recall_any_kind": len(truth & any_flagged) / len(truth) if truth else None,
            "excluded": len(truth & left_out),
            "flagged": len(flagged),
            "precision": len(found) / len(flagged) if flagged else None,
            "precision_any_defect": len(flagged & any_defect) / len(flagged) if flagged else None,
            "false_alarms_per_10000_bars": 1e4 * len(flagged - any_defect) / n_bars,
            "missed": sorted(truth - any_flagged),
            "false_alarms": sorted(flagged - any_defect),
            "recall_by_label": {label: len(defects[label] & flagged) / len(defects[label]) for label in labels},
        }
    return {
        "bars": n_bars,
        "kinds": kinds,
        "defects": sum(len(bars) for bars in defects.values()),
        "faulty_bars": len(any_defect),
        "faulty_bars_flagged": len(any_defect & any_flagged),
        "flagged_bars": len(any_flagged),
        "excluded_bars": len(left_out),
        "false_alarms_per_10000_bars": 1e4 * len(any_flagged - any_defect) / n_bars,
    }


def _print_table(result: dict[str, Any]) -> None:
    def share(value: float | None) -> str:
        return "-" if value is None else f"{value:.3f}"

    header = (
        "kind",
        "defects",
        "found",
        "recall",
        "any kind",
        "excluded",
        "flagged",
        "precision",
        "any defect",
        "false/10k",
    )
    print(("{:<17}" + "{:>11}" * 9).format(*header))
    for kind, row in result["kinds"].items():
        cells = (
            row["defects"],
            row["found"],
            share(row["recall"]),
            share(row["recall_any_kind"]),
            row["excluded"],
            row["flagged"],
            share(row["precision"]),
            share(row["precision_any_defect"]),
            share(row["false_alarms_per_10000_bars"]),
        )
        print(("{:<17}" + "{:>11}" * 9).format(kind, *cells))
    print(
        f"faulty bars {result['faulty_bars']}, flagged under any kind {result['faulty_bars_flagged']}; "
        f"flagged {result['flagged_bars']}, of these excluded {result['excluded_bars']}; "
        f"false alarms {result['false_alarms_per_10000_bars']:.2f} per 10,000 of {result['bars']} bars"
    )


def _print_thresholds(prices: Prices, defects: dict[str, Bars]) -> None:
    last = len(prices.sessions) - 1
    print(("\n{:<38}" + "{:>10}" * 5).format("thresholds", "found", "recall", "flagged", "precision", "any defect"))
    for name, changes in VARIANTS.items():
        result = measure(prices, prices.find_faults(0, last, DEFAULT_SETTINGS._replace(**changes)), defects)
        for kind in ("suspect_close", "unexplained_move"):
            if name == "as set" or name.startswith(kind):
                row = result["kinds"][kind]
                label = f"{kind}: as set" if name == "as set" else name
                shares = (f"{row[key]:.3f}" for key in ("recall", "precision", "precision_any_defect"))
                recall, precision, any_defect = shares
                print(f"{label:<38}{row['found']:>10}{recall:>10}{row['flagged']:>10}{precision:>10}{any_defect:>10}")


def main() -> int:
    """Measure, print the table, and write the JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write the result with the machine's description to this file")
    parser.add_argument("--thresholds", action="store_true", help="also print what other thresholds would give")
    arguments = parser.parse_args()
    if not (PRICES.exists() and DEFECTS.exists()):
        print(f"There are no prices to measure with: expected {PRICES} and {DEFECTS.name} beside it.", file=sys.stderr)
        return 1

    prices, defects = load_prices(), load_defects()
    last = len(prices.sessions) - 1
    some = Prices(prices.symbols[:8], prices.sessions, tuple(m[:8].copy() for m in prices.matrices), prices.present[:8])
    whole, quick = some.find_faults(last - 30, last, backend="naive"), some.find_faults(last - 30, last, backend="cpu")
    assert all(np.array_equal(getattr(whole, name), getattr(quick, name)) for name in ("symbol", "session", "kind"))

    seconds = []
    for _ in range(4):
        start = time.perf_counter()
        faults = prices.find_faults(0, last)
        seconds.append(time.perf_counter() - start)
    result = measure(prices, faults, defects)
    result |= {"seconds": min(seconds), "bars_per_second": result["bars"] / min(seconds), "machine": machine()}
    _print_table(result)
    print(
        f"{len(prices.sessions)} sessions x {len(prices.symbols)} symbols in {result['seconds']:.2f} s "
        f"({result['bars_per_second']:,.0f} bars/s) on {result['machine']}"
    )
    if arguments.thresholds:
        _print_thresholds(prices, defects)
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
