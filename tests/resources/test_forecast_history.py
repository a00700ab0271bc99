"""The bars of all history through a year, and what its fingerprint depends on."""

import shutil
from datetime import date

import numpy as np
import pyarrow.compute as pc
import pytest

from kernels.errors import MissingHistoryError, SessionError
from resources.calendar import ALL_SESSIONS, sessions_left_in_month
from resources.forecast_history import (
    history_fingerprint,
    load_year_history,
    sector_codes,
    sectors_of,
    sessions_of_year,
)
from resources.parquet_lake import ParquetLake
from tests.lake_rows import WRITTEN
from tests.market_lake import SECTORS, fill_lake

FIRST, LAST = "2016-12-20", "2018-01-05"
SORTED = sorted(SECTORS)


@pytest.fixture(scope="module")
def lake(tmp_path_factory) -> ParquetLake:
    first, last = (date.fromisoformat(day) for day in (FIRST, LAST))
    return fill_lake(tmp_path_factory.mktemp("history"), 8, first, last)


def test_the_bars_of_a_year_are_all_that_is_known_at_its_end(lake):
    history = load_year_history(lake, 2017)
    days = history.panel.sessions
    assert (str(days[0]), str(days[-1])) == (FIRST, "2017-12-29")
    assert str(days[history.first]) == "2017-01-03"
    assert history.bars.close is history.panel.close
    assert history.bars.counted.all()
    assert history.bars.sector.tolist() == [SORTED.index(SECTORS[place % 4]) for place in range(8)]
    assert history.bars.days_to_month_end[-1] == 0


def test_the_first_year_of_the_history_begins_with_it(lake):
    assert load_year_history(lake, 2016).first == 0


def test_a_year_that_is_not_whole_is_refused_with_the_command_that_fills_it(lake):
    for ask in (history_fingerprint, load_year_history):
        with pytest.raises(MissingHistoryError, match="2018-01-08") as raised:
            ask(lake, 2018)
        assert '"dagster/asset_partition_range_end": "2018-12-31"' in raised.value.mend


def test_a_year_before_the_history_or_outside_the_calendar_is_refused(lake):
    with pytest.raises(MissingHistoryError, match=f"begins on {FIRST}"):
        load_year_history(lake, 2015)
    with pytest.raises(SessionError, match="1999"):
        load_year_history(lake, 1999)


def test_an_empty_lake_has_no_history(tmp_path):
    with pytest.raises(MissingHistoryError, match="no session"):
        history_fingerprint(ParquetLake(str(tmp_path)), 2017)


def test_the_fingerprint_changes_with_the_bars_through_the_year_and_with_no_later_one(lake, tmp_path):
    prints = [history_fingerprint(lake, 2017)]
    for day in ("2017-05-02", "2018-01-04"):
        changed = tmp_path / day
        shutil.copytree(lake.root, changed)
        rows = lake.read("prices", day)
        volume = rows.column_names.index("volume")
        rows = rows.set_column(volume, rows.schema.field(volume), pc.add(rows["volume"], 7.0))
        other = ParquetLake(str(changed))
        other.write("prices", day, rows, **WRITTEN)
        prints.append(history_fingerprint(other, 2017))
    assert prints[0] != prints[1]
    assert prints[0] == prints[2]


def test_sectors_are_numbered_by_name_and_a_symbol_without_one_has_none(lake):
    sectors = {"A": "Energy", "B": "Banks", "C": "Energy"}
    assert sector_codes(np.array(["A", "B", "C", "D"]), sectors).tolist() == [1, 0, 1, -1]
    assert sorted(sectors_of(lake, "2017-12-29").values()) == sorted(SECTORS * 2)


def test_the_sessions_of_a_year_and_those_left_in_a_month():
    year = sessions_of_year(2017)
    assert (len(year), str(year[0]), str(year[-1])) == (251, "2017-01-03", "2017-12-29")
    left = sessions_left_in_month(year)
    assert left.dtype == np.int32
    assert left[:3].tolist() == [19, 18, 17]
    assert left[-1] == 0
    # By hand: from each session on, count those of the same month.
    months = ALL_SESSIONS.astype("datetime64[M]")
    for day, count in zip(year[::17], left[::17], strict=True):
        assert count == ((months == day.astype("datetime64[M]")) & (day < ALL_SESSIONS)).sum()
