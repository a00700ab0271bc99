"""From the tables of a session to its picks: each fact comes from the right row, and the reasons say it in words."""

from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from kernels.strategies import expected_returns
from kernels.volatility import DEFAULT_LEVELS
from resources.contracts import FORECASTS, PATTERNS, quantile_column
from resources.pick_tables import FORECAST_COLUMNS, PATTERN_COLUMNS, SIMULATION_COLUMNS, picks_table
from resources.simulation_contracts import PICKS, SIMULATIONS

DAY = np.datetime64("2018-02-07")
SYMBOLS = np.array(["A", "B", "BRK.B", "C"])
SPREAD = np.linspace(-0.05, 0.05, len(DEFAULT_LEVELS))


def _setup(symbol: str, pattern_id: str, **replaced: Any) -> dict[str, Any]:
    row = {
        "symbol": symbol,
        "pattern_id": pattern_id,
        "class": "impulse",
        "direction": 1,
        "status": "setup",
        "legs": 2,
        "score": 0.714,
        "risk_reward": 2.1,
        "p_value": None,
    }
    return row | replaced


def _forecast(symbol: str, shift: float | None, horizon: int = 5) -> dict[str, Any]:
    quantiles = [None] * len(DEFAULT_LEVELS) if shift is None else (SPREAD + shift).tolist()
    named = dict(zip((quantile_column(level) for level in DEFAULT_LEVELS), quantiles, strict=True))
    return {"symbol": symbol, "horizon": horizon, "volatility": None if shift is None else 0.021, **named}


def _simulation(symbol: str, strategy: str, **replaced: Any) -> dict[str, Any]:
    row = {
        "symbol": symbol,
        "strategy": strategy,
        "sides": "long",
        "hurdle": 1.0,
        "origins": 70,
        "sharpe_252": 0.91,
        "sharpe_low": -1.23,
        "sharpe_high": 3.01,
        "deflated_sharpe": 0.343,
    }
    return row | replaced


def _table(contract: Any, columns: tuple[str, ...], rows: list[dict[str, Any]]) -> pa.Table:
    schema = pa.schema([contract.schema.field(name) for name in columns])
    return pa.Table.from_pylist(rows, schema=schema)


def _picks(
    patterns: list[dict[str, Any]] = (),
    forecasts: list[dict[str, Any]] = (),
    simulations: list[dict[str, Any]] = (),
    symbols: np.ndarray = SYMBOLS,
) -> list[dict[str, Any]]:
    table = picks_table(
        DAY,
        symbols,
        _table(PATTERNS, PATTERN_COLUMNS, list(patterns)),
        _table(FORECASTS, FORECAST_COLUMNS, list(forecasts)),
        _table(SIMULATIONS, SIMULATION_COLUMNS, list(simulations)),
    )
    PICKS.enforce(table, "2018-02-07")
    return table.to_pylist()


def test_a_pick_tells_its_setup_its_forecast_and_its_simulation() -> None:
    row = _picks(
        [_setup("A", "aa")],
        [_forecast("A", 0.004), _forecast("A", 0.9, 21)],
        [_simulation("A", "long-only"), _simulation("A", "hold", hurdle=None, deflated_sharpe=0.99)],
    )[0]
    expected = expected_returns((SPREAD + 0.004)[None])[0]
    assert row["reasons"] == (
        "setup of an impulse, next wave up, score 0.71, gain/risk 2.1; "
        f"expected {100 * expected:+.1f} % in 5 sessions (volatility 2.1 %); "
        "long-only Sharpe 0.9 [-1.2, 3.0] over 70 origins, deflated 0.34"
    )
    assert (row["rank"], row["direction"], row["agreement"], row["score"]) == (1, 1, 1, 0.5)
    assert (row["pattern_rank"], row["forecast_rank"], row["simulation_rank"]) == (0.5, 0.5, 0.5)
    assert (row["pattern_id"], row["class"], row["pattern_score"], row["risk_reward"]) == ("aa", "impulse", 0.714, 2.1)
    assert (row["session"], row["horizon"], row["p_value"]) == (date(2018, 2, 7), 5, None)
    assert (row["expected_return"], row["volatility"]) == (expected, 0.021)
    assert (row["strategy"], row["sharpe_252"], row["sharpe_low"], row["sharpe_high"], row["deflated_sharpe"]) == (
        "long-only", 0.91, -1.23, 3.01, 0.343,
    )  # fmt: skip


def test_a_symbol_of_which_nothing_is_known_has_a_row_without_a_rank() -> None:
    rows = _picks([], [_forecast("A", None)], [_simulation("A", "long-only", deflated_sharpe=None)])
    assert [row["symbol"] for row in rows] == SYMBOLS.tolist()
    for row in rows:
        assert (row["rank"], row["direction"], row["score"]) == (None, 0, None)
        assert row["reasons"] == "no setup with a known gain/risk; no forecast; no strategy traded on this side"
        assert {row[name] for name in ("pattern_id", "class", "expected_return", "volatility", "strategy")} == {None}


@pytest.mark.parametrize(("legs", "direction", "next_wave"), [(2, 1, 1), (3, 1, -1), (4, -1, -1), (3, -1, 1)])
def test_the_next_wave_runs_on_from_the_last_leg(legs: int, direction: int, next_wave: int) -> None:
    row = _picks([_setup("C", "x", legs=legs, direction=direction, **{"class": "expanded_flat"})])[3]
    word = "up" if next_wave > 0 else "down"
    assert row["direction"] == next_wave
    assert row["reasons"].startswith(f"setup of an expanded flat, next wave {word}, score 0.71, gain/risk 2.1; no")


def test_a_forecast_against_the_setup_is_said_so() -> None:
    row = _picks([_setup("B", "x", **{"class": "zigzag"})], [_forecast("B", -0.03)])[1]
    assert (row["direction"], row["agreement"]) == (1, -1)
    assert row["reasons"].startswith("setup of a zigzag, ")
    assert "expected -2.9 % in 5 sessions (volatility 2.1 %), against the setup; no strategy" in row["reasons"]


def test_the_best_standing_setup_counts_and_others_of_it_do_not() -> None:
    rows = [
        _setup("A", "best", score=0.8, risk_reward=2.0),
        _setup("A", "poor", score=0.9, risk_reward=0.1),
        _setup("A", "unknown", score=1.0, risk_reward=None),
        _setup("A", "confirmed", score=1.0, risk_reward=9.0, status="confirmed"),
        _setup("A", "part", score=1.0, risk_reward=9.0, status="part"),
        _setup("ELSEWHERE", "other", score=1.0, risk_reward=9.0),
    ]
    assert _picks(rows)[0]["pattern_id"] == "best"


def test_a_p_value_is_told_and_takes_the_place_of_the_score() -> None:
    rows = _picks([_setup("A", "x", score=0.1, p_value=0.012), _setup("B", "y", score=0.9)])
    assert (rows[0]["p_value"], rows[0]["pattern_rank"], rows[1]["pattern_rank"]) == (0.012, 1.0, 0.0)
    assert "score 0.10, p-value 0.012, gain/risk" in rows[0]["reasons"]


def test_the_evidence_is_the_best_on_the_side_of_the_pick_without_the_benchmark() -> None:
    simulations = [
        _simulation("A", "both", sides="both", deflated_sharpe=0.2),
        _simulation("A", "short-only", sides="short", deflated_sharpe=0.3),
        _simulation("A", "long-only", sides="long", deflated_sharpe=0.4),
        _simulation("A", "hold", sides="long", hurdle=None, deflated_sharpe=0.9),
    ]
    assert _picks([], [_forecast("A", 0.02)], simulations)[0]["strategy"] == "long-only"
    assert _picks([], [_forecast("A", -0.02)], simulations)[0]["strategy"] == "short-only"
    idle = [row | {"deflated_sharpe": None} for row in simulations[2:]]
    assert _picks([], [_forecast("A", 0.02)], idle)[0]["strategy"] is None


def test_a_ratio_without_an_interval_is_told_without_one() -> None:
    simulation = _simulation("A", "long-only", sharpe_low=None, sharpe_high=None, origins=12)
    row = _picks([], [_forecast("A", 0.02)], [simulation])[0]
    assert row["reasons"].endswith("; long-only Sharpe 0.9 over 12 origins, deflated 0.34")


def test_the_order_of_the_rows_does_not_matter() -> None:
    rng = np.random.default_rng(1)
    names = [*SYMBOLS.tolist(), "Z"]
    patterns = [
        _setup(name, f"{name}{k}", score=float(rng.integers(0, 3)) / 2, direction=int(rng.choice([-1, 1])))
        for name in names
        for k in range(4)
    ]
    forecasts = [_forecast(name, float(rng.normal(0.0, 0.02))) for name in names]
    simulations = [_simulation(name, strategy) for name in names for strategy in ("one", "two")]
    once = _picks(patterns, forecasts, simulations)
    for rows in (patterns, forecasts, simulations):
        rng.shuffle(rows)
    assert _picks(patterns, forecasts, simulations) == once
    assert {row["rank"] for row in once} == {1, 2, 3, 4}


def test_a_volatility_of_zero_is_no_forecast() -> None:
    row = _picks([], [_forecast("A", 0.02) | {"volatility": 0.0}])[0]
    assert (row["direction"], row["expected_return"], row["volatility"]) == (0, None, None)


def test_a_session_without_symbols_is_a_table_without_rows() -> None:
    assert _picks([_setup("A", "x")], [_forecast("A", 0.1)], [_simulation("A", "s")], np.array([], dtype=np.str_)) == []


@pytest.mark.parametrize(
    ("ratio", "words"),
    [(2.14, "2.1"), (100.0, "100.0"), (100.01, "above 100"), (39952.8, "above 100")],
)
def test_a_gain_beyond_a_hundred_times_the_risk_is_told_as_such_and_kept_as_it_is(ratio: float, words: str) -> None:
    row = _picks([_setup("A", "x", risk_reward=ratio)])[0]
    assert f", gain/risk {words}; no forecast" in row["reasons"]
    assert row["risk_reward"] == ratio
