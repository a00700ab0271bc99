"""The null distributions of a quarter: from histograms to the table, and back to what p-values are looked up in."""

from dataclasses import asdict, dataclass, fields
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from kernels.errors import LakeError
from kernels.nulls import NullHistograms
from kernels.waves import STAGES
from resources.calendar import sessions
from resources.contracts import NULL_DISTRIBUTIONS

TABLE = NULL_DISTRIBUTIONS.name
DIRECTIONS = (1, -1)
_COLUMN_OF = {"null": "null_model"}


@dataclass(frozen=True)
class NullModel:
    """What a quarter's null distributions were made with.

    Attributes:
        quarter: first day of the quarter that they serve.
        through: last session that they have seen.
        null: "block", "gjr" or "sign".
        block: mean bars of a block.
        seed: of the surrogates.
        max_skip: of the search; None = no limit.
        max_span: of the search, in sessions.
    """

    quarter: date
    through: date
    null: str
    block: float
    seed: int
    max_skip: int | None
    max_span: int


@dataclass(frozen=True)
class NullDistributions:
    """The null distributions of a quarter.

    Attributes:
        model: what they were made with.
        lengths: int32 [L], sessions of the windows, rising.
        symbols: int32 [L], symbols whose surrogates are pooled, for each length.
        histograms: pooled; row i is of the windows of `lengths[i]`.
    """

    model: NullModel
    lengths: npt.NDArray[np.int32]
    symbols: npt.NDArray[np.int32]
    histograms: NullHistograms

    @property
    def surrogates(self) -> npt.NDArray[np.int64]:
        """int64 [L], series that were searched for each length."""
        searched: npt.NDArray[np.int64] = self.histograms.counts.sum(axis=4, dtype=np.int64).max(axis=(1, 2, 3))
        return searched


def quarter_of(session: date) -> date:
    """The first day of the quarter of a session: its partition of `null_distributions`."""
    return date(session.year, session.month - (session.month - 1) % 3, 1)


def last_session_before(quarter: date) -> date | None:
    """The last exchange session before a quarter; None where the calendar begins later."""
    before = sessions(date(quarter.year - 1, 1, 1), quarter)
    before = before[before < np.datetime64(quarter)]
    return before[-1].item() if len(before) else None


def null_table(found: NullDistributions) -> pa.Table:
    """The table of a quarter, a row for each length, stage, direction and bucket of spans."""
    model, counts = found.model, found.histograms.counts
    buckets = np.array(found.histograms.buckets, dtype=np.int32)
    cell = np.indices(counts.shape[:4]).reshape(4, -1)
    length, stage, side, bucket = cell
    rows = cell.shape[1]
    span_from = np.r_[0, buckets[:-1] + 1].astype(np.int32)
    bins = counts.shape[4] - 1
    values = counts.reshape(rows, bins + 1)
    offsets = pa.array(np.arange(rows + 1, dtype=np.int32) * np.int32(bins))
    scored = np.ascontiguousarray(values[:, :bins])
    constants = {_COLUMN_OF.get(name, name): value for name, value in asdict(model).items()}
    return NULL_DISTRIBUTIONS.table(
        {
            **{name: [value] * rows for name, value in constants.items()},
            "length": found.lengths[length],
            "class": [STAGES[index].name for index in stage],
            "legs": np.array([each.legs for each in STAGES], dtype=np.int8)[stage],
            "direction": np.array(DIRECTIONS, dtype=np.int8)[side],
            "span_from": span_from[bucket],
            "span_to": buckets[bucket],
            "symbols": found.symbols[length],
            "surrogates": values.sum(axis=1, dtype=np.int64),
            "with_pattern": scored.sum(axis=1, dtype=np.int64),
            "counts": pa.ListArray.from_arrays(offsets, pa.array(scored.ravel(), pa.int32())),
        }
    )


def null_distributions_of(table: pa.Table) -> NullDistributions:
    """The null distributions that `null_table` made a table of.

    Raises:
        LakeError: the stages are others than those of today.
    """
    lengths = np.unique(table["length"].to_numpy()).astype(np.int32)
    buckets = np.unique(table["span_to"].to_numpy())
    shape = len(lengths), len(STAGES), len(DIRECTIONS), len(buckets)
    stages = list(zip(table["class"].to_pylist(), table["legs"].to_pylist(), strict=True))
    if stages != [(STAGES[stage].name, STAGES[stage].legs) for stage in np.indices(shape)[1].ravel()]:
        quarter = table["quarter"][0].as_py()
        raise LakeError(
            f"null_distributions {quarter}",
            expected="a row for each length, stage, direction and bucket, the stages as in kernels.waves.STAGES",
            got=f"{table.num_rows} rows of other stages",
            mend=f"delete the file and materialise `null_distributions` for {quarter} again",
        )
    scored = table["counts"].combine_chunks().flatten().to_numpy().reshape(*shape, -1)
    missing = (table["surrogates"].to_numpy() - table["with_pattern"].to_numpy()).reshape(*shape, 1)
    names = [field.name for field in fields(NullModel)]
    [first] = table.slice(0, 1).select([_COLUMN_OF.get(name, name) for name in names]).to_pylist()
    model = NullModel(**{name: first[_COLUMN_OF.get(name, name)] for name in names})
    symbols = table["symbols"].to_numpy().reshape(len(lengths), -1)[:, 0].astype(np.int32)
    counts = np.concatenate([scored, missing], axis=4)
    return NullDistributions(
        model, lengths, symbols, NullHistograms(counts, tuple(buckets.tolist()), "lake", "read from the lake")
    )
