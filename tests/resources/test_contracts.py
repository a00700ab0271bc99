from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from kernels.errors import ContractError
from kernels.volatility import DEFAULT_LEVELS
from resources.contracts import CONTRACTS, Column, Contract, quantile_column

THINGS = Contract(
    "things",
    3,
    "session",
    ("symbol", "length"),
    (
        Column("session", pa.date32(), "session"),
        Column("symbol", pa.string(), "ticker"),
        Column("length", pa.int32(), "sessions", low=1),
        Column("share", pa.float64(), "0 to 1", low=0.0, high=1.0),
        Column("score", pa.float64(), "0 to 1, or null", nullable=True, low=0.0, high=1.0),
        Column("direction", pa.int8(), "-1 or 1", low=-1, high=1),
        Column("free", pa.float64(), "any number", nullable=True),
    ),
)
UNPARTITIONED = Contract("loose", 1, None, ("symbol",), (Column("symbol", pa.string(), "ticker"),))
SESSION = "2018-02-07"
DAY = date(2018, 2, 7)


def _columns(**replaced: Any) -> dict[str, Any]:
    good: dict[str, Any] = {
        "session": [DAY] * 3,
        "symbol": ["A", "A", "B"],
        "length": [21, 42, 21],
        "share": [0.0, 0.5, 1.0],
        "score": [0.25, None, 1.0],
        "direction": [1, -1, 0],
        "free": [-1e9, None, np.inf],
    }
    return good | replaced


def _rows(**replaced: Any) -> pa.Table:
    return THINGS.table(_columns(**replaced))


def test_a_good_table_passes_and_is_in_the_order_and_types_of_the_contract() -> None:
    columns = _columns()
    table = THINGS.table(dict(reversed(columns.items())))
    assert table.schema.equals(THINGS.schema)
    assert table.column_names == list(columns)
    assert table.to_pydict() == columns
    THINGS.enforce(table, SESSION)


def test_nan_is_read_as_null_where_null_is_allowed() -> None:
    table = _rows(score=np.array([0.25, np.nan, 1.0]), free=np.array([np.nan, 1.0, np.nan]))
    assert table["score"].to_pylist() == [0.25, None, 1.0]
    assert table["free"].null_count == 2
    THINGS.enforce(table, SESSION)


def test_a_table_without_rows_passes() -> None:
    empty: dict[str, list[object]] = {column.name: [] for column in THINGS.columns}
    THINGS.enforce(THINGS.table(empty), SESSION)
    THINGS.enforce(THINGS.schema.empty_table(), SESSION)


def test_rows_in_several_chunks_are_counted_through() -> None:
    good, bad = _rows(), _rows(symbol=["C", "D", "E"], share=[0.5, 2.0, 0.5])
    with pytest.raises(ContractError, match=r"column share.*2\.0 in row 4 \(symbol=D, length=42\)"):
        THINGS.enforce(pa.concat_tables([good, bad]), SESSION)


@pytest.mark.parametrize(
    ("change", "where", "got"),
    [
        (lambda columns: columns.pop("share"), "columns", "missing ['share']"),
        (lambda columns: columns.update(sahre=columns.pop("share")), "columns", "unknown ['sahre']"),
        (lambda columns: columns.update(share=[0.5, 0.5]), "columns", ""),
        (lambda columns: columns.update(share=["a", "b", "c"]), "column share", "'a'"),
        (lambda columns: columns.update(length=np.array([21, 42.5, 21])), "column length", "42.5"),
        (lambda columns: columns.update(length=[21, 2**40, 21]), "column length", str(2**40)),
        (lambda columns: columns.update(direction=np.array([1, 200, 0])), "column direction", "200"),
        (lambda columns: columns.update(symbol=["A", 7, "B"]), "column symbol", "'int' object"),
        (lambda columns: columns.update(session=["2018-02-07"] * 3), "column session", "'str'"),
    ],
    ids=["missing", "misspelt", "length", "text", "fraction", "too-big", "overflow", "number", "text-date"],
)
def test_columns_that_make_no_table_are_named(change: Callable[[dict[str, Any]], Any], where: str, got: str) -> None:
    columns = _columns()
    change(columns)
    with pytest.raises(ContractError) as caught:
        THINGS.table(columns)
    assert caught.value.where == f"contract of things, {where}"
    assert got in caught.value.got


@pytest.mark.parametrize(
    ("replaced", "where", "got"),
    [
        ({"symbol": ["A", None, "B"]}, "column symbol", "null in row 1 (symbol=None, length=42)"),
        ({"share": [0.5, 0.5, None]}, "column share", "null in row 2 (symbol=B, length=21)"),
        ({"share": [0.5, np.nan, 0.5]}, "column share", "nan in row 1 (symbol=A, length=42)"),
        ({"share": [0.5, 0.5, -0.001]}, "column share", "-0.001 in row 2 (symbol=B, length=21)"),
        ({"share": [1.001, 0.5, 0.5]}, "column share", "1.001 in row 0 (symbol=A, length=21)"),
        ({"share": [0.5, np.inf, 0.5]}, "column share", "inf in row 1 (symbol=A, length=42)"),
        ({"share": [-np.inf, 0.5, 0.5]}, "column share", "-inf in row 0 (symbol=A, length=21)"),
        ({"score": [0.5, None, 1.5]}, "column score", "1.5 in row 2 (symbol=B, length=21)"),
        ({"length": [21, 0, 21]}, "column length", "0 in row 1 (symbol=A, length=0)"),
        ({"direction": [1, -2, 1]}, "column direction", "-2 in row 1 (symbol=A, length=42)"),
        ({"length": [21, 21, 21]}, "rows", "again in row 1 (symbol=A, length=21)"),
        ({"session": [DAY, DAY, date(2018, 2, 6)]}, "column session", "row 2 (symbol=B, length=21)"),
    ],
    ids=str,
)
def test_a_broken_promise_is_named_with_its_column_and_first_row(
    replaced: dict[str, list[Any]], where: str, got: str
) -> None:
    with pytest.raises(ContractError) as caught:
        THINGS.enforce(_rows(**replaced), SESSION)
    assert caught.value.where == f"contract of things, {where}"
    assert caught.value.got == got
    assert "resources/contracts.py" in caught.value.mend


def test_nan_beneath_a_nullable_range_is_refused_when_it_comes_as_a_value() -> None:
    column = pa.array([0.5, float("nan"), None], from_pandas=False)
    table = _rows().set_column(4, THINGS.schema.field("score"), column)
    with pytest.raises(ContractError, match=r"column score.*nan in row 1"):
        THINGS.enforce(table, SESSION)


@pytest.mark.parametrize(
    ("table", "where", "expected", "got"),
    [
        (_rows().drop_columns(["free"]), "column free", "free double", "no column here"),
        (_rows().drop_columns(["share"]), "column share", "share double, no null", "score double"),
        (_rows().append_column("more", [[1, 2, 3]]), "column more", "no column here", "more int64"),
        (
            _rows().set_column(2, pa.field("length", pa.int64(), False), [[21, 42, 21]]),
            "column length",
            "length int32, no null",
            "length int64, no null",
        ),
        (
            _rows().set_column(1, pa.field("symbol", pa.string(), True), [["A", "A", "B"]]),
            "column symbol",
            "symbol string, no null",
            "symbol string",
        ),
    ],
    ids=["missing-last", "missing", "added", "other-type", "nullable"],
)
def test_a_table_of_another_schema_is_refused_with_the_first_column_that_differs(
    table: pa.Table, where: str, expected: str, got: str
) -> None:
    with pytest.raises(ContractError) as caught:
        THINGS.enforce(table, SESSION)
    assert (caught.value.where, caught.value.expected, caught.value.got) == (
        f"contract of things, {where}",
        expected,
        got,
    )


def test_an_unpartitioned_table_may_hold_any_session() -> None:
    UNPARTITIONED.enforce(UNPARTITIONED.table({"symbol": ["A", "B"]}), "whatever")
    with pytest.raises(ContractError, match=r"again in row 1 \(symbol=A\)"):
        UNPARTITIONED.enforce(UNPARTITIONED.table({"symbol": ["A", "A"]}), "whatever")


@pytest.mark.parametrize("name", CONTRACTS)
def test_every_contract_is_whole(name: str) -> None:
    contract = CONTRACTS[name]
    names = [column.name for column in contract.columns]
    assert contract.name == name
    assert contract.version >= 1
    assert len(names) == len(set(names))
    assert set(contract.key) <= set(names)
    assert contract.partition is None or contract.partition in names
    assert all(column.description for column in contract.columns)
    assert not any(column.nullable for column in contract.columns if column.name in contract.key)
    assert all(column.low is None or column.high is None or column.low < column.high for column in contract.columns)
    contract.enforce(contract.table({name: [] for name in names}), SESSION)


def test_quantile_columns_tell_the_levels_apart_and_are_in_order() -> None:
    names = [quantile_column(level) for level in DEFAULT_LEVELS]
    assert names == sorted(set(names))
    assert (quantile_column(0.025), quantile_column(0.5), quantile_column(0.975)) == ("q025", "q500", "q975")
    assert set(names) <= {column.name for column in CONTRACTS["forecasts"].columns}
