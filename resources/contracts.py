"""The contract of every table in the lake: columns, types, units, ranges, keys. Enforced at the write, nowhere else."""

import pyarrow as pa

from kernels.samples import COLUMNS as SAMPLE_COLUMNS
from resources.forecast_contracts import FORECAST_SCORES, FORECAST_SKILL, FORECASTS, quantile_column
from resources.policy_contracts import POLICY_EQUITY, POLICY_SIMULATION
from resources.simulation_contracts import PICKS, SIMULATIONS
from resources.table_contract import SESSION_COLUMN, SYMBOL_COLUMN, Column, Contract
from resources.wave_contracts import (
    NULL_DISTRIBUTIONS,
    PATTERN_OUTCOME_RATES,
    PATTERN_OUTCOMES,
    PATTERNS,
    SCAN_SYMBOLS,
    WINDOWS,
)

__all__ = [
    "CONTRACTS",
    "FORECASTS",
    "FORECAST_SCORES",
    "FORECAST_SKILL",
    "NULL_DISTRIBUTIONS",
    "PATTERNS",
    "PATTERN_OUTCOMES",
    "PATTERN_OUTCOME_RATES",
    "PICKS",
    "POLICY_EQUITY",
    "POLICY_SIMULATION",
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
        NULL_DISTRIBUTIONS,
        PATTERNS,
        PATTERN_OUTCOMES,
        PATTERN_OUTCOME_RATES,
        FORECASTS,
        FORECAST_SCORES,
        FORECAST_SKILL,
        SIMULATIONS,
        PICKS,
        SCAN_SYMBOLS,
        SYNTHETIC_SAMPLES,
        POLICY_SIMULATION,
        POLICY_EQUITY,
    )
}
