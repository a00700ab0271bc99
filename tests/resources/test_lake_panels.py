"""Panels out of a lake, over a local folder and over `memory://`."""

from datetime import date
from typing import Any

import numpy as np
import pytest

from kernels.errors import SessionError
from kernels.panel import BAR_FIELDS
from resources.parquet_lake import ParquetLake
from tests.lake_rows import fill, write_prices, write_quarantine

MONDAY, TUESDAY, WEDNESDAY = "2018-02-05", "2018-02-06", "2018-02-07"
LAST = date(2018, 2, 7)
CLOSES = {MONDAY: {"A": 10.0, "B": 20.0}, TUESDAY: {"A": 11.0, "B": 21.0}, WEDNESDAY: {"A": 12.0, "B": 22.0}}


def test_a_panel_has_the_bars_of_the_sessions_that_end_at_its_end(lake: ParquetLake) -> None:
    fill(lake, CLOSES)
    panel = lake.panel(LAST, sessions=2)
    assert panel.symbols == ("A", "B")
    assert panel.sessions.astype(str).tolist() == [TUESDAY, WEDNESDAY]
    assert panel.close.tolist() == [[11.0, 12.0], [21.0, 22.0]]
    assert panel.high.tolist() == [[13.75, 15.0], [26.25, 27.5]]
    assert panel.volume.tolist() == [[1000.0] * 2] * 2
    assert all(getattr(panel, name).flags.c_contiguous for name in BAR_FIELDS)


def test_a_panel_is_shorter_where_history_begins_later(lake: ParquetLake) -> None:
    fill(lake, CLOSES)
    assert lake.panel(LAST).sessions.astype(str).tolist() == [MONDAY, TUESDAY, WEDNESDAY]


def test_a_panel_of_chosen_symbols_has_nan_for_those_the_lake_does_not_know(lake: ParquetLake) -> None:
    fill(lake, CLOSES)
    panel = lake.panel(LAST, symbols=["ZZZ", "../x", "nan", "B", "B"])
    assert panel.symbols == ("../x", "B", "ZZZ", "nan")
    assert panel.close[1].tolist() == [20.0, 21.0, 22.0]
    assert np.isnan(panel.close[[0, 2, 3]]).all()
    assert np.isnan(panel.volume[[0, 2, 3]]).all()


def test_a_panel_as_of_a_session_knows_the_faults_known_by_then_and_no_later_ones(lake: ParquetLake) -> None:
    fill(lake, CLOSES)
    write_quarantine(lake, TUESDAY, [("A", TUESDAY)])
    write_quarantine(lake, WEDNESDAY, [("B", MONDAY)])
    np.testing.assert_array_equal(lake.panel(date(2018, 2, 5)).close, [[10.0], [20.0]])
    np.testing.assert_array_equal(lake.panel(date(2018, 2, 6)).close, [[10.0, np.nan], [20.0, 21.0]])
    np.testing.assert_array_equal(lake.panel(LAST).close, [[10.0, np.nan, 12.0], [np.nan, 21.0, 22.0]])


def test_a_panel_is_adjusted_for_the_splits_known_by_its_end(lake: ParquetLake) -> None:
    fill(lake, CLOSES)
    write_prices(lake, WEDNESDAY, {"A": 4.0, "B": 22.0}, split_ratio={"A": 3.0})
    assert lake.panel(date(2018, 2, 6)).close[0].tolist() == [10.0, 11.0]
    panel = lake.panel(LAST)
    assert panel.close.tolist() == [[10.0 / 3.0, 11.0 / 3.0, 4.0], [20.0, 21.0, 22.0]]
    assert panel.volume.tolist() == [[3000.0, 3000.0, 1000.0], [1000.0] * 3]
    assert lake.panel(LAST, adjust="none").close[0].tolist() == [10.0, 11.0, 4.0]


def test_a_changed_partition_shows_in_the_next_panel(lake: ParquetLake) -> None:
    fill(lake, CLOSES)
    assert lake.panel(LAST).close[0].tolist() == [10.0, 11.0, 12.0]
    write_prices(lake, TUESDAY, {"A": 11.5, "B": 21.0})
    assert lake.panel(LAST).close[0].tolist() == [10.0, 11.5, 12.0]
    write_prices(ParquetLake(lake.root), MONDAY, {"A": 10.5, "C": 30.0})
    panel = lake.panel(LAST)
    assert panel.symbols == ("A", "B", "C")
    np.testing.assert_array_equal(panel.close[:, 0], [10.5, np.nan, 30.0])
    write_quarantine(lake, WEDNESDAY, [("A", MONDAY)])
    np.testing.assert_array_equal(lake.panel(LAST).close[0], [np.nan, 11.5, 12.0])
    write_quarantine(lake, WEDNESDAY)
    assert lake.panel(LAST).close[0].tolist() == [10.5, 11.5, 12.0]


def test_a_second_panel_opens_only_the_files_that_changed(lake: ParquetLake, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(lake, CLOSES)
    first = lake.panel(LAST)
    opened: list[tuple[str, str]] = []
    open_file = lake.files.open

    def count(folder: str, name: str) -> Any:
        opened.append((folder, name))
        return open_file(folder, name)

    monkeypatch.setattr(lake.files, "open", count)
    assert lake.panel(LAST).close.tobytes() == first.close.tobytes()
    assert opened == []
    write_prices(ParquetLake(lake.root), TUESDAY, {"A": 11.5, "B": 21.0})
    lake.panel(LAST)
    assert opened == [("prices", f"{TUESDAY}.parquet")]


def test_changing_a_panel_does_not_change_the_next_one(lake: ParquetLake) -> None:
    fill(lake, CLOSES)
    lake.panel(LAST).close[:] = 0.0
    assert lake.panel(LAST).close[0].tolist() == [10.0, 11.0, 12.0]


def test_a_panel_that_ends_on_a_closed_day_is_refused(lake: ParquetLake) -> None:
    fill(lake, CLOSES)
    with pytest.raises(SessionError, match="2018-02-10"):
        lake.panel(date(2018, 2, 10))
