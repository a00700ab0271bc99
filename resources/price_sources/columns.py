"""From Arrow columns as files have them to text, numbers and days, naming the first value and row that can't be read.

Rows are counted from 1, without the header.
"""

import re
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kernels.errors import PriceDataError

_NULL_TEXTS = pa.array(["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None"])
_DAY = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ]00:00(?::00(?:\.0+)?)?)?")
_ZONED = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}.*(?:Z|UTC|[+-]\d{2}:?\d{2})")
_TIMED = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}.*")


def text_column(path: Path, name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Read a column as text, null as "".

    Raises:
        PriceDataError: the column holds no text.
    """
    column = _plain(column)
    if pa.types.is_null(column.type) or _is_text(column.type):
        return pc.fill_null(column.cast(pa.string()), "")
    raise _type_error(path, name, "text", column)


def number_column(path: Path, name: str, column: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    """Read a column as float64, null as NaN. Text is read as decimal numbers.

    Raises:
        PriceDataError: the column holds no numbers, or text that is none.
    """
    column = _plain(column)
    kind = column.type
    if _is_text(kind):
        text = pc.utf8_trim_whitespace(column)
        column = pc.if_else(pc.is_in(text, value_set=_NULL_TEXTS.cast(text.type)), None, text)
        row = _first_unreadable(column)
        if row is not None:
            raise _value_error(path, name, "numbers", column[row].as_py(), row)
    elif not (
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind)
    ):
        raise _type_error(path, name, "numbers", column)
    numbers: npt.NDArray[np.float64] = column.cast(pa.float64(), safe=False).to_numpy()
    return numbers


def day_column(path: Path, name: str, column: pa.ChunkedArray, *, nullable: bool = False) -> npt.NDArray[np.datetime64]:
    """Read a column as `datetime64[D]`: dates, timestamps at midnight without a zone, or ISO texts of these.

    Args:
        path: the file, for messages.
        name: the column's name, for messages.
        column: the column.
        nullable: whether null and empty text are read as NaT, or refused.

    Raises:
        PriceDataError: a date that is null, unreadable, in a time zone, or with a time of day.
    """
    column = _plain(column)
    if _is_text(column.type):
        return _days_of_text(path, name, column, nullable)
    expected = "dates without time of day and time zone"
    if column.null_count and not nullable:
        raise _value_error(path, name, expected, None, _first(pc.is_null(column)))
    if pa.types.is_timestamp(column.type):
        if column.type.tz is not None:
            raise PriceDataError(
                f"{path}, column {name}",
                expected=expected,
                got=f"timestamps in the time zone {column.type.tz}",
                mend="write the exchange's own dates, without a zone",
            )
        days = column.cast(pa.date32(), safe=False)
        timed = pc.not_equal(days.cast(column.type), column)
        if pc.any(timed).as_py():
            row = _first(timed)
            raise _value_error(path, name, expected, str(column[row].cast(pa.string()).as_py()), row)
    elif pa.types.is_date(column.type) or pa.types.is_null(column.type):
        days = column.cast(pa.date32())
    else:
        raise _type_error(path, name, expected, column)
    whole: npt.NDArray[np.datetime64] = days.to_numpy().astype("datetime64[D]")
    return whole


def _days_of_text(path: Path, name: str, column: pa.ChunkedArray, nullable: bool) -> npt.NDArray[np.datetime64]:
    column = pc.fill_null(column, "")
    texts = pc.unique(column)
    days = np.full(len(texts), "NaT", dtype="datetime64[D]")
    for number, text in enumerate(texts.to_pylist()):
        if not text and nullable:
            continue
        match = _DAY.fullmatch(text.strip())
        try:
            days[number] = date.fromisoformat(match[1] if match else "")
        except ValueError:
            row = _first(pc.equal(column, text))
            raise _value_error(path, name, _expected_day(text), text or None, row) from None
    numbers: npt.NDArray[np.int64] = pc.index_in(column, value_set=texts).to_numpy()
    return days[numbers]


def _expected_day(text: str) -> str:
    if _ZONED.fullmatch(text.strip()):
        return "dates such as 2018-02-07, without a time zone"
    if _TIMED.fullmatch(text.strip()):
        return "dates such as 2018-02-07, without a time of day"
    return "dates such as 2018-02-07"


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _first_unreadable(text: pa.ChunkedArray) -> int | None:
    """The first row whose text is no number, found by halving."""
    if _is_readable(text):
        return None
    low, high = 0, len(text)
    while high - low > 1:
        middle = (low + high) // 2
        if _is_readable(text.slice(low, middle - low)):
            low = middle
        else:
            high = middle
    return low


def _is_readable(text: pa.ChunkedArray) -> bool:
    try:
        text.cast(pa.float64())
    except pa.ArrowInvalid:
        return False
    return True


def _first(mask: pa.ChunkedArray) -> int:
    row: int = pc.index(mask, True).as_py()
    return row


def _type_error(path: Path, name: str, expected: str, column: pa.ChunkedArray) -> PriceDataError:
    return PriceDataError(
        f"{path}, column {name}",
        expected=expected,
        got=f"the type {column.type}, first value {column[0].as_py()!r} in row 1",
        mend=f"write the column {name} as {expected}",
    )


def _value_error(path: Path, name: str, expected: str, value: object, row: int) -> PriceDataError:
    return PriceDataError(
        f"{path}, column {name}",
        expected=expected,
        got=f"{'nothing' if value is None else repr(value)} in row {row + 1}",
        mend="correct or remove the row",
    )
