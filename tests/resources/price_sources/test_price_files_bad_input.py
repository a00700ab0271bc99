from __future__ import annotations

import errno
from datetime import date, datetime, timezone
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kernels.errors import InvalidInputError, PriceDataError
from resources.price_sources import FilePrices

HEADER = "symbol,date,open,high,low,close,volume"
ROW = "AAPL,2018-02-07,10,12,9,11,1000"
FAR_PAST, FAR_FUTURE = date(1990, 1, 1), date(2040, 1, 1)


def csv_file(folder: Path, *rows: str, header: str = HEADER, name: str = "prices.csv") -> Path:
    path = folder / name
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def parquet_file(folder: Path, name: str = "prices.parquet", **changes: object) -> Path:
    columns: dict[str, object] = {
        "symbol": ["AAPL", "MSFT"],
        "date": pa.array([date(2018, 2, 6), date(2018, 2, 7)]),
        "open": [10.0, 20.0],
        "high": [12.0, 22.0],
        "low": [9.0, 19.0],
        "close": [11.0, 21.0],
        "volume": pa.array([1000, 2000], pa.int64()),
    } | changes
    path = folder / name
    pq.write_table(pa.table(columns), path)
    return path


def refusal(path: Path) -> PriceDataError:
    with pytest.raises(PriceDataError) as caught:
        FilePrices(path).coverage()
    error = caught.value
    assert str(path) in error.where
    assert error.expected
    assert error.got
    assert error.mend
    return error


def test_a_missing_path_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path / "nowhere.parquet").got == "nothing there"


def test_a_folder_without_price_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "constituents.csv").write_text("symbol,name,sector\nA,A,B\n", encoding="utf-8")
    (tmp_path / "notes.txt").write_text("no prices", encoding="utf-8")
    assert "without any" in refusal(tmp_path).got


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "prices.xlsx"
    path.write_bytes(b"PK")
    assert ".xlsx" in refusal(path).got


@pytest.mark.parametrize("name", ["prices.csv", "prices.parquet"])
def test_an_empty_file_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.touch()
    assert refusal(path).got == "an empty file"


def test_a_csv_file_with_nothing_but_a_header_is_refused(tmp_path: Path) -> None:
    assert "without rows" in refusal(csv_file(tmp_path)).got


def test_a_parquet_file_without_rows_is_refused(tmp_path: Path) -> None:
    path = parquet_file(tmp_path)
    pq.write_table(pq.read_table(path).slice(0, 0), path)
    assert "without rows" in refusal(path).got


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.99])
def test_a_truncated_parquet_file_is_refused(tmp_path: Path, kept: float) -> None:
    path = parquet_file(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    assert "cut off" in refusal(path).got


def test_a_parquet_file_with_a_damaged_page_is_refused(tmp_path: Path) -> None:
    path = parquet_file(tmp_path)
    content = bytearray(path.read_bytes())
    content[4:200] = b"\xff" * 196
    path.write_bytes(content)
    assert "damaged" in refusal(path).got


def test_a_disk_error_is_not_called_a_damaged_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    path = parquet_file(tmp_path)
    monkeypatch.setattr(pq, "ParquetFile", fail)
    error = refusal(path)
    assert "Input/output error" in error.got
    assert "disk" in error.mend


def test_csv_named_parquet_is_refused(tmp_path: Path) -> None:
    error = refusal(csv_file(tmp_path, ROW, name="prices.parquet"))
    assert "isn't Parquet" in error.got
    assert "rename" in error.mend


def test_parquet_named_csv_is_refused(tmp_path: Path) -> None:
    path = parquet_file(tmp_path)
    refusal(path.rename(tmp_path / "prices.csv"))


def test_every_missing_column_is_listed(tmp_path: Path) -> None:
    error = refusal(csv_file(tmp_path, "AAPL,1,2", header="symbol,open,low"))
    assert "no date, high, close, volume" in error.got
    assert "date (or session)" in error.expected


def test_a_column_twice_is_refused(tmp_path: Path) -> None:
    error = refusal(csv_file(tmp_path, ROW + ",2018-02-07", header=HEADER + ",Session"))
    assert "date and Session" in error.got


def test_a_csv_row_with_too_few_values_is_refused(tmp_path: Path) -> None:
    error = refusal(csv_file(tmp_path, ROW, "MSFT,2018-02-07,10"))
    assert "Expected 7 columns, got 3" in error.got


def test_text_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    path = csv_file(tmp_path, ROW)
    path.write_bytes(path.read_bytes() + b"\xff\xfe,2018-02-07,1,1,1,1,1\n")
    refusal(path)


@pytest.mark.parametrize("bad", ["ten", "1,5", "1_0", "$3", "0x1f", "1.2.3"])
def test_the_first_price_that_is_no_number_is_named_with_its_row(tmp_path: Path, bad: str) -> None:
    rows = [f"S{number},2018-02-07,1,1,1,1,1" for number in range(40)]
    rows[28] = f'S28,2018-02-07,1,1,"{bad}",1,1'
    rows[33] = 'S33,2018-02-07,1,1,"worse",1,1'
    error = refusal(csv_file(tmp_path, *rows))
    assert "column low" in error.where
    assert error.got == f"{bad!r} in row 29"


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("open", pa.array([True, False])),
        ("close", pa.array([[1.0], [2.0]])),
        ("volume", pa.array([date(2018, 2, 6), date(2018, 2, 7)])),
        ("symbol", pa.array([1, 2])),
        ("date", pa.array([20180206, 20180207])),
        ("date", pa.array([1.5, 2.5])),
    ],
)
def test_a_wrong_column_type_is_named_with_its_first_value(tmp_path: Path, column: str, values: pa.Array) -> None:
    error = refusal(parquet_file(tmp_path, **{column: values}))
    assert f"column {column}" in error.where
    assert f"the type {str(values.type).split('<')[0]}" in error.got
    assert repr(values[0].as_py()) in error.got


def test_timestamps_in_a_time_zone_are_refused(tmp_path: Path) -> None:
    moments = [datetime(2018, 2, 6, tzinfo=timezone.utc), datetime(2018, 2, 7, tzinfo=timezone.utc)]  # noqa: UP017
    error = refusal(parquet_file(tmp_path, date=pa.array(moments, pa.timestamp("us", "UTC"))))
    assert "time zone UTC" in error.got
    assert "without a zone" in error.mend


def test_timestamps_with_a_time_of_day_are_refused(tmp_path: Path) -> None:
    moments = pd.to_datetime(["2018-02-06 00:00", "2018-02-07 16:00"])
    error = refusal(parquet_file(tmp_path, date=moments))
    assert "2018-02-07 16:00:00" in error.got
    assert "row 2" in error.got


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2018-02-07T00:00:00Z", "time zone"),
        ("2018-02-07 00:00:00-05:00", "time zone"),
        ("2018-02-07 16:00", "time of day"),
        ("02/07/2018", "dates such as"),
        ("20180207", "dates such as"),
        ("2018-02-30", "dates such as"),
        ("2018-W06-3", "dates such as"),
        ("", "dates such as"),
        ("NaT", "dates such as"),
    ],
)
def test_a_date_text_that_is_no_plain_date_is_refused_with_its_row(tmp_path: Path, text: str, expected: str) -> None:
    error = refusal(csv_file(tmp_path, ROW, f"MSFT,{text},10,12,9,11,1000"))
    assert "column date" in error.where
    assert expected in error.expected
    assert error.got == (f"{text!r} in row 2" if text else "nothing in row 2")


def test_a_null_date_is_refused(tmp_path: Path) -> None:
    error = refusal(parquet_file(tmp_path, date=pa.array([date(2018, 2, 6), None])))
    assert error.got == "nothing in row 2"


def test_files_whose_rows_are_all_left_out_are_refused_with_the_counts(tmp_path: Path) -> None:
    error = refusal(csv_file(tmp_path, "AAPL,2018-01-01,1,1,1,1,1", "../x,2018-01-02,1,1,1,1,1"))
    assert error.got == "1 row of something that is no symbol; 1 row on a closed day"


def test_one_bad_file_of_a_folder_is_named(tmp_path: Path) -> None:
    parquet_file(tmp_path)
    bad = csv_file(tmp_path, "1,2", header="symbol,date")
    with pytest.raises(PriceDataError) as caught:
        FilePrices(tmp_path).coverage()
    assert caught.value.where == str(bad)


@pytest.mark.parametrize("symbol", ["../x", "nan", "aapl", "", " AAPL", ".B", "A" * 16, "A/B", "A\u00c4"])
def test_an_invalid_symbol_fails_with_a_reason_and_stops_no_other(tmp_path: Path, symbol: str) -> None:
    source = FilePrices(csv_file(tmp_path, ROW, f'"{symbol}",2018-02-07,10,12,9,11,1000'))
    fetch = source.fetch(None, FAR_PAST, FAR_FUTURE)
    assert fetch.report.ok == ("AAPL",)
    assert fetch.bars["symbol"].tolist() == ["AAPL"]
    assert list(fetch.report.failed) == [symbol]
    assert "is no symbol" in fetch.report.failed[symbol]
    assert "1 row" in fetch.report.failed[symbol]
    assert source.universe(date(2018, 2, 7))["symbol"].tolist() == ["AAPL"]


def test_an_invalid_symbol_that_is_asked_for_fails(tmp_path: Path) -> None:
    report = FilePrices(csv_file(tmp_path, ROW)).fetch(["AAPL", "../x", "nan"], FAR_PAST, FAR_FUTURE).report
    assert report.ok == ("AAPL",)
    assert sorted(report.failed) == ["../x", "nan"]


def test_a_null_symbol_fails_without_stopping_the_others(tmp_path: Path) -> None:
    report = FilePrices(parquet_file(tmp_path, symbol=["AAPL", None])).fetch(None, FAR_PAST, FAR_FUTURE).report
    assert report.ok == ("AAPL",)
    assert list(report.failed) == [""]


@pytest.mark.parametrize("again", ["AAPL,2018-02-07,10,12,9,11,1000", "AAPL,2018-02-07,99,99,99,99,1"])
def test_a_repeated_symbol_date_is_left_out_and_reported(tmp_path: Path, again: str) -> None:
    rows = ["AAPL,2018-02-06,1,1,1,1,1", "MSFT,2018-02-07,1,1,1,1,1", ROW, again]
    source = FilePrices(csv_file(tmp_path, *rows))

    day = source.fetch(None, date(2018, 2, 7), date(2018, 2, 7))
    assert day.report.ok == ("MSFT",)
    assert "2 rows" in day.report.failed["AAPL"]
    assert "2018-02-07" in day.report.failed["AAPL"]

    both = source.fetch(None, date(2018, 2, 6), date(2018, 2, 7))
    assert both.report.ok == ("AAPL", "MSFT")
    assert "2018-02-07" in both.report.notes["AAPL"]
    assert both.bars[both.bars["symbol"] == "AAPL"]["session"].tolist() == [pd.Timestamp("2018-02-06")]


def test_a_symbol_date_in_two_files_of_a_folder_is_repeated(tmp_path: Path) -> None:
    parquet_file(tmp_path)
    csv_file(tmp_path, "AAPL,2018-02-06,10,12,9,11,1000", "IBM,2018-02-06,10,12,9,11,1000")
    report = FilePrices(tmp_path).fetch(None, FAR_PAST, FAR_FUTURE).report
    assert report.ok == ("IBM", "MSFT")
    assert list(report.failed) == ["AAPL"]


def test_rows_on_closed_days_are_left_out_with_a_note(tmp_path: Path) -> None:
    source = FilePrices(csv_file(tmp_path, "AAPL,2018-01-01,1,1,1,1,1", "AAPL,1999-12-31,1,1,1,1,1", ROW))
    fetch = source.fetch(None, FAR_PAST, FAR_FUTURE)
    assert fetch.report.ok == ("AAPL",)
    assert "1 row on a closed day left out (2018-01-01)" in fetch.report.notes["AAPL"]
    assert "outside the calendar" in fetch.report.notes["AAPL"]
    assert source.coverage() == (date(2018, 2, 7), date(2018, 2, 7))
    empty = source.fetch(None, date(2018, 1, 1), date(2018, 1, 1)).report
    assert empty.empty == ("AAPL",)
    assert "2018-01-01" in empty.notes["AAPL"]


@pytest.mark.parametrize(("ratio", "dividend"), [("0", "0"), ("-2", "0"), ("inf", "0"), ("1", "-0.5"), ("1", "inf")])
def test_a_row_with_an_impossible_action_is_left_out_and_reported(tmp_path: Path, ratio: str, dividend: str) -> None:
    header = HEADER + ",split_ratio,dividend"
    path = csv_file(tmp_path, ROW + f",{ratio},{dividend}", "MSFT,2018-02-07,1,1,1,1,1,2,0.5", header=header)
    report = FilePrices(path).fetch(None, FAR_PAST, FAR_FUTURE).report
    assert report.ok == ("MSFT",)
    assert ("split_ratio" if ratio != "1" else "dividend") in report.failed["AAPL"]


def test_a_range_that_runs_backward_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="first <= last"):
        FilePrices(csv_file(tmp_path, ROW)).fetch(None, date(2018, 2, 7), date(2018, 2, 6))


def test_a_single_string_of_symbols_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="AAPL"):
        FilePrices(csv_file(tmp_path, ROW)).fetch("AAPL", FAR_PAST, FAR_FUTURE)
