import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kernels.as_of import as_of_panel
from kernels.errors import LakeError, MissingHistoryError, SessionError
from kernels.panel import BAR_FIELDS
from resources.calendar import FIRST_SESSION, sessions
from resources.parquet_lake import ParquetLake
from resources.price_history import history_sessions, lookback_start, missing_history
from tests.lake_rows import fill, price_rows, write_prices, write_quarantine

# Two weeks with the Presidents' Day closure in the second one.
FIRST, LAST = date(2018, 2, 12), date(2018, 2, 23)
DAYS = sessions(FIRST, LAST).astype(str).tolist()


@pytest.fixture
def lake(tmp_path: Path) -> ParquetLake:
    lake = ParquetLake(str(tmp_path))
    fill(lake, {day: {"A": 10.0 + index, "B": 20.0 + index} for index, day in enumerate(DAYS)})
    return lake


def _drop(lake: ParquetLake, table: str, *days: str) -> None:
    for day in days:
        (Path(lake.root) / table / f"{day}.parquet").unlink()


def _range(error: MissingHistoryError) -> tuple[str, str]:
    """The range that the command in an error fills."""
    found = re.fullmatch(r"dagster job execute -m definitions -j price_history --tags '(.*)'", error.mend)
    assert found is not None
    tags: dict[str, Any] = json.loads(found[1])
    assert sorted(tags) == ["dagster/asset_partition_range_end", "dagster/asset_partition_range_start"]
    return tags["dagster/asset_partition_range_start"], tags["dagster/asset_partition_range_end"]


def test_a_history_has_the_bars_as_traded_and_the_actions(lake: ParquetLake) -> None:
    write_prices(lake, DAYS[3], {"A": 4.5, "B": 23.0}, split_ratio={"A": 3.0}, dividend={"B": 0.25})
    history = lake.history(FIRST, LAST)
    assert history.symbols == ("A", "B")
    assert history.sessions.astype(str).tolist() == DAYS
    assert history.close[0].tolist() == [10.0, 11.0, 12.0, 4.5, 14.0, 15.0, 16.0, 17.0, 18.0]
    assert history.split_ratio[0].tolist() == [1.0] * 3 + [3.0] + [1.0] * 5
    assert history.dividend[1].tolist() == [0.0] * 3 + [0.25] + [0.0] * 5
    assert history.present.all()
    assert history.quarantined.shape == (0, 3)
    for name in (*BAR_FIELDS, "split_ratio", "dividend"):
        values = getattr(history, name)
        assert (values.dtype, values.shape, values.flags.c_contiguous) == (np.float64, (2, len(DAYS)), True)


def test_a_symbol_without_a_row_has_no_bar_and_no_action(lake: ParquetLake) -> None:
    write_prices(lake, DAYS[0], {"B": 20.0})
    write_prices(lake, DAYS[1], {"C": 30.0, "A": 11.0})
    history = lake.history(FIRST, LAST)
    assert history.symbols == ("A", "B", "C")
    assert history.present[:, :3].tolist() == [[False, True, True], [True, False, True], [False, True, False]]
    np.testing.assert_array_equal(history.close[:, :3], [[np.nan, 11, 12], [20, np.nan, 22], [np.nan, 30, np.nan]])
    np.testing.assert_array_equal(np.isnan(history.volume), ~history.present)
    assert (history.split_ratio == 1.0).all()
    assert (history.dividend == 0.0).all()


def test_a_row_of_nulls_is_a_row_without_a_bar(lake: ParquetLake) -> None:
    nothing = {"A": np.nan}
    write_prices(lake, DAYS[0], {"A": np.nan, "B": 20.0}, volume=nothing)
    history = lake.history(FIRST, LAST)
    assert history.present[0, 0]
    assert np.isnan(history.open[0, 0])
    assert np.isnan(history.volume[0, 0])


def test_the_order_of_the_rows_in_a_file_does_not_matter(lake: ParquetLake, tmp_path: Path) -> None:
    turned = ParquetLake(str(tmp_path / "turned"))
    for index, day in enumerate(DAYS):
        write_prices(turned, day, {"B": 20.0 + index, "A": 10.0 + index})
        write_quarantine(turned, day)
    for name in (*BAR_FIELDS, "present"):
        assert np.array_equal(getattr(turned.history(FIRST, LAST), name), getattr(lake.history(FIRST, LAST), name))


def test_symbols_by_name_come_sorted_once_and_with_nan_where_unknown(lake: ParquetLake) -> None:
    history = lake.history(FIRST, LAST, ["ZZZZZZ", "B", "", "B"])
    assert history.symbols == ("", "B", "ZZZZZZ")
    assert history.close[1].tolist() == [20.0 + index for index in range(len(DAYS))]
    assert np.isnan(history.close[[0, 2]]).all()
    assert not history.present[[0, 2]].any()
    assert (history.split_ratio == 1.0).all()


def test_a_name_that_begins_like_another_is_not_taken_for_it(lake: ParquetLake) -> None:
    write_prices(lake, DAYS[0], {"AA": 1.0, "AAPL": 2.0, "A": 3.0})
    assert lake.history(FIRST, FIRST, ["AAP", "AA"]).close[:, 0].tolist()[0] == 1.0
    assert np.isnan(lake.history(FIRST, FIRST, ["AAP", "AA"]).close[1, 0])


def test_no_symbols_give_a_history_without_rows(lake: ParquetLake) -> None:
    write_quarantine(lake, DAYS[0], [("A", DAYS[0])])
    history = lake.history(FIRST, LAST, [])
    assert history.close.shape == (0, len(DAYS))
    assert history.quarantined.shape == (0, 3)


def test_history_begins_at_the_oldest_prices(lake: ParquetLake) -> None:
    history = lake.history(date(2017, 1, 3), LAST)
    assert history.sessions.astype(str).tolist() == DAYS


def test_a_part_of_the_history_is_that_part(lake: ParquetLake) -> None:
    whole, part = lake.history(FIRST, LAST), lake.history(date(2018, 2, 14), date(2018, 2, 20))
    assert part.sessions.astype(str).tolist() == ["2018-02-14", "2018-02-15", "2018-02-16", "2018-02-20"]
    assert np.array_equal(part.close, whole.close[:, 2:6])


@pytest.mark.parametrize("table", ["prices", "quarantine"])
@pytest.mark.parametrize(
    "dropped", [["2018-02-15"], ["2018-02-15", "2018-02-16", "2018-02-20"], ["2018-02-21", "2018-02-22", "2018-02-23"]]
)
def test_a_hole_is_refused_with_the_command_that_fills_exactly_it(
    lake: ParquetLake, table: str, dropped: list[str]
) -> None:
    _drop(lake, table, *dropped)
    with pytest.raises(MissingHistoryError) as caught:
        lake.history(FIRST, LAST)
    assert caught.value.where == f"table `{table}`"
    assert caught.value.got == f"{len(dropped)} missing, {dropped[0]} to {dropped[-1]}"
    assert _range(caught.value) == (dropped[0], dropped[-1])
    lake.history(FIRST, date(2018, 2, 14))


def test_two_holes_are_counted_and_enclosed(lake: ParquetLake) -> None:
    _drop(lake, "prices", DAYS[2], DAYS[6])
    with pytest.raises(MissingHistoryError, match="2 missing") as caught:
        lake.history(FIRST, LAST)
    assert _range(caught.value) == (DAYS[2], DAYS[6])


def test_sessions_that_have_not_been_fetched_yet_are_missing(lake: ParquetLake) -> None:
    with pytest.raises(MissingHistoryError) as caught:
        lake.history(FIRST, date(2018, 2, 27))
    assert _range(caught.value) == ("2018-02-26", "2018-02-27")


def test_an_empty_lake_misses_everything(tmp_path: Path) -> None:
    for look in (
        lambda lake: lake.history(FIRST, LAST),
        lambda lake: lake.panel(LAST, sessions=9),
    ):
        with pytest.raises(MissingHistoryError) as caught:
            look(ParquetLake(str(tmp_path / "empty")))
        assert _range(caught.value) == (DAYS[0], DAYS[-1])


def test_a_range_before_history_begins_is_missing(lake: ParquetLake) -> None:
    for look in (
        lambda: lake.history(date(2018, 2, 5), date(2018, 2, 9)),
        lambda: lake.panel(date(2018, 2, 9), sessions=5),
    ):
        with pytest.raises(MissingHistoryError) as caught:
            look()
        assert _range(caught.value) == ("2018-02-05", "2018-02-09")


@pytest.mark.parametrize(("first", "last"), [("2018-02-19", "2018-02-23"), ("2018-02-12", "2018-02-24")])
def test_an_end_that_is_no_session_is_refused(lake: ParquetLake, first: str, last: str) -> None:
    with pytest.raises(SessionError):
        lake.history(date.fromisoformat(first), date.fromisoformat(last))


def test_faults_are_found_by_symbol_bar_and_the_session_they_became_known_on(lake: ParquetLake) -> None:
    write_quarantine(lake, DAYS[2], [("B", DAYS[2]), ("A", DAYS[0])])
    write_quarantine(lake, DAYS[8], [("A", DAYS[7])])
    assert sorted(lake.history(FIRST, LAST).quarantined.tolist()) == [[0, 0, 2], [0, 7, 8], [1, 2, 2]]


def test_faults_that_are_only_flagged_leave_nothing_out(lake: ParquetLake) -> None:
    write_quarantine(lake, DAYS[2], [("B", DAYS[2])], excluded=False)
    assert lake.history(FIRST, LAST).quarantined.shape == (0, 3)


def test_faults_of_other_symbols_or_of_earlier_bars_are_left_out(lake: ParquetLake) -> None:
    write_quarantine(lake, DAYS[4], [("A", DAYS[3]), ("B", DAYS[3]), ("B", DAYS[1]), ("GONE", DAYS[3])])
    history = lake.history(date(2018, 2, 14), LAST, ["B", "C"])
    assert history.quarantined.tolist() == [[0, 1, 2]]


def test_faults_known_after_the_last_session_are_left_out(lake: ParquetLake) -> None:
    write_quarantine(lake, DAYS[5], [("A", DAYS[1])])
    assert lake.history(FIRST, date(2018, 2, 16)).quarantined.shape == (0, 3)
    assert np.isfinite(as_of_panel(lake.history(FIRST, date(2018, 2, 16))).close).all()


def test_without_quarantine_neither_faults_nor_their_partitions_are_looked_at(lake: ParquetLake) -> None:
    write_quarantine(lake, DAYS[2], [("B", DAYS[2])])
    _drop(lake, "quarantine", DAYS[4])
    assert lake.history(FIRST, LAST, quarantine=False).quarantined.shape == (0, 3)


def test_a_damaged_partition_inside_the_range_is_named(lake: ParquetLake) -> None:
    path = Path(lake.root) / "prices" / f"{DAYS[4]}.parquet"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(LakeError, match=DAYS[4]):
        lake.history(FIRST, LAST)
    lake.history(FIRST, date(2018, 2, 15))


def test_a_history_is_the_same_from_a_warm_and_from_a_new_reader(lake: ParquetLake) -> None:
    lake.history(FIRST, LAST)
    lake.write("prices", DAYS[1], price_rows(DAYS[1], {"C": 5.0}), made_from="other", code_version="1")
    write_quarantine(lake, DAYS[3], [("A", DAYS[2])])
    warm, new = lake.history(FIRST, LAST), ParquetLake(lake.root).history(FIRST, LAST)
    assert warm.symbols == new.symbols == ("A", "B", "C")
    for name in (*BAR_FIELDS, "split_ratio", "dividend", "present", "quarantined"):
        assert getattr(warm, name).tobytes() == getattr(new, name).tobytes()


@pytest.mark.parametrize(
    ("end", "count", "start"),
    [
        ("2018-02-23", 1, "2018-02-23"),
        ("2018-02-20", 2, "2018-02-16"),
        ("2018-02-23", 9, "2018-02-12"),
        ("2000-01-05", 3, "2000-01-03"),
        ("2000-01-05", 505, "2000-01-03"),
    ],
)
def test_a_lookback_counts_sessions_and_stops_at_the_start_of_the_calendar(end: str, count: int, start: str) -> None:
    assert lookback_start(date.fromisoformat(end), count) == date.fromisoformat(start)


def test_a_lookback_from_a_closed_day_is_refused() -> None:
    with pytest.raises(SessionError):
        lookback_start(date(2018, 2, 19), 5)


def test_sessions_of_a_history_are_those_from_the_oldest_on() -> None:
    assert history_sessions(FIRST, LAST, None).astype(str).tolist() == DAYS
    assert history_sessions(FIRST, LAST, DAYS[4]).astype(str).tolist() == DAYS[4:]
    assert len(history_sessions(FIRST, LAST, "2018-03-01")) == 0
    assert history_sessions(FIRST_SESSION, FIRST_SESSION, None).tolist() == [FIRST_SESSION]


def test_the_error_for_one_missing_session_names_it_as_a_range_of_one() -> None:
    error = missing_history("prices", ["2018-02-07"], "a test")
    assert _range(error) == ("2018-02-07", "2018-02-07")
    assert "a test" in error.expected
