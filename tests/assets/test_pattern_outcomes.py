"""What happened after the patterns of a year: which are entered, what is known when, when they are judged again."""

import base64
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pytest

from kernels.errors import MissingHistoryError
from kernels.outcomes import HORIZONS
from resources.calendar import ALL_SESSIONS, session_number, sessions
from resources.lake_files import LakeFiles
from resources.parquet_lake import ParquetLake
from resources.wiring import ScanSettingsResource
from tests.forecast_runs import copy_lake, execute, materialize, metadata_of, rows_told
from tests.lake_rows import WRITTEN, write_quarantine
from tests.market_lake import fill_lake
from tests.traded_outcomes import PRICES, AsTraded, entry_of, result_of

FIRST, LAST = date(2016, 1, 4), date(2017, 4, 12)
JUDGED = [str(day) for day in sessions(date(2016, 12, 20), date(2017, 1, 18))]
IN_2016 = sum(day < "2017" for day in JUDGED)
SHORT, LONG = HORIZONS
TABLES = ("pattern_outcomes", "pattern_outcome_rates")


@pytest.fixture(scope="module")
def lake(tmp_path_factory) -> Path:
    """A year and a half of 24 symbols, with the patterns of twenty sessions around the turn of the year."""
    root = tmp_path_factory.mktemp("patterns")
    fill_lake(root, 24, FIRST, LAST)
    for quarter in ("2016-10-01", "2017-01-01"):
        materialize("null_distributions", root, quarter, config={"surrogates": 3})
    materialize(["windows", "patterns"], root, JUDGED[0], JUDGED[-1])
    return root


@pytest.fixture(scope="module")
def judged(lake):
    """The result of judging 2015 to 2017, of which 2015 has no patterns."""
    return materialize("pattern_outcomes", lake, "2015", "2017")


def judge(lake: Path, year: str, **config: Any) -> dict:
    return metadata_of(materialize("pattern_outcomes", lake, year, config=config or None), "pattern_outcomes", year)


def rows_of(lake: Path, year: str, source: str = "prices") -> list[dict]:
    table = ParquetLake(str(lake)).read("pattern_outcomes", year)
    return table.filter(pc.equal(table["source"], source)).to_pylist()


def files(lake: Path) -> dict[str, bytes]:
    return {f"{table}/{path.name}": path.read_bytes() for table in TABLES for path in (lake / table).glob("*.parquet")}


def rates(lake: Path, year: str, **wanted: Any) -> dict:
    """The one row of these values; by all, and the share of targets, if they don't say."""
    wanted = {"by": "all", "measure": "target"} | wanted
    rows = ParquetLake(str(lake)).read("pattern_outcome_rates", year).to_pylist()
    [row] = [row for row in rows if all(row[name] == value for name, value in wanted.items())]
    return row


def change_prices(lake: Path, days: list[str], factor: float) -> None:
    """Multiply the prices of some sessions."""
    store = ParquetLake(str(lake))
    for day in days:
        table = store.read("prices", day)
        for name in PRICES:
            place = table.schema.get_field_index(name)
            table = table.set_column(place, table.schema.field(name), pc.multiply(table[name], factor))
        store.write("prices", day, table, **WRITTEN)


def new_rows(lake: Path) -> dict[tuple[str, str], dict]:
    """What became known on each session: (session, pattern_id) -> row."""
    store, found = ParquetLake(str(lake)), {}
    for day in JUDGED:
        before = ALL_SESSIONS[session_number(date.fromisoformat(day)) - 1].item()
        for row in store.read("patterns", day).to_pylist():
            if row["status"] != "part" and row["pivots"][-1]["session"] == before:
                found[day, row["pattern_id"]] = row
    return found


@pytest.mark.usefixtures("judged")
def test_every_pattern_that_became_known_is_entered_and_followed_on_the_bars_as_they_were_traded(lake):
    new, traded = new_rows(lake), AsTraded(lake)
    rows = [row for year in ("2016", "2017") for row in rows_of(lake, year)]
    tradable = {key for key, row in new.items() if row["status"] == "confirmed" or row["risk_reward"] is not None}
    assert {(str(row["session"]), row["pattern_id"]) for row in rows} == tradable
    assert 500 < len(rows) < len(new)
    results: Counter[str] = Counter()
    for row in rows:
        day, source = str(row["session"]), new[str(row["session"]), row["pattern_id"]]
        for name in ("symbol", "class", "direction", "degree", "status", "legs", "score", "p_value"):
            assert row[name] == source[name]
        side, target, invalidation = entry_of(source, traded.close(day, row["symbol"]))
        assert row["side"] == side
        assert (row["target"], row["invalidation"]) == pytest.approx((target, invalidation), rel=1e-12)
        bars = traded.after(day, row["symbol"], LONG)
        assert row["entry"] == pytest.approx(bars[0]["open"], rel=1e-12)
        for horizon in HORIZONS:
            result = result_of(side, target, invalidation, bars, horizon)
            assert row[f"result_{horizon}"] == result, row
            results[result] += 1
            if result in ("target", "neither", "invalidation"):
                simple = side * (bars[horizon - 1]["close"] / bars[0]["open"] - 1.0)
                assert row[f"return_{horizon}"] == pytest.approx(simple, rel=1e-9, abs=1e-12)
                assert 0.0 <= row[f"matched_target_{horizon}"] <= 1.0
            else:
                assert row[f"return_{horizon}"] is None
    assert set(results) == {"target", "neither", "invalidation", "missed", "unknown"}


def test_a_year_without_patterns_says_what_makes_them_and_the_next_ones_are_judged(lake, judged):
    told = metadata_of(judged, "pattern_outcomes", "2015")
    assert told["judged"] is False
    assert "dagster job execute -m definitions -j daily_sp500 --tags" in told["reason"]
    assert '"dagster/asset_partition_range_start": "2015-01-02"' in told["reason"]
    assert [ParquetLake(str(lake)).partitions(table) for table in TABLES] == [["2016", "2017"]] * 2


def test_the_metadata_count_what_is_there_and_what_is_not(lake, judged):
    for year, count in (("2016", IN_2016), ("2017", len(JUDGED) - IN_2016)):
        told = metadata_of(judged, "pattern_outcomes", year)
        assert told["missing_sessions"] == len(sessions(date(int(year), 1, 1), date(int(year), 12, 31))) - count
        assert told["kept"] is False
        new = [row for (day, _), row in new_rows(lake).items() if day.startswith(year)]
        without = sum(row["status"] == "setup" and row["risk_reward"] is None for row in new)
        left_out = {row[:2]: row[2] for row in rows_told(told["left_out"])}
        assert {cell for cell in left_out if cell[0] == "prices"} == {("prices", "setup without risk_reward")}
        assert left_out["prices", "setup without risk_reward"] == without
        results = {(row.data["source"], row.data["sessions"]): row.data for row in told["results"].records}
        for source in ("prices", "surrogate"):
            rows = rows_of(lake, year, source)
            for horizon in HORIZONS:
                counts = Counter(row[f"result_{horizon}"] for row in rows)
                row = results[source, horizon]
                assert Counter({name: row[name] for name in row.keys() - {"source", "sessions"}}) == counts
        assert told["dagster/partition_row_count"] == ParquetLake(str(lake)).info("pattern_outcomes", year).rows
        assert "| confirmed | target first | 21 |" in told["rates"]
        found = rates(lake, year, through="year", status="setup", horizon=LONG)
        assert told[f"setup_target_share_{LONG}"] == found["patterns"]
        assert told[f"setup_target_share_less_random_{LONG}"] == found["difference"]
    assert metadata_of(judged, "pattern_outcomes", "2017")["seen_through"] == str(LAST)
    after = session_number(date(2016, 12, 30)) + LONG
    assert metadata_of(judged, "pattern_outcomes", "2016")["seen_through"] == str(ALL_SESSIONS[after])


def test_the_picture_is_a_small_png_within_the_metadata(judged):
    plots = metadata_of(judged, "pattern_outcomes", "2017")["plots"]
    assert len(plots) < 100_000
    start, end = plots.index("base64,") + 7, plots.rindex(")")
    assert base64.b64decode(plots[start:end], validate=True).startswith(b"\x89PNG\r\n\x1a\n")


@pytest.mark.usefixtures("judged")
def test_surrogates_are_entered_by_the_same_rules_on_the_same_sessions_with_p_values(lake):
    rows = [row for year in ("2016", "2017") for row in rows_of(lake, year, "surrogate")]
    assert {str(row["session"]) for row in rows} == set(JUDGED)
    assert {row["status"] for row in rows} == {"confirmed", "setup"}
    assert sum(row["p_value"] is not None for row in rows) > 0.9 * len(rows)
    assert {row[f"matched_target_{LONG}"] for row in rows} == {None}
    own = {row["pattern_id"] for year in ("2016", "2017") for row in rows_of(lake, year)}
    assert len(own & {row["pattern_id"] for row in rows}) < len(rows) / 10


@pytest.mark.usefixtures("judged")
def test_all_years_are_the_judged_ones_without_a_gap_and_count_what_is_held_over_the_turn_once(lake, tmp_path):
    entries = {}
    for year in ("2016", "2017"):
        for through in ("year", "all"):
            entries[year, through] = rates(lake, year, through=through, status="setup", horizon=SHORT)["entries"]
    assert entries["2016", "all"] == entries["2016", "year"]
    # The longest horizon is longer than all the sessions judged, so most of the second year's are held already.
    assert entries["2016", "year"] < entries["2017", "all"] < entries["2016", "year"] + entries["2017", "year"]
    other = copy_lake(lake, tmp_path, "2016.parquet")
    assert judge(other, "2017")["kept"] is False
    assert rates(other, "2017", through="all", status="setup", horizon=SHORT)["entries"] == entries["2017", "year"]


@pytest.mark.usefixtures("judged")
def test_nothing_counts_twice_within_a_year(lake):
    held: dict[tuple, int] = {}
    for row in rows_of(lake, "2017"):
        if row["counted"]:
            assert row[f"result_{SHORT}"] not in ("missed", "unentered")
            kind = tuple(row[name] for name in ("symbol", "class", "legs", "side"))
            number = session_number(row["session"])
            assert number - held.get(kind, -LONG) >= LONG
            held[kind] = number


@pytest.mark.usefixtures("judged")
def test_rates_are_the_means_of_the_counted_entries_whose_horizon_is_over(lake):
    for horizon in HORIZONS:
        chosen = [
            row
            for row in rows_of(lake, "2016")
            if row["counted"]
            and row["status"] == "setup"
            and row[f"result_{horizon}"] in ("target", "neither", "invalidation")
        ]
        hits = [row[f"result_{horizon}"] == "target" for row in chosen]
        less = [hit - row[f"matched_target_{horizon}"] for hit, row in zip(hits, chosen, strict=True)]
        found = rates(lake, "2016", through="year", status="setup", horizon=horizon)
        assert (found["entries"], found["patterns"]) == (len(hits), pytest.approx(np.mean(hits)))
        assert found["difference"] == pytest.approx(np.mean(less))
        relative = np.array([row[f"relative_{horizon}"] for row in chosen], dtype=float)
        found = rates(lake, "2016", through="year", status="setup", horizon=horizon, measure="relative")
        assert found["patterns"] == pytest.approx(np.nanmean(relative))


@pytest.mark.usefixtures("judged")
def test_a_year_that_is_up_to_date_is_kept_and_told_again(lake, judged):
    before, first = files(lake), metadata_of(judged, "pattern_outcomes", "2017")
    told = judge(lake, "2017")
    assert told["kept"] is True
    assert files(lake) == before
    same = ("rates", "plots", "results", "missing_sessions", "seen_through")
    assert {name: told[name] for name in same} == {name: first[name] for name in same}


@pytest.mark.usefixtures("judged")
def test_the_files_are_the_same_again_and_in_whatever_order_the_years_are_judged(lake, tmp_path):
    again = copy_lake(lake, tmp_path / "again", "pattern_outcome*")
    judge(again, "2017")
    assert ParquetLake(str(again)).partitions("pattern_outcomes") == ["2017"]
    judge(again, "2016")
    assert judge(again, "2017")["kept"] is False
    assert files(again) == files(lake)


@pytest.mark.usefixtures("judged")
def test_bars_after_the_horizon_change_no_row_that_is_decided(lake, tmp_path):
    other = copy_lake(lake, tmp_path)
    days = sorted(ParquetLake(str(lake)).partitions("prices"))
    # Some of the entries of January have all their bars before it.
    changed = days[days.index("2017-01-09") + LONG + 1 :]
    assert changed == ["2017-04-11", "2017-04-12"]
    change_prices(other, changed, 3.0)
    judge(other, "2017")
    pairs = list(zip(rows_of(lake, "2017"), rows_of(other, "2017"), strict=True))
    over = [(row, now) for row, now in pairs if str(row["session"]) <= "2017-01-09"]
    assert len(over) > 100
    for row, now in over:
        assert row == now
    assert any(row != now for row, now in pairs)
    for row, now in pairs:
        if row[f"result_{SHORT}"] != "unknown":
            assert {name: value for name, value in row.items() if not name.endswith("_63")} == {
                name: value for name, value in now.items() if not name.endswith("_63")
            }


@pytest.mark.usefixtures("judged")
def test_when_the_sessions_are_there_what_was_unknown_is_known_and_the_rest_stays(lake, tmp_path):
    other = copy_lake(lake, tmp_path)
    fill_lake(other, 24, date(2017, 4, 13), date(2017, 5, 31))
    told = judge(other, "2017")
    assert (told["kept"], told["seen_through"]) == (False, "2017-05-31")
    unknown = 0
    for row, now in zip(rows_of(lake, "2017"), rows_of(other, "2017"), strict=True):
        if row[f"result_{LONG}"] == "unknown":
            unknown += 1
            assert now[f"result_{LONG}"] != "unknown"
            names = [name for name in row if not name.endswith("_63")]
        else:
            names = list(row)
        for name in names:
            # A split in between changes the last bits.
            expected = pytest.approx(row[name], rel=1e-9, abs=1e-12) if isinstance(row[name], float) else row[name]
            assert now[name] == expected, name
    assert unknown > 100
    # The horizons of 2016 are all over, so what has come since is no matter to it.
    assert judge(other, "2016")["kept"] is True


@pytest.mark.usefixtures("judged")
def test_a_bar_found_faulty_later_takes_its_patterns_with_it(lake, tmp_path):
    other = copy_lake(lake, tmp_path)
    row = rows_of(lake, "2017")[0]
    pivot = new_rows(lake)[str(row["session"]), row["pattern_id"]]["pivots"][-1]["session"]
    write_quarantine(ParquetLake(str(other)), "2017-03-01", [(row["symbol"], str(pivot))])
    told = judge(other, "2017")
    left_out = {row[:2]: row[2] for row in rows_told(told["left_out"])}
    assert left_out["prices", "bar found faulty later"] >= 1
    left = {each["pattern_id"] for each in rows_of(other, "2017")}
    assert row["pattern_id"] not in left
    for pattern in {each["pattern_id"] for each in rows_of(lake, "2017")} - left:
        assert pattern in {each["pattern_id"] for each in rows_of(lake, "2017") if each["symbol"] == row["symbol"]}


@pytest.mark.usefixtures("judged")
def test_another_pattern_table_is_judged_again_and_so_is_the_year_after(lake, tmp_path):
    other = copy_lake(lake, tmp_path)
    LakeFiles(str(other)).delete("patterns", f"{JUDGED[0]}.parquet")
    before = files(other)
    told = judge(other, "2016")
    assert (told["kept"], told["missing_sessions"]) == (False, 252 - IN_2016 + 1)
    assert judge(other, "2017")["kept"] is False
    after = files(other)
    assert {name for name in after if after[name] != before[name]} == {
        f"{t}/{y}.parquet" for t in TABLES for y in (2016, 2017)
    }
    assert {str(row["session"]) for row in rows_of(other, "2016")} == set(JUDGED[1:IN_2016])
    # The rows of 2017 are the same; what it was made from isn't.
    assert rows_of(other, "2017") == rows_of(lake, "2017")


@pytest.mark.usefixtures("judged")
def test_without_surrogates_the_patterns_are_the_same_and_nothing_stands_beside_them(lake, tmp_path):
    other = copy_lake(lake, tmp_path)
    told = judge(other, "2016", surrogates=False)
    assert (told["kept"], {row[0] for row in rows_told(told["left_out"])}) == (False, {"prices"})
    assert rows_of(other, "2016", "surrogate") == []
    assert rows_of(other, "2016") == rows_of(lake, "2016")
    found = rates(other, "2016", through="all", status="setup", horizon=LONG)
    assert (found["surrogates"], found["surrogate_entries"]) == (None, 0)
    expected = rates(lake, "2016", through="all", status="setup", horizon=LONG)
    assert {name: found[name] for name in ("patterns", "difference")} == {
        name: expected[name] for name in ("patterns", "difference")
    }
    # How surrogates would be searched doesn't matter then.
    assert judge(other, "2016", surrogates=False)["kept"] is True


@pytest.mark.usefixtures("judged")
def test_another_seed_draws_other_random_entries_and_other_surrogates(lake, tmp_path):
    other = copy_lake(lake, tmp_path)
    assert judge(other, "2016", seed=5, copies=3)["kept"] is False
    matched = f"matched_target_{SHORT}"
    pairs = list(zip(rows_of(lake, "2016"), rows_of(other, "2016"), strict=True))
    assert any(row[matched] != now[matched] for row, now in pairs)
    for row, now in pairs:
        assert {name: value for name, value in row.items() if not name.startswith("matched")} == {
            name: value for name, value in now.items() if not name.startswith("matched")
        }
        # Of three copies, some may not be decided.
        assert now[matched] is None or now[matched] in (0.0, 1 / 3, 1 / 2, 2 / 3, 1.0)
    own = {row["pattern_id"] for row in rows_of(lake, "2016", "surrogate")}
    assert own != {row["pattern_id"] for row in rows_of(other, "2016", "surrogate")}


def test_other_scan_settings_search_the_surrogates_again(lake, judged, tmp_path):
    assert judged.success
    other = copy_lake(lake, tmp_path)
    result = materialize("pattern_outcomes", other, "2016", scan_settings=ScanSettingsResource(top_n=1, max_span=120))
    assert metadata_of(result, "pattern_outcomes", "2016")["kept"] is False
    assert rows_of(other, "2016") == rows_of(lake, "2016")
    assert len(rows_of(other, "2016", "surrogate")) < len(rows_of(lake, "2016", "surrogate"))


def test_a_gap_in_the_prices_says_what_fills_it(lake, tmp_path):
    other = copy_lake(lake, tmp_path, "pattern_outcome*")
    LakeFiles(str(other)).delete("prices", "2016-08-05.parquet")
    with pytest.raises(MissingHistoryError, match="price_history"):
        judge(other, "2016")


def test_the_job_judges_a_range_of_years(lake, judged, tmp_path):
    assert judged.success
    other = copy_lake(lake, tmp_path, "pattern_outcome*")
    result = execute("judge_patterns", other, "2015", "2016")
    assert metadata_of(result, "pattern_outcomes", "2015")["judged"] is False
    own, expected = files(other), files(lake)
    assert own == {name: data for name, data in expected.items() if name.endswith("2016.parquet")}
