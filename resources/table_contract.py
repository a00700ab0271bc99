"""What a contract is: columns, types, units, ranges, keys. Enforced at the write, nowhere else."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from itertools import zip_longest

import pyarrow as pa
import pyarrow.compute as pc

from kernels.errors import ContractError


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


SESSION_COLUMN = Column("session", pa.date32(), "exchange session of the row")
SYMBOL_COLUMN = Column("symbol", pa.string(), "ticker")
