"""Checks of what callers pass to the ranking."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from kernels.errors import InvalidInputError
from kernels.ranking.model import Evidence, Setups
from kernels.trading.validate import require_array


def require_setups(setups: Setups, symbols: int) -> None:
    """Raise `InvalidInputError` for the first array or value that no setup can have."""
    count = (len(setups.symbol),)
    for name in ("score", "risk_reward", "p_value"):
        require_array(f"setups.{name}", getattr(setups, name), np.float64, count)
    require_array("setups.symbol", setups.symbol, np.int32, count)
    require_array("setups.direction", setups.direction, np.int8, count)
    score, p_value, worth = setups.score, setups.p_value, setups.risk_reward
    _require_owners("setups", setups.symbol, symbols)
    _require("setups.direction", setups.direction, np.abs(setups.direction) == 1, "1 or -1")
    _require("setups.score", score, (score >= 0.0) & (score <= 1.0), "from 0 to 1")
    _require("setups.p_value", p_value, np.isnan(p_value) | (p_value >= 0.0) & (p_value <= 1.0), "from 0 to 1, or NaN")
    _require("setups.risk_reward", worth, np.isnan(worth) | (worth > 0.0) & np.isfinite(worth), "above 0, or NaN")


def require_evidence(evidence: Evidence, symbols: int) -> None:
    """Raise `InvalidInputError` for the first array or value that no simulation can have."""
    count = (len(evidence.symbol),)
    require_array("evidence.symbol", evidence.symbol, np.int32, count)
    require_array("evidence.long", evidence.long, np.bool_, count)
    require_array("evidence.short", evidence.short, np.bool_, count)
    require_array("evidence.chance", evidence.chance, np.float64, count)
    chance = evidence.chance
    _require_owners("evidence", evidence.symbol, symbols)
    _require("evidence.chance", chance, np.isnan(chance) | (chance >= 0.0) & (chance <= 1.0), "from 0 to 1, or NaN")


def _require_owners(name: str, owner: npt.NDArray[np.int32], symbols: int) -> None:
    _require(f"{name}.symbol", owner, (owner >= 0) & (owner < symbols), f"from 0 to {symbols - 1}")


def _require(where: str, values: npt.NDArray[Any], good: npt.NDArray[np.bool_], expected: str) -> None:
    if not good.all():
        place = int(np.argmin(good))
        raise InvalidInputError(
            where, expected=expected, got=f"{values[place]} at position {place}", mend="correct or leave out this row"
        )
