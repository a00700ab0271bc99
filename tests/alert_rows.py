"""Hand-made rows of `patterns`, for tests of the alerts: setups on any sessions, with any values."""

from datetime import date
from typing import Any

import pyarrow as pa

from kernels.waves import CLASSES, COMPONENTS
from resources.calendar import ALL_SESSIONS, session_number
from resources.contracts import PATTERNS
from resources.parquet_lake import ParquetLake
from tests.lake_rows import WRITTEN


def session_before(session: str, count: int = 1) -> str:
    """The exchange session that many sessions earlier."""
    return str(ALL_SESSIONS[session_number(date.fromisoformat(session)) - count])


def setup_row(session: str, pattern_id: str = "a1", symbol: str = "AAA", **values: Any) -> dict[str, Any]:
    """A setup of a rising impulse that became known on the session: up from 100 to 120, back to 110; but `values`."""
    days = [date.fromisoformat(session_before(session, count)) for count in (20, 8, 1)]
    prices, kinds = (100.0, 120.0, 110.0), ("low", "high", "low")
    row = {
        "session": date.fromisoformat(session),
        "symbol": symbol,
        "pattern_id": pattern_id,
        "class": "impulse",
        "direction": 1,
        "degree": 1,
        "status": "setup",
        "legs": 2,
        "rank": 1,
        "pivots": [
            {"session": day, "price": price, "kind": kind} for day, price, kind in zip(days, prices, kinds, strict=True)
        ],
        "subdivisions": [{"resolved": "no", "child_id": None, "child_class": None, "position": None}] * 2,
        "score": 0.75,
        **dict.fromkeys(COMPONENTS, 0.5),
        "margins": [0.5] * len(CLASSES["impulse"].rules),
        "targets": [130.0, 142.5],
        "invalidation": 100.0,
        "risk_reward": 2.0,
        "p_value": 0.0005,
        "q_value": 0.02,
        "null_model": "block",
        "surrogates": 20_000,
        "null_through": date(2017, 12, 29),
    }
    return row | values


def write_patterns(lake: ParquetLake, session: str, *rows: dict[str, Any]) -> pa.Table:
    """Write a `patterns` partition of some rows, moved to its session."""
    day = date.fromisoformat(session)
    rows = tuple(row | {"session": day} for row in rows)
    table = PATTERNS.table({name: [row[name] for row in rows] for name in PATTERNS.schema.names})
    lake.write("patterns", session, table, **WRITTEN)
    return table
