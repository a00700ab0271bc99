"""The contract of every table in the lake: columns, types, units, ranges, keys. Enforced at the write, nowhere else."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from itertools import zip_longest

import pyarrow as pa
import pyarrow.compute as pc

from kernels.errors import ContractError
from kernels.samples import COLUMNS as SAMPLE_COLUMNS
from kernels.volatility import DEFAULT_LEVELS
from kernels.waves import COMPONENTS


@dataclass(frozen=True)
class Column:
    """One column: its Arrow type, its meaning with the unit, and the closed range its values must lie in."""

    name: str
    type: pa.DataType
    description: str
    nullable: bool = False
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Contract:
    """What a table promises.

    Attributes:
        name: the asset's name, and the folder in the lake.
        version: raised when columns change; stored in every partition.
        partition: the column that holds the partition's session in every row; None for unpartitioned tables.
        key: columns that identify a row; rows are unique by them. Empty where rows needn't differ.
        columns: in the order of the file.
    """

    name: str
    version: int
    partition: str | None
    key: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def schema(self) -> pa.Schema:
        """The Arrow schema of the file."""
        return pa.schema([pa.field(column.name, column.type, column.nullable) for column in self.columns])

    def table(self, columns: Mapping[str, object]) -> pa.Table:
        """Build a table from one sequence or array for each column, NaN read as null where null is allowed.

        Raises:
            ContractError: a column is missing, unknown, of another length, or can't be converted.
        """
        names = [column.name for column in self.columns]
        if sorted(columns) != sorted(names):
            raise self._error(
                "columns", ", ".join(names), f"missing {sorted(set(names) - set(columns))}, "
                f"unknown {sorted(set(columns) - set(names))}",
            )  # fmt: skip
        arrays = []
        for column in self.columns:
            try:
                arrays.append(pa.array(columns[column.name], column.type, from_pandas=column.nullable))
            except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
                raise self._error(f"column {column.name}", str(column.type), str(error)) from error
        try:
            return pa.Table.from_arrays(arrays, schema=self.schema)
        except pa.ArrowInvalid as error:
            raise self._error("columns", "columns of one length", str(error)) from error

    def enforce(self, table: pa.Table, partition: str) -> None:
        """Check a table that is about to be written as `partition`.

        Raises:
            ContractError: the first broken promise, with the column and the first row at fault.
        """
        for ours, theirs in zip_longest(self.schema, table.schema):
            expected, got = _described(ours), _described(theirs)
            if got != expected:
                raise self._error(f"column {(ours or theirs).name}", expected, got)
        for column in self.columns:
            values = table[column.name]
            if not column.nullable and values.null_count:
                row = pc.index(pc.is_null(values), True).as_py()
                raise self._error(f"column {column.name}", "no null", f"null in {self._row(table, row)}")
            if column.low is None and column.high is None:
                continue
            outside = _outside(values, column.low, column.high)
            row = pc.index(outside, True).as_py()
            if row >= 0:
                wanted = f"values within [{column.low}, {column.high}]"
                raise self._error(f"column {column.name}", wanted, f"{values[row].as_py()} in {self._row(table, row)}")
        keys = table.select(list(self.key))
        if self.key and keys.group_by(list(self.key)).aggregate([]).num_rows != table.num_rows:
            row = _first_repeated(keys)
            raise self._error("rows", f"one row for each {', '.join(self.key)}", f"again in {self._row(table, row)}")
        if self.partition is not None and table.num_rows:
            other = pc.not_equal(table[self.partition], pa.scalar(date.fromisoformat(partition)))
            row = pc.index(other, True).as_py()
            if row >= 0:
                raise self._error(f"column {self.partition}", partition, self._row(table, row))

    def _row(self, table: pa.Table, row: int) -> str:
        names = ", ".join(f"{name}={table[name][row].as_py()}" for name in self.key)
        return f"row {row} ({names})" if names else f"row {row}"

    def _error(self, where: str, expected: str, got: str) -> ContractError:
        mend = (
            f"correct what makes `{self.name}`, or change its contract in resources/contracts.py and raise its version"
        )
        return ContractError(f"contract of {self.name}, {where}", expected=expected, got=got, mend=mend)


def _described(field: pa.Field | None) -> str:
    return "no column here" if field is None else f"{field.name} {field.type}{'' if field.nullable else ', no null'}"


def _first_repeated(keys: pa.Table) -> int:
    """The first row whose key was there before."""
    rows = zip(*(column.to_pylist() for column in keys.itercolumns()), strict=True)
    first: dict[tuple[object, ...], int] = {}
    return next(row for row, key in enumerate(rows) if first.setdefault(key, row) != row)


def _outside(values: pa.ChunkedArray, low: float | None, high: float | None) -> pa.ChunkedArray:
    """Where a value lies outside the range or is NaN; null lies nowhere."""
    outside = pa.chunked_array([pa.nulls(len(values), pa.bool_()).fill_null(False)])
    if pa.types.is_floating(values.type) and (low is not None or high is not None):
        outside = pc.or_(outside, pc.is_nan(values))
    if low is not None:
        outside = pc.or_(outside, pc.less(values, low))
    if high is not None:
        outside = pc.or_(outside, pc.greater(values, high))
    return outside


_SESSION = Column("session", pa.date32(), "exchange session of the row")
_SYMBOL = Column("symbol", pa.string(), "ticker")
_UNKNOWN = "null where the source doesn't know"
_PRICE = "dollars as traded; kept as it came, null where the source has none; see `quarantine`"
_PIVOT = pa.struct(
    [
        pa.field("session", pa.date32(), False),
        pa.field("price", pa.float64(), False),
        pa.field("kind", pa.string(), False),
    ]
)
_SUBDIVISION = pa.struct(
    [
        pa.field("resolved", pa.string(), False),
        pa.field("child_id", pa.string()),
        pa.field("child_class", pa.string()),
        pa.field("position", pa.string()),
    ]
)

UNIVERSE = Contract(
    "universe",
    1,
    "session",
    ("symbol",),
    (
        _SESSION,
        _SYMBOL,
        Column("name", pa.string(), "company"),
        Column("sector", pa.string(), "GICS sector"),
        Column("member_from", pa.date32(), f"first session of membership; {_UNKNOWN}", nullable=True),
        Column("member_to", pa.date32(), f"last session of membership; null while a member, and {_UNKNOWN}", True),
    ),
)

PRICES = Contract(
    "prices",
    1,
    "session",
    ("symbol",),
    (
        _SESSION,
        _SYMBOL,
        Column("open", pa.float64(), _PRICE, nullable=True),
        Column("high", pa.float64(), _PRICE, nullable=True),
        Column("low", pa.float64(), _PRICE, nullable=True),
        Column("close", pa.float64(), _PRICE, nullable=True),
        Column("volume", pa.float64(), "shares as traded; null where the source has none", nullable=True),
        Column(
            "split_ratio", pa.float64(), "new shares for one old, from this session on; 1 = none", low=1e-6, high=1e6
        ),
        Column("dividend", pa.float64(), "dollars per share, ex this session; 0 = none", low=0.0, high=1e9),
        Column("source", pa.string(), "price source that delivered the bar"),
    ),
)

QUARANTINE = Contract(
    "quarantine",
    1,
    "known_on",
    ("symbol", "session", "kind"),
    (
        Column("known_on", pa.date32(), "session at whose close the fault could first be known"),
        _SYMBOL,
        Column("session", pa.date32(), "session of the faulty bar"),
        Column("kind", pa.string(), "kind of fault, as in docs/data-quality.md"),
        Column("excluded", pa.bool_(), "true: panels leave the bar out from known_on on; false: flagged only"),
        Column("other_session", pa.date32(), "the session whose bar it repeats; null for other kinds", nullable=True),
        Column("value", pa.float64(), "size of the fault, by kind; null where it has none", nullable=True),
        Column("reason", pa.string(), "the fault in words"),
    ),
)

WINDOWS = Contract(
    "windows",
    1,
    "session",
    ("symbol", "length"),
    (
        _SESSION,
        _SYMBOL,
        Column("length", pa.int32(), "sessions in the window, which ends at the session", low=1),
        Column("volatility", pa.float64(), "standard deviation of daily log returns", True, 0.0),
        Column("range", pa.float64(), "log of highest high over lowest low", True, 0.0),
        Column("extrema", pa.float64(), "swings per bar", True, 0.0, 2.0),
        Column("slope", pa.float64(), "absolute least-squares slope of log close per bar, times length", True, 0.0),
        Column("volatility_rank", pa.float64(), "cross-sectional rank within the length", True, 0.0, 1.0),
        Column("range_rank", pa.float64(), "cross-sectional rank within the length", True, 0.0, 1.0),
        Column("extrema_rank", pa.float64(), "cross-sectional rank within the length", True, 0.0, 1.0),
        Column("slope_rank", pa.float64(), "cross-sectional rank within the length", True, 0.0, 1.0),
        Column("pre_score", pa.float64(), "weighted mean of the four ranks", True, 0.0, 1.0),
        Column("rank", pa.int32(), "1 = best pre-score of the session; null without a pre-score", True, 1),
        Column("kept", pa.bool_(), "whether patterns are searched in this window"),
        Column("reason", pa.string(), "kept, or why not"),
    ),
)

PATTERNS = Contract(
    "patterns",
    2,
    "session",
    ("symbol", "pattern_id"),
    (
        _SESSION,
        _SYMBOL,
        Column("pattern_id", pa.string(), "hash of symbol, class, direction and pivot sessions; the same every day"),
        Column("class", pa.string(), "wave class, see kernels/waves"),
        Column("direction", pa.int8(), "1: starts at a low; -1: starts at a high", low=-1, high=1),
        Column("degree", pa.int8(), "0 without children, else 1 + the largest child's", low=0),
        Column(
            "status",
            pa.string(),
            "confirmed; setup: a prefix that still stands; part: in the subdivision of one of the best counts",
        ),
        Column("legs", pa.int8(), "confirmed legs", low=2),
        Column("rank", pa.int32(), "1 = best score of the symbol within its status; null for parts", True, 1),
        Column("pivots", pa.list_(pa.field("element", _PIVOT, False)), "legs + 1 pivots, split-adjusted dollars"),
        Column(
            "subdivisions",
            pa.list_(pa.field("element", _SUBDIVISION, False)),
            "one for each leg. resolved: yes, no, or unresolved where the leg is too short to tell. Of the pattern "
            "that resolves it: child_id (its pattern_id), child_class, and the position (leading, ending) of a "
            "diagonal. Children of parts, of confirmed counts and of setups of rank top_n or better have a row too",
        ),
        Column(
            "score", pa.float64(), "weighted sum of the components; what is unknown counts one half", low=0.0, high=1.0
        ),
        *(
            Column(name, pa.float64(), "component score, see kernels/waves; null where it can't be known", True, 0, 1)
            for name in COMPONENTS
        ),
        Column(
            "margins",
            pa.list_(pa.field("element", pa.float64())),
            "0 (broken) to 1 for each hard rule of the class, in the order of kernels.waves.CLASSES[class].rules; "
            "null where legs are missing",
        ),
        Column(
            "targets",
            pa.list_(pa.field("element", pa.float64(), False)),
            "split-adjusted dollars, that of the channel line last; empty unless a setup",
        ),
        Column("invalidation", pa.float64(), "dollars at which a hard rule breaks; null unless a setup", True, 0.0),
        Column(
            "risk_reward",
            pa.float64(),
            "from the close: the way to the nearest target not reached over the way to the invalidation, see "
            "kernels/waves; null unless a setup with both",
            True,
            0.0,
        ),
        Column("p_value", pa.float64(), "against surrogates of the same series; null until calibrated", True, 0.0, 1.0),
        Column("q_value", pa.float64(), "false-discovery rate over the session; null until calibrated", True, 0.0, 1.0),
    ),
)


def quantile_column(level: float) -> str:
    """The column of one quantile level, in thousandths: 0.025 -> "q025"."""
    return f"q{round(level * 1000):03d}"


FORECASTS = Contract(
    "forecasts",
    1,
    "session",
    ("symbol", "horizon"),
    (
        _SESSION,
        _SYMBOL,
        Column("horizon", pa.int16(), "sessions ahead", low=1),
        *(
            Column(quantile_column(level), pa.float64(), f"{level:g} quantile of the log return to the horizon", True)
            for level in DEFAULT_LEVELS
        ),
        Column("volatility", pa.float64(), "standard deviation of the log return to the horizon", True, 0.0),
        Column("residuals", pa.int32(), "residuals that the quantiles rest on", low=0),
        Column("status", pa.string(), "ok, or why there are no quantiles"),
        Column("model", pa.string(), "model id"),
        Column("trained_through", pa.date32(), "last session the model was trained on; null if untrained", True),
    ),
)

SCAN_SYMBOLS = replace(PATTERNS, name="scan_symbols", partition=None)

_NOT_NEGATIVE = ("index", "0..3", "sessions", "share of the sessions")
_KNOWN = ("state_equity", "state_cash", "state_leverage", "label_total_return", "label_cost", "label_turnover")


def _sample_column(name: str) -> Column:
    column = SAMPLE_COLUMNS[name]
    if name == "session":
        return Column(name, pa.date32(), "session at whose close the decision is made")
    return Column(
        name,
        pa.from_numpy_dtype(column.dtype),
        f"{column.text}; {column.unit}",
        column.dtype == "float32" and name not in _KNOWN and not name.endswith(("_value", "_profit")),
        0.0 if column.unit in _NOT_NEGATIVE or name.endswith("_value") else None,
    )


SYNTHETIC_SAMPLES = Contract("synthetic_samples", 1, None, (), tuple(_sample_column(name) for name in SAMPLE_COLUMNS))
"""Without the column `window` of the layout "windowed", whose width depends on the settings."""

CONTRACTS = {
    c.name: c for c in (UNIVERSE, PRICES, QUARANTINE, WINDOWS, PATTERNS, FORECASTS, SCAN_SYMBOLS, SYNTHETIC_SAMPLES)
}
