"""What symbols bring to the ranking, drawn or given."""

from __future__ import annotations

import numpy as np

from kernels.ranking import Evidence, Setups

NAN = float("nan")


def setups_of(rows: list[tuple[int, int, float, float, float]]) -> Setups:
    """Setups from (symbol, direction, score, risk_reward, p_value)."""
    symbol, direction, score, worth, p_value = np.array(rows, dtype=np.float64).reshape(-1, 5).T.copy()
    return Setups(symbol.astype(np.int32), direction.astype(np.int8), score, worth, p_value)


def evidence_of(rows: list[tuple[int, str, float]]) -> Evidence:
    """Evidence from (symbol, sides, chance)."""
    sides = np.array([row[1] for row in rows], dtype=np.str_)
    return Evidence(
        symbol=np.array([row[0] for row in rows], dtype=np.int32),
        long=sides != "short",
        short=sides != "long",
        chance=np.array([row[2] for row in rows], dtype=np.float64),
    )


def random_inputs(seed: int, symbols: int) -> tuple[Setups, np.ndarray, Evidence]:
    """Coarse numbers, so that many are equal, and many that aren't known."""
    rng = np.random.default_rng(seed)
    count, others = rng.integers(0, 4 * symbols + 1, 2)
    calibrated = rng.random() < 0.5
    setups = Setups(
        symbol=rng.integers(0, max(symbols, 1), count).astype(np.int32),
        direction=rng.choice(np.array([-1, 1], dtype=np.int8), count),
        score=rng.integers(0, 5, count) / 4,
        risk_reward=np.where(rng.random(count) < 0.3, np.nan, rng.integers(1, 5, count) / 2),
        p_value=np.where(rng.random(count) < (0.3 if calibrated else 1.0), np.nan, rng.integers(0, 5, count) / 4),
    )
    evidence = Evidence(
        symbol=rng.integers(0, max(symbols, 1), others).astype(np.int32),
        long=rng.random(others) < 0.6,
        short=rng.random(others) < 0.6,
        chance=np.where(rng.random(others) < 0.3, np.nan, rng.integers(0, 5, others) / 4),
    )
    forecast = np.where(rng.random(symbols) < 0.3, np.nan, rng.integers(-3, 4, symbols) / 3)
    return setups, forecast, evidence
