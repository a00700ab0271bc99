"""Policies of the action-value network, walked over held-out sessions and compared; definitions in README.md."""

from __future__ import annotations

from kernels.policies.candidates import candidates, states_of
from kernels.policies.choose import GreedyPolicy, RandomPolicy, best_of, criterion, identities
from kernels.policies.compare import ALL_OFFSETS, KINDS, Comparison, Played, compare, lines_of, pooled_equity
from kernels.policies.model import (
    ACTION_COLUMNS,
    FLAT,
    HOLD,
    STATE_COLUMNS,
    UNDECIDED,
    ActionValues,
    CandidateGrid,
    Decision,
    Policy,
    PolicyMarket,
    Rules,
    Walked,
)
from kernels.policies.schedule import decision_bars, start_offsets
from kernels.policies.walk import AVAILABLE, buy_and_hold, walk

__all__ = [
    "ACTION_COLUMNS",
    "ALL_OFFSETS",
    "AVAILABLE",
    "FLAT",
    "HOLD",
    "KINDS",
    "STATE_COLUMNS",
    "UNDECIDED",
    "ActionValues",
    "CandidateGrid",
    "Comparison",
    "Decision",
    "GreedyPolicy",
    "Played",
    "Policy",
    "PolicyMarket",
    "RandomPolicy",
    "Rules",
    "Walked",
    "best_of",
    "buy_and_hold",
    "candidates",
    "compare",
    "criterion",
    "decision_bars",
    "identities",
    "lines_of",
    "pooled_equity",
    "start_offsets",
    "states_of",
    "walk",
]
