"""Every cell of a table is where its array says; the tables pass their contracts."""

from datetime import date

import numpy as np
import pytest

from kernels.quality import KINDS, Faults
from kernels.volatility import DEFAULT_LEVELS, STATUSES, Forecasts
from kernels.windows import FEATURES, REASONS, RankedWindows
from resources.calendar import sessions
from resources.contracts import FORECASTS, QUARANTINE, WINDOWS, quantile_column
from resources.tables import forecast_tables, quarantine_table, windows_table

DAYS = sessions(date(2018, 2, 5), date(2018, 2, 9))
SYMBOLS = np.array(["A", "BRK.B", "C"])


def _faults(kind: list[int], **replaced: list[float]) -> Faults:
    count = len(kind)
    parts = {
        "symbol": [index % 3 for index in range(count)],
        "session": [2] * count,
        "known_on": [4] * count,
        "excluded": [True] * count,
        "other": [-1] * count,
        "value": [0.25] * count,
    } | replaced
    types = {"excluded": np.bool_, "value": np.float64}
    arrays = {name: np.array(values, dtype=types.get(name, np.int32)) for name, values in parts.items()}
    return Faults(kind=np.array(kind, dtype=np.int8), **arrays)


def test_faults_become_rows_with_their_session_their_other_session_and_their_size() -> None:
    repeated, suspect = KINDS.index("repeated_bar"), KINDS.index("suspect_close")
    faults = _faults(
        [repeated, suspect, repeated],
        session=[1, 3, 0],
        known_on=[4, 4, 4],
        other=[4, -1, 4],
        value=[np.nan, -0.125, np.nan],
        excluded=[True, False, True],
    )
    table = quarantine_table(faults, np.array([1, 0]), SYMBOLS, DAYS)
    QUARANTINE.enforce(table, "2018-02-09")
    assert table.drop_columns(["reason"]).to_pylist() == [
        {
            "known_on": date(2018, 2, 9),
            "symbol": "BRK.B",
            "session": date(2018, 2, 8),
            "kind": "suspect_close",
            "excluded": False,
            "other_session": None,
            "value": -0.125,
        },
        {
            "known_on": date(2018, 2, 9),
            "symbol": "A",
            "session": date(2018, 2, 6),
            "kind": "repeated_bar",
            "excluded": True,
            "other_session": date(2018, 2, 9),
            "value": None,
        },
    ]
    assert table["reason"].to_pylist() == [
        "the close is off by -0.1250 in log price and comes back in the next session",
        "the same open, high and low as on 2018-02-09",
    ]


@pytest.mark.parametrize("kind", range(len(KINDS)), ids=KINDS)
def test_every_kind_of_fault_has_its_own_words_without_blanks_left_open(kind: int) -> None:
    table = quarantine_table(_faults([kind], other=[3]), np.array([0]), SYMBOLS, DAYS)
    QUARANTINE.enforce(table, "2018-02-09")
    reason = table["reason"][0].as_py()
    assert table["kind"][0].as_py() == KINDS[kind]
    assert len(reason) > 20
    assert "{" not in reason
    assert "nan" not in reason
    others = {
        quarantine_table(_faults([other], other=[3]), np.array([0]), SYMBOLS, DAYS)["reason"][0].as_py()
        for other in range(len(KINDS))
    }
    assert len(others) == len(KINDS)


def test_a_session_without_faults_is_a_table_without_rows() -> None:
    table = quarantine_table(_faults([0]), np.empty(0, dtype=np.intp), SYMBOLS, DAYS)
    QUARANTINE.enforce(table, "2018-02-09")
    assert table.num_rows == 0


def test_windows_become_rows_with_null_where_a_window_is_not_ranked() -> None:
    features = np.arange(12.0).reshape(3, 4) / 10.0
    features[1] = np.nan
    ranks = np.arange(12.0).reshape(3, 4) / 100.0
    ranks[1] = np.nan
    ranked = RankedWindows(
        feature_ranks=ranks,
        pre_score=np.array([0.5, np.nan, 0.25]),
        rank=np.array([1, 0, 2], dtype=np.int32),
        kept=np.array([True, False, False]),
        reason=np.array([0, 1, 3], dtype=np.int8),
    )
    table = windows_table(DAYS[2], SYMBOLS, np.array([63, 126, 252], dtype=np.int32), features, ranked)
    WINDOWS.enforce(table, "2018-02-07")
    rows = table.to_pylist()
    assert [row["symbol"] for row in rows] == SYMBOLS.tolist()
    assert [row["length"] for row in rows] == [63, 126, 252]
    assert [[row[name] for name in FEATURES] for row in rows] == [
        [0.0, 0.1, 0.2, 0.3],
        [None] * 4,
        [0.8, 0.9, 1.0, 1.1],
    ]
    assert [[row[f"{name}_rank"] for name in FEATURES] for row in rows] == [
        [0.0, 0.01, 0.02, 0.03],
        [None] * 4,
        [0.08, 0.09, 0.1, 0.11],
    ]
    assert [row["pre_score"] for row in rows] == [0.5, None, 0.25]
    assert [row["rank"] for row in rows] == [1, None, 2]
    assert [row["kept"] for row in rows] == [True, False, False]
    assert [row["reason"] for row in rows] == [REASONS[0], REASONS[1], REASONS[3]]


def _forecasts(origins: int, horizons: int) -> Forecasts:
    """Every number tells its origin, horizon and level."""
    levels = len(DEFAULT_LEVELS)
    base = np.arange(origins * horizons, dtype=np.float64).reshape(origins, horizons)
    return Forecasts(
        quantiles=base[:, :, None] + np.arange(levels) / 100.0,
        volatility=base + 0.5,
        residuals=(base + 100).astype(np.int32),
        status=(np.arange(origins) % len(STATUSES)).astype(np.int8),
    )


def test_forecasts_become_a_table_for_each_session_with_a_row_for_each_member_and_horizon() -> None:
    forecasts = _forecasts(6, 2)
    by_session = np.array([[0, 2, 4], [1, 3, 5]])
    members = [np.array([0, 2]), np.array([1])]
    tables = list(
        forecast_tables(forecasts, (1, 21), DAYS[1:3], by_session, members, SYMBOLS, "some-model", date(2017, 12, 29))
    )
    for table, day in zip(tables, ["2018-02-06", "2018-02-07"], strict=True):
        FORECASTS.enforce(table, day)
    rows = tables[0].to_pylist()
    assert [(row["symbol"], row["horizon"]) for row in rows] == [("A", 1), ("A", 21), ("C", 1), ("C", 21)]
    for row, (origin, horizon) in zip(rows, [(0, 0), (0, 1), (4, 0), (4, 1)], strict=True):
        assert [row[quantile_column(level)] for level in DEFAULT_LEVELS] == forecasts.quantiles[
            origin, horizon
        ].tolist()
        assert row["volatility"] == forecasts.volatility[origin, horizon]
        assert row["residuals"] == forecasts.residuals[origin, horizon]
        assert row["status"] == STATUSES[forecasts.status[origin]]
        assert (row["model"], row["trained_through"]) == ("some-model", date(2017, 12, 29))
    assert [(row["symbol"], row["volatility"]) for row in tables[1].to_pylist()] == [("BRK.B", 6.5), ("BRK.B", 7.5)]


def test_a_symbol_without_a_forecast_has_nulls_and_its_reason() -> None:
    nothing = Forecasts(
        quantiles=np.full((1, 1, len(DEFAULT_LEVELS)), np.nan),
        volatility=np.full((1, 1), np.nan),
        residuals=np.zeros((1, 1), dtype=np.int32),
        status=np.array([1], dtype=np.int8),
    )
    (table,) = forecast_tables(nothing, (5,), DAYS[:1], np.array([[0]]), [np.array([0])], SYMBOLS, "ewma-fhs", None)
    FORECASTS.enforce(table, "2018-02-05")
    row = table.to_pylist()[0]
    assert row["trained_through"] is None
    assert {row[quantile_column(level)] for level in DEFAULT_LEVELS} | {row["volatility"]} == {None}
    assert (row["residuals"], row["status"]) == (0, STATUSES[1])


def test_a_session_without_members_is_a_table_without_rows() -> None:
    none = np.empty(0, dtype=np.intp)
    (table,) = forecast_tables(_forecasts(1, 1), (5,), DAYS[:1], np.array([[0]]), [none], SYMBOLS, "ewma-fhs", None)
    FORECASTS.enforce(table, "2018-02-05")
    assert table.num_rows == 0
