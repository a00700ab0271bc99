"""What windows, patterns and forecasts share: the bars as known at each asked session, and who is a member of it."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kernels.as_of import AsOfRows, Origins, as_of_rows, origins
from kernels.panel import Int32Array1D, SessionArray1D
from resources.lineage import LOOKBACK
from resources.parquet_lake import ParquetLake
from resources.price_history import lookback_start


@dataclass(frozen=True)
class Lookback:
    """Bars and origins for the asked sessions.

    Attributes:
        symbols: str [S], everyone who is a member on any of the sessions, sorted.
        sessions: `datetime64[D]` [T], the look-back and the asked sessions.
        asked: `datetime64[D]` [D], the asked sessions.
        ends: int32 [D], their indexes in `sessions`.
        rows: the bars as known, see `AsOfRows`.
        origins: one for each symbol and asked session.
        members: D arrays of indexes into `symbols`: the members of each asked session.
    """

    symbols: npt.NDArray[np.str_]
    sessions: SessionArray1D
    asked: SessionArray1D
    ends: Int32Array1D
    rows: AsOfRows
    origins: Origins
    members: list[npt.NDArray[np.intp]]


def load_lookback(lake: ParquetLake, keys: Iterable[str]) -> Lookback:
    """Load the bars for sessions given as ISO dates in order.

    Raises:
        MissingHistoryError: a session of the look-back has no partition.
    """
    asked = np.array(list(keys), dtype="datetime64[D]")
    names = [
        np.array(lake.read("universe", str(key), ["symbol"])["symbol"].to_pylist(), dtype=np.str_) for key in asked
    ]
    symbols = np.unique(np.concatenate(names))
    members = [np.searchsorted(symbols, np.sort(each)) for each in names]
    return load_symbols(lake, asked, symbols, members)


def load_symbols(
    lake: ParquetLake,
    asked: SessionArray1D,
    symbols: npt.NDArray[np.str_],
    members: list[npt.NDArray[np.intp]],
) -> Lookback:
    """Load the bars of `symbols` (sorted) for the sessions `asked`, in order, with these members.

    Raises:
        MissingHistoryError: a session of the look-back has no partition.
    """
    history = lake.history(lookback_start(asked[0].item(), LOOKBACK), asked[-1].item(), symbols.tolist())
    ends = np.searchsorted(history.sessions, asked).astype(np.int32)
    rows = as_of_rows(history, int(ends[0]), int(ends[-1]))
    return Lookback(symbols, history.sessions, asked, ends, rows, origins(rows, ends), members)
