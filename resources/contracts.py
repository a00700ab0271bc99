"""The contract of every table in the lake: columns, types, units, ranges, keys. Enforced at the write, nowhere else."""

from dataclasses import replace

import pyarrow as pa

from kernels.samples import COLUMNS as SAMPLE_COLUMNS
from kernels.waves import COMPONENTS
from resources.forecast_contracts import FORECAST_SCORES, FORECAST_SKILL, FORECASTS, quantile_column
from resources.simulation_contracts import PICKS, SIMULATIONS
from resources.table_contract import SESSION_COLUMN, SYMBOL_COLUMN, Column, Contract

__all__ = [
    "CONTRACTS",
    "FORECASTS",
    "FORECAST_SCORES",
    "FORECAST_SKILL",
    "PATTERNS",
    "PICKS",
    "PRICES",
    "QUARANTINE",
    "SCAN_SYMBOLS",
    "SIMULATIONS",
    "SYNTHETIC_SAMPLES",
    "UNIVERSE",
    "WINDOWS",
    "Column",
    "Contract",
    "quantile_column",
]

_UNKNOWN = "null where the source doesn't know"
_PRICE = "dollars as traded; kept as it came, null where the source has none; see `quarantine`"
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

UNIVERSE = Contract(
    "universe",
    1,
    "session",
    ("symbol",),
    (
        SESSION_COLUMN,
        SYMBOL_COLUMN,
        Column("name", pa.string(), "company"),
        Column("sector", pa.string(), "GICS sector"),
        Column("member_from", pa.date32(), f"first session of membership; {_UNKNOWN}", nullable=True),
        Column("member_to", pa.date32(), f"last session of membership; null while a member, and {_UNKNOWN}", True),
    ),
)

PRICES = Contract(
    "prices",
    1,
    "session",
    ("symbol",),
    (
        SESSION_COLUMN,
        SYMBOL_COLUMN,
        Column("open", pa.float64(), _PRICE, nullable=True),
        Column("high", pa.float64(), _PRICE, nullable=True),
        Column("low", pa.float64(), _PRICE, nullable=True),
        Column("close", pa.float64(), _PRICE, nullable=True),
        Column("volume", pa.float64(), "shares as traded; null where the source has none", nullable=True),
        Column(
            "split_ratio", pa.float64(), "new shares for one old, from this session on; 1 = none", low=1e-6, high=1e6
        ),
        Column("dividend", pa.float64(), "dollars per share, ex this session; 0 = none", low=0.0, high=1e9),
        Column("source", pa.string(), "price source that delivered the bar"),
    ),
)

QUARANTINE = Contract(
    "quarantine",
    1,
    "known_on",
    ("symbol", "session", "kind"),
    (
        Column("known_on", pa.date32(), "session at whose close the fault could first be known"),
        SYMBOL_COLUMN,
        Column("session", pa.date32(), "session of the faulty bar"),
        Column("kind", pa.string(), "kind of fault, as in docs/data-quality.md"),
        Column("excluded", pa.bool_(), "true: panels leave the bar out from known_on on; false: flagged only"),
        Column("other_session", pa.date32(), "the session whose bar it repeats; null for other kinds", nullable=True),
        Column("value", pa.float64(), "size of the fault, by kind; null where it has none", nullable=True),
        Column("reason", pa.string(), "the fault in words"),
    ),
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
    2,
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
        Column("p_value", pa.float64(), "against surrogates of the same series; null until calibrated", True, 0.0, 1.0),
        Column("q_value", pa.float64(), "false-discovery rate over the session; null until calibrated", True, 0.0, 1.0),
    ),
)


SCAN_SYMBOLS = replace(PATTERNS, name="scan_symbols", partition=None)

_NOT_NEGATIVE = ("index", "0..3", "sessions", "share of the sessions")
_KNOWN = ("state_equity", "state_cash", "state_leverage", "label_total_return", "label_cost", "label_turnover")


def _sample_column(name: str) -> Column:
    column = SAMPLE_COLUMNS[name]
    if name == "session":
        return Column(name, pa.date32(), "session at whose close the decision is made")
    return Column(
        name,
        pa.from_numpy_dtype(column.dtype),
        f"{column.text}; {column.unit}",
        column.dtype == "float32" and name not in _KNOWN and not name.endswith(("_value", "_profit")),
        0.0 if column.unit in _NOT_NEGATIVE or name.endswith("_value") else None,
    )


SYNTHETIC_SAMPLES = Contract("synthetic_samples", 1, None, (), tuple(_sample_column(name) for name in SAMPLE_COLUMNS))
"""Without the column `window` of the layout "windowed", whose width depends on the settings."""

CONTRACTS = {
    contract.name: contract
    for contract in (
        UNIVERSE,
        PRICES,
        QUARANTINE,
        WINDOWS,
        PATTERNS,
        FORECASTS,
        FORECAST_SCORES,
        FORECAST_SKILL,
        SIMULATIONS,
        PICKS,
        SCAN_SYMBOLS,
        SYNTHETIC_SAMPLES,
    )
}
