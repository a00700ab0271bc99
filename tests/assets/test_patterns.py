"""The table of patterns: its parts, what a setup is worth, and the recall of the window filter."""

from collections import defaultdict
from pathlib import Path

import dagster as dg
import pytest

from kernels.waves import CLASSES, ScanSettings
from resources.parquet_lake import ParquetLake
from resources.wiring import ScanSettingsResource
from tests.daily_chain import DAYS, files, run, with_history
from tests.forecast_runs import materialize

LAST = DAYS[-12:]
TOP_N = ScanSettings().top_n


def materialised(result: dg.ExecuteInProcessResult) -> dict[str, dict[str, object]]:
    """The metadata of each partition of `patterns` that the run made."""
    events = [event.step_materialization_data.materialization for event in result.get_asset_materialization_events()]
    return {
        each.partition: {name: value.value for name, value in each.metadata.items()}
        for each in events
        if each.asset_key == dg.AssetKey("patterns")
    }


def scanned(lake: Path, first: str, last: str | None = None, **options) -> dict[str, dict[str, object]]:
    """Windows and patterns of a session or a range with these scan settings; the metadata of `patterns`."""
    settings = ScanSettingsResource(**options)
    return materialised(materialize(["windows", "patterns"], lake, first, last, scan_settings=settings))


def recall_of(metadata: dict[str, object]) -> dict[str, object]:
    return {name: metadata.get(name) for name in ("filter_recall", "filter_recall_sample", "dropped_windows")}


def rows_by_symbol(lake: Path, day: str) -> dict[str, list[dict]]:
    rows = defaultdict(list)
    for row in ParquetLake(str(lake)).read("patterns", day).to_pylist():
        rows[row["symbol"]].append(row)
    return rows


@pytest.fixture(scope="module")
def history(small_history) -> Path:
    """A lake with the history of all sessions, to be copied."""
    return small_history[1]


@pytest.fixture(scope="module")
def unfiltered(tmp_path_factory, history) -> tuple[Path, dict[str, dict[str, object]]]:
    """The patterns of twelve sessions with every window kept, and their metadata."""
    lake = with_history(tmp_path_factory.mktemp("unfiltered"), history)
    return lake, scanned(lake, LAST[0], LAST[-1], threshold=0.0, skip_flat=False)


def test_every_child_of_a_part_and_of_a_best_count_has_a_row_in_the_same_file(unfiltered):
    parts = 0
    for day in LAST:
        for rows in rows_by_symbol(unfiltered[0], day).values():
            known = {row["pattern_id"]: row for row in rows}
            assert len(known) == len(rows)
            for row in rows:
                parts += row["status"] == "part"
                if row["status"] == "setup" and row["rank"] > TOP_N:
                    continue
                for leg, each in enumerate(row["subdivisions"]):
                    assert (each["resolved"] == "yes") == (each["child_id"] is not None)
                    if each["child_id"] is not None:
                        child = known[each["child_id"]]
                        assert child["status"] in ("confirmed", "part")
                        assert child["class"] == each["child_class"]
                        assert child["degree"] < row["degree"]
                        ends = [child["pivots"][0], child["pivots"][-1]]
                        assert ends == row["pivots"][leg : leg + 2]
    assert parts > 100


def test_every_part_descends_from_a_best_count_and_is_no_row_twice(unfiltered):
    for day in LAST:
        for rows in rows_by_symbol(unfiltered[0], day).values():
            known = {row["pattern_id"]: row for row in rows}
            waiting = [row for row in rows if row["rank"] is not None and row["rank"] <= TOP_N]
            reached = set()
            while waiting:
                ids = {each["child_id"] for each in waiting.pop()["subdivisions"]} - {None} - reached
                reached |= ids
                waiting += [known[child] for child in ids]
            parts = {row["pattern_id"] for row in rows if row["status"] == "part"}
            confirmed = {row["pattern_id"] for row in rows if row["status"] == "confirmed"}
            assert parts == reached - confirmed


def test_what_belongs_to_a_status_is_there_and_the_rest_is_null(unfiltered):
    statuses = set()
    for rows in rows_by_symbol(unfiltered[0], LAST[-1]).values():
        for row in rows:
            statuses.add(row["status"])
            declared = CLASSES[row["class"]]
            whole = row["legs"] == len(declared.legs)
            assert whole == (row["status"] != "setup")
            assert (row["rank"] is None) == (row["status"] == "part")
            assert (row["invalidation"] is None) == (row["status"] != "setup")
            assert len(row["pivots"]) - 1 == len(row["subdivisions"]) == row["legs"]
            assert len(row["margins"]) == len(declared.rules)
            assert not (whole and None in row["margins"])
            if row["status"] != "setup":
                assert (row["targets"], row["risk_reward"]) == ([], None)
    assert statuses == {"confirmed", "setup", "part"}


def test_a_diagonal_says_whether_it_leads_or_ends_where_its_place_says_so(unfiltered):
    found = set()
    for day in LAST:
        for rows in rows_by_symbol(unfiltered[0], day).values():
            for row in rows:
                for leg, each in enumerate(row["subdivisions"]):
                    expected = CLASSES[row["class"]].legs[leg].position or None
                    diagonal = (each["child_class"] or "").endswith("diagonal")
                    assert each["position"] == (expected if diagonal else None)
                    found.add(each["position"])
    assert None in found
    assert found <= {None, "leading", "ending"}


def test_a_setup_is_worth_the_way_to_its_nearest_target_over_the_way_to_its_invalidation(unfiltered):
    lake = ParquetLake(str(unfiltered[0]))
    worth = 0
    for day in LAST:
        closes = {row["symbol"]: row["close"] for row in lake.read("prices", day).to_pylist()}
        for symbol, rows in rows_by_symbol(unfiltered[0], day).items():
            for row in rows:
                if row["status"] != "setup":
                    continue
                # As of its own session a bar is as it was traded.
                close, rising = closes[symbol], (row["direction"] > 0) == (row["legs"] % 2 == 0)
                sign = 1 if rising else -1
                left = [target for target in row["targets"] if sign * (target - close) > 0]
                intact = sign * (close - row["invalidation"]) > 0
                if not left or not intact:
                    assert row["risk_reward"] is None
                    continue
                nearest = min(left, key=lambda target: abs(target - close))
                assert row["risk_reward"] == pytest.approx((nearest - close) / (close - row["invalidation"]))
                worth += 1
    assert worth > 100


def test_nothing_is_missed_where_every_window_is_kept(unfiltered):
    assert len(unfiltered[1]) == len(LAST)
    for metadata in unfiltered[1].values():
        assert recall_of(metadata) == {"filter_recall": 1.0, "filter_recall_sample": 0, "dropped_windows": 0}


def confirmed_ids(lake: Path, day: str) -> set[str]:
    rows = ParquetLake(str(lake)).read("patterns", day).to_pylist()
    return {row["pattern_id"] for row in rows if row["status"] == "confirmed"}


def test_the_recall_of_a_whole_sample_is_the_share_that_the_unfiltered_scan_has_in_common(
    tmp_path, history, unfiltered
):
    found = scanned(with_history(tmp_path, history), LAST[0], LAST[-1], threshold=0.6, skip_flat=False)
    recalls = []
    for day in LAST:
        best = confirmed_ids(unfiltered[0], day)
        expected = len(best & confirmed_ids(tmp_path, day)) / len(best)
        assert found[day]["filter_recall"] == pytest.approx(expected)
        assert found[day]["filter_recall_sample"] == found[day]["dropped_windows"] > 0
        recalls.append(expected)
    assert 0.0 < min(recalls) < 1.0


def test_a_small_sample_is_the_same_in_a_range_and_day_by_day_and_so_are_the_files(tmp_path, history):
    filtered = {"threshold": 0.6, "recall_sample": 2}
    by_range, by_day = (with_history(tmp_path / name, history) for name in ("range", "day"))
    in_range = scanned(by_range, LAST[0], LAST[-1], **filtered)
    one_by_one: dict[str, dict[str, object]] = {}
    for day in LAST:
        one_by_one |= scanned(by_day, day, **filtered)
    assert in_range.keys() == one_by_one.keys() == set(LAST)
    for day in LAST:
        assert recall_of(in_range[day]) == recall_of(one_by_one[day])
        assert in_range[day]["filter_recall_sample"] == 2 < in_range[day]["dropped_windows"]
        assert 0.0 <= in_range[day]["filter_recall"] <= 1.0
    assert files(by_range, ("patterns",)) == files(by_day, ("patterns",))


def test_without_a_sample_the_recall_is_not_known_and_the_files_are_the_same(tmp_path, history):
    found = scanned(with_history(tmp_path, history), DAYS[-1], threshold=0.6, recall_sample=0)
    assert "filter_recall" not in found[DAYS[-1]]
    assert found[DAYS[-1]]["filter_recall_sample"] == 0
    assert found[DAYS[-1]]["dropped_windows"] > 0
    before = files(tmp_path, ("patterns",))
    again = scanned(tmp_path, DAYS[-1], threshold=0.6, recall_sample=50)
    # The sample is no part of the table, so the partition is up to date and kept.
    assert files(tmp_path, ("patterns",)) == before
    assert "filter_recall" not in again[DAYS[-1]]


def test_the_metadata_say_what_computed_and_how_fast(unfiltered):
    newest = unfiltered[1][LAST[-1]]
    assert newest["backend"] in ("cpu", "gpu")
    assert newest["backend_reason"]
    assert newest["scan_seconds"] > 0.0
    assert newest["patterns_per_second"] > 0


def test_an_explicit_backend_that_is_not_there_is_refused(tmp_path, small_history):
    prices, history = small_history
    nonsense = {"wave_scorer": {"config": {"backend": "abacus"}}}
    with pytest.raises(ValueError, match="backend of waves: expected one of auto"):
        run("daily_sp500", with_history(tmp_path, history), prices, DAYS[-1], resources=nonsense)
