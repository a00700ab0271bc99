"""Series without waves are searched like the originals: same windows, same search, same p-values."""

import itertools
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from kernels.waves import ScanSettings
from kernels.windows import window_features
from resources import surrogate_patterns
from resources.calendar import sessions
from resources.contracts import PRICES
from resources.parquet_lake import ParquetLake
from resources.pattern_entries import COLUMNS, EntryBars, known_patterns, load_entry_bars
from resources.significance import Nulls
from resources.surrogate_patterns import longest_windows, patterns_of_bars, surrogate_bars
from resources.wave_scorer import WaveScorer
from resources.wiring import ScanSettingsResource
from tests.forecast_runs import materialize
from tests.lake_rows import WRITTEN
from tests.market_lake import fill_lake

FIRST, LAST = date(2016, 9, 1), date(2017, 3, 31)
DAYS = sessions(FIRST, LAST)
JUDGED = [str(day) for day in sessions(date(2017, 3, 8), LAST)]
LENGTHS = (63, 126, 252, 504)
ROWS = 6
UNFILTERED = ScanSettingsResource(threshold=0.0, skip_flat=False, recall_sample=0)


def surrogate_lake(root: Path) -> ParquetLake:
    """A lake whose prices are those of a surrogate of the simulated market."""
    lake = fill_lake(root, ROWS, FIRST, LAST)
    made = surrogate_bars(load_entry_bars(lake, FIRST, LAST, JUDGED), 3).panel
    # One bar is missing in the middle of the sessions that are judged, and one symbol begins late.
    gone = {(made.symbols[1], JUDGED[5])} | {(made.symbols[2], str(day)) for day in DAYS[:40]}
    for column, day in enumerate(DAYS.astype(str).tolist()):
        rows = [row for row, symbol in enumerate(made.symbols) if (symbol, day) not in gone]
        bars = {name: getattr(made, name)[rows, column] for name in ("open", "high", "low", "close")}
        columns = {
            "session": [date.fromisoformat(day)] * len(rows),
            "symbol": [made.symbols[row] for row in rows],
            **bars,
            "volume": [1000.0] * len(rows),
            "split_ratio": [1.0] * len(rows),
            "dividend": [0.0] * len(rows),
            "source": ["surrogate"] * len(rows),
        }
        lake.write("prices", day, PRICES.table(columns), **WRITTEN)
    return lake


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> ParquetLake:
    root = tmp_path_factory.mktemp("surrogates")
    lake = surrogate_lake(root)
    materialize("null_distributions", root, "2017-01-01", config={"surrogates": 3}, scan_settings=UNFILTERED)
    materialize(["windows", "patterns"], root, JUDGED[0], JUDGED[-1], scan_settings=UNFILTERED)
    return lake


def searched(lake: ParquetLake, judged: list[str], bars: EntryBars | None = None) -> pa.Table:
    bars = load_entry_bars(lake, FIRST, LAST, judged) if bars is None else bars
    nulls, told = Nulls(lake, ScanSettings()), []
    found = patterns_of_bars(bars, judged, WaveScorer("cpu"), ScanSettings(), LENGTHS, nulls, told.append)
    assert sum(told) == len(judged)
    return found


def test_what_is_found_is_what_the_table_of_patterns_of_the_same_bars_says(lake: ParquetLake) -> None:
    expected = pa.concat_tables(
        known_patterns(lake.read("patterns", day, COLUMNS), date.fromisoformat(day)) for day in JUDGED
    )
    found = searched(lake, JUDGED)
    assert found.num_rows > 200
    assert {"confirmed", "setup"} == set(found["status"].to_pylist())
    # The history before the quarter is too short for the windows of 126 sessions.
    assert 0 < found["p_value"].null_count < found.num_rows
    assert found.equals(expected)


def test_how_many_sessions_are_searched_at_a_time_changes_nothing(
    lake: ParquetLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = searched(lake, JUDGED)
    monkeypatch.setattr(surrogate_patterns, "SESSIONS_AT_A_TIME", 5)
    assert searched(lake, JUDGED).equals(expected)
    monkeypatch.setattr(surrogate_patterns, "SESSIONS_AT_A_TIME", 1)
    assert searched(lake, JUDGED[3:6]).equals(
        expected.filter(np.isin(expected["session"].to_numpy(), np.array(JUDGED[3:6], "datetime64[D]")))
    )


def test_only_members_are_searched(lake: ParquetLake) -> None:
    bars = load_entry_bars(lake, FIRST, LAST, JUDGED)
    bars.members[3] = False
    found = searched(lake, JUDGED, bars)
    expected = searched(lake, JUDGED)
    assert set(expected["symbol"].to_pylist()) - set(found["symbol"].to_pylist()) == {bars.panel.symbols[3]}
    bars.members[:] = False
    assert searched(lake, JUDGED, bars).num_rows == 0


def test_the_longest_window_is_that_of_the_window_kernel() -> None:
    rng = np.random.default_rng(5)
    close = np.exp(rng.standard_normal((40, 260)).cumsum(axis=1) / 50)
    gone = rng.random(close.shape) < rng.choice([0.0, 0.15, 0.21, 0.6], (40, 1))
    close[gone] = np.nan
    close[:5, :190] = np.nan
    ends = np.arange(30, 260, 7)
    row, end = (np.array(each, np.int32) for each in zip(*itertools.product(range(40), ends), strict=True))
    lengths = (63, 126, 252)
    there = ~np.isnan(window_features(close, close, close, row, end, lengths=lengths)[:, :, 0])
    expected = np.where(there, lengths, 0).max(axis=1).reshape(40, len(ends))
    found = longest_windows(close, ends, lengths)
    np.testing.assert_array_equal(found, expected)
    assert set(np.unique(found)) == {0, *lengths}


def test_surrogates_have_the_bars_of_the_original_without_splits_in_another_order(lake: ParquetLake) -> None:
    bars = load_entry_bars(lake, FIRST, LAST, JUDGED)
    bars.splits[:] = 2.0
    made = surrogate_bars(bars, 11)
    assert (made.panel.symbols, made.members) == (bars.panel.symbols, bars.members)
    assert (made.splits == 1.0).all()
    assert (np.isnan(made.panel.close) == np.isnan(bars.panel.close)).all()
    own = np.log(bars.panel.close[0, 1:] / bars.panel.close[0, :-1])
    moves = np.log(made.panel.close[0, 1:] / made.panel.close[0, :-1])
    assert all(np.abs(own - move).min() < 1e-12 for move in moves)
    assert np.abs(moves - own).max() > 0.01
    again, other = surrogate_bars(bars, 11).panel, surrogate_bars(bars, 12).panel
    np.testing.assert_array_equal(again.low, made.panel.low)
    assert (other.low != made.panel.low).any()
