"""The price source `yahoo`: one paced and retried request for each symbol, through yfinance."""

import logging
import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from kernels.errors import InvalidInputError, PriceDataError, SettingsError
from resources.calendar import FIRST_SESSION, newest_complete_session
from resources.price_sources.base import (
    Fetch,
    bars_frame,
    build_report,
    check_range,
    check_symbols,
    no_bars,
)
from resources.price_sources.constituents import read_constituents
from resources.price_sources.yahoo_bars import SymbolBars, as_traded_bars, request_start

LONGEST_BACKOFF_SECONDS = 60.0
REQUEST_TIMEOUT_SECONDS = 20.0

_SYMBOLS_PER_LOG_LINE = 50
_LOG = logging.getLogger(__name__)

Request = Callable[[str, date], pd.DataFrame]


def request_history(yahoo_symbol: str, start: date) -> pd.DataFrame:
    """Ask Yahoo for the daily history of one symbol from `start` through today.

    Returns:
        Split-adjusted, not dividend-adjusted rows as yfinance delivers them: an index of dates in New York time, and
        Open, High, Low, Close, "Adj Close", Volume, Dividends, "Stock Splits".

    Raises:
        SettingsError: yfinance isn't installed.
        Exception: whatever yfinance and its HTTP client raise; nothing is hidden in an empty frame.
    """
    try:
        import yfinance
    except ImportError as error:
        raise SettingsError(
            "WAVEMILL_PRICE_SOURCE=yahoo",
            expected="the package yfinance",
            got=str(error),
            mend='pip install -c constraints.txt -e ".[yahoo]"',
        ) from error
    debug = yfinance.config.debug
    hidden = debug.hide_exceptions
    debug.hide_exceptions = False
    try:
        history: pd.DataFrame = yfinance.Ticker(yahoo_symbol).history(
            start=start.isoformat(), auto_adjust=False, actions=True, keepna=True, timeout=REQUEST_TIMEOUT_SECONDS
        )
    finally:
        debug.hide_exceptions = hidden
    return history


class YahooPrices:
    """As-traded bars from Yahoo Finance, rebuilt from its split-adjusted ones.

    Yahoo rewrites its history: a later fetch of the same session may differ where Yahoo has corrected something.

    Args:
        constituents_path: the list of constituents.
        request: fetches the history of one symbol, in Yahoo's spelling, from a day through today; raises on failure.
        requests_per_second: the pace, over all fetches of this source. The first request for a symbol that yfinance
            hasn't seen makes yfinance ask for its time zone as well.
        attempts: requests for one symbol before it fails.
        backoff_seconds: before retry n the wait is uniform in [0, backoff_seconds * 2^(n-1)], at most
            `LONGEST_BACKOFF_SECONDS`.
        seed: of these waits.
        clock: seconds that only rise.
        sleep: waits some seconds.
        newest: the newest complete session.

    Raises:
        InvalidInputError: a pace that isn't positive or fewer than one attempt.
    """

    name = "yahoo"
    as_traded = True

    def __init__(
        self,
        constituents_path: Path,
        *,
        request: Request = request_history,
        requests_per_second: float = 2.0,
        attempts: int = 4,
        backoff_seconds: float = 1.0,
        seed: int = 0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        newest: Callable[[], date] = newest_complete_session,
    ) -> None:
        if not requests_per_second > 0.0 or attempts < 1:
            raise InvalidInputError(
                "the pace of Yahoo requests",
                expected="requests_per_second > 0 and attempts >= 1",
                got=f"{requests_per_second} and {attempts}",
                mend="leave them out to take the defaults",
            )
        self._constituents_path = constituents_path
        self._request = request
        self._interval_seconds = 1.0 / requests_per_second
        self._attempts = attempts
        self._backoff_seconds = backoff_seconds
        self._random = np.random.default_rng(seed)
        self._clock = clock
        self._sleep = sleep
        self._newest = newest
        self._next_request_at = clock()

    def coverage(self) -> tuple[date, date]:
        """The first session of the calendar and the newest complete one."""
        return FIRST_SESSION, self._newest()

    def membership_known(self) -> bool:
        """Whether the list of constituents gives every one's member_from."""
        return read_constituents(self._constituents_path).membership_known

    def universe(self, session: date) -> pd.DataFrame:
        """The constituents as of `session` (see `PriceSource.universe`)."""
        return read_constituents(self._constituents_path).as_of(session)

    def fingerprint(self) -> str:
        """Only the name: what Yahoo will deliver can't be known before."""
        return self.name

    def fetch(self, symbols: Sequence[str] | None, first: date, last: date) -> Fetch:
        """The bars of a range (see `PriceSource.fetch`); None takes every constituent, members or not.

        Raises:
            SettingsError: yfinance isn't installed.
        """
        check_range(first, last)
        if symbols is None:
            symbols = read_constituents(self._constituents_path).table["symbol"].tolist()
        asked, failed = check_symbols(symbols)
        first, last = max(first, FIRST_SESSION), min(last, self._newest())
        if first > last:
            return Fetch(no_bars(self.name), build_report(asked, (), failed, {}))
        delivered: dict[str, SymbolBars] = {}
        notes: dict[str, str] = {}
        begun = self._clock()
        for done, symbol in enumerate(asked, start=1):
            outcome = self._fetch_symbol(symbol, first, last)
            if isinstance(outcome, str):
                failed[symbol] = outcome
            elif len(outcome.sessions):
                delivered[symbol] = outcome
            if isinstance(outcome, SymbolBars) and outcome.notes:
                notes[symbol] = "; ".join(outcome.notes)
            if done % _SYMBOLS_PER_LOG_LINE == 0:
                rate = done / max(self._clock() - begun, 1e-9)
                left = (len(asked) - done) / rate
                _LOG.info("yahoo: %d of %d symbols, %.1f a second, %.0f s left", done, len(asked), rate, left)
        return Fetch(self._join(delivered), build_report(asked, delivered, failed, notes))

    def _fetch_symbol(self, symbol: str, first: date, last: date) -> SymbolBars | str:
        """The bars of one symbol, or the reason why there are none."""
        reason = ""
        for attempt in range(1, self._attempts + 1):
            if attempt > 1:
                longest = min(self._backoff_seconds * 2.0 ** (attempt - 2), LONGEST_BACKOFF_SECONDS)
                self._sleep(float(self._random.uniform(0.0, longest)))
            self._keep_pace()
            try:
                frame = self._request(symbol.replace(".", "-"), request_start(first))
            except SettingsError:
                raise
            except Exception as error:
                # yfinance and its HTTP clients have no common base for errors; each one is this symbol's reason.
                reason = f"{type(error).__name__}: {error} (attempt {attempt} of {self._attempts})"
                continue
            try:
                return as_traded_bars(symbol, frame, first, last)
            except PriceDataError as error:
                return str(error)
        return reason

    def _keep_pace(self) -> None:
        wait = self._next_request_at - self._clock()
        if wait > 0.0:
            self._sleep(wait)
        self._next_request_at = max(self._next_request_at, self._clock()) + self._interval_seconds

    def _join(self, delivered: dict[str, SymbolBars]) -> pd.DataFrame:
        if not delivered:
            return no_bars(self.name)
        bars = pd.concat(
            [
                bars_frame([symbol] * len(one.sessions), one.sessions, one.values, self.name)
                for symbol, one in delivered.items()
            ]
        )
        return bars.sort_values(["session", "symbol"], ignore_index=True)
