"""From the wave kernel's arrays to the `patterns` table."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels.panel import SessionArray1D
from kernels.waves import CLASS_NAMES, COMPONENTS, MARGINS, Patterns, pattern_ids
from resources.contracts import PATTERNS

STATUSES = ("confirmed", "setup")


def pattern_table(
    session: np.datetime64,
    patterns: Patterns,
    chosen: npt.NDArray[np.intp],
    symbols: npt.NDArray[np.str_],
    sessions: SessionArray1D,
    known_ids: dict[bytes, str],
) -> pa.Table:
    """The table of one session.

    Args:
        session: the session, as `datetime64[D]`.
        patterns: what the scan found.
        chosen: indexes of the session's patterns, int [n], in the order of the rows.
        symbols: str [n], the symbol of each chosen pattern.
        sessions: `datetime64[D]` [T], what the pivots are indexes into.
        known_ids: filled with the ids made here. Pass the same one for every session of the same `sessions`: most
            patterns stand for many days, and hashing each of them once is much of the time.
    """
    direction = patterns.direction[chosen]
    pivots = patterns.pivots[chosen]
    there = pivots >= 0
    pivot_sessions = sessions[pivots]
    lows = (np.arange(pivots.shape[1]) % 2 == 0) == (direction == 1)[:, None]
    pivot = pa.StructArray.from_arrays(
        [
            pa.array(pivot_sessions[there]),
            pa.array(patterns.prices[chosen][there]),
            pa.array(np.where(lows, "low", "high")[there], pa.string()),
        ],
        fields=list(PATTERNS.schema.field("pivots").type.value_type),
    )
    targets = patterns.targets[chosen]
    names = np.array(CLASS_NAMES)[patterns.class_index[chosen]]
    ids = _ids(symbols, names, direction, pivots, sessions, known_ids)
    count = len(chosen)
    return PATTERNS.table(
        {
            "session": np.full(count, session),
            "symbol": symbols,
            "pattern_id": ids,
            "class": names,
            "direction": direction,
            "degree": pa.nulls(count, pa.int8()),
            "status": np.array(STATUSES)[patterns.status[chosen]],
            "legs": patterns.legs[chosen],
            "rank": patterns.rank[chosen].astype(np.int32),
            "pivots": _lists(there.sum(axis=1), pivot),
            "score": patterns.score[chosen],
            **{name: patterns.components[chosen, index] for index, name in enumerate(COMPONENTS)},
            **{f"margin_{name}": patterns.margins[chosen, index] for index, name in enumerate(MARGINS)},
            "targets": _lists(np.isfinite(targets).sum(axis=1), pa.array(targets[np.isfinite(targets)])),
            "invalidation": patterns.invalidation[chosen],
            "p_value": pa.nulls(count, pa.float64()),
            "q_value": pa.nulls(count, pa.float64()),
        }
    )


def _ids(
    symbols: npt.NDArray[np.str_],
    names: npt.NDArray[np.str_],
    direction: npt.NDArray[np.int8],
    pivots: npt.NDArray[np.int32],
    sessions: SessionArray1D,
    known_ids: dict[bytes, str],
) -> list[str]:
    columns = [symbols.astype("U15"), names.astype("U24"), direction, *pivots.T]
    keys = np.rec.fromarrays(columns).tobytes()
    size = len(keys) // max(len(symbols), 1)
    parts = [keys[start : start + size] for start in range(0, len(keys), size or 1)]
    new = np.array([index for index, part in enumerate(parts) if part not in known_ids], dtype=np.intp)
    made = pattern_ids(symbols[new].tolist(), names[new].tolist(), direction[new], pivots[new], sessions)
    known_ids.update(zip([parts[index] for index in new], made, strict=True))
    return [known_ids[part] for part in parts]


def _lists(counts: npt.NDArray[np.intp], values: pa.Array) -> pa.Array:
    """A list array whose lists have `counts` values each."""
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), values)
