"""The list of constituents: a CSV or Parquet file with names, sectors and, where known, membership."""

from collections import Counter
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from kernels.errors import PriceDataError
from resources.price_sources.base import symbol_fault, universe_frame
from resources.price_sources.columns import day_column, text_column
from resources.price_sources.reading import read_columns

UNKNOWN_SECTOR = "Unknown"


@dataclass(frozen=True)
class Constituents:
    """The constituents of an index.

    Attributes:
        table: a universe (see `PriceSource.universe`) of every instrument that ever was a member.
        membership_known: whether `member_from` is given for every one.
    """

    table: pd.DataFrame
    membership_known: bool

    def as_of(self, session: date) -> pd.DataFrame:
        """The members as of `session`; all of them where membership isn't known."""
        if not self.membership_known:
            return self.table.copy()
        moment = pd.Timestamp(session)
        begun = self.table["member_from"] <= moment
        lasting = self.table["member_to"].isna() | (self.table["member_to"] >= moment)
        return self.table[begun & lasting].reset_index(drop=True)


def read_constituents(path: Path) -> Constituents:
    """Read a file with the columns symbol, name, sector and, optionally, member_from and member_to (ISO dates).

    An empty name becomes the symbol and an empty sector "Unknown". An empty member_to means still a member.
    Membership counts as known when every row has a member_from.

    Raises:
        PriceDataError: the file can't be read, a symbol is none or repeats, or a membership ends before it begins.
    """
    table = read_columns(path, ("symbol", "name", "sector"), ("member_from", "member_to"))
    symbols = text_column(path, "symbol", table["symbol"]).to_pylist()
    faults = [fault for fault in map(symbol_fault, symbols) if fault is not None]
    if faults:
        raise _error(path, "symbols", "; ".join(faults[:3]), "correct or remove the rows")
    repeated = sorted(symbol for symbol, count in Counter(symbols).items() if count > 1)
    if repeated:
        raise _error(path, "each symbol once", f"more than one row for {', '.join(repeated)}", "keep one row for each")
    names = text_column(path, "name", table["name"]).to_pylist()
    sectors = text_column(path, "sector", table["sector"]).to_pylist()
    member_from = _optional_days(path, "member_from", table)
    member_to = _optional_days(path, "member_to", table)
    backward = np.flatnonzero(member_to < member_from)
    if len(backward):
        row = backward[0]
        got = f"{symbols[row]} from {member_from[row]} to {member_to[row]}"
        raise _error(path, "member_from <= member_to", got, "correct the dates")
    return Constituents(
        universe_frame(
            symbols,
            [name or symbol for name, symbol in zip(names, symbols, strict=True)],
            [sector or UNKNOWN_SECTOR for sector in sectors],
            member_from,
            member_to,
        ),
        membership_known=not bool(np.isnat(member_from).any()),
    )


def _optional_days(path: Path, name: str, table: pa.Table) -> npt.NDArray[np.datetime64]:
    if name in table.column_names:
        return day_column(path, name, table[name], nullable=True)
    return np.full(table.num_rows, "NaT", dtype="datetime64[D]")


def _error(path: Path, expected: str, got: str, mend: str) -> PriceDataError:
    return PriceDataError(str(path), expected=expected, got=got, mend=mend)
