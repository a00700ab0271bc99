"""The patterns of series without waves: one surrogate of each symbol, searched on every session like the original.

What belongs here: which bars, which windows, some sessions at a time. What doesn't: how surrogates are made
(`kernels/surrogates`), and what is entered on their patterns (`pattern_entries`).
"""

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels.panel import Float64Array2D, Int32Array1D, PricePanel
from kernels.surrogates import surrogates
from kernels.waves import Scan, ScanSettings
from kernels.windows import MIN_COVERAGE
from resources.contracts import PATTERNS
from resources.null_build import symbol_keys
from resources.pattern_entries import COLUMNS, EntryBars, known_patterns
from resources.pattern_table import PatternTables
from resources.significance import Nulls, with_significance
from resources.wave_scorer import WaveScorer

SESSIONS_AT_A_TIME = 63
"""Sessions of one scan: their patterns are in memory together."""

_NUMBERS = np.zeros(1, dtype=np.int32)


def surrogate_bars(bars: EntryBars, seed: int) -> EntryBars:
    """The bars of one surrogate of each symbol, of the block bootstrap over the whole panel.

    Args:
        bars: the originals.
        seed: 0..2**64-1.

    Returns:
        Bars where the original has one, the same universe, and no splits.
    """
    panel = bars.panel
    made = surrogates(
        panel.open, panel.high, panel.low, panel.close, symbol_keys(panel.symbols), _NUMBERS, null="block", seed=seed
    )
    prices = {name: np.ascontiguousarray(getattr(made, name)[:, 0]) for name in ("open", "high", "low", "close")}
    volume = np.full(panel.close.shape, np.nan)
    shuffled = PricePanel(panel.symbols, panel.sessions, **prices, volume=volume)
    return EntryBars(shuffled, np.ones(panel.close.shape), bars.members)


def patterns_of_bars(
    bars: EntryBars,
    judged: list[str],
    scorer: WaveScorer,
    settings: ScanSettings,
    lengths: tuple[int, ...],
    nulls: Nulls,
    progress: Callable[[int], None],
) -> pa.Table:
    """What became known on each of these sessions in the longest window that has bars enough.

    Args:
        bars: without splits, and without bars that are known to be faulty.
        judged: ISO dates of sessions of the panel, rising.
        scorer: searches.
        settings: of the search, as for the table `patterns`.
        lengths: sessions of the windows.
        nulls: what the p-values are from.
        progress: told how many sessions were searched.

    Returns:
        The rows of `known_patterns`, by session.
    """
    found = [PATTERNS.schema.empty_table().select(COLUMNS)]
    for start in range(0, len(judged), SESSIONS_AT_A_TIME):
        keys = judged[start : start + SESSIONS_AT_A_TIME]
        found += _of_block(bars, keys, scorer, settings, lengths, nulls)
        progress(len(keys))
    return pa.concat_tables(found)


def _of_block(
    bars: EntryBars,
    keys: list[str],
    scorer: WaveScorer,
    settings: ScanSettings,
    lengths: tuple[int, ...],
    nulls: Nulls,
) -> Iterator[pa.Table]:
    panel = bars.panel
    ends = np.searchsorted(panel.sessions, np.array(keys, dtype="datetime64[D]"))
    windows = np.where(bars.members[:, ends], longest_windows(panel.close, ends, lengths), 0)
    row, day = np.nonzero(windows)
    if not len(row):
        return
    # The bar before the longest window tells whether its first one is a swing.
    span = slice(max(0, ends[0] - max(lengths)), ends[-1] + 1)
    low, high = (np.ascontiguousarray(values[:, span]) for values in (panel.low, panel.high))
    found = scorer.score(low, high, row, ends[day] - span.start, windows[row, day], settings)
    new = _known_at_its_end(found, ends[day] - span.start)
    symbols = np.array(panel.symbols, dtype=np.str_)[new.patterns.series]
    tables = PatternTables(new, symbols, panel.sessions[span], panel.close[row, ends[day]], 0)
    by_day = np.argsort(day[new.origin], kind="stable")
    first = np.searchsorted(day[new.origin], np.arange(len(keys) + 1), sorter=by_day)
    for place, key in enumerate(keys):
        session = date.fromisoformat(key)
        table = tables.table(np.datetime64(key), by_day[first[place] : first[place + 1]])
        scanned = dict(zip(panel.symbols, windows[:, place].tolist(), strict=True))
        yield known_patterns(with_significance(table, scanned, nulls.of(session)), session)


def longest_windows(close: Float64Array2D, ends: npt.NDArray[np.intp], lengths: tuple[int, ...]) -> Int32Array1D:
    """The longest window of each row that ends at each column `ends`, and has bars enough, as in `kernels/windows`.

    Returns:
        int32 [R, D], one of the lengths; 0 where none has bars on `MIN_COVERAGE` of its sessions, its last among them.
    """
    there = ~np.isnan(close)
    before = np.concatenate([np.zeros((len(close), 1), np.int64), np.cumsum(there, axis=1)], axis=1)
    longest = np.zeros((len(close), len(ends)), dtype=np.int32)
    for length in sorted(lengths):
        first = ends + 1 - length
        bars = before[:, ends + 1] - before[:, np.maximum(first, 0)]
        longest[there[:, ends] & (first >= 0) & (bars / length >= MIN_COVERAGE)] = length
    return longest


def _known_at_its_end(found: Scan, ends: npt.NDArray[np.intp]) -> Scan:
    """The scan without the selections whose last pivot isn't the bar before their origin's, and without children."""
    patterns = found.patterns
    last = patterns.pivots[np.arange(len(patterns.legs)), patterns.legs]
    new = last[found.pattern] == ends[found.origin] - 1
    kept, pattern = np.unique(found.pattern[new], return_inverse=True)
    fewer = {each.name: getattr(patterns, each.name)[kept] for each in fields(patterns)}
    return replace(
        found,
        patterns=replace(patterns, **fewer | {"child": np.full((len(kept), patterns.child.shape[1]), -1, np.int32)}),
        origin=found.origin[new],
        pattern=pattern.astype(np.int32),
        rank=found.rank[new],
        line_target=found.line_target[new],
    )
