"""Bars for the forecast models: of a range of sessions, and of all the history through a year."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from kernels.errors import MissingHistoryError, SessionError
from kernels.forecast.bars import ForecastBars
from kernels.panel import BAR_FIELDS, PricePanel, SessionArray1D
from resources.calendar import FIRST_SESSION, LAST_DAY, sessions, sessions_left_in_month
from resources.parquet_lake import ParquetLake, fingerprint
from resources.price_history import history_sessions, missing_history


@dataclass(frozen=True)
class YearHistory:
    """All bars through the last session of a year, as known at its close.

    Attributes:
        panel: of every symbol in the lake.
        bars: the same for the models; all rows count.
        first: column of the first session of the year.
    """

    panel: PricePanel
    bars: ForecastBars
    first: int


def sessions_of_year(year: int) -> SessionArray1D:
    """The exchange sessions of a calendar year."""
    return sessions(date(year, 1, 1), date(year, 12, 31))


def history_fingerprint(lake: ParquetLake, year: int) -> str:
    """The fingerprint of all bars through the end of a year, and of its universe.

    Raises:
        SessionError: a year outside the calendar.
        MissingHistoryError: a session of the year, or between the oldest one and the year, isn't in the lake.
    """
    needed = [str(session) for session in _history_of(lake, year)]
    parts: dict[str, object] = {}
    for table, keys in (("prices", needed), ("quarantine", needed), ("universe", needed[-1:])):
        found = lake.infos(table, keys)
        missing = [key for key in keys if key not in found]
        if missing:
            raise missing_history(table, missing, f"the history through {year}")
        parts[table] = [found[key].fingerprint for key in keys]
    return fingerprint(parts)


def load_year_history(lake: ParquetLake, year: int) -> YearHistory:
    """Load all bars through the end of a year.

    Raises:
        SessionError: a year outside the calendar.
        MissingHistoryError: a session isn't in the lake.
    """
    needed = _history_of(lake, year)
    panel = lake.panel(needed[-1].item(), len(needed))
    first = int(np.searchsorted(panel.sessions, sessions_of_year(year)[0]))
    return YearHistory(panel, bars_of_panel(panel, sectors_of(lake, str(needed[-1]))), first)


def bars_of_panel(panel: PricePanel, sectors: Mapping[str, str]) -> ForecastBars:
    """A panel as the models take it; every row counts. `sectors` is symbol -> sector."""
    return ForecastBars(
        **{name: getattr(panel, name) for name in BAR_FIELDS},
        sector=sector_codes(np.array(panel.symbols, dtype=np.str_), sectors),
        days_to_month_end=sessions_left_in_month(panel.sessions),
        counted=np.ones(panel.close.shape, dtype=np.bool_),
    )


def sectors_of(lake: ParquetLake, session: str) -> dict[str, str]:
    """Symbol -> sector, of the members on a session."""
    table = lake.read("universe", session, ["symbol", "sector"])
    return dict(zip(table["symbol"].to_pylist(), table["sector"].to_pylist(), strict=True))


def sector_codes(symbols: npt.NDArray[np.str_], sectors: Mapping[str, str]) -> npt.NDArray[np.int32]:
    """A number for each symbol's sector, int32 [R]; -1 for one that has none."""
    codes = {name: code for code, name in enumerate(sorted(set(sectors.values())))}
    return np.array([codes.get(sectors.get(symbol, ""), -1) for symbol in symbols.tolist()], dtype=np.int32)


def _history_of(lake: ParquetLake, year: int) -> SessionArray1D:
    """The sessions from the oldest one in the lake to the last one of a year."""
    of_year = sessions_of_year(year)
    if not len(of_year):
        raise SessionError(
            f"year {year}",
            expected=f"a year of the calendar, {FIRST_SESSION.year} to {LAST_DAY.year}",
            got=str(year),
            mend="choose a year of the calendar",
        )
    oldest = min(lake.stamps("prices"), default=None)
    needed = history_sessions(FIRST_SESSION, of_year[-1].item(), oldest)
    if oldest is None or not len(needed) or needed[-1] < of_year[0]:
        raise MissingHistoryError(
            f"prices of {year}",
            expected="the sessions of the year in the lake",
            got="no session" if oldest is None else f"a history that begins on {oldest}",
            mend=missing_history("prices", [str(of_year[0]), str(of_year[-1])], f"{year}").mend,
        )
    return needed
