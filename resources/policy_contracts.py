"""The contracts of the tables that come from policies being walked over held-out sessions."""

import pyarrow as pa

from kernels.policies import ALL_OFFSETS, KINDS
from resources.table_contract import SESSION_COLUMN, Column, Contract

_BOUND = "bound of its 95 % bootstrap interval; null with fewer than 20 sessions"
_POLICY = (
    Column("policy", pa.string(), "name of the policy"),
    Column("kind", pa.string(), f"one of {', '.join(KINDS)}"),
    Column("group", pa.string(), "train: symbols that the model was trained on; held_out: the others"),
    Column("offset", pa.int16(), f"start offset in sessions; {ALL_OFFSETS} = money divided among all", low=ALL_OFFSETS),
)

POLICY_SIMULATION = Contract(
    "policy_simulation",
    1,
    None,
    ("policy", "group", "offset"),
    (
        *_POLICY,
        Column("model", pa.string(), "the action-value network that the greedy policies ask"),
        Column("first_session", pa.date32(), "at whose close the first decision is made"),
        Column("last_session", pa.date32(), "at whose close the accounts are valued last"),
        Column("sessions", pa.int32(), "returns, one for each session after the first", low=1),
        Column("accounts", pa.int32(), "symbols, each with an account of equal money", low=1),
        Column("total_return", pa.float64(), "of all accounts together, share of the equity at the first session"),
        Column("total_return_low", pa.float64(), f"lower {_BOUND}", True),
        Column("total_return_high", pa.float64(), f"upper {_BOUND}", True),
        Column("cagr", pa.float64(), "compound growth per 252 sessions; null where it can't be known", True),
        Column("sharpe_252", pa.float64(), "annualised Sharpe ratio; null where it can't be known", True),
        Column("sharpe_low", pa.float64(), f"lower {_BOUND}", True),
        Column("sharpe_high", pa.float64(), f"upper {_BOUND}", True),
        Column("sortino_252", pa.float64(), "annualised Sortino ratio; null without a loss", True),
        Column("max_drawdown", pa.float64(), "share of the highest equity so far", low=0.0),
        Column("turnover_252", pa.float64(), "value traded per 252 sessions over mean equity; null in debt", True, 0.0),
        Column(
            "exposure", pa.float64(), "share of the sessions with a position, mean of the accounts", False, 0.0, 1.0
        ),
        Column("costs", pa.float64(), "all costs, share of the equity at the first session", low=0.0),
        Column("return_ahead", pa.float64(), "total return minus that of buy-and-hold over the same accounts"),
        Column("return_ahead_low", pa.float64(), f"lower {_BOUND}; both draw the same sessions", True),
        Column("return_ahead_high", pa.float64(), f"upper {_BOUND}; both draw the same sessions", True),
        Column("sharpe_ahead", pa.float64(), "Sharpe ratio minus that of buy-and-hold; null where unknown", True),
        Column("sharpe_ahead_low", pa.float64(), f"lower {_BOUND}; both draw the same sessions", True),
        Column("sharpe_ahead_high", pa.float64(), f"upper {_BOUND}; both draw the same sessions", True),
        Column("above_random", pa.float64(), "share of the random policies with a lower total return", True, 0.0, 1.0),
        Column("trials", pa.int32(), "policies and settings tried, of greedy ones; else 0", low=0),
        Column(
            "deflated_sharpe",
            pa.float64(),
            "probability that the true Sharpe ratio is above 0, were this the best of the trials; greedy ones only",
            True,
            0.0,
            1.0,
        ),
    ),
)

POLICY_EQUITY = Contract(
    "policy_equity",
    1,
    None,
    ("policy", "group", "offset", "session"),
    (
        *_POLICY,
        SESSION_COLUMN,
        Column("equity", pa.float64(), "of all accounts together at the close, as a multiple of the first session's"),
    ),
)
