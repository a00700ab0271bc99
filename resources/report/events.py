"""What became of the setups of the session before: which still stand, reached a target, or were refuted."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kernels.panel import Float64Array1D, PricePanel
from resources.report.ranking import best_first

SETUP, CONFIRMED = "setup", "confirmed"

BEFORE_COLUMNS = (
    "symbol", "pattern_id", "class", "direction", "status", "legs", "score", "p_value", "targets", "invalidation",
)  # fmt: skip
"""The columns of the session before that are read."""


@dataclass(frozen=True)
class Reached:
    """Setups of the session before whose level was reached in this one.

    Attributes:
        rows: of `patterns` of the session before, the best first.
        level: float64 [N], the level in dollars of this session.
        extreme: float64 [N], the low or high that reached it.
    """

    rows: pa.Table
    level: Float64Array1D
    extreme: Float64Array1D


@dataclass(frozen=True)
class Changes:
    """The difference between two sessions.

    Attributes:
        new: rows of setups that didn't stand in the session before, the best first.
        completed: setups whose nearest target was reached, standing or not.
        invalidated: setups that stand no more, and whose refuting price was touched. They aren't among the completed.
        confirmed: rows of patterns that became known in this session, the best first.
        before: setups that stood in the session before.
        standing: how many of them still stand.
    """

    new: pa.Table
    completed: Reached
    invalidated: Reached
    confirmed: pa.Table
    before: int
    standing: int

    @property
    def otherwise(self) -> int:
        """Setups that stand no more without having been refuted."""
        return self.before - self.standing - len(self.invalidated.level)


def changes_between(
    best: Mapping[str, pa.Table], before: pa.Table, previous: date, panel: PricePanel, splits: dict[str, float]
) -> Changes:
    """Compare the patterns of a session with those of the session before.

    Args:
        best: the patterns of the session by status, the best first.
        before: of the session before, at least `BEFORE_COLUMNS`.
        previous: the session before.
        panel: bars as known at the close of the session, split-adjusted; the last two are looked at.
        splits: symbol -> new shares for one old in this session.
    """
    setups, earlier = best[SETUP], best_first(before.select(list(BEFORE_COLUMNS)), SETUP)
    standing = pc.is_in(earlier["pattern_id"], setups["pattern_id"]).to_numpy(zero_copy_only=False)
    completed, invalidated = _reached(earlier, standing, _Day(panel, previous), splits)
    known = best[CONFIRMED]
    return Changes(
        new=setups.filter(pc.invert(pc.is_in(setups["pattern_id"], earlier["pattern_id"]))),
        completed=completed,
        invalidated=invalidated,
        confirmed=known.filter(pa.array(_last_pivots(known) == np.datetime64(previous))),
        before=earlier.num_rows,
        standing=int(standing.sum()),
    )


def nearest_targets(
    targets: pa.Array, side: npt.NDArray[np.int64], close: Float64Array1D, split: Float64Array1D
) -> Float64Array1D:
    """The nearest target of each setup that its close hasn't reached, float64 [N]; NaN without one.

    Args:
        targets: lists of dollars.
        side: int64 [N], where the wave under way goes: 1 up, -1 down.
        close: float64 [N], dollars; NaN where there is no bar.
        split: float64 [N], what targets are divided by.
    """
    owner = pc.list_parent_indices(targets).to_numpy()
    price = pc.list_flatten(targets).to_numpy(zero_copy_only=False) / split[owner]
    distance = side[owner] * (price - close[owner])
    ahead = np.flatnonzero(distance > 0.0)
    order = ahead[np.lexsort((distance[ahead], owner[ahead]))]
    first, place = np.unique(owner[order], return_index=True)
    nearest = np.full(len(close), np.nan)
    nearest[first] = price[order[place]]
    return nearest


class _Day:
    """The close of the session before and the extremes of the last one, by symbol."""

    def __init__(self, panel: PricePanel, previous: date) -> None:
        both = len(panel.sessions) > 1 and panel.sessions[-2] == np.datetime64(previous)
        self.symbols = pa.array(panel.symbols, pa.string())
        unknown = np.full(len(panel.symbols), np.nan)
        self.close = panel.close[:, -2] if both else unknown
        self.low, self.high = panel.low[:, -1], panel.high[:, -1]


def _reached(
    earlier: pa.Table, standing: npt.NDArray[np.bool_], day: _Day, splits: dict[str, float]
) -> tuple[Reached, Reached]:
    at = pc.index_in(earlier["symbol"], day.symbols).fill_null(-1).to_numpy().astype(np.int64)
    close, low, high = (np.where(at < 0, np.nan, np.r_[each, np.nan][at]) for each in (day.close, day.low, day.high))
    split = np.array([splits.get(symbol, 1.0) for symbol in earlier["symbol"].to_pylist()], dtype=np.float64)
    direction, legs = (earlier[name].to_numpy().astype(np.int64) for name in ("direction", "legs"))
    side = np.where(legs % 2 == 0, direction, -direction)
    target = nearest_targets(earlier["targets"].combine_chunks(), side, close, split)
    limit = earlier["invalidation"].to_numpy().astype(np.float64) / split
    # No comparison with NaN holds: without a low or a level nothing is reached.
    fallen = ~standing & np.isfinite(close) & np.where(limit < close, low <= limit, high >= limit)
    done = ~fallen & np.where(side > 0, high >= target, low <= target)
    return (
        Reached(earlier.filter(pa.array(done)), target[done], np.where(side > 0, high, low)[done]),
        Reached(earlier.filter(pa.array(fallen)), limit[fallen], np.where(limit < close, low, high)[fallen]),
    )


def _last_pivots(patterns: pa.Table) -> npt.NDArray[np.datetime64]:
    """The session of the last pivot of each pattern, which is known as a swing one session later."""
    pivots = patterns["pivots"].combine_chunks()
    sessions = pc.struct_field(pivots.flatten(), "session").to_numpy(zero_copy_only=False)
    last = np.cumsum(pc.list_value_length(pivots).to_numpy(zero_copy_only=False)) - 1
    return np.asarray(sessions[last], dtype="datetime64[D]")
