"""From the patterns, forecasts and simulations of a session to its `picks` table, with the reasons in words."""

from collections.abc import Sequence
from typing import cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kernels.device import Backend
from kernels.panel import Float64Array1D, Int32Array1D
from kernels.ranking import COMPONENTS, Evidence, Picks, Setups, rank_picks
from kernels.strategies import expected_returns
from kernels.volatility import DEFAULT_LEVELS
from resources.forecast_contracts import quantile_column
from resources.simulation_contracts import PICKS

PICK_HORIZON = 5
"""Sessions ahead of the forecast that picks are ranked by."""

LARGEST_SHOWN_RATIO = 100
"""Of gain to risk in the reasons: beyond it the price stands at the invalidation, and the digits say nothing."""

_QUANTILES = tuple(quantile_column(level) for level in DEFAULT_LEVELS)
_MEASURES = ("strategy", "sharpe_252", "sharpe_low", "sharpe_high", "deflated_sharpe")

PATTERN_COLUMNS = (
    "symbol", "pattern_id", "class", "direction", "status", "legs", "score", "risk_reward", "p_value",
)  # fmt: skip
FORECAST_COLUMNS = ("symbol", "horizon", "volatility", *_QUANTILES)
SIMULATION_COLUMNS = ("symbol", "sides", "hurdle", "origins", *_MEASURES)
"""The columns that `picks_table` reads."""

Symbols = npt.NDArray[np.str_]


def picks_table(
    session: np.datetime64,
    symbols: Symbols,
    patterns: pa.Table,
    forecasts: pa.Table,
    simulations: pa.Table,
    *,
    backend: Backend = "auto",
) -> pa.Table:
    """The picks of one session, a row for each symbol. Rows of other symbols are not looked at.

    Args:
        session: `datetime64[D]`.
        symbols: str [S], sorted, each once.
        patterns: the session's, with `PATTERN_COLUMNS`.
        forecasts: the session's, with `FORECAST_COLUMNS`; one row for a symbol and horizon.
        simulations: the session's, with `SIMULATION_COLUMNS`; one row for a symbol and strategy.
        backend: of the kernels.
    """
    setups = _of_symbols(patterns.filter(pc.equal(patterns["status"], "setup")), symbols, "pattern_id")
    ahead = _of_symbols(forecasts.filter(pc.equal(forecasts["horizon"], PICK_HORIZON)), symbols, "horizon")
    played = _of_symbols(simulations, symbols, "strategy")
    expected, volatility = _forecast_of(ahead, symbols, backend)
    picks = rank_picks(
        _setups_of(setups, symbols), expected / volatility, _evidence_of(played, symbols), backend=backend
    )
    setup = setups.take(_places(picks.setup))
    evidence = played.take(_places(picks.evidence))
    return PICKS.table(
        {
            "session": np.full(len(symbols), session),
            "symbol": symbols,
            "rank": pa.array(picks.rank, mask=picks.rank == 0),
            "direction": picks.direction,
            "agreement": picks.agreement,
            "score": picks.score,
            **{f"{name}_rank": picks.components[:, index] for index, name in enumerate(COMPONENTS)},
            "reasons": _reasons(picks, setup.to_pylist(), expected, volatility, evidence.to_pylist()),
            "pattern_id": setup["pattern_id"].combine_chunks(),
            "class": setup["class"].combine_chunks(),
            "pattern_score": setup["score"].combine_chunks(),
            "risk_reward": setup["risk_reward"].combine_chunks(),
            "p_value": setup["p_value"].combine_chunks(),
            "horizon": np.full(len(symbols), PICK_HORIZON, dtype=np.int16),
            "expected_return": expected,
            "volatility": volatility,
            **{name: evidence[name].combine_chunks() for name in _MEASURES},
        }
    )


def _of_symbols(table: pa.Table, symbols: Symbols, then_by: str) -> pa.Table:
    """The rows of these symbols, in an order that doesn't depend on that of the table."""
    kept = table.filter(pc.is_in(table["symbol"], pa.array(symbols.tolist(), pa.string())))
    return kept.sort_by([("symbol", "ascending"), (then_by, "ascending")])


def _owner(table: pa.Table, symbols: Symbols) -> Int32Array1D:
    names = pa.array(symbols.tolist(), pa.string())
    return np.asarray(pc.index_in(table["symbol"], names).to_numpy(), dtype=np.int32)


def _numbers(table: pa.Table, name: str) -> Float64Array1D:
    """A column as float64, null as NaN."""
    return np.array(table[name].to_numpy(), dtype=np.float64)


def _setups_of(table: pa.Table, symbols: Symbols) -> Setups:
    legs, direction = _numbers(table, "legs"), _numbers(table, "direction")
    return Setups(
        symbol=_owner(table, symbols),
        # The first leg runs in the count's direction, and each one against the one before it.
        direction=np.where(legs % 2 == 0, direction, -direction).astype(np.int8),
        score=_numbers(table, "score"),
        risk_reward=_numbers(table, "risk_reward"),
        p_value=_numbers(table, "p_value"),
    )


def _forecast_of(table: pa.Table, symbols: Symbols, backend: Backend) -> tuple[Float64Array1D, Float64Array1D]:
    """Expected return and volatility float64 [S]; NaN without a forecast."""
    owner = _owner(table, symbols)
    quantiles = np.ascontiguousarray(np.stack([_numbers(table, name) for name in _QUANTILES], axis=1))
    expected, volatility = np.full((2, len(symbols)), np.nan)
    expected[owner] = expected_returns(quantiles, backend=backend)
    volatility[owner] = _numbers(table, "volatility")
    unknown = np.isnan(expected) | ~(volatility > 0.0)
    expected[unknown] = volatility[unknown] = np.nan
    return expected, volatility


def _evidence_of(table: pa.Table, symbols: Symbols) -> Evidence:
    sides = np.array(table["sides"].to_pylist(), dtype=np.str_)
    benchmark = np.isnan(_numbers(table, "hurdle"))
    return Evidence(
        symbol=_owner(table, symbols),
        long=sides != "short",
        short=sides != "long",
        chance=np.where(benchmark, np.nan, _numbers(table, "deflated_sharpe")),
    )


def _places(places: Int32Array1D) -> pa.Array:
    return pa.array(places, mask=places < 0)


def _reasons(
    picks: Picks,
    setups: Sequence[dict[str, object]],
    expected: Float64Array1D,
    volatility: Float64Array1D,
    evidence: Sequence[dict[str, object]],
) -> list[str]:
    reasons = []
    for symbol, (setup, simulation) in enumerate(zip(setups, evidence, strict=True)):
        against = ", against the setup" if picks.agreement[symbol] < 0 else ""
        reasons.append(
            "; ".join(
                (
                    _setup_in_words(setup, int(picks.direction[symbol])),
                    _forecast_in_words(float(expected[symbol]), float(volatility[symbol])) + against,
                    _simulation_in_words(simulation),
                )
            )
        )
    return reasons


def _setup_in_words(setup: dict[str, object], direction: int) -> str:
    if setup["pattern_id"] is None:
        return "no setup with a known gain/risk"
    name = str(setup["class"]).replace("_", " ")
    article = "an" if name[0] in "aeiou" else "a"
    tested = "" if setup["p_value"] is None else f", p-value {setup['p_value']:.3f}"
    ahead = "up" if direction > 0 else "down"
    ratio = cast(float, setup["risk_reward"])
    gain = f"{ratio:.1f}" if ratio <= LARGEST_SHOWN_RATIO else f"above {LARGEST_SHOWN_RATIO}"
    return f"setup of {article} {name}, next wave {ahead}, score {setup['score']:.2f}{tested}, gain/risk {gain}"


def _forecast_in_words(expected: float, volatility: float) -> str:
    if np.isnan(expected):
        return "no forecast"
    return f"expected {100.0 * expected:+.1f} % in {PICK_HORIZON} sessions (volatility {100.0 * volatility:.1f} %)"


def _simulation_in_words(simulation: dict[str, object]) -> str:
    if simulation["strategy"] is None:
        return "no strategy traded on this side"
    low, high = simulation["sharpe_low"], simulation["sharpe_high"]
    interval = "" if low is None or high is None else f" [{low:.1f}, {high:.1f}]"
    sharpe = f"Sharpe {simulation['sharpe_252']:.1f}{interval} over {simulation['origins']} origins"
    return f"{simulation['strategy']} {sharpe}, deflated {simulation['deflated_sharpe']:.2f}"
