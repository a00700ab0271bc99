"""From a Parquet or CSV file to the Arrow columns somebody wants, or an error that says how to mend the file.

What belongs here: opening files and finding columns. What doesn't: what the columns hold (`columns.py`).
"""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from kernels.errors import PriceDataError

SUFFIXES = (".parquet", ".csv")
_PARQUET_MAGIC = b"PAR1"


@dataclass(frozen=True)
class _Wanted:
    required: tuple[str, ...]
    optional: tuple[str, ...]
    aliases: Mapping[str, str]

    def describe(self, name: str) -> str:
        others = [alias for alias, stands_for in self.aliases.items() if stands_for == name]
        return f"{name} (or {', '.join(others)})" if others else name


def read_columns(
    path: Path, required: tuple[str, ...], optional: tuple[str, ...] = (), aliases: Mapping[str, str] | None = None
) -> pa.Table:
    """Read the wanted columns of one file; the others are ignored.

    Args:
        path: a `.parquet` or `.csv` file (comma-separated, UTF-8, with a header).
        required: lower-case names that must be there. The file may spell them in any case.
        optional: lower-case names that may be there.
        aliases: another lower-case name -> the name it stands for.

    Returns:
        A table with lower-case column names. Every column of a CSV file is a string as it stands in the file.

    Raises:
        PriceDataError: the file is missing, empty, cut off, not of its kind, lacks a column, has one twice, or no rows.
    """
    if not path.is_file():
        raise PriceDataError(
            str(path), expected="a file", got="nothing there", mend="correct the path, or put the file there"
        )
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise PriceDataError(
            str(path),
            expected="a .parquet or .csv file",
            got=f"the ending {path.suffix!r}",
            mend="convert the file to Parquet or CSV",
        )
    try:
        if path.stat().st_size == 0:
            raise _no_rows(path, "an empty file")
        wanted = _Wanted(required, optional, aliases or {})
        table = (_read_csv if suffix == ".csv" else _read_parquet)(path, wanted)
    except OSError as error:
        raise PriceDataError(
            str(path), expected="a readable file", got=str(error), mend="check the rights and the disk, or copy it anew"
        ) from error
    if table.num_rows == 0:
        raise _no_rows(path, "a header without rows")
    return table


def _read_csv(path: Path, wanted: _Wanted) -> pa.Table:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header = next(csv.reader(file), [])
        written = _locate(path, header, wanted)
        convert = pyarrow.csv.ConvertOptions(
            include_columns=list(written.values()),
            column_types={name: pa.string() for name in written.values()},
        )
        table = pyarrow.csv.read_csv(path, convert_options=convert)
    except (csv.Error, UnicodeDecodeError, pa.ArrowInvalid) as error:
        raise PriceDataError(
            str(path),
            expected="comma-separated text in UTF-8 with as many values in every row as the header has names",
            got=_first_line(error),
            mend="export the file again, or correct the row",
        ) from error
    return table.rename_columns(list(written))


def _read_parquet(path: Path, wanted: _Wanted) -> pa.Table:
    try:
        with pq.ParquetFile(path) as file:
            written = _locate(path, file.schema_arrow.names, wanted)
            table = file.read(columns=list(written.values())).select(list(written.values()))
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        # Arrow reports some damage as an OSError that no system call has caused.
        with path.open("rb") as opened:
            starts_well = opened.read(len(_PARQUET_MAGIC)) == _PARQUET_MAGIC
        kind = "a Parquet file that is cut off or damaged" if starts_well else "a file that isn't Parquet"
        raise PriceDataError(
            str(path),
            expected="a whole Parquet file",
            got=f"{kind} ({_first_line(error)})",
            mend="copy or write the file again" if starts_well else "rename it if it is CSV, or convert it to Parquet",
        ) from error
    return table.rename_columns(list(written))


def _locate(path: Path, header: list[str], wanted: _Wanted) -> dict[str, str]:
    """Wanted name -> the name as the file writes it."""
    written: dict[str, list[str]] = {}
    for name in header:
        plain = name.strip().lower()
        written.setdefault(wanted.aliases.get(plain, plain), []).append(name)
    missing = [name for name in wanted.required if name not in written]
    if missing:
        raise PriceDataError(
            str(path),
            expected=f"the columns {', '.join(map(wanted.describe, wanted.required))}",
            got=f"no {', '.join(missing)}; the file has {', '.join(header) or 'no header'}",
            mend="rename or add the missing columns",
        )
    found = [name for name in (*wanted.required, *wanted.optional) if name in written]
    repeated = [" and ".join(written[name]) for name in found if len(written[name]) > 1]
    if repeated:
        raise PriceDataError(
            str(path),
            expected="each column once, whatever its case",
            got=f"columns that mean the same: {', '.join(repeated)}",
            mend="rename or drop all but one of them",
        )
    return {name: written[name][0] for name in found}


def _no_rows(path: Path, got: str) -> PriceDataError:
    return PriceDataError(str(path), expected="at least one row", got=got, mend="write the file again, or take it away")


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0]
