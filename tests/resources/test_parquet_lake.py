"""The same tests over a local folder and over `memory://`, unless the name says which."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kernels.errors import ContractError, LakeError
from resources import parquet_lake
from resources.contracts import CONTRACTS
from resources.parquet_lake import ParquetLake, fingerprint, open_lake
from tests.lake_rows import (
    WRITTEN,
    fill,
    price_rows,
    quarantine_rows,
    universe_rows,
    write_prices,
    write_quarantine,
)

ROOT = Path(__file__).resolve().parents[2]
MONDAY, TUESDAY, WEDNESDAY = "2018-02-05", "2018-02-06", "2018-02-07"
LAST = date(2018, 2, 7)
CLOSES = {MONDAY: {"A": 10.0, "B": 20.0}, TUESDAY: {"A": 11.0, "B": 21.0}, WEDNESDAY: {"A": 12.0, "B": 22.0}}


def _bytes(lake: ParquetLake, partition: str = WEDNESDAY, table: str = "prices") -> bytes:
    return lake.files.read(table, f"{partition}.parquet")


def _put(lake: ParquetLake, data: bytes, partition: str = WEDNESDAY, table: str = "prices") -> None:
    lake.files.write(table, f"{partition}.parquet", data)


def _encoded(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def test_a_partition_is_read_as_it_was_written(lake: ParquetLake) -> None:
    rows = price_rows(WEDNESDAY, {"A": 12.0, "B": 22.0}, volume={"B": np.nan})
    lake.write("prices", WEDNESDAY, rows, **WRITTEN)
    assert lake.read("prices", WEDNESDAY).equals(rows)
    assert lake.read("prices", WEDNESDAY).schema.equals(CONTRACTS["prices"].schema, check_metadata=True)


def test_columns_are_read_in_the_order_asked(lake: ParquetLake) -> None:
    write_prices(lake, WEDNESDAY, CLOSES[WEDNESDAY])
    rows = lake.read("prices", WEDNESDAY, ["symbol", "session"])
    assert rows.to_pydict() == {"symbol": ["A", "B"], "session": [LAST, LAST]}


@pytest.mark.parametrize("table", ["prices", "quarantine", "universe", "windows", "patterns", "forecasts"])
def test_a_partition_without_rows_is_a_partition(lake: ParquetLake, table: str) -> None:
    empty = CONTRACTS[table].schema.empty_table()
    lake.write(table, WEDNESDAY, empty, **WRITTEN)
    assert lake.read(table, WEDNESDAY).equals(empty)
    info = lake.info(table, WEDNESDAY)
    assert info is not None
    assert info.rows == 0


def test_a_partition_says_what_it_is(lake: ParquetLake) -> None:
    info = lake.write("prices", WEDNESDAY, price_rows(WEDNESDAY, CLOSES[WEDNESDAY]), made_from="m", code_version="7")
    assert (info.rows, info.made_from, info.code_version) == (2, "m", "7")
    assert info.schema_version == str(CONTRACTS["prices"].version)
    assert info.size == len(_bytes(lake))
    assert lake.info("prices", WEDNESDAY) == info
    assert ParquetLake(lake.root).info("prices", WEDNESDAY) == info
    assert lake.uri("prices", WEDNESDAY) == f"{lake.root}/prices/{WEDNESDAY}.parquet"


def test_an_absent_partition_is_not_found(lake: ParquetLake) -> None:
    assert lake.info("prices", WEDNESDAY) is None
    assert lake.infos("prices", [MONDAY, WEDNESDAY]) == {}
    assert lake.partitions("prices") == []
    with pytest.raises(FileNotFoundError):
        lake.read("prices", WEDNESDAY)


def test_the_partitions_are_listed_in_order(lake: ParquetLake) -> None:
    for session in (WEDNESDAY, MONDAY, TUESDAY):
        write_prices(lake, session, CLOSES[session])
    write_quarantine(lake, MONDAY)
    lake.files.write("prices", "notes.txt", b"not a partition")
    assert lake.partitions("prices") == [MONDAY, TUESDAY, WEDNESDAY]
    assert sorted(lake.stamps("prices")) == [MONDAY, TUESDAY, WEDNESDAY]
    assert list(lake.infos("prices", [WEDNESDAY, "2018-02-08", MONDAY])) == [WEDNESDAY, MONDAY]


def test_the_same_rows_from_the_same_inputs_are_the_same_bytes(lake: ParquetLake, tmp_path: Path) -> None:
    other = ParquetLake(str(tmp_path / "other"))
    for each in (lake, other):
        fill(each, CLOSES)
    for session in CLOSES:
        assert _bytes(lake, session) == _bytes(other, session)
        assert _bytes(lake, session, "quarantine") == _bytes(other, session, "quarantine")


def test_a_partition_that_has_not_changed_is_not_written_again(lake: ParquetLake) -> None:
    first = write_prices(lake, WEDNESDAY, CLOSES[WEDNESDAY])
    stamp = lake.stamps("prices")
    assert write_prices(lake, WEDNESDAY, CLOSES[WEDNESDAY]) == first
    assert write_prices(ParquetLake(lake.root), WEDNESDAY, CLOSES[WEDNESDAY]) == first
    assert lake.stamps("prices") == stamp


def test_on_a_local_folder_the_time_of_an_unchanged_file_stays(tmp_path: Path) -> None:
    lake = ParquetLake(str(tmp_path))
    write_prices(lake, WEDNESDAY, CLOSES[WEDNESDAY])
    path = tmp_path / "prices" / f"{WEDNESDAY}.parquet"
    os.utime(path, ns=(10**18, 10**18))
    write_prices(lake, WEDNESDAY, CLOSES[WEDNESDAY])
    assert path.stat().st_mtime_ns == 10**18


@pytest.mark.parametrize(
    "changed",
    [
        {"made_from": "other inputs", "code_version": "1"},
        {"made_from": "inputs", "code_version": "2"},
    ],
)
def test_other_inputs_or_other_code_are_written_down_even_for_the_same_rows(
    lake: ParquetLake, changed: dict[str, str]
) -> None:
    first = write_prices(lake, WEDNESDAY, CLOSES[WEDNESDAY])
    stamp = lake.stamps("prices")
    second = lake.write("prices", WEDNESDAY, price_rows(WEDNESDAY, CLOSES[WEDNESDAY]), **changed)
    assert second.fingerprint == first.fingerprint
    assert lake.stamps("prices") != stamp
    assert lake.info("prices", WEDNESDAY) == second != first


def test_other_rows_have_another_fingerprint(lake: ParquetLake) -> None:
    fingerprints = {
        write_prices(lake, WEDNESDAY, closes, **columns).fingerprint
        for closes, columns in [
            (CLOSES[WEDNESDAY], {}),
            ({"B": 22.0, "A": 12.0}, {}),
            ({"A": 12.0, "B": np.nextafter(22.0, 23.0)}, {}),
            ({"A": 12.0, "B": 22.0}, {"volume": {"A": np.nan}}),
            ({"A": 12.0, "B": 22.0}, {"volume": {"B": np.nan}}),
            ({"A": 12.0, "B": 22.0}, {"volume": {"A": 0.0}}),
            ({"A": 12.0}, {}),
            ({"A": 12.0, "C": 22.0}, {}),
        ]
    }
    assert len(fingerprints) == 8


def _other_nan(rows: pa.Table) -> pa.Table:
    volume = rows["volume"].to_numpy().copy()
    volume[np.isnan(volume)] = -np.nan
    return rows.set_column(6, rows.schema.field("volume"), pa.array(volume, from_pandas=True))


def _other_memory(rows: pa.Table) -> pa.Table:
    return pa.Table.from_pylist(rows.to_pylist(), schema=rows.schema)


def _chunked(rows: pa.Table) -> pa.Table:
    return pa.concat_tables([rows.slice(0, 1), rows.slice(1)])


def _sliced(rows: pa.Table) -> pa.Table:
    return pa.concat_tables([rows, rows]).combine_chunks().slice(0, rows.num_rows)


@pytest.mark.parametrize("alike", [_other_nan, _other_memory, _chunked, _sliced])
def test_equal_rows_are_the_same_bytes_however_they_lie_in_memory(
    lake: ParquetLake, alike: Callable[[pa.Table], pa.Table]
) -> None:
    rows = price_rows(WEDNESDAY, {"A": 12.0, "B": 22.0, "C": 32.0}, volume={"B": np.nan})
    lake.write("prices", WEDNESDAY, rows, **WRITTEN)
    data, stamp = _bytes(lake), lake.stamps("prices")
    assert alike(rows).equals(rows)
    lake.write("prices", WEDNESDAY, alike(rows), **WRITTEN)
    assert (_bytes(lake), lake.stamps("prices")) == (data, stamp)


def test_flags_beside_a_slice_are_no_part_of_it(lake: ParquetLake) -> None:
    entries = [("A", MONDAY), ("B", MONDAY)]
    rows = quarantine_rows(WEDNESDAY, entries)
    longer = pa.concat_tables([rows, quarantine_rows(WEDNESDAY, entries, excluded=False)]).combine_chunks()
    first = lake.write("quarantine", WEDNESDAY, rows, **WRITTEN)
    assert lake.write("quarantine", WEDNESDAY, longer.slice(0, 2), **WRITTEN) == first


def test_what_was_read_is_written_back_as_the_same_partition(lake: ParquetLake) -> None:
    rows = price_rows(WEDNESDAY, CLOSES[WEDNESDAY], volume={"B": np.nan})
    first = lake.write("prices", WEDNESDAY, rows, **WRITTEN)
    assert lake.write("prices", WEDNESDAY, lake.read("prices", WEDNESDAY), **WRITTEN) == first


@pytest.mark.parametrize(
    "rows",
    [
        price_rows(TUESDAY, {"A": 12.0}),
        price_rows(WEDNESDAY, {"A": 12.0}, split_ratio={"A": 0.0}),
        price_rows(WEDNESDAY, {"A": 12.0}, dividend={"A": np.nan}),
        price_rows(WEDNESDAY, {"A": 12.0}).drop_columns(["close"]),
        pa.concat_tables([price_rows(WEDNESDAY, {"A": 12.0})] * 2),
        universe_rows(WEDNESDAY, ["A"]),
    ],
    ids=["other-session", "range", "nan", "missing", "repeated", "other-table"],
)
def test_rows_that_break_the_contract_leave_the_lake_as_it_was(lake: ParquetLake, rows: pa.Table) -> None:
    write_prices(lake, WEDNESDAY, CLOSES[WEDNESDAY])
    data, stamp = _bytes(lake), lake.stamps("prices")
    with pytest.raises(ContractError, match="contract of prices"):
        lake.write("prices", WEDNESDAY, rows, **WRITTEN)
    assert (_bytes(lake), lake.stamps("prices")) == (data, stamp)


def _foreign(data: bytes) -> bytes:
    return _encoded(pq.read_table(pa.BufferReader(data)).replace_schema_metadata(None))


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "text": lambda _: b"symbol,close\nA,12.0\n",
    "html": lambda _: b"<html>" * 500,
    "half": lambda data: data[: len(data) // 2],
    "head": lambda data: data[:8],
    "without-tail": lambda data: data[:-1],
    "zeros": lambda data: bytes(len(data)),
    "footer-zeroed": lambda data: data[:-200] + bytes(192) + data[-8:],
    "footer-noise": lambda data: data[:-200] + b"\xff" * 192 + data[-8:],
    "two-files": lambda data: data + b"PAR1",
    "foreign": _foreign,
    "foreign-columns": lambda _: _encoded(pa.table({"x": [1, 2, 3]})),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_or_foreign_file_counts_as_absent_and_is_named_when_read(lake: ParquetLake, damage: str) -> None:
    info = write_prices(lake, WEDNESDAY, CLOSES[WEDNESDAY])
    good = _bytes(lake)
    _put(lake, DAMAGES[damage](good))
    for each in (lake, ParquetLake(lake.root)):
        assert each.info("prices", WEDNESDAY) is None
        assert each.infos("prices", [WEDNESDAY]) == {}
        with pytest.raises(LakeError) as caught:
            each.read("prices", WEDNESDAY)
        assert lake.uri("prices", WEDNESDAY) in caught.value.where
        assert f"`prices` for {WEDNESDAY}" in caught.value.mend
        assert caught.value.__cause__ is not None
    assert write_prices(lake, WEDNESDAY, CLOSES[WEDNESDAY]) == info
    assert _bytes(lake) == good


def test_a_changed_byte_anywhere_gives_the_rows_or_an_error_and_never_other_rows(tmp_path: Path) -> None:
    lake = ParquetLake(str(tmp_path))
    rows = price_rows(WEDNESDAY, {f"S{index:03d}": 10.0 + index for index in range(40)}, volume={"S007": np.nan})
    info = lake.write("prices", WEDNESDAY, rows, **WRITTEN)
    good = _bytes(lake)
    refused = []
    for place in range(0, len(good), 5):
        _put(lake, good[:place] + bytes([good[place] ^ 0x41]) + good[place + 1 :])
        found = lake.info("prices", WEDNESDAY)
        assert found is None or found.rows >= 0
        try:
            assert lake.read("prices", WEDNESDAY).equals(rows)
        except LakeError as error:
            refused.append(str(error))
    assert len(refused) > len(good) // 5 // 4
    assert all(lake.uri("prices", WEDNESDAY) in each for each in refused)
    _put(lake, good)
    assert lake.info("prices", WEDNESDAY) == info


@pytest.mark.parametrize("damage", [lambda data: data[100:], lambda data: data[:100] + bytes(100) + data[200:]])
def test_damage_before_the_footer_is_named_when_read_and_mended_by_writing_the_rows_again(
    lake: ParquetLake, damage: Callable[[bytes], bytes]
) -> None:
    write_prices(lake, WEDNESDAY, CLOSES[WEDNESDAY])
    good = _bytes(lake)
    _put(lake, damage(good))
    with pytest.raises(LakeError) as caught:
        lake.read("prices", WEDNESDAY)
    assert lake.uri("prices", WEDNESDAY) in caught.value.where
    write_prices(lake, WEDNESDAY, CLOSES[WEDNESDAY])
    assert _bytes(lake) == good


def test_a_partition_of_another_version_of_the_contract_is_refused(
    lake: ParquetLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_prices(lake, WEDNESDAY, CLOSES[WEDNESDAY])
    newer = replace(CONTRACTS["prices"], version=CONTRACTS["prices"].version + 1)
    monkeypatch.setitem(CONTRACTS, "prices", newer)
    with pytest.raises(LakeError) as caught:
        lake.read("prices", WEDNESDAY)
    assert f"under version {newer.version}" in caught.value.expected
    assert f"schema version is {newer.version - 1}" in caught.value.got
    assert write_prices(lake, WEDNESDAY, CLOSES[WEDNESDAY]).schema_version == str(newer.version)
    assert lake.read("prices", WEDNESDAY).num_rows == 2


def test_a_file_that_may_not_be_opened_is_not_called_damaged(tmp_path: Path) -> None:
    lake = ParquetLake(str(tmp_path))
    (tmp_path / "prices" / f"{WEDNESDAY}.parquet").mkdir(parents=True)
    for look in (lake.read, lake.info):
        with pytest.raises(LakeError) as caught:
            look("prices", WEDNESDAY)
        assert "delete" not in caught.value.mend
        assert WEDNESDAY in caught.value.where


def test_a_reader_of_rows_sees_one_version_or_the_other_while_another_process_writes(tmp_path: Path) -> None:
    code = f"""
import sys
from resources.parquet_lake import ParquetLake
from tests.lake_rows import write_prices
lake = ParquetLake(sys.argv[1])
for number in range(100):
    write_prices(lake, "{WEDNESDAY}", {{f"S{{index:03d}}": 1.0 + number % 2 for index in range(400)}})
"""
    lake = ParquetLake(str(tmp_path))
    seen: set[float] = set()
    fingerprints: set[str] = set()
    with subprocess.Popen([sys.executable, "-c", code, lake.root], cwd=ROOT) as writer:
        while writer.poll() is None:
            info = lake.info("prices", WEDNESDAY)
            if info is None:
                continue
            closes = lake.read("prices", WEDNESDAY, ["close"])["close"].to_numpy()
            assert len(closes) == 400
            assert (closes == closes[0]).all()
            seen.add(float(closes[0]))
            fingerprints.add(info.fingerprint)
    assert writer.returncode == 0
    assert seen == {1.0, 2.0}
    assert len(fingerprints) == 2


def test_each_root_has_one_lake_in_a_process(root: str) -> None:
    assert open_lake(root) is open_lake(root)
    assert open_lake(root) is not open_lake(f"{root}-other")


def test_settling_keeps_every_partition(lake: ParquetLake) -> None:
    fill(lake, CLOSES)
    before = lake.stamps("prices")
    lake.settle("prices")
    lake.settle("windows")
    assert lake.stamps("prices") == before


def test_a_fingerprint_depends_on_names_and_values_and_not_on_their_order() -> None:
    parts: dict[str, object] = {"table": ["a", "b"], "seed": 7, "source": "files"}
    assert fingerprint(parts) == fingerprint(dict(reversed(parts.items())))
    others = [parts | {"seed": 8}, parts | {"seed": "7"}, parts | {"table": ["b", "a"]}, parts | {"more": None}]
    assert len({fingerprint(each) for each in [parts, *others]}) == 5


def test_a_new_key_of_another_writer_in_the_footer_does_no_harm(lake: ParquetLake) -> None:
    info = write_prices(lake, WEDNESDAY, CLOSES[WEDNESDAY])
    table = pq.read_table(pa.BufferReader(_bytes(lake)))
    kept = pq.read_metadata(pa.BufferReader(_bytes(lake))).metadata
    _put(lake, _encoded(table.replace_schema_metadata(kept | {b"pandas": b"\xff\xfe"})))
    found = lake.info("prices", WEDNESDAY)
    assert found is not None
    assert replace(found, size=0) == replace(info, size=0)
    assert lake.read("prices", WEDNESDAY).num_rows == 2


def test_nothing_is_opened_before_the_first_use(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(parquet_lake.LakeFiles, "stamps", None)
    ParquetLake(str(tmp_path / "nowhere"))
    assert not (tmp_path / "nowhere").exists()
