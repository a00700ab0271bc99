"""As-traded bars from the frames Yahoo delivers, which are adjusted for every split up to today."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from kernels.errors import PriceDataError
from resources.calendar import ALL_SESSIONS, EXCHANGE_TIME_ZONE
from resources.price_sources.base import PRICE_COLUMNS, count_rows, name_days

_YAHOO_NAMES = {name: name.capitalize() for name in (*PRICE_COLUMNS, "volume")}
_YAHOO_COLUMNS = (*_YAHOO_NAMES.values(), "Dividends", "Stock Splits")


@dataclass(frozen=True)
class SymbolBars:
    """As-traded bars of one symbol, sorted by session: values by column name, and what was left out or moved."""

    sessions: npt.NDArray[np.datetime64]
    values: dict[str, npt.NDArray[np.float64]]
    notes: tuple[str, ...]


def as_traded_bars(symbol: str, frame: pd.DataFrame, first: date, last: date) -> SymbolBars:
    """Undo the splits that came after each bar, and take the sessions of the closed range.

    With F(t) = the product of the split ratios that take effect after t, prices and dividends of t are multiplied by
    F(t), and the volume of t is divided by it. An action on a closed day belongs to the next session. Rows without any
    price and without an action are left out; a session with an action but no price keeps its row, with NaN.

    Args:
        symbol: for messages.
        frame: rows by date with Open, High, Low, Close, Volume, Dividends, "Stock Splits" (0.0 = none). It must reach
            from `request_start(first)` to today, so that every later split is in it.
        first: the first day.
        last: the last day.

    Raises:
        PriceDataError: a column is missing or no number, a date repeats, or an action is impossible.
    """
    if frame.empty:
        return SymbolBars(np.empty(0, dtype="datetime64[D]"), {}, ())
    days, values = _read(symbol, frame)
    ratios = values["split_ratio"]
    later = np.append(np.cumprod(ratios[::-1])[::-1][1:], 1.0)
    for name in (*PRICE_COLUMNS, "dividend"):
        values[name] = values[name] * later
    values["volume"] = values["volume"] / later

    place = np.searchsorted(ALL_SESSIONS, days)
    here = (days >= np.datetime64(request_start(first))) & (days <= np.datetime64(last)) & (place < len(ALL_SESSIONS))
    days, place = days[here], place[here]
    values = {name: column[here] for name, column in values.items()}
    closed = ALL_SESSIONS[place] != days
    priced = ~np.all([np.isnan(values[name]) for name in PRICE_COLUMNS], axis=0)
    acting = (values["split_ratio"] != 1.0) | (values["dividend"] != 0.0)

    numbers = np.unique(place[acting | (priced & ~closed)])
    own = np.searchsorted(numbers, place[~closed & (priced | acting)])
    built = {name: np.full(len(numbers), np.nan) for name in _YAHOO_NAMES}
    for name, column in built.items():
        column[own] = values[name][~closed & (priced | acting)]
    target = np.searchsorted(numbers, place[acting])
    built["split_ratio"], built["dividend"] = np.ones(len(numbers)), np.zeros(len(numbers))
    np.multiply.at(built["split_ratio"], target, values["split_ratio"][acting])
    np.add.at(built["dividend"], target, values["dividend"][acting])

    sessions = ALL_SESSIONS[numbers]
    kept = (sessions >= np.datetime64(first)) & (sessions <= np.datetime64(last))
    remarks = {
        "on a closed day left out": days[closed & priced],
        "with an action on a closed day, which counts for the next session": days[closed & acting],
        "without any price left out": days[~closed & ~priced & ~acting],
        "with an action but without any price": days[~closed & ~priced & acting],
    }
    return SymbolBars(
        sessions[kept],
        {name: column[kept] for name, column in built.items()},
        tuple(f"{count_rows(len(where))} {what} ({name_days(where)})" for what, where in remarks.items() if len(where)),
    )


def request_start(first: date) -> date:
    """The day after the session before `first`: from there on, actions of closed days belong to `first` or later."""
    number = int(np.searchsorted(ALL_SESSIONS, np.datetime64(first)))
    if number == 0:
        return first
    start: date = (ALL_SESSIONS[number - 1] + 1).item()
    return start


def _read(symbol: str, frame: pd.DataFrame) -> tuple[npt.NDArray[np.datetime64], dict[str, npt.NDArray[np.float64]]]:
    """The days of a frame, rising, and its values by our names; no split is 1.0, no dividend 0.0."""
    missing = [name for name in _YAHOO_COLUMNS if name not in frame.columns]
    if missing or not isinstance(frame.index, pd.DatetimeIndex):
        got = f"no {', '.join(missing)}" if missing else f"an index of {frame.index.dtype}"
        raise _error(symbol, f"the columns {', '.join(_YAHOO_COLUMNS)} and an index of dates", got)
    index = frame.index
    if index.tz is not None:
        index = index.tz_convert(EXCHANGE_TIME_ZONE).tz_localize(None)
    days = index.to_numpy().astype("datetime64[D]")
    order = np.argsort(days, kind="stable")
    days = days[order]
    repeats = days[1:][days[1:] == days[:-1]]
    if len(repeats):
        raise _error(symbol, "each date once", f"more than one row on {name_days(np.unique(repeats))}")
    try:
        columns = {name: frame[name].to_numpy(dtype=np.float64)[order] for name in _YAHOO_COLUMNS}
    except (TypeError, ValueError) as error:
        raise _error(symbol, "numbers", str(error)) from error
    values = {name: columns[theirs] for name, theirs in _YAHOO_NAMES.items()}
    splits, dividends = columns["Stock Splits"], columns["Dividends"]
    values["split_ratio"] = np.where(np.isnan(splits) | (splits == 0.0), 1.0, splits)
    values["dividend"] = np.where(np.isnan(dividends), 0.0, dividends)
    for name in ("split_ratio", "dividend"):
        impossible = ~(np.isfinite(values[name]) & (values[name] >= 0.0))
        if impossible.any():
            got = f"{values[name][impossible][0]} on {days[impossible][0]}"
            raise _error(symbol, f"a {name} that is finite and not negative", got)
    return days, values


def _error(symbol: str, expected: str, got: str) -> PriceDataError:
    return PriceDataError(
        f"Yahoo's answer for {symbol}", expected=expected, got=got, mend="ask again later, or update yfinance"
    )
