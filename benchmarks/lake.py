"""Time a panel out of the lake: 500 symbols x 504 sessions, the first time in a process and again.

Run from the project root: `python -m benchmarks.lake`. Writes `benchmarks/results/lake.json`.
"""

from __future__ import annotations

import tempfile

import numpy as np

from benchmarks.machine import RESULTS, best_seconds, machine, report
from kernels.market import instruments, simulate
from resources.calendar import ALL_SESSIONS, newest_complete_session, session_number
from resources.contracts import PRICES, QUARANTINE
from resources.parquet_lake import ParquetLake

SYMBOLS, SESSIONS, REPEATS = 500, 504, 5
FIELDS = ("open", "high", "low", "close", "volume", "split_ratio", "dividend")


def main() -> None:
    """Fill a lake, check a panel against the bars it was made from, time it, print and write."""
    end = newest_complete_session()
    last = session_number(end)
    market = instruments(7, SYMBOLS)
    bars = simulate(market, last + 1, seed=7, first=last + 1 - SESSIONS)
    no_faults = QUARANTINE.table({name: [] for name in QUARANTINE.schema.names})
    with tempfile.TemporaryDirectory() as folder:
        lake = ParquetLake(folder)
        for column, session in enumerate(ALL_SESSIONS[last + 1 - SESSIONS : last + 1]):
            columns = {field: getattr(bars, field)[:, column] for field in FIELDS}
            same = {"session": np.full(SYMBOLS, session), "symbol": list(market.symbols), "source": ["x"] * SYMBOLS}
            lake.write("prices", str(session), PRICES.table(columns | same), made_from="", code_version="")
            lake.write("quarantine", str(session), no_faults, made_from="", code_version="")
        fresh = ParquetLake(folder)
        cold = best_seconds(lambda: fresh.panel(end, SESSIONS), 1)
        np.testing.assert_array_equal(fresh.panel(end, SESSIONS, adjust="none").close, bars.close)
        warm = best_seconds(lambda: fresh.panel(end, SESSIONS), REPEATS)
    result = {"machine": machine(), "symbols": SYMBOLS, "sessions": SESSIONS, "first_s": cold, "warm_s": warm}
    report(result, RESULTS / "lake.json")


if __name__ == "__main__":
    main()
