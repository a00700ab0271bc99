"""The contracts of the tables that come from forecasts being traded: the simulations and the picks."""

import pyarrow as pa

from kernels.ranking import COMPONENTS
from resources.table_contract import SESSION_COLUMN, SYMBOL_COLUMN, Column, Contract

_OK = "null unless the status is ok"
_BOUND = "bound of the 95 % bootstrap interval; null where it can't be known"

SIMULATIONS = Contract(
    "simulations",
    1,
    "session",
    ("symbol", "strategy"),
    (
        SESSION_COLUMN,
        SYMBOL_COLUMN,
        Column("strategy", pa.string(), "name of the strategy, see kernels/strategies"),
        Column("horizon", pa.int16(), "sessions ahead of the forecast that it trades on", low=1),
        Column("sides", pa.string(), "legs it may hold: long, short or both"),
        Column(
            "hurdle", pa.float64(), "round-trip costs to exceed; null = always in the market, a benchmark", True, 0.0
        ),
        Column("status", pa.string(), "ok, or why nothing was simulated"),
        Column("model", pa.string(), "model of the forecasts"),
        Column("fill", pa.string(), "when orders are filled, see kernels/trading"),
        Column("first_origin", pa.date32(), "session of the first forecast; the account ends with this row's session"),
        Column("origins", pa.int32(), "origins with a bar and a forecast", low=0),
        Column("trials", pa.int32(), "strategies tried on the symbol", low=0),
        Column("trades", pa.int32(), "legs from flat to flat, one still open included", low=0),
        Column("total_return", pa.float64(), f"share of the equity at the first origin; {_OK}", True),
        Column("total_return_low", pa.float64(), f"lower {_BOUND}", True),
        Column("total_return_high", pa.float64(), f"upper {_BOUND}", True),
        Column("sharpe_252", pa.float64(), "annualised Sharpe ratio; null where it can't be known", True),
        Column("sharpe_low", pa.float64(), f"lower {_BOUND}", True),
        Column("sharpe_high", pa.float64(), f"upper {_BOUND}", True),
        Column(
            "deflated_sharpe",
            pa.float64(),
            "probability that the true Sharpe ratio is above 0, were this the best of the trials; null without trades",
            True,
            0.0,
            1.0,
        ),
        Column("hit_rate", pa.float64(), "share of the trades with a profit; null without trades", True, 0.0, 1.0),
        Column("max_drawdown", pa.float64(), f"share of the highest equity so far; {_OK}", True, 0.0),
        Column("exposure", pa.float64(), f"share of the sessions with a position; {_OK}", True, 0.0, 1.0),
        Column("costs", pa.float64(), f"share of the equity at the first origin; {_OK}", True, 0.0),
    ),
)

_NO_SETUP = "null without a setup of known risk_reward"
_NO_EVIDENCE = "null if no strategy traded on the side of the pick"

PICKS = Contract(
    "picks",
    1,
    "session",
    ("symbol",),
    (
        SESSION_COLUMN,
        SYMBOL_COLUMN,
        Column("rank", pa.int32(), "1 = the best score of the session; null without a direction", True, 1),
        Column("direction", pa.int8(), "1: long; -1: short; 0: neither a setup nor a forecast", low=-1, high=1),
        Column(
            "agreement", pa.int8(), "1: setup and forecast agree; -1: they don't; 0: one is missing", low=-1, high=1
        ),
        Column("score", pa.float64(), "mean of the ranks below; what is unknown counts one half", True, 0.0, 1.0),
        *(
            Column(
                f"{name}_rank", pa.float64(), "cross-sectional, see kernels/ranking; null if unknown", True, 0.0, 1.0
            )
            for name in COMPONENTS
        ),
        Column("reasons", pa.string(), "what speaks for the pick, or against it, in words"),
        Column("pattern_id", pa.string(), f"the setup that counts, in `patterns`; {_NO_SETUP}", True),
        Column("class", pa.string(), f"its wave class; {_NO_SETUP}", True),
        Column("pattern_score", pa.float64(), f"its score; {_NO_SETUP}", True, 0.0, 1.0),
        Column("risk_reward", pa.float64(), f"its gain over risk; {_NO_SETUP}", True, 0.0),
        Column("p_value", pa.float64(), "its p-value; null until calibrated", True, 0.0, 1.0),
        Column("horizon", pa.int16(), "sessions ahead of the forecast", low=1),
        Column(
            "expected_return", pa.float64(), "mean of the simple return to the horizon; null without forecast", True
        ),
        Column("volatility", pa.float64(), "standard deviation of the log return to the horizon; likewise", True, 0.0),
        Column("strategy", pa.string(), f"the strategy that counts, in `simulations`; {_NO_EVIDENCE}", True),
        Column("sharpe_252", pa.float64(), f"its annualised Sharpe ratio; {_NO_EVIDENCE}", True),
        Column("sharpe_low", pa.float64(), f"lower {_BOUND}", True),
        Column("sharpe_high", pa.float64(), f"upper {_BOUND}", True),
        Column("deflated_sharpe", pa.float64(), f"see `simulations`; {_NO_EVIDENCE}", True, 0.0, 1.0),
    ),
)
