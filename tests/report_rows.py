"""A small session for tests of the report: every table by hand, with names that try to break the page."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from kernels.panel import PricePanel
from kernels.volatility import DEFAULT_LEVELS
from kernels.waves import CLASSES
from resources.calendar import ALL_SESSIONS, session_number
from resources.contracts import (
    FORECAST_SKILL,
    FORECASTS,
    NULL_DISTRIBUTIONS,
    PATTERN_OUTCOME_RATES,
    PATTERNS,
    PICKS,
    PRICES,
    QUARANTINE,
    SIMULATIONS,
    UNIVERSE,
    WINDOWS,
    Contract,
)
from resources.report import Judged, ReportInput, Source
from tests.alert_rows import session_before, setup_row

SESSION = date(2018, 2, 7)
PREVIOUS = date(2018, 2, 6)
BARS = 120
HOSTILE = "<script>alert('x')</script> \"A&B\" \u202e\u2028\U0001f4a9 " + 40 * "M\u00fcller-" + "\x00\x1b"
"""Markup, quotes, characters that turn or end a line, an emoji, 300 characters, and some that no page can hold."""

SYMBOLS = ("AAA", "BBB", "CCC<b>", "DDD")
NAMES = {"AAA": "Plain Company", "BBB": "Quote \" & 'Sons'", "CCC<b>": HOSTILE, "DDD": "</td></table></svg>"}
SECTORS = {"AAA": "Energy", "BBB": "Health Care", "CCC<b>": "<img src=x onerror=alert(1)>", "DDD": "Energy"}


def filled(contract: Contract, rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """A table of a contract: what a row doesn't say is null, or a value of no meaning where null isn't allowed."""
    rows = list(rows)
    columns = {}
    for column in contract.columns:
        default = None if column.nullable else _default(column.type)
        columns[column.name] = pa.array([row.get(column.name, default) for row in rows], column.type)
    return pa.table(columns, schema=contract.schema)


def _default(of: pa.DataType) -> Any:
    if pa.types.is_date(of):
        return SESSION
    if pa.types.is_string(of):
        return ""
    return [] if pa.types.is_list(of) else False if pa.types.is_boolean(of) else 0


def confirmed_row(symbol: str, pattern_id: str, **values: Any) -> dict[str, Any]:
    """A confirmed impulse of five waves up, the second of which a zigzag resolves, with that zigzag's id."""
    prices = (100.0, 110.0, 104.0, 125.0, 118.0, 130.0)
    pivots = _pivots((60, 50, 40, 30, 20, 1), prices)
    legs = [{"resolved": "no", "child_id": None, "child_class": None, "position": None} for _ in range(5)]
    legs[1] = {"resolved": "yes", "child_id": f"{pattern_id}-2", "child_class": "zigzag", "position": None}
    return setup_row(str(SESSION), pattern_id, symbol) | {
        "status": "confirmed",
        "legs": 5,
        "pivots": pivots,
        "subdivisions": legs,
        "targets": [],
        "invalidation": None,
        "risk_reward": None,
        **values,
    }


def part_rows(symbol: str, parent: str) -> list[dict[str, Any]]:
    """The zigzag inside wave 2 of `confirmed_row`, and another one inside its wave C."""
    outer = _zigzag(symbol, f"{parent}-2", (50, 47, 44, 40), (110.0, 106.0, 108.0, 104.0))
    inner = _zigzag(symbol, f"{parent}-2-3", (44, 42, 41, 40), (108.0, 105.5, 107.0, 104.0))
    outer["subdivisions"][2] = {
        "resolved": "yes",
        "child_id": inner["pattern_id"],
        "child_class": "zigzag",
        "position": None,
    }
    return [outer, inner]


def _zigzag(symbol: str, pattern_id: str, back: Iterable[int], prices: Iterable[float]) -> dict[str, Any]:
    """A falling zigzag that is part of something."""
    return confirmed_row(symbol, pattern_id) | {
        "status": "part",
        "class": "zigzag",
        "direction": -1,
        "legs": 3,
        "rank": None,
        "pivots": _pivots(back, prices, first="high"),
        "subdivisions": [{"resolved": "unresolved", "child_id": None, "child_class": None, "position": None}] * 3,
        "margins": [0.5] * len(CLASSES["zigzag"].rules),
    }


def _pivots(back: Iterable[int], prices: Iterable[float], first: str = "low") -> list[dict[str, Any]]:
    kinds = ("low", "high") if first == "low" else ("high", "low")
    return [
        {"session": date.fromisoformat(session_before(str(SESSION), count)), "price": price, "kind": kinds[at % 2]}
        for at, (count, price) in enumerate(zip(back, prices, strict=True))
    ]


def pattern_rows(setups: int = 80) -> list[dict[str, Any]]:
    """Confirmed patterns with parts inside, and setups of all symbols with rising p-values."""
    rows = []
    for place, symbol in enumerate(SYMBOLS):
        rows.append(confirmed_row(symbol, f"c{place}", p_value=0.001 * (place + 1), q_value=0.7))
        rows += part_rows(symbol, f"c{place}")
    for place in range(setups):
        values = {
            "score": round(0.9 - 0.005 * place, 3),
            "p_value": 0.0005 * (place + 1),
            "q_value": 0.9,
            "risk_reward": None if place % 7 == 3 else 0.1 * place * place,
        }
        rows.append(setup_row(str(SESSION), f"s{place:03d}", SYMBOLS[place % len(SYMBOLS)], **values))
    return rows


def patterns_table(rows: Iterable[Mapping[str, Any]], session: date = SESSION) -> pa.Table:
    """The table `patterns` of some rows."""
    rows = [dict(row) | {"session": session} for row in rows]
    return PATTERNS.table({name: [row[name] for row in rows] for name in PATTERNS.schema.names})


def panel(last: float = 112.0) -> PricePanel:
    """Bars that wander, and end at a close."""
    rng = np.random.default_rng(5)
    end = session_number(SESSION)
    walk = np.cumsum(rng.normal(0.0, 0.5, (len(SYMBOLS), BARS)), axis=1)
    close = np.ascontiguousarray(walk - walk[:, -1:] + last)
    return PricePanel(
        tuple(sorted(SYMBOLS)),
        ALL_SESSIONS[end - BARS + 1 : end + 1],
        open=close.copy(),
        high=close + 0.75,
        low=close - 0.75,
        close=close,
        volume=np.ones_like(close),
    )


def _nulls() -> pa.Table:
    rows = [
        {
            "length": 63,
            "class": name,
            "legs": legs,
            "direction": direction,
            "span_from": low,
            "span_to": high,
            "max_span": 504,
            "surrogates": 1000,
            "with_pattern": 800,
            "symbols": 4,
        }
        for name, wave in CLASSES.items()
        for legs in [len(wave.legs), *(setup.legs for setup in wave.setups)]
        for direction in (1, -1)
        for low, high in ((0, 21), (22, 63), (64, 126))
    ]
    return filled(NULL_DISTRIBUTIONS, rows)


def _forecasts() -> pa.Table:
    rows = []
    for symbol in SYMBOLS:
        for horizon in (1, 2, 5, 10, 21):
            quantiles = {
                f"q{round(level * 1000):03d}": 0.01 * horizon**0.5 * (level - 0.5) * 4 for level in DEFAULT_LEVELS
            }
            rows.append({"symbol": symbol, "horizon": horizon, "status": "ok", "model": "ewma-fhs", **quantiles})
    return filled(FORECASTS, rows)


def _picks() -> pa.Table:
    reasons = "setup of an impulse, next wave up, score 0.90; expected +0.3 % in 5 sessions; long-only Sharpe 1.0 <b>"
    return filled(
        PICKS,
        [
            {
                "symbol": symbol,
                "rank": place + 1,
                "direction": 1 if place % 2 == 0 else -1,
                "score": 0.9 - 0.1 * place,
                "pattern_rank": 1.0 - 0.25 * place,
                "reasons": reasons,
                "horizon": 5,
            }
            for place, symbol in enumerate(SYMBOLS)
        ],
    )


def _skill() -> Judged:
    rows = []
    for period in ("2017", "2016-2017"):
        for horizon in (1, 5, 21):
            for model in ("random-walk", "ewma-fhs", "gjr-fhs", "model: har", "served"):
                rows.append(
                    {
                        "period": period,
                        "horizon": horizon,
                        "model": model,
                        "days": 250,
                        "origins": 1000,
                        "known": 1000,
                        "skill_gjr_fhs": 1.25,
                        "t_gjr_fhs": -3.5,
                        "coverage_90": 0.9,
                        "pit": [100] * (len(DEFAULT_LEVELS) + 1),
                    }
                )
    return Judged(2017, filled(FORECAST_SKILL, rows))


def _rates() -> Judged:
    rows = []
    for status in ("confirmed", "setup"):
        for by, groups in (("all", ["all"]), ("p_value", [str(tenth) for tenth in range(1, 11)])):
            for group in groups:
                for horizon in (21, 63):
                    for measure in ("target", "relative"):
                        values = {
                            f"{name}{bound}": 0.25
                            for name in ("patterns", "difference")
                            for bound in ("", "_low", "_high")
                        }
                        rows.append(
                            {"year": 2016, "through": "all", "status": status, "by": by, "group": group}
                            | {"horizon": horizon, "measure": measure, "entries": 50, "sessions": 20, **values}
                        )
    return Judged(2016, filled(PATTERN_OUTCOME_RATES, rows))


def given(**changes: Any) -> ReportInput:
    """The whole session; `changes` replace what it holds."""
    universe = [
        {"session": SESSION, "symbol": symbol, "name": NAMES[symbol], "sector": SECTORS[symbol]} for symbol in SYMBOLS
    ]
    fault = {"known_on": SESSION, "symbol": "CCC<b>", "session": SESSION, "kind": "null_price", "excluded": True}
    whole = ReportInput(
        session=SESSION,
        previous=PREVIOUS,
        panel=panel(),
        universe=filled(UNIVERSE, universe),
        prices=filled(PRICES, [{"symbol": symbol, "close": 112.0, "split_ratio": 1.0} for symbol in SYMBOLS]),
        quarantine=filled(QUARANTINE, [fault | {"reason": 'open is <missing> & "gone"'}]),
        windows=filled(WINDOWS, [{"symbol": symbol, "length": 63, "kept": True} for symbol in SYMBOLS]),
        patterns=patterns_table(pattern_rows()),
        previous_patterns=patterns_table(pattern_rows(60), PREVIOUS),
        previous_forecasts=_forecasts(),
        nulls=_nulls(),
        forecasts=_forecasts(),
        simulations=filled(SIMULATIONS, [{"symbol": "AAA", "strategy": "long-only", "model": "ewma-fhs"}]),
        picks=_picks(),
        skill=_skill(),
        rates=_rates(),
        backend="cpu",
        sources=(Source("patterns", str(SESSION), 88, "f" * 64, "3", "3"),),
        made_from="0" * 64,
        code_version="1",
    )
    return replace(whole, **changes)


def without_p_values(table: pa.Table) -> pa.Table:
    """The same patterns before their quarter was calibrated."""
    for name in ("p_value", "q_value", "null_model", "surrogates", "null_through"):
        place = table.schema.get_field_index(name)
        table = table.set_column(
            place, table.schema.field(name), pa.nulls(table.num_rows, table.schema.field(name).type)
        )
    return table
