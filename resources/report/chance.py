"""How many tests a session made, and how many good ones chance alone would have given."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kernels.panel import Float64Array1D
from kernels.waves import CLASSES
from resources.calendar import ALL_SESSIONS

CONFIRMED, SETUPS = "confirmed patterns", "setups"


@dataclass(frozen=True)
class Family:
    """The tests of one family: one for each symbol and kind of pattern, a kind being class, legs, direction and span.

    Attributes:
        name: of the family.
        kinds: int64 [K], how many symbols were tested for each kind and length of window.
        shares: float64 [K], how many of the null model's series hold such a pattern at all.
        p_values: float64 [F], the smallest p-value of each test in which a pattern was found, rising.
    """

    name: str
    kinds: npt.NDArray[np.int64]
    shares: Float64Array1D
    p_values: Float64Array1D

    @property
    def tests(self) -> int:
        """How many there are, found or not."""
        return int(self.kinds.sum())

    def found(self, level: float) -> int:
        """Tests whose p-value is at most so much."""
        return int(np.searchsorted(self.p_values, level, side="right"))

    def by_chance(self, level: float) -> float:
        """So many tests the null model alone would have given, on average: where it holds no pattern, none."""
        return float((self.kinds * np.minimum(level, self.shares)).sum())


def families(patterns: pa.Table, windows: pa.Table, nulls: pa.Table) -> tuple[Family, Family]:
    """The tests of confirmed patterns and those of setups; the same as the q-values in `patterns` count.

    Args:
        patterns: of a session.
        windows: of the session.
        nulls: `null_distributions` of its quarter.
    """
    kept = windows.filter(windows["kept"]).group_by("symbol").aggregate([("length", "max")])
    searched = Counter(kept["length_max"].to_pylist())
    kinds: dict[str, list[tuple[int, float]]] = {CONFIRMED: [], SETUPS: []}
    columns = ["length", "class", "legs", "span_from", "max_span", "surrogates", "with_pattern"]
    for row in nulls.select(columns).to_pylist():
        # The longest span in a window is one session less than it has.
        if searched[row["length"]] and row["span_from"] < min(row["length"], row["max_span"]):
            family = CONFIRMED if row["legs"] == len(CLASSES[row["class"]].legs) else SETUPS
            kinds[family].append((searched[row["length"]], row["with_pattern"] / row["surrogates"]))
    p_values = _smallest(patterns, np.unique(nulls["span_to"].to_numpy()))
    confirmed, setups = (
        Family(
            name,
            np.array([count for count, _ in each], dtype=np.int64),
            np.array([share for _, share in each], dtype=np.float64),
            p_values[name],
        )
        for name, each in kinds.items()
    )
    return confirmed, setups


def _smallest(patterns: pa.Table, span_ends: npt.NDArray[np.int32]) -> dict[str, Float64Array1D]:
    """The smallest p-value of each test in which a pattern was found, by family."""
    known = patterns.filter(pc.is_valid(patterns["p_value"]))
    legs = pa.array([len(wave.legs) for wave in CLASSES.values()], pa.int8())
    every = legs.take(pc.index_in(known["class"], pa.array(CLASSES)).combine_chunks())
    bucket = np.searchsorted(span_ends, _spans(known))
    tests = (
        known.select(["symbol", "class", "legs", "direction", "p_value"])
        .append_column("confirmed", pc.equal(known["legs"], every))
        .append_column("bucket", pa.array(bucket))
        .group_by(["symbol", "class", "legs", "direction", "bucket", "confirmed"])
        .aggregate([("p_value", "min")])
    )
    confirmed = tests["confirmed"].to_numpy()
    values = tests["p_value_min"].to_numpy()
    return {CONFIRMED: np.sort(values[confirmed]), SETUPS: np.sort(values[~confirmed])}


def _spans(patterns: pa.Table) -> npt.NDArray[np.int64]:
    """Sessions from the first pivot of each pattern to its last."""
    pivots = patterns["pivots"].combine_chunks()
    numbers = np.searchsorted(ALL_SESSIONS, pc.struct_field(pivots.flatten(), "session").to_numpy(zero_copy_only=False))
    last = np.cumsum(pc.list_value_length(pivots).to_numpy(zero_copy_only=False)) - 1
    return np.asarray(numbers[last] - numbers[last - patterns["legs"].to_numpy()], dtype=np.int64)
