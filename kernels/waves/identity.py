"""Stable identity of a pattern."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import numpy as np
import numpy.typing as npt

from kernels.panel import SessionArray1D


def pattern_id(symbol: str, class_name: str, direction: int, pivot_sessions: Sequence[str]) -> str:
    """Identity of one pattern: it stays the same from day to day and differs as soon as one pivot differs.

    Args:
        symbol: the symbol.
        class_name: the wave class.
        direction: 1 or -1.
        pivot_sessions: ISO dates of the pivots, in order.

    Returns:
        The first 16 hexadecimal digits of the SHA-256 of "symbol|class|direction|date,date,...".
    """
    text = f"{symbol}|{class_name}|{direction}|{','.join(pivot_sessions)}"
    return sha256(text.encode()).hexdigest()[:16]


def pattern_ids(
    symbols: Sequence[str],
    class_names: Sequence[str],
    direction: npt.NDArray[np.int8],
    pivots: npt.NDArray[np.int32],
    sessions: SessionArray1D,
) -> list[str]:
    """Identities of N patterns.

    Args:
        symbols: one per pattern.
        class_names: one per pattern.
        direction: int8 [N].
        pivots: int32 [N, 6], indices into `sessions`, -1 after the last pivot.
        sessions: `datetime64[D]` [T].
    """
    iso = np.datetime_as_string(sessions, unit="D").tolist()
    return [
        pattern_id(symbol, class_name, sign, [iso[pivot] for pivot in row if pivot >= 0])
        for symbol, class_name, sign, row in zip(symbols, class_names, direction.tolist(), pivots.tolist(), strict=True)
    ]
