"""The price source `files`: Parquet or CSV in the long format, one file or a folder."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from kernels.errors import PriceDataError
from resources.price_sources.bar_store import CLOSED_DAY, OUTSIDE_CALENDAR, BarStore, read_bars
from resources.price_sources.base import (
    Fetch,
    bars_frame,
    build_report,
    check_range,
    check_symbols,
    count_rows,
    symbol_fault,
    universe_frame,
)
from resources.price_sources.constituents import UNKNOWN_SECTOR, Constituents, read_constituents
from resources.price_sources.reading import SUFFIXES

CONSTITUENTS_NAME = "constituents.csv"

_NO_FAILURE = {CLOSED_DAY, OUTSIDE_CALENDAR}

Stamp = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class _Loaded:
    """What the files hold; `constituents` is None where there is no list of them."""

    bars: BarStore
    constituents: Constituents | None
    fingerprint: str


class FilePrices:
    """Bars from files, read at the first use and again when a file changes.

    The files are in the long format with the columns symbol, date (or session), open, high, low, close and volume, and
    optionally split_ratio and dividend. A row that can't be a bar (a closed day, a date that the symbol has twice, an
    impossible action, something that is no symbol) is left out and reported; the rest is delivered. A symbol is in the
    report's `failed` when all it has in the range is left out for a fault.

    Args:
        prices_path: a `.parquet` or `.csv` file, or a folder whose `.parquet` and `.csv` files are read together.
        constituents_path: the list of constituents; None takes `constituents.csv` beside the file or in the folder if
            there is one. Without a list, the universe is the symbols of the files.
    """

    name = "files"

    def __init__(self, prices_path: Path, constituents_path: Path | None = None) -> None:
        self._prices_path = prices_path
        self._constituents_path = constituents_path
        self._cached: tuple[Stamp, _Loaded] | None = None

    @property
    def as_traded(self) -> bool:
        """True if every file has the column split_ratio; otherwise somebody has adjusted the bars, or nobody knows."""
        return self._load().bars.has_splits

    def coverage(self) -> tuple[date, date]:
        """The first and the last session with a bar."""
        days = self._load().bars.bars.days
        return days[0].item(), days[-1].item()

    def membership_known(self) -> bool:
        """Whether the list of constituents gives every one's member_from."""
        constituents = self._load().constituents
        return constituents is not None and constituents.membership_known

    def universe(self, session: date) -> pd.DataFrame:
        """The constituents as of `session`; without a list, every symbol of the files (see `PriceSource.universe`)."""
        loaded = self._load()
        if loaded.constituents is not None:
            return loaded.constituents.as_of(session)
        symbols = _valid(loaded.bars)
        never = np.full(len(symbols), "NaT", dtype="datetime64[s]")
        return universe_frame(symbols, symbols, [UNKNOWN_SECTOR] * len(symbols), never, never)

    def fingerprint(self) -> str:
        """The SHA-256 of the contents of all files."""
        return self._load().fingerprint

    def fetch(self, symbols: Sequence[str] | None, first: date, last: date) -> Fetch:
        """The bars of a range (see `PriceSource.fetch`).

        Args:
            symbols: None takes the constituents, members or not; without a list of them, every symbol of the files. A
                symbol that is in the files but no constituent is delivered only if it is asked for, and noted if not.
            first: the first day.
            last: the last day.
        """
        check_range(first, last)
        loaded = self._load()
        valid = _valid(loaded.bars)
        constituents = [] if loaded.constituents is None else loaded.constituents.table["symbol"].tolist()
        failed: dict[str, str] = {}
        if symbols is None:
            asked = tuple(constituents or valid)
        else:
            asked, failed = check_symbols(symbols)
            unknown = set(asked) - set(valid) - set(constituents)
            failed |= dict.fromkeys(unknown, "neither the price files nor the constituents have this symbol")
        from_day, to_day = np.datetime64(first, "D"), np.datetime64(last, "D")
        bars, others = _select(loaded.bars, asked, from_day, to_day)
        delivered = set(bars["symbol"].unique())
        notes: dict[str, str] = {}
        if symbols is None:
            notes = {symbol: f"{count_rows(rows)} left out: no constituent" for symbol, rows in others.items()}
        here = (loaded.bars.fault_days >= from_day) & (loaded.bars.fault_days <= to_day)
        for code in np.unique(loaded.bars.fault_codes[here]).tolist():
            symbol = loaded.bars.symbols[code]
            if symbol not in asked and symbols is not None:
                continue
            words = loaded.bars.faults_in_words(code, from_day, to_day)
            fault = symbol_fault(symbol)
            harmless = symbol in delivered or symbol not in asked or _NO_FAILURE.issuperset(words)
            if fault is None and harmless:
                notes[symbol] = "; ".join([*filter(None, [notes.get(symbol)]), *words.values()])
            else:
                failed[symbol] = "; ".join([*filter(None, [fault]), *words.values()])
        return Fetch(bars, build_report(asked, delivered, failed, notes))

    def _load(self) -> _Loaded:
        price_files, constituents_path = self._find()
        every = [*price_files, *([] if constituents_path is None else [constituents_path])]
        stamp = tuple(_stamp(path) for path in every)
        if self._cached is None or self._cached[0] != stamp:
            loaded = _Loaded(
                read_bars(price_files),
                None if constituents_path is None else read_constituents(constituents_path),
                _fingerprint(every),
            )
            self._cached = stamp, loaded
        return self._cached[1]

    def _find(self) -> tuple[list[Path], Path | None]:
        """The price files, sorted by name, and the list of constituents."""
        path, chosen = self._prices_path, self._constituents_path
        if path.is_dir():
            folder = path
            files = [
                entry
                for entry in sorted(path.iterdir())
                if entry.suffix.lower() in SUFFIXES
                and not entry.name.startswith(".")
                and entry.name != CONSTITUENTS_NAME
                and (chosen is None or entry.resolve() != chosen.resolve())
            ]
        else:
            folder, files = path.parent, [path]
        if not files:
            raise PriceDataError(
                str(path),
                expected="a folder with .parquet or .csv files of prices",
                got="a folder without any",
                mend="put the price files there, or set WAVEMILL_PRICES_PATH to where they are",
            )
        beside = folder / CONSTITUENTS_NAME
        return files, chosen or (beside if beside.is_file() else None)


def _valid(bars: BarStore) -> list[str]:
    return [symbol for symbol in bars.symbols if symbol_fault(symbol) is None]


def _select(
    store: BarStore, asked: Sequence[str], first: np.datetime64, last: np.datetime64
) -> tuple[pd.DataFrame, dict[str, int]]:
    """The bars of the asked symbols in the closed range, and how many bars each other symbol has there."""
    start, stop = np.searchsorted(store.bars.days, [first, last + 1])
    codes = store.bars.codes[start:stop]
    wanted = np.isin(np.array(store.symbols, dtype=object), np.array(asked, dtype=object))
    others = np.bincount(codes, minlength=len(store.symbols)) * ~wanted
    keep = wanted[codes]
    bars = bars_frame(
        np.array(store.symbols, dtype=object)[codes[keep]],
        store.bars.days[start:stop][keep],
        {name: values[start:stop][keep] for name, values in store.bars.values.items()},
        FilePrices.name,
    )
    return bars, {store.symbols[code]: int(others[code]) for code in np.flatnonzero(others)}


def _stamp(path: Path) -> tuple[str, int, int]:
    """What changes when a file is written; zeros for one that isn't there, which the reading then reports."""
    if not path.is_file():
        return str(path), 0, 0
    state = path.stat()
    return str(path), state.st_size, state.st_mtime_ns


def _fingerprint(paths: Sequence[Path]) -> str:
    digests = []
    for path in paths:
        with path.open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256").hexdigest())
    return hashlib.sha256("".join(sorted(digests)).encode()).hexdigest()
