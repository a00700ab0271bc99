"""What happened after patterns, as the table `pattern_outcomes`, and back to what rates are counted from."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kernels.outcomes import (
    HORIZONS,
    INVALIDATION,
    MISSED,
    NEITHER,
    TARGET,
    UNENTERED,
    UNKNOWN,
    counted_once,
    matched_entries,
    outcomes,
)
from kernels.panel import Float64Array1D, Float64Array2D, Int32Array1D
from kernels.volatility import ewma_fhs
from kernels.waves import CLASS_NAMES, STAGES, stage_index
from resources.calendar import ALL_SESSIONS
from resources.contracts import PATTERN_OUTCOMES
from resources.null_build import symbol_keys
from resources.pattern_entries import EntryBars, PatternEntries

PRICES, SURROGATE = SOURCES = ("prices", "surrogate")
RESULTS = {
    TARGET: "target",
    INVALIDATION: "invalidation",
    NEITHER: "neither",
    MISSED: "missed",
    UNENTERED: "unentered",
    UNKNOWN: "unknown",
}
DECIDED = (TARGET, NEITHER, INVALIDATION)
"""Results of entries that were made, and whose horizon is over."""

NOT_MADE = (MISSED, UNENTERED)
"""Results of entries that were not made; the open decides it, for all horizons."""

CONFIRMED_STAGES = len(CLASS_NAMES)
"""Stages below it are confirmed patterns, the others setups."""

# The shortest look-back that the kernel takes; the volatility needs no residuals.
_VOLATILITY_LOOKBACK = 161


@dataclass(frozen=True)
class Matching:
    """How random entries are drawn beside each entry.

    Attributes:
        copies: for each entry.
        seed: 0..2**64-1.
    """

    copies: int
    seed: int


def outcome_table(source: str, made: PatternEntries, bars: EntryBars, matching: Matching | None) -> pa.Table:
    """Follow entries, and make the rows of `pattern_outcomes`.

    An entry that was made is open for the longest horizon; one of the same stage, symbol and side that begins meanwhile
    isn't counted, nor is one that wasn't made. As long as the bars of a horizon aren't all there, its result is
    unknown, even where a level was touched: or else the fast ones would count first.

    Args:
        source: `PRICES` or `SURROGATE`.
        made: the entries.
        bars: what they were made on.
        matching: of the random entries; None = without them.
    """
    entries, panel = made.entries, bars.panel
    prices = panel.open, panel.high, panel.low, panel.close
    found = outcomes(*prices, entries, universe=bars.members, horizons=HORIZONS)
    ends = entries.known[:, np.newaxis] + np.array((1, *HORIZONS))
    opened, over = np.split(ends < len(panel.sessions), [1], axis=1)
    result = np.where(over | (opened & np.isin(found.result, NOT_MADE)), found.result, UNKNOWN)
    decided = np.isin(result, DECIDED)
    matched = np.full((2, *result.shape), np.nan)
    if matching is not None and len(result):
        matched = np.where(decided, _matched(made, bars, matching), np.nan)
    counted = _counted(result, entries.row, made.stage.astype(np.int32), entries.side, entries.known, made.score)
    words = np.array([RESULTS[code] for code in sorted(RESULTS)])
    columns: dict[str, object] = {
        "source": np.full(len(result), source),
        **{name: made.identity[name] for name in made.identity.column_names},
        "side": entries.side,
        "target": entries.target * made.splits,
        "invalidation": entries.invalidation * made.splits,
        "entry": found.entry_price * made.splits,
        "counted": counted,
    }
    for place, horizon in enumerate(HORIZONS):
        columns |= {
            f"result_{horizon}": words[result[:, place] - min(RESULTS)],
            f"return_{horizon}": np.where(decided, found.forward, np.nan)[:, place],
            f"relative_{horizon}": np.where(decided, found.relative, np.nan)[:, place],
            f"matched_target_{horizon}": matched[0, :, place],
            f"matched_relative_{horizon}": matched[1, :, place],
        }
    return PATTERN_OUTCOMES.table(columns)


def _counted(
    result: npt.NDArray[np.int8],
    row: Int32Array1D,
    stage: Int32Array1D,
    side: npt.NDArray[np.int8],
    session: Int32Array1D,
    score: Float64Array1D,
) -> npt.NDArray[np.bool_]:
    """Which entries were made and overlap no earlier one: bool [E]."""
    made = ~np.isin(result[:, 0], NOT_MADE)
    counted = np.zeros(len(made), dtype=np.bool_)
    counted[made] = counted_once(row[made], stage[made], side[made], session[made], score[made], sessions=max(HORIZONS))
    return counted


def _matched(made: PatternEntries, bars: EntryBars, matching: Matching) -> npt.NDArray[np.float64]:
    """Of the random entries of each entry: the share that touches the target first, and the mean relative return.

    Returns:
        float64 [2, E, H]; NaN where none of them is decided.
    """
    panel = bars.panel
    drawn = matched_entries(
        made.entries,
        panel.close,
        _volatility(bars),
        bars.members,
        symbol_keys(panel.symbols),
        np.searchsorted(ALL_SESSIONS, panel.sessions).astype(np.int64),
        copies=matching.copies,
        seed=matching.seed,
    )
    prices = panel.open, panel.high, panel.low, panel.close
    found = outcomes(*prices, drawn, universe=bars.members, horizons=HORIZONS)
    shape = len(made.stage), matching.copies, len(HORIZONS)
    decided = np.isin(found.result, DECIDED).reshape(shape)
    hit = np.where(decided, found.result.reshape(shape) == TARGET, np.nan)
    return np.stack([_mean(hit), _mean(np.where(decided, found.relative.reshape(shape), np.nan))])


def _mean(values: npt.NDArray[np.float64]) -> Float64Array2D:
    """The mean over axis 1 of what isn't NaN."""
    count = (~np.isnan(values)).sum(axis=1)
    mean: Float64Array2D = np.nansum(values, axis=1) / np.where(count, count, np.nan)
    return mean


def _volatility(bars: EntryBars) -> Float64Array2D:
    """EWMA volatility of the next session as of the close of each that something may be entered on: float64 [R, T]."""
    close = bars.panel.close
    row, end = np.nonzero(bars.members & ~np.isnan(close))
    made = ewma_fhs(
        close,
        row.astype(np.int32),
        end.astype(np.int32),
        horizons=(1,),
        levels=(0.5,),
        lookback=_VOLATILITY_LOOKBACK,
    )
    volatility = np.full(close.shape, np.nan)
    volatility[row, end] = made.volatility[:, 0]
    return volatility


@dataclass(frozen=True)
class OutcomeRows:
    """What rates are counted from: N rows of `pattern_outcomes`, of one year or of several.

    Attributes:
        symbols: every symbol there is.
        market: bool [N], whether the source is `PRICES`.
        session: int32 [N], index into `ALL_SESSIONS`.
        symbol: int32 [N], index into `symbols`.
        stage: int32 [N], index into `kernels.waves.STAGES`.
        degree: int8 [N].
        side: int8 [N].
        score: float64 [N].
        p_value: float64 [N], NaN where unknown.
        counted: bool [N].
        result: int8 [N, H], keys of `RESULTS`.
        relative: float64 [N, H], NaN where unknown.
        matched_target: float64 [N, H], the same.
        matched_relative: float64 [N, H], the same.
    """

    symbols: tuple[str, ...]
    market: npt.NDArray[np.bool_]
    session: Int32Array1D
    symbol: Int32Array1D
    stage: Int32Array1D
    degree: npt.NDArray[np.int8]
    side: npt.NDArray[np.int8]
    score: Float64Array1D
    p_value: Float64Array1D
    counted: npt.NDArray[np.bool_]
    result: npt.NDArray[np.int8]
    relative: Float64Array2D
    matched_target: Float64Array2D
    matched_relative: Float64Array2D


def _by_horizon(*names: str) -> list[str]:
    return [f"{name}_{horizon}" for name in names for horizon in HORIZONS]


RATE_COLUMNS = (
    "source", "session", "symbol", "class", "degree", "legs", "score", "p_value", "side", "counted",
    *_by_horizon("result", "relative", "matched_target", "matched_relative"),
)  # fmt: skip
"""Columns of `pattern_outcomes` that rates are counted from."""


def outcome_rows(table: pa.Table) -> OutcomeRows:
    """Read rows of the table, at least `RATE_COLUMNS`."""
    symbols = sorted(pc.unique(table["symbol"]).to_pylist())
    classes = _codes(table["class"], CLASS_NAMES)
    codes = list(RESULTS)
    results = [np.array(codes, dtype=np.int8)[_codes(table[name], RESULTS.values())] for name in _by_horizon("result")]
    values = {
        name: np.column_stack([table[each].to_numpy() for each in _by_horizon(name)])
        for name in ("relative", "matched_target", "matched_relative")
    }
    return OutcomeRows(
        symbols=tuple(symbols),
        market=np.array(pc.equal(table["source"], PRICES)),
        session=np.searchsorted(ALL_SESSIONS, table["session"].to_numpy()).astype(np.int32),
        symbol=_codes(table["symbol"], symbols).astype(np.int32),
        stage=stage_index(classes, table["legs"].to_numpy()).astype(np.int32),
        degree=table["degree"].to_numpy(),
        side=table["side"].to_numpy(),
        score=table["score"].to_numpy(),
        p_value=table["p_value"].to_numpy(),
        counted=np.array(table["counted"]),
        result=np.column_stack(results),
        **values,
    )


def _codes(column: pa.ChunkedArray, words: Iterable[str]) -> npt.NDArray[np.intp]:
    codes: npt.NDArray[np.intp] = pc.index_in(column, pa.array(list(words), pa.string())).to_numpy().astype(np.intp)
    return codes


def joined_rows(years: list[OutcomeRows]) -> OutcomeRows:
    """The rows of several years, in order, counted once over all of them.

    Surrogates of different years are different series: what each year counted stays counted.
    """
    symbols = sorted({symbol for each in years for symbol in each.symbols})
    places = {symbol: place for place, symbol in enumerate(symbols)}
    renamed = [np.array([places[name] for name in each.symbols], np.int32)[each.symbol] for each in years]
    joined = {
        name: np.concatenate([getattr(each, name) for each in years])
        for name in OutcomeRows.__dataclass_fields__
        if name not in ("symbols", "symbol")
    }
    symbol = np.concatenate(renamed)
    market = joined["market"]
    kinds = (each[market] for each in (symbol, *(joined[name] for name in ("stage", "side", "session", "score"))))
    joined["counted"][market] = _counted(joined["result"][market], *kinds)
    return OutcomeRows(symbols=tuple(symbols), symbol=symbol, **joined)


def class_of(stage: Int32Array1D) -> npt.NDArray[np.intp]:
    """The class of each stage, index into `CLASS_NAMES`."""
    of_stage = np.array([CLASS_NAMES.index(each.name) for each in STAGES], dtype=np.intp)
    classes: npt.NDArray[np.intp] = of_stage[stage]
    return classes
