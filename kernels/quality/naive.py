"""The oracle: the fault rules straight from their definitions, one symbol and one session of knowledge at a time."""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import median

import numpy as np

from kernels.quality.faults import KINDS, Bars, Faults, QualitySettings

Entry = tuple[int, int, str, bool, int, float]


def find_faults(bars: Bars, first: int, settings: QualitySettings) -> Faults:
    """Faults known from column `first` on, unsorted."""
    rows: list[tuple[int, Entry]] = []
    for symbol in range(bars.open.shape[0]):
        rules = _Rules(Bars._make(values[symbol] for values in bars), settings)
        for known in range(first, bars.open.shape[1]):
            rows += [(symbol, entry) for entry in rules.faults(known)]
    return Faults(
        symbol=np.array([symbol for symbol, _ in rows], np.int32),
        session=np.array([entry[0] for _, entry in rows], np.int32),
        known_on=np.array([entry[1] for _, entry in rows], np.int32),
        kind=np.array([KINDS.index(entry[2]) for _, entry in rows], np.int8),
        excluded=np.array([entry[3] for _, entry in rows], np.bool_),
        other=np.array([entry[4] for _, entry in rows], np.int32),
        value=np.array([entry[5] for _, entry in rows], np.float64),
    )


def _log_move(start: float, end: float) -> float:
    return math.log(end) - math.log(start)


class _Rules:
    """Each rule as a method, over one symbol's bars. Indexes are columns; `known` is the as-of session."""

    def __init__(self, row: Bars, settings: QualitySettings) -> None:
        self.open, self.high, self.low, self.close, self.volume = row[:5]
        self.present, self.split_ratio, self.dividend = row[5:]
        self.settings = settings

    def faults(self, known: int) -> list[Entry]:
        """Every entry that becomes known on one session: (session, known_on, kind, excluded, other, value)."""
        found: list[Entry] = []
        recently = range(max(0, known - self.settings.absence), known)
        if not self.present[known]:
            if any(self.present[at] for at in recently):
                found.append((known, known, "missing_bar", False, -1, math.nan))
            return found

        if not 0 < self.volume[known] < math.inf:
            found.append((known, known, "zero_volume", False, -1, self.volume[known]))
        kind, value = self.own_fault(known)
        if kind:
            found.append((known, known, kind, True, -1, value))
            return found

        earlier = self.partner(known)
        if earlier is not None:
            close_move = _log_move(self.close[earlier], self.close[known])
            found.append((earlier, known, "repeated_bar", self.is_copy(earlier, known), known, close_move))
            found.append((known, known, "repeated_bar", False, earlier, close_move))
        before = self.latest_sound(known)
        if before is not None:
            move = self.suspect_move(before, known)
            if move is not None:
                found.append((before, known, "suspect_close", True, -1, move))
        move = self.unexplained_move(known)
        if move is not None:
            found.append((known, known, "unexplained_move", False, -1, move))
        return found

    def own_fault(self, at: int) -> tuple[str, float]:
        """The first fault in a bar's own prices, and its value."""
        prices = [float(values[at]) for values in (self.open, self.high, self.low, self.close)]
        if any(math.isnan(price) for price in prices):
            return "null_price", math.nan
        unusable = [price for price in prices if price <= 0 or price == math.inf]
        if unusable:
            return "nonpositive_price", unusable[0]
        open_, high, low, close = prices
        excess = max(low / open_, low / close, open_ / high, close / high, low / high) - 1
        return ("ohlc_order", excess) if excess > self.settings.order_tolerance else ("", math.nan)

    def sound(self, at: int) -> bool:
        """Whether a bar is there and has no fault in its own prices."""
        return bool(self.present[at]) and self.own_fault(at)[0] == ""

    def latest_sound(self, at: int) -> int | None:
        """The last sound bar before a session."""
        return next((back for back in range(at - 1, -1, -1) if self.sound(back)), None)

    def partner(self, later: int) -> int | None:
        """The latest earlier sound bar within the lookback with the same open, high and low."""
        for earlier in range(later - 1, max(0, later - self.settings.lookback) - 1, -1):
            same = all(values[earlier] == values[later] for values in (self.open, self.high, self.low))
            if same and self.sound(earlier):
                return earlier
        return None

    def is_copy(self, earlier: int, later: int) -> bool:
        """Whether two bars with the same open, high and low also share the close and the volume, nearly."""
        spread = _log_move(self.low[later], self.high[later])
        if spread == 0 or not (self.volume[earlier] > 0 and self.volume[later] > 0):
            return False
        ratio = self.volume[later] / self.volume[earlier]
        near = abs(_log_move(self.close[earlier], self.close[later])) <= self.settings.copy_close * spread
        return bool(near and self.settings.copy_volume_low <= ratio <= self.settings.copy_volume_high)

    def usable(self, at: int, known: int) -> bool:
        """Whether a bar is sound and not known to be a copy of a later one."""
        if not self.sound(at):
            return False
        bar = (self.open[at], self.high[at], self.low[at])
        for later in range(at + 1, min(known, at + self.settings.lookback) + 1):
            if (self.open[later], self.high[later], self.low[later]) == bar and self.sound(later):
                return not self.is_copy(at, later)
        return True

    def carried(self, start: int, end: int) -> tuple[float, float]:
        """Shares and dividend dollars that one share held at the close of `start` has become at the open of `end`."""
        shares, cash = 1.0, 0.0
        for at in range(start + 1, end + 1):
            shares *= self.split_ratio[at]
            cash += shares * self.dividend[at]
        return shares, cash

    def move(self, price: float, start: int, end: int) -> float:
        """Log move from the close of `start` to a price on `end`, after recorded actions."""
        shares, cash = self.carried(start, end)
        return _log_move(self.close[start], price * shares + cash)

    def usual(self, at: int, known: int) -> tuple[float | None, float]:
        """Robust sigma of the returns before a session, and the session's multiple of the median volume."""
        window = [back for back in range(max(0, at - self.settings.scale_window), at) if self.usable(back, known)]
        volumes = [float(self.volume[back]) for back in window if 0 < self.volume[back] < math.inf]
        comparable = bool(volumes) and 0 < self.volume[at] < math.inf
        multiple = float(self.volume[at]) / median(volumes) if comparable else 1.0
        returns = [self.move(self.close[end], start, end) for start, end in pairwise(window)]
        if len(returns) < self.settings.scale_least:
            return None, multiple
        centre = median(returns)
        sigma = 1.4826 * median(abs(value - centre) for value in returns)
        return (sigma if sigma > 0 else None), multiple

    def suspect_move(self, at: int, following: int) -> float | None:
        """Log move into a bar that lies apart from both neighbours by more than its volume explains."""
        recent = self.settings.recent
        if following - at > recent or not self.usable(at, following):
            return None
        candidates = [back for back in range(max(0, at - recent), at) if self.usable(back, following)]
        if not candidates:
            return None
        before = candidates[-1]
        shares, cash = self.carried(before, at)
        high, low = (values[at] * shares + cash for values in (self.high, self.low))
        later_shares, later_cash = self.carried(at, following)
        next_high, next_low = (values[following] * later_shares + later_cash for values in (self.high, self.low))
        above = min(_log_move(self.high[before], low), _log_move(next_high, self.low[at]))
        below = min(_log_move(high, self.low[before]), _log_move(self.high[at], next_low))
        apart = max(above, below)
        if apart <= 0:
            return None
        sigma, multiple = self.usual(at, following)
        if sigma is None:
            return None
        move = self.move(self.close[at], before, at)
        reversal = self.move(self.close[following], at, following)
        enough = self.settings.reversal_sigmas * max(1.0, multiple) * sigma
        proven = apart >= self.settings.island_sigmas * sigma and min(abs(move), abs(reversal)) >= enough
        return move if proven else None

    def unexplained_move(self, at: int) -> float | None:
        """Log move from the last good close that neither a recorded action nor the volume explains."""
        before = None
        following = at
        for back in range(at - 1, max(0, at - self.settings.recent) - 1, -1):
            if not self.sound(back):
                continue
            if self.usable(back, at) and self.suspect_move(back, following) is None:
                before = back
                break
            following = back
        if before is None:
            return None
        gap = self.move(self.open[at], before, at)
        move = self.move(self.close[at], before, at)
        spread = _log_move(self.low[at], self.high[at])
        if gap * move <= 0 or abs(gap) <= self.settings.gap_ranges * spread:
            return None
        sigma, multiple = self.usual(at, at)
        if sigma is None:
            return None
        enough = max(self.settings.move_sigmas, self.settings.volume_sigmas * multiple) * sigma
        return move if abs(move) >= enough else None
