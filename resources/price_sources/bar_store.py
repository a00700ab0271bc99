"""The bars of all price files in one place, sorted for slicing by session, with the rows that can't be bars set apart.

Whether a row is left out depends on that row and the ones with its symbol and date only: a range of sessions gives the
same bars as its sessions one by one, and a row added later changes no other session.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels.errors import PriceDataError
from resources.calendar import ALL_SESSIONS
from resources.price_sources.base import PRICE_COLUMNS, VALUE_COLUMNS, count_rows, name_days, symbol_fault
from resources.price_sources.columns import day_column, number_column, text_column
from resources.price_sources.reading import read_columns

GOOD, NO_SYMBOL, OUTSIDE_CALENDAR, CLOSED_DAY, REPEATED, BAD_SPLIT, BAD_DIVIDEND = range(7)

_WORDS = {
    NO_SYMBOL: "of something that is no symbol",
    OUTSIDE_CALENDAR: f"outside the calendar of {ALL_SESSIONS[0]} to {ALL_SESSIONS[-1]}",
    CLOSED_DAY: "on a closed day",
    REPEATED: "with a date that the symbol has more than once",
    BAD_SPLIT: "with a split_ratio that isn't positive and finite",
    BAD_DIVIDEND: "with a dividend that is negative or not finite",
}


@dataclass(frozen=True)
class Rows:
    """Rows of a store: positions of symbols in `BarStore.symbols`, days, and values by column name."""

    codes: npt.NDArray[np.int64]
    days: npt.NDArray[np.datetime64]
    values: dict[str, npt.NDArray[np.float64]]


@dataclass(frozen=True)
class BarStore:
    """The rows of all price files.

    Attributes:
        symbols: every symbol as written in the files, sorted; also those that are none.
        bars: the rows that are bars, sorted by session, then symbol.
        fault_codes, fault_days, fault_kinds: the rows that are left out, sorted likewise, each with one kind.
        has_splits: whether every file has the column split_ratio.
    """

    symbols: tuple[str, ...]
    bars: Rows
    fault_codes: npt.NDArray[np.int64]
    fault_days: npt.NDArray[np.datetime64]
    fault_kinds: npt.NDArray[np.int8]
    has_splits: bool

    def faults_in_words(self, code: int, first: np.datetime64, last: np.datetime64) -> dict[int, str]:
        """Kind of fault -> how many rows of one symbol are left out for it in the closed range, and where."""
        here = (self.fault_codes == code) & (self.fault_days >= first) & (self.fault_days <= last)
        words = {}
        for kind in np.unique(self.fault_kinds[here]).tolist():
            days = self.fault_days[here & (self.fault_kinds == kind)]
            words[kind] = f"{count_rows(len(days))} {_WORDS[kind]} left out ({name_days(np.unique(days))})"
        return words


def read_bars(paths: Sequence[Path]) -> BarStore:
    """Read price files in the long format into one store.

    Args:
        paths: Parquet and CSV files with the columns symbol, date (or session), open, high, low, close, volume and,
            optionally, split_ratio and dividend, in which null means none.

    Raises:
        PriceDataError: a file can't be read or no row of all files is a bar.
    """
    files = [_read_file(path) for path in paths]
    names = pa.chunked_array([chunk for text, _, _ in files for chunk in text.chunks]).combine_chunks()
    encoded = names.dictionary_encode()
    written = encoded.dictionary.to_pylist()
    symbols = tuple(sorted(written))
    place = {symbol: number for number, symbol in enumerate(symbols)}
    codes = np.array([place[symbol] for symbol in written], dtype=np.int64)[encoded.indices.to_numpy()]
    days = np.concatenate([days for _, days, _ in files])
    order = np.argsort(days.astype(np.int64) * len(symbols) + codes, kind="stable")
    rows = Rows(
        codes[order],
        days[order],
        {name: np.concatenate([_values(values, name, len(days)) for _, days, values in files])[order]
         for name in VALUE_COLUMNS},
    )  # fmt: skip
    kinds = _classify(rows, np.array([symbol_fault(symbol) is not None for symbol in symbols]))
    good = kinds == GOOD
    if not good.any():
        raise PriceDataError(
            ", ".join(map(str, paths)),
            expected="at least one bar",
            got="; ".join(
                f"{count_rows(int(np.sum(kinds == kind)))} {_WORDS[kind]}" for kind in np.unique(kinds).tolist()
            ),
            mend="correct the rows",
        )
    return BarStore(
        symbols,
        Rows(rows.codes[good], rows.days[good], {name: values[good] for name, values in rows.values.items()}),
        rows.codes[~good],
        rows.days[~good],
        kinds[~good],
        has_splits=all("split_ratio" in values for _, _, values in files),
    )


def _read_file(
    path: Path,
) -> tuple[pa.ChunkedArray, npt.NDArray[np.datetime64], dict[str, npt.NDArray[np.float64]]]:
    """The symbols, the days and the numbers of one file, in the order of the file."""
    required = ("symbol", "date", *PRICE_COLUMNS, "volume")
    table = read_columns(path, required, optional=("split_ratio", "dividend"), aliases={"session": "date"})
    numbers = {name: number_column(path, name, table[name]) for name in VALUE_COLUMNS if name in table.column_names}
    return text_column(path, "symbol", table["symbol"]), day_column(path, "date", table["date"]), numbers


def _values(values: dict[str, npt.NDArray[np.float64]], name: str, rows: int) -> npt.NDArray[np.float64]:
    """One column of a file; where it has no actions, none: 1.0 new shares for one old, 0.0 dollars."""
    if name not in ("split_ratio", "dividend"):
        return values[name]
    none = 1.0 if name == "split_ratio" else 0.0
    given = values.get(name, np.full(rows, np.nan))
    return np.where(np.isnan(given), none, given)


def _classify(rows: Rows, is_no_symbol: npt.NDArray[np.bool_]) -> npt.NDArray[np.int8]:
    """The kind of every row; where several faults apply, the first of the list at the top."""
    repeats = (rows.codes[1:] == rows.codes[:-1]) & (rows.days[1:] == rows.days[:-1])
    split_ratio, dividend = rows.values["split_ratio"], rows.values["dividend"]
    kinds = np.full(len(rows.codes), GOOD, dtype=np.int8)
    kinds[~(np.isfinite(dividend) & (dividend >= 0.0))] = BAD_DIVIDEND
    kinds[~(np.isfinite(split_ratio) & (split_ratio > 0.0))] = BAD_SPLIT
    kinds[1:][repeats] = REPEATED
    kinds[:-1][repeats] = REPEATED
    kinds[~np.isin(rows.days, ALL_SESSIONS)] = CLOSED_DAY
    kinds[(rows.days < ALL_SESSIONS[0]) | (rows.days > ALL_SESSIONS[-1])] = OUTSIDE_CALENDAR
    kinds[is_no_symbol[rows.codes]] = NO_SYMBOL
    return kinds
