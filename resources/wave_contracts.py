"""The contracts of the wave tables: windows, patterns, the null model behind their p-values, and what followed them."""

from dataclasses import replace

import pyarrow as pa

from kernels.waves import COMPONENTS
from resources.table_contract import SESSION_COLUMN, SYMBOL_COLUMN, Column, Contract

_PIVOT = pa.struct(
    [
        pa.field("session", pa.date32(), False),
        pa.field("price", pa.float64(), False),
        pa.field("kind", pa.string(), False),
    ]
)
_SUBDIVISION = pa.struct(
    [
        pa.field("resolved", pa.string(), False),
        pa.field("child_id", pa.string()),
        pa.field("child_class", pa.string()),
        pa.field("position", pa.string()),
    ]
)

WINDOWS = Contract(
    "windows",
    1,
    "session",
    ("symbol", "length"),
    (
        SESSION_COLUMN,
        SYMBOL_COLUMN,
        Column("length", pa.int32(), "sessions in the window, which ends at the session", low=1),
        Column("volatility", pa.float64(), "standard deviation of daily log returns", True, 0.0),
        Column("range", pa.float64(), "log of highest high over lowest low", True, 0.0),
        Column("extrema", pa.float64(), "swings per bar", True, 0.0, 2.0),
        Column("slope", pa.float64(), "absolute least-squares slope of log close per bar, times length", True, 0.0),
        Column("volatility_rank", pa.float64(), "cross-sectional rank within the length", True, 0.0, 1.0),
        Column("range_rank", pa.float64(), "cross-sectional rank within the length", True, 0.0, 1.0),
        Column("extrema_rank", pa.float64(), "cross-sectional rank within the length", True, 0.0, 1.0),
        Column("slope_rank", pa.float64(), "cross-sectional rank within the length", True, 0.0, 1.0),
        Column("pre_score", pa.float64(), "weighted mean of the four ranks", True, 0.0, 1.0),
        Column("rank", pa.int32(), "1 = best pre-score of the session; null without a pre-score", True, 1),
        Column("kept", pa.bool_(), "whether patterns are searched in this window"),
        Column("reason", pa.string(), "kept, or why not"),
    ),
)

PATTERNS = Contract(
    "patterns",
    3,
    "session",
    ("symbol", "pattern_id"),
    (
        SESSION_COLUMN,
        SYMBOL_COLUMN,
        Column("pattern_id", pa.string(), "hash of symbol, class, direction and pivot sessions; the same every day"),
        Column("class", pa.string(), "wave class, see kernels/waves"),
        Column("direction", pa.int8(), "1: starts at a low; -1: starts at a high", low=-1, high=1),
        Column("degree", pa.int8(), "0 without children, else 1 + the largest child's", low=0),
        Column(
            "status",
            pa.string(),
            "confirmed; setup: a prefix that still stands; part: in the subdivision of one of the best counts",
        ),
        Column("legs", pa.int8(), "confirmed legs", low=2),
        Column("rank", pa.int32(), "1 = best score of the symbol within its status; null for parts", True, 1),
        Column("pivots", pa.list_(pa.field("element", _PIVOT, False)), "legs + 1 pivots, split-adjusted dollars"),
        Column(
            "subdivisions",
            pa.list_(pa.field("element", _SUBDIVISION, False)),
            "one for each leg. resolved: yes, no, or unresolved where the leg is too short to tell. Of the pattern "
            "that resolves it: child_id (its pattern_id), child_class, and the position (leading, ending) of a "
            "diagonal. Children of parts, of confirmed counts and of setups of rank top_n or better have a row too",
        ),
        Column(
            "score", pa.float64(), "weighted sum of the components; what is unknown counts one half", low=0.0, high=1.0
        ),
        *(
            Column(name, pa.float64(), "component score, see kernels/waves; null where it can't be known", True, 0, 1)
            for name in COMPONENTS
        ),
        Column(
            "margins",
            pa.list_(pa.field("element", pa.float64())),
            "0 (broken) to 1 for each hard rule of the class, in the order of kernels.waves.CLASSES[class].rules; "
            "null where legs are missing",
        ),
        Column(
            "targets",
            pa.list_(pa.field("element", pa.float64(), False)),
            "split-adjusted dollars, that of the channel line last; empty unless a setup",
        ),
        Column("invalidation", pa.float64(), "dollars at which a hard rule breaks; null unless a setup", True, 0.0),
        Column(
            "risk_reward",
            pa.float64(),
            "from the close: the way to the nearest target not reached over the way to the invalidation, see "
            "kernels/waves; null unless a setup with both",
            True,
            0.0,
        ),
        Column(
            "p_value",
            pa.float64(),
            "share of the null model's series whose best such pattern scores as well, see kernels/nulls; of a pattern "
            "of the same class, legs, direction and bucket of spans in a window of the same length. null where there "
            "is no null model for the session",
            True,
            0.0,
            1.0,
        ),
        Column(
            "q_value",
            pa.float64(),
            "Benjamini-Hochberg over all cells of all symbols scanned on the session, confirmed patterns and setups "
            "apart, see kernels/discovery; null where p_value is",
            True,
            0.0,
            1.0,
        ),
        Column("null_model", pa.string(), "block, gjr or sign, see kernels/surrogates; null where p_value is", True),
        Column("surrogates", pa.int64(), "series of the null model that p_value rests on; null where it is", True, 1),
        Column("null_through", pa.date32(), "last session that the null model has seen; null where p_value is", True),
    ),
)


SCAN_SYMBOLS = replace(PATTERNS, name="scan_symbols", partition=None)

NULL_DISTRIBUTIONS = Contract(
    "null_distributions",
    1,
    "quarter",
    ("length", "class", "legs", "direction", "span_to"),
    (
        Column("quarter", pa.date32(), "first day of the quarter in which the distribution serves"),
        Column("through", pa.date32(), "last session that it has seen, before the quarter"),
        Column("null_model", pa.string(), "block, gjr or sign, see kernels/surrogates"),
        Column("block", pa.float64(), "mean bars of a block; counts for the model block only", low=1.0),
        Column("seed", pa.uint64(), "of the surrogates"),
        Column("max_skip", pa.int32(), "setting of the search; null = no limit", True, 1),
        Column("max_span", pa.int32(), "setting of the search, in sessions", low=1),
        Column("length", pa.int32(), "sessions of the window that is searched", low=1),
        Column("class", pa.string(), "wave class, see kernels/waves"),
        Column("legs", pa.int8(), "all legs of the class: confirmed patterns; fewer: setups that stand", low=2),
        Column("direction", pa.int8(), "1: starts at a low; -1: starts at a high", low=-1, high=1),
        Column("span_from", pa.int32(), "shortest p_last - p0 of the bucket, in sessions", low=0),
        Column("span_to", pa.int32(), "longest p_last - p0 of the bucket, in sessions", low=1),
        Column("symbols", pa.int32(), "symbols whose surrogates are pooled", low=1),
        Column("surrogates", pa.int64(), "series that were searched, of all symbols together", low=1),
        Column("with_pattern", pa.int64(), "of these, how many hold such a pattern", low=0),
        Column(
            "counts",
            pa.list_(pa.field("element", pa.int32(), False)),
            "of the series with such a pattern, how many have their best score in each bin of equal width from 0 to 1",
        ),
    ),
)

_LEVEL = "split-adjusted dollars as of the session"
_HORIZONS = (21, 63)

PATTERN_OUTCOMES = Contract(
    "pattern_outcomes",
    1,
    None,
    ("source", "session", "symbol", "pattern_id"),
    (
        Column("source", pa.string(), "prices; or surrogate: the same rules on a series of the null model"),
        Column("session", pa.date32(), "session at whose close the pattern became known; entry is at the next open"),
        SYMBOL_COLUMN,
        Column("pattern_id", pa.string(), "as in `patterns`"),
        Column("class", pa.string(), "wave class, see kernels/waves"),
        Column("direction", pa.int8(), "1: starts at a low; -1: starts at a high", low=-1, high=1),
        Column("degree", pa.int8(), "as in `patterns`", low=0),
        Column("status", pa.string(), "confirmed or setup"),
        Column("legs", pa.int8(), "confirmed legs", low=2),
        Column("score", pa.float64(), "as in `patterns`", low=0.0, high=1.0),
        Column("p_value", pa.float64(), "as in `patterns`", True, 0.0, 1.0),
        Column("side", pa.int8(), "1: bought; -1: sold short", low=-1, high=1),
        Column("target", pa.float64(), f"{_LEVEL}; see kernels/outcomes", low=0.0),
        Column("invalidation", pa.float64(), f"{_LEVEL}; see kernels/outcomes", low=0.0),
        Column("entry", pa.float64(), f"{_LEVEL}: the next open; null where there is none", True, 0.0),
        Column(
            "counted", pa.bool_(), "false where it wasn't made, or overlaps an earlier one of its kind in the symbol"
        ),
        *(
            column
            for horizon in _HORIZONS
            for column in (
                Column(
                    f"result_{horizon}",
                    pa.string(),
                    f"what was touched first within {horizon} sessions: target, invalidation (both in one bar too) or "
                    "neither; missed: the open lay beyond one of them; unentered: no open; unknown: still to come",
                ),
                Column(f"return_{horizon}", pa.float64(), f"of the side, entry to close {horizon}; a share", True),
                Column(f"relative_{horizon}", pa.float64(), "the same less that of the members' mean", True),
                Column(f"matched_target_{horizon}", pa.float64(), "share of its random entries, target", True, 0, 1),
                Column(f"matched_relative_{horizon}", pa.float64(), "mean relative return of these", True),
            )
        ),
    ),
)

PATTERN_OUTCOME_RATES = Contract(
    "pattern_outcome_rates",
    1,
    None,
    ("through", "status", "by", "group", "horizon", "measure"),
    (
        Column("year", pa.int32(), "the partition's year", low=2000),
        Column("through", pa.string(), "year: of this year; all: of this year and the judged ones right before it"),
        Column("status", pa.string(), "confirmed or setup"),
        Column("by", pa.string(), "how entries are grouped: all, class, degree, score or p_value"),
        Column(
            "group", pa.string(), "the group. score: the tenth of the scores it is in, 1 = lowest; p_value: likewise"
        ),
        Column("horizon", pa.int16(), "sessions", low=1),
        Column("measure", pa.string(), "target: share that touches the target first; relative: mean relative return"),
        Column("entries", pa.int64(), "entries that count", low=0),
        Column("sessions", pa.int64(), "distinct sessions that they became known on", low=0),
        *(
            Column(f"{name}{bound}", pa.float64(), f"{words}{', its 95 % interval' if bound else ''}", True)
            for name, words in (
                ("patterns", "of the patterns"),
                ("difference", "of the patterns, less that of their matched random entries"),
                ("surrogates", "of the same rules on surrogates, in the same group"),
            )
            for bound in ("", "_low", "_high")
        ),
        Column("surrogate_entries", pa.int64(), "entries on surrogates that count", low=0),
    ),
)
"""Intervals are clustered by session: 500 names on one day are not 500 trials."""
