"""A run with a scan, null histograms and accounts over one panel, on one device, saved in the file that is named.

The simulator must be asked for before Numba is imported, so the tests run this in a process of its own.
"""

from __future__ import annotations

import gc
import pickle
import sys
import weakref
from dataclasses import asdict
from typing import Any

import numpy as np

from kernels.memory import Device
from kernels.nulls import null_histograms
from kernels.surrogates import surrogates
from kernels.trading import Bars, Orders, Paths, simulate
from kernels.volatility.gjr import GjrParameters
from kernels.waves import best_scores, scan_origins

ROWS, BARS = 3, 16
FIELDS = ("open", "high", "low", "close", "dividend")
PARAMETERS = GjrParameters(alpha=0.05, gamma=0.1, beta=0.85, degrees=5.0)


class Watched(Device):
    """A device that keeps what was uploaded."""

    def __init__(self) -> None:
        super().__init__()
        self.uploaded: list[np.ndarray] = []

    def _copied(self, values: np.ndarray) -> Any:
        self.uploaded.append(values.copy())
        return super()._copied(values)

    def uploads_of(self, prices: np.ndarray) -> int:
        """How often any row of these prices, or a run of five of its bars or more, went up in rows of floats."""
        spans = [(first, stop) for first in range(BARS) for stop in range(first + 5, BARS + 1)]
        parts = {row[first:stop].tobytes() for row in prices for first, stop in spans}
        matrices = (values for values in self.uploaded if values.ndim == 2 and values.dtype == np.float64)
        return sum(any(row.tobytes() in parts for row in values) for values in matrices)


def panel(seed: int) -> Bars:
    """Bars of random walks; a bar is missing."""
    rng = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.02, (ROWS, BARS)), axis=1))
    opened = close * np.exp(rng.normal(0, 0.01, close.shape))
    high = np.maximum(opened, close) * 1.01
    low = np.minimum(opened, close) * 0.99
    for prices in (opened, high, low, close):
        prices[1, 4] = np.nan
    return Bars(opened, high, low, close, rng.uniform(0.0, 0.1, close.shape))


def stages(bars: Bars, device: Device | None) -> dict[str, Any]:
    """What every stage of a run gives: scans in different windows, null histograms by rows and windows, accounts."""
    prices = bars.open, bars.high, bars.low, bars.close
    on = {"backend": "gpu", "device": device}
    row, end = np.repeat(np.arange(ROWS), 2), np.tile([BARS - 4, BARS - 1], ROWS)
    made: dict[str, Any] = {
        f"scan {length}": asdict(scan_origins(bars.low, bars.high, row, end, np.full(2 * ROWS, length), **on))
        for length in (BARS - 5, BARS)
    }
    made["best scores"] = asdict(best_scores(bars.low, bars.high, buckets=(5, BARS), **on))
    asked = {"surrogates": 2, "seed": 7, "block": 5.0, "bins": 10, "buckets": (5, BARS)}
    for null in ("block", "sign"):
        for window, rows in ((BARS, [0, 1]), (BARS, [2]), (9, [0, 2])):
            some = np.array(rows)
            counted = null_histograms(*prices, some + 100, null=null, window=window, rows=some, **asked, **on)
            made[f"{null} {window} {rows}"] = asdict(counted)
    keys, numbers = np.arange(ROWS), np.arange(2, dtype=np.int32)
    made["surrogates"] = asdict(surrogates(*prices, keys, numbers, null="sign", seed=7, **on))
    orders = Orders.of_weights([0, 1], [0, 2], np.full((2, 2), 0.25))
    accounts = Paths.flat([0, 2], 0, BARS - 1, 1000.0)
    made["accounts"] = asdict(simulate(bars, accounts, orders, fill="next_open", record=True, **on))
    return made


def held(device: Watched, bars: Bars) -> Bars:
    device.hold(*(getattr(bars, name) for name in FIELDS))
    return bars


def main() -> None:
    """Run everything and save it."""
    alone = stages(panel(1), None)
    device = Watched()
    first = held(device, panel(1))
    together = stages(first, device)
    counted = {name: device.uploads_of(getattr(first, name)) for name in FIELDS}
    transfers = asdict(device.transfers)
    bytes_of_uploads = sum(values.nbytes for values in device.uploaded)

    fresh = Watched()
    free = panel(1)
    stages(free, fresh)
    not_held = {name: fresh.uploads_of(getattr(free, name)) for name in FIELDS}

    # A panel that is changed through a new array of the same run goes up anew.
    copies = [weakref.ref(device.upload(getattr(first, name))) for name in FIELDS]
    second = held(device, panel(2))
    again = stages(second, device)
    anew = {name: device.uploads_of(getattr(second, name)) for name in FIELDS}
    alive = [copy() is not None for copy in copies]
    gc.disable()
    del first
    freed = [copy() is None for copy in copies]
    other = stages(panel(2), None)

    # One that somebody makes writable is held no more.
    second.low.flags.writeable = True
    second.low[0, 3] *= 0.999
    changed = stages(second, device)
    expected = stages(Bars(*(getattr(second, name).copy() for name in FIELDS)), None)

    parameters = {"null": "gjr", "parameters": PARAMETERS, "surrogates": 2, "seed": 7, "backend": "gpu"}
    third = panel(1)
    gjr = [null_histograms(third.open, third.high, third.low, third.close, np.arange(ROWS), **parameters, bins=10)]
    device.hold(third.open, third.high, third.low, third.close)
    prices = third.open, third.high, third.low, third.close
    gjr.append(null_histograms(*prices, np.arange(ROWS), **parameters, bins=10, device=device))
    with open(sys.argv[1], "wb") as out:
        pickle.dump(
            {
                "alone": alone,
                "together": together,
                "counted": counted,
                "transfers": transfers,
                "bytes_of_uploads": bytes_of_uploads,
                "not_held": not_held,
                "again": again,
                "other": other,
                "anew": anew,
                "alive": alive,
                "freed": freed,
                "changed": changed,
                "expected": expected,
                "gjr": [each.counts for each in gjr],
            },
            out,
        )


if __name__ == "__main__":
    main()
