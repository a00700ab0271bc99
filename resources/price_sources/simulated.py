"""The price source `simulated`: the market of `kernels.market`, offline and the same for a seed everywhere."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pandas as pd

from kernels.market import Instruments, MarketBars, instruments, simulate
from resources.calendar import ALL_SESSIONS, FIRST_SESSION, newest_complete_session
from resources.price_sources.base import (
    VALUE_COLUMNS,
    Fetch,
    bars_frame,
    build_report,
    check_range,
    check_symbols,
    no_bars,
    universe_frame,
)

DEFAULT_SEED = 7
INSTRUMENTS = 500
# Raise it whenever kernels.market gives other bars for the same seed.
MARKET_VERSION = 1


@dataclass(frozen=True)
class _Slice:
    """Simulated bars of some instruments (`rows`, rising) over the session numbers `first` to `stop - 1`."""

    rows: npt.NDArray[np.int32]
    first: int
    stop: int
    bars: MarketBars


class SimulatedPrices:
    """500 simulated instruments, all members from the first session of the calendar on.

    The last simulated slice is kept: fetches within it cost no simulation.

    Args:
        seed: 0..2**64-1, the market.
        newest: the newest complete session.
    """

    name = "simulated"
    as_traded = True

    def __init__(self, seed: int = DEFAULT_SEED, *, newest: Callable[[], date] = newest_complete_session) -> None:
        self._seed = seed
        self._newest = newest
        self._drawn: Instruments | None = None
        self._slice: _Slice | None = None

    def coverage(self) -> tuple[date, date]:
        """The first session of the calendar and the newest complete one."""
        return FIRST_SESSION, self._newest()

    def membership_known(self) -> bool:
        """True: nobody ever leaves the simulated market."""
        return True

    def universe(self, session: date) -> pd.DataFrame:
        """All instruments, from the first session of the calendar on (see `PriceSource.universe`)."""
        drawn = self._instruments()
        count = len(drawn.symbols)
        universe = universe_frame(
            drawn.symbols,
            drawn.names,
            drawn.sectors,
            np.full(count, np.datetime64(FIRST_SESSION)),
            np.full(count, "NaT", dtype="datetime64[D]"),
        )
        return universe if session >= FIRST_SESSION else universe.iloc[:0]

    def fingerprint(self) -> str:
        """The seed and the version of the market."""
        return f"simulated market {MARKET_VERSION}, seed {self._seed}"

    def fetch(self, symbols: Sequence[str] | None, first: date, last: date) -> Fetch:
        """The bars of a range (see `PriceSource.fetch`); None takes all instruments.

        Raises:
            InvalidInputError: also if the seed is out of range.
        """
        check_range(first, last)
        drawn = self._instruments()
        place = {symbol: row for row, symbol in enumerate(drawn.symbols)}
        asked, failed = check_symbols(drawn.symbols if symbols is None else symbols)
        failed |= {symbol: "the simulated market has no such symbol" for symbol in asked if symbol not in place}
        known = [symbol for symbol in asked if symbol in place]
        start, stop = np.searchsorted(
            ALL_SESSIONS, [np.datetime64(first), np.datetime64(min(last, self._newest())) + 1]
        ).tolist()
        if start >= stop or not known:
            return Fetch(no_bars(self.name), build_report(asked, (), failed, {}))
        bars = self._simulate(np.array([place[symbol] for symbol in known], dtype=np.int32), start, stop)
        frame = bars_frame(
            np.tile(np.array(known, dtype=object), stop - start),
            np.repeat(ALL_SESSIONS[start:stop], len(known)),
            {name: values.T.ravel() for name, values in bars.items()},
            self.name,
        )
        return Fetch(frame, build_report(asked, known, failed, {}))

    def _instruments(self) -> Instruments:
        if self._drawn is None:
            self._drawn = instruments(self._seed, INSTRUMENTS)
        return self._drawn

    def _simulate(self, rows: npt.NDArray[np.int32], first: int, stop: int) -> dict[str, npt.NDArray[np.float64]]:
        """Column name -> float64 [rows, sessions], from the kept slice where it holds them all."""
        kept = self._slice
        if kept is None or not (kept.first <= first and stop <= kept.stop and np.isin(rows, kept.rows).all()):
            bars = simulate(self._instruments(), stop, seed=self._seed, first=first, symbols=rows)
            kept = self._slice = _Slice(rows, first, stop, bars)
        places = np.searchsorted(kept.rows, rows)
        return {
            name: getattr(kept.bars, name)[places, first - kept.first : stop - kept.first] for name in VALUE_COLUMNS
        }
