import re
from datetime import date
from functools import partial
from pathlib import Path

import pytest

from kernels.errors import MissingHistoryError, SessionError
from resources import lineage
from resources.calendar import ALL_SESSIONS, sessions
from resources.lineage import require_history
from resources.parquet_lake import ParquetLake
from tests.lake_rows import fill, write_prices, write_quarantine

DAYS = sessions(date(2018, 2, 12), date(2018, 2, 23)).astype(str).tolist()
TABLES = ["prices", "quarantine"]
made_from_lookback = partial(lineage.made_from_lookback, lookback=4)


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ParquetLake:
    """Nine sessions, under a look-back of four."""
    monkeypatch.setattr(lineage, "LOOKBACK", 4)
    monkeypatch.setattr(lineage, "SHORTEST_WINDOW", 3)
    lake = ParquetLake(str(tmp_path))
    fill(lake, {day: {"A": 10.0 + index} for index, day in enumerate(DAYS)})
    return lake


def _range(error: MissingHistoryError) -> list[str]:
    assert error.mend.startswith("dagster job execute -m definitions -j price_history --tags ")
    return re.findall(r"\d{4}-\d{2}-\d{2}", error.mend)


def test_a_session_is_made_from_the_same_alone_and_in_a_range(lake: ParquetLake) -> None:
    together = made_from_lookback(lake, DAYS, TABLES, {"seed": 7})
    assert list(together) == DAYS
    for day in DAYS:
        assert made_from_lookback(ParquetLake(lake.root), [day], TABLES, {"seed": 7}) == {day: together[day]}
    assert len(set(together.values())) == len(DAYS)


@pytest.mark.parametrize("table", TABLES)
def test_a_changed_partition_changes_the_sessions_that_look_back_on_it_and_no_others(
    lake: ParquetLake, table: str
) -> None:
    before = made_from_lookback(lake, DAYS, TABLES, {})
    if table == "prices":
        write_prices(lake, DAYS[3], {"A": 99.0})
    else:
        write_quarantine(lake, DAYS[3], [("A", DAYS[2])])
    after = made_from_lookback(lake, DAYS, TABLES, {})
    assert [day for day in DAYS if before[day] != after[day]] == DAYS[3:7]


def test_a_partition_written_again_with_the_same_rows_changes_nothing(lake: ParquetLake) -> None:
    before = made_from_lookback(lake, DAYS, TABLES, {})
    rows = lake.read("prices", DAYS[3])
    lake.write("prices", DAYS[3], rows, made_from="elsewhere", code_version="9")
    assert made_from_lookback(lake, DAYS, TABLES, {}) == before


def test_a_table_that_is_not_asked_for_does_not_matter(lake: ParquetLake) -> None:
    before = made_from_lookback(lake, DAYS, ["prices"], {})
    write_quarantine(lake, DAYS[3], [("A", DAYS[2])])
    assert made_from_lookback(lake, DAYS, ["prices"], {}) == before
    assert made_from_lookback(lake, DAYS, TABLES, {}) != before


def test_a_setting_changes_every_session_and_a_setting_by_session_its_own(lake: ParquetLake) -> None:
    plain = made_from_lookback(lake, DAYS, TABLES, {"seed": 7})
    assert not set(plain.values()) & set(made_from_lookback(lake, DAYS, TABLES, {"seed": 8}).values())
    by_session = dict.fromkeys(DAYS, "x")
    one = made_from_lookback(lake, DAYS, TABLES, {"universe": by_session})
    other = made_from_lookback(lake, DAYS, TABLES, {"universe": by_session | {DAYS[5]: "y"}})
    assert [day for day in DAYS if one[day] != other[day]] == [DAYS[5]]


def test_history_that_is_filled_backwards_changes_the_sessions_that_see_it(lake: ParquetLake) -> None:
    before = made_from_lookback(lake, DAYS, TABLES, {})
    fill(lake, {"2018-02-09": {"A": 9.0}})
    after = made_from_lookback(lake, DAYS, TABLES, {})
    assert [day for day in DAYS if before[day] != after[day]] == DAYS[:3]


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("damaged", [False, True])
def test_a_missing_or_damaged_partition_is_refused_with_the_command_that_fills_it(
    lake: ParquetLake, table: str, damaged: bool
) -> None:
    for day in DAYS[4:6]:
        path = Path(lake.root) / table / f"{day}.parquet"
        path.unlink()
        if damaged:
            path.write_bytes(b"PAR1 and nothing more")
    with pytest.raises(MissingHistoryError) as caught:
        made_from_lookback(lake, DAYS[7:], TABLES, {})
    assert caught.value.where == f"table `{table}`"
    assert _range(caught.value) == [DAYS[4], DAYS[5]]
    made_from_lookback(lake, DAYS[:4], TABLES, {})


@pytest.mark.usefixtures("lake")
def test_an_empty_lake_is_refused_with_the_whole_lookback(tmp_path: Path) -> None:
    with pytest.raises(MissingHistoryError) as caught:
        made_from_lookback(ParquetLake(str(tmp_path / "empty")), DAYS[-1:], TABLES, {})
    assert _range(caught.value) == [DAYS[-4], DAYS[-1]]


def test_a_closed_day_is_refused(lake: ParquetLake) -> None:
    with pytest.raises(SessionError):
        made_from_lookback(lake, ["2018-02-19"], TABLES, {})


def test_no_sessions_are_made_from_nothing(lake: ParquetLake) -> None:
    assert made_from_lookback(lake, [], TABLES, {}) == {}


def test_enough_history_is_enough(lake: ParquetLake) -> None:
    require_history(lake, DAYS[2:])
    require_history(lake, [])


def test_too_little_history_is_refused_with_the_range_before_it(lake: ParquetLake) -> None:
    for day, have in [(DAYS[1], 2), (DAYS[0], 1)]:
        with pytest.raises(MissingHistoryError) as caught:
            require_history(lake, [*DAYS[2:], day])
        first = sessions(date(2018, 1, 2), date.fromisoformat(day))[-4]
        assert _range(caught.value) == [str(first), "2018-02-09"]
        assert caught.value.got == f"{have} sessions; {first} to 2018-02-09 is missing"
        assert "3 sessions of bars" in caught.value.expected


def test_what_the_command_fills_is_enough(lake: ParquetLake) -> None:
    with pytest.raises(MissingHistoryError) as caught:
        require_history(lake, [DAYS[0]])
    first, last = (date.fromisoformat(day) for day in _range(caught.value))
    fill(lake, {str(session): {"A": 1.0} for session in sessions(first, last)})
    require_history(lake, [DAYS[0]])
    made_from_lookback(lake, [DAYS[0]], TABLES, {})


def test_a_session_before_all_history_needs_its_own_bars_too(lake: ParquetLake) -> None:
    with pytest.raises(MissingHistoryError) as caught:
        require_history(lake, ["2018-02-07"])
    assert _range(caught.value) == ["2018-02-02", "2018-02-07"]
    assert caught.value.got.startswith("0 sessions")


@pytest.mark.usefixtures("lake")
def test_an_empty_lake_has_no_history(tmp_path: Path) -> None:
    with pytest.raises(MissingHistoryError) as caught:
        require_history(ParquetLake(str(tmp_path / "empty")), [DAYS[8]])
    assert _range(caught.value) == [DAYS[5], DAYS[8]]


def test_the_first_sessions_of_the_calendar_can_never_have_enough(lake: ParquetLake) -> None:
    start = ALL_SESSIONS[:3].astype(str).tolist()
    fill(lake, {start[2]: {"A": 1.0}})
    with pytest.raises(MissingHistoryError) as caught:
        require_history(lake, [start[2]])
    assert _range(caught.value) == start[:2]
    fill(lake, {day: {"A": 1.0} for day in start[:2]})
    for day in start[:2]:
        with pytest.raises(MissingHistoryError, match=f"choose a session from {start[2]} on"):
            require_history(lake, [day])
    require_history(lake, [start[2]])
