"""Reads the `prices` and `quarantine` partitions of a lake into one `PriceHistory`, and keeps them decoded.

A session's partition is decoded once for each process and stamp: a replaced file is read again, all others are warm.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from kernels.as_of import PriceHistory
from kernels.errors import MissingHistoryError
from kernels.panel import BAR_FIELDS
from resources.calendar import ALL_SESSIONS, session_number, sessions
from resources.lake_files import Stamp

if TYPE_CHECKING:
    from resources.parquet_lake import ParquetLake

_VALUES = (*BAR_FIELDS, "split_ratio", "dividend")
_ABSENT = {"split_ratio": 1.0, "dividend": 0.0}


def lookback_start(end: date, count: int) -> date:
    """The first of the `count` sessions that end at `end`, clipped to the start of the calendar."""
    start: date = ALL_SESSIONS[max(0, session_number(end) - count + 1)].item()
    return start


@dataclass(frozen=True)
class _SessionBars:
    """One decoded `prices` partition: sorted symbols, and float64 [7, n] in the order of `_VALUES`."""

    symbols: npt.NDArray[np.str_]
    values: npt.NDArray[np.float64]


@dataclass(frozen=True)
class _SessionFaults:
    """The excluding entries of one decoded `quarantine` partition: symbols, and sessions of the faulty bars."""

    symbols: npt.NDArray[np.str_]
    sessions: npt.NDArray[np.datetime64]


class PriceHistoryReader:
    """Histories out of one lake."""

    def __init__(self, lake: "ParquetLake") -> None:
        self._lake = lake
        self._bars: dict[str, tuple[Stamp, _SessionBars]] = {}
        self._faults: dict[str, tuple[Stamp, _SessionFaults]] = {}

    def history(self, first: date, last: date, symbols: Iterable[str] | None, quarantine: bool) -> PriceHistory:
        """See `ParquetLake.history`."""
        for end in (first, last):
            session_number(end)
        price_stamps = self._lake.stamps("prices")
        fault_stamps = self._lake.stamps("quarantine") if quarantine else {}
        wanted = history_sessions(first, last, min(price_stamps, default=None))
        if not len(wanted):
            raise missing_history("prices", [str(first), str(last)], f"{first} to {last}")
        for table, stamps in [("prices", price_stamps), ("quarantine", fault_stamps)][: 2 if quarantine else 1]:
            missing = [str(session) for session in wanted if str(session) not in stamps]
            if missing:
                raise missing_history(table, missing, f"the bars of {first} to {last}")
        keys = [str(session) for session in wanted]
        bars = [self._session_bars(key, price_stamps[key]) for key in keys]
        if symbols is None:
            names = np.unique(np.concatenate([session.symbols for session in bars])) if bars else np.empty(0, "U1")
        else:
            names = np.unique(np.array(list(symbols), dtype=np.str_))
        shape = (len(names), len(keys))
        values = {field: np.full(shape, _ABSENT.get(field, np.nan)) for field in _VALUES}
        present = np.zeros(shape, dtype=np.bool_)
        placed: tuple[npt.NDArray[np.str_], npt.NDArray[np.bool_], npt.NDArray[np.intp]] | None = None
        for column, session in enumerate(bars):
            if placed is None or not np.array_equal(placed[0], session.symbols):
                placed = (session.symbols, *_places(names, session.symbols))
            _, found, rows = placed
            present[rows, column] = True
            for index, field in enumerate(_VALUES):
                values[field][rows, column] = session.values[index, found]
        quarantined = self._quarantined(names, wanted, keys if quarantine else [], fault_stamps)
        return PriceHistory(tuple(names.tolist()), wanted, **values, present=present, quarantined=quarantined)

    def _session_bars(self, key: str, stamp: Stamp) -> _SessionBars:
        cached = self._bars.get(key)
        if cached is None or cached[0] != stamp:
            rows = self._lake.read("prices", key)
            values = np.stack([rows[field].to_numpy() for field in _VALUES]).astype(np.float64)
            names = np.array(rows["symbol"].to_pylist(), dtype=np.str_)
            order = np.argsort(names)
            cached = self._bars[key] = (stamp, _SessionBars(names[order], values[:, order]))
        return cached[1]

    def _session_faults(self, key: str, stamp: Stamp) -> _SessionFaults:
        cached = self._faults.get(key)
        if cached is None or cached[0] != stamp:
            rows = self._lake.read("quarantine", key)
            excluded = rows.filter(rows["excluded"])
            names = np.array(excluded["symbol"].to_pylist(), dtype=np.str_)
            days = np.array(excluded["session"].to_pylist(), dtype="datetime64[D]")
            cached = self._faults[key] = (stamp, _SessionFaults(names, days))
        return cached[1]

    def _quarantined(
        self,
        names: npt.NDArray[np.str_],
        wanted: npt.NDArray[np.datetime64],
        keys: list[str],
        fault_stamps: dict[str, Stamp],
    ) -> npt.NDArray[np.int32]:
        entries = [np.empty((0, 3), dtype=np.int32)]
        for known, key in enumerate(keys):
            faults = self._session_faults(key, fault_stamps[key])
            if not len(faults.symbols):
                continue
            inside = faults.sessions >= wanted[0]
            found, rows = _places(names, faults.symbols[inside])
            columns = np.searchsorted(wanted, faults.sessions[inside][found])
            entries.append(np.stack([rows, columns, np.full(len(rows), known)], axis=1).astype(np.int32))
        return np.concatenate(entries)


def history_sessions(first: date, last: date, oldest: str | None) -> npt.NDArray[np.datetime64]:
    """The sessions `first` to `last`, from the oldest `prices` partition on: history begins there."""
    asked = sessions(first, last)
    return asked if oldest is None else asked[asked >= np.datetime64(oldest)]


def missing_history(table: str, missing: list[str], purpose: str) -> MissingHistoryError:
    """The error for absent partitions (ISO sessions, sorted): which range is missing, and the command that fills it."""
    span = (
        f'"dagster/asset_partition_range_start": "{missing[0]}", "dagster/asset_partition_range_end": "{missing[-1]}"'
    )
    return MissingHistoryError(
        f"table `{table}`",
        expected=f"a partition for every session of {purpose}",
        got=f"{len(missing)} missing, {missing[0]} to {missing[-1]}",
        mend=f"dagster job execute -m definitions -j price_history --tags '{{{span}}}'",
    )


def _places(
    names: npt.NDArray[np.str_], symbols: npt.NDArray[np.str_]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.intp]]:
    """Which of `symbols` are among the sorted `names`, and where."""
    if not len(names):
        return np.zeros(len(symbols), dtype=np.bool_), np.empty(0, dtype=np.intp)
    rows = np.minimum(np.searchsorted(names, symbols), len(names) - 1)
    found = names[rows] == symbols
    return found, rows[found]
